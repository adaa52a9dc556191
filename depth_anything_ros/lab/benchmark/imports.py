"""The import of what a backend needs, so that no load time contains it."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from depth_anything_ros.inference import BACKENDS


def import_libraries(backend: str) -> None:
    """
    Import what a backend imports when it is first used, so that no load time contains it.

    A library that is missing is left out: the backend says so, and how to get it.

    :param backend: a name in BACKENDS.
    """
    for name in BACKENDS[backend].libraries:
        if find_spec(name.partition('.')[0]) is not None:
            import_module(name)
