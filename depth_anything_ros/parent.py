"""Processes that end with the one that started them, where that one asked for it."""

from __future__ import annotations

import ctypes
import os
import signal

PARENT_VARIABLE = 'DEPTH_ANYTHING_ROS_PARENT'
"""Names the process to end with, by its number; only its own children heed it."""

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Ask Linux for SIGTERM when the parent ends, however it does, if the parent wants that."""
    wanted = os.environ.pop(PARENT_VARIABLE, '')
    if not wanted:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if str(os.getppid()) != wanted:  # it has ended meanwhile
        os.kill(os.getpid(), signal.SIGTERM)
