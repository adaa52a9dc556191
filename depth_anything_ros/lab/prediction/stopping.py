"""Ctrl-C, or SIGTERM, as the ordinary end of what has no end of its own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def until_interrupted() -> Iterator[Callable[[], bool]]:
    """
    Give a function that returns whether Ctrl-C was pressed or SIGTERM came since the block began.

    A second one ends it as ever. On another thread than the main one nothing changes.
    """
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def press(*_: object) -> None:
        pressed.set()
        restore()

    for number in before:
        signal.signal(number, press)
    try:
        yield pressed.is_set
    finally:
        restore()
