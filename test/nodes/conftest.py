"""The fixtures of what counts and times."""

from made_statistics import clock, statistics

__all__ = ['clock', 'statistics']
