"""The fixtures of what counts and times, and of what loads networks."""

from made_statistics import clock, statistics
from stand_in_networks import make_host

__all__ = ['clock', 'make_host', 'statistics']
