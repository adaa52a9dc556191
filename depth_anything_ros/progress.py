"""How far work is: a bar on a terminal, elsewhere a line every ten seconds, and one at the end."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar('T')

PERIOD_S = 10.0

# What is being shown, the innermost last.
_running: list[Progress] = []


class Progress:
    """
    Show how far one piece of work is, on the standard error; use it as a context manager.

    :param label: names the work.
    :param total: how many steps it takes, or None where that is not known.
    :param shown: False shows nothing, as in all processes but the first.
    """

    def __init__(self, label: str, total: int | None, *, shown: bool = True) -> None:
        self.label = label
        self.total = total
        self.count = 0
        self._first = 0
        self._notes = ''
        self._shown = shown
        self._start_s = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Progress:
        """Begin to show it."""
        if self._shown:
            _running.append(self)
            if sys.stderr.isatty():
                from tqdm import tqdm

                self._bar = tqdm(
                    total=self.total, desc=self.label, leave=False, dynamic_ncols=True
                )
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away."""
        if self._bar is not None:
            self._bar.close()
        if self._shown:
            _running.remove(self)

    @property
    def rate_hz(self) -> float:
        """Return the steps a second so far, 0 before the first."""
        return (self.count - self._first) / max(time.monotonic() - self._start_s, 1e-9)

    def begin_at(self, count: int) -> None:
        """Count from here: what an earlier run did is no speed of this one."""
        self.count = self._first = count
        self._start_s = time.monotonic()
        if self._bar is not None:
            self._bar.initial = self._bar.n = self._bar.last_print_n = count

    def update(self, steps: int = 1, notes: Mapping[str, str] | None = None) -> None:
        """Note finished steps, and what is to be told beside, by name."""
        self.count += steps
        if notes is not None:
            self._notes = ''.join(f', {name} {value}' for name, value in notes.items())
        if self._bar is not None:
            if notes is not None:
                self._bar.set_postfix(notes, refresh=False)
            self._bar.update(steps)

    def text(self) -> str:
        """Return label, count, rate and the time left, where they are known."""
        text = f'{self.label}: {self.count}' + (f' of {self.total}' if self.total else '')
        rate = self.rate_hz
        if rate > 0:
            text += f', {rate:.3g} a second'
            if self.total and self.total >= self.count:
                text += f', {duration_text((self.total - self.count) / rate)} left'
        return text + self._notes


def progress(items: Iterable[T], total: int | None, label: str) -> Iterator[T]:
    """Pass items through and show how many have been; see `Progress`."""
    with Progress(label, total) as shown:
        for item in items:
            yield item
            shown.update()


@contextmanager
def reported(name: str) -> Iterator[None]:
    """
    Write a line every ten seconds while the block runs, and one with the time it took.

    The lines are of the innermost `Progress`, or say how long it has been where there is none.
    On a terminal, where bars are shown, there are none, nor for a block of less than ten
    seconds.

    :param name: of the work.
    """
    if sys.stderr.isatty() or os.environ.get('RANK', '0') != '0':
        yield
        return
    start_s, ended = time.monotonic(), threading.Event()

    def report() -> None:
        while not ended.wait(PERIOD_S):
            elapsed = duration_text(time.monotonic() - start_s)
            running = _running[-1:]
            _write(running[0].text() if running else f'{name}: {elapsed} so far')

    reporter = threading.Thread(target=report, name='progress', daemon=True)
    reporter.start()
    try:
        yield
    finally:
        ended.set()
        reporter.join()
    elapsed_s = time.monotonic() - start_s
    if elapsed_s >= PERIOD_S:
        _write(f'{name}: done in {duration_text(elapsed_s)}')


def duration_text(seconds: float) -> str:
    """Return a duration in the two largest units that it has, as in 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f'{whole} s'
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f'{minutes} min {rest} s'
    return f'{minutes // 60} h {minutes % 60} min'


def _write(line: str) -> None:
    sys.stderr.write(f'{line}\n')
    sys.stderr.flush()
