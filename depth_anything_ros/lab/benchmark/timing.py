"""Timing several ways of computing the same thing, fairly, in one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np

from depth_anything_ros.errors import ConfigError, DepthAnythingError

T = TypeVar('T')


class Progress(Protocol):
    """A function that passes items through and shows how far it is."""

    def __call__(self, items: Iterable[T], total: int | None, label: str) -> Iterable[T]:
        """
        Return the items.

        :param items: to pass through.
        :param total: how many they are.
        :param label: what they are.
        """


@dataclass(frozen=True)
class Contender:
    """Name something to time: `run` does it once, `runs` says how often it is to be timed."""

    name: str
    run: Callable[[], object]
    runs: int


@dataclass
class Timing:
    """The durations of one contender in milliseconds; `failure` says why it stopped."""

    durations_ms: list[float] = field(default_factory=list)
    failure: str = ''


def interleaved(runs: Sequence[int]) -> list[int]:
    """
    Return the order in which contenders take their turns, as their indices.

    Every contender is spread evenly over the whole, also one with fewer runs, so that a machine
    that slows down or heats up does so for all alike. From round to round another one
    comes first, so that none always follows the same.

    :param runs: how often each contender runs.
    """
    count = len(runs)
    turns = [
        ((turn + 0.5) / total, (index + turn) % count, index)
        for index, total in enumerate(runs)
        for turn in range(total)
    ]
    return [index for _, _, index in sorted(turns)]


def measure_interleaved(
    contenders: Sequence[Contender],
    warm_up: int,
    *,
    progress: Callable[[list[int]], Iterable[int]] = iter,
    clock_ns: Callable[[], int] = time.perf_counter_ns,
    timings: list[Timing] | None = None,
) -> list[Timing]:
    """
    Time contenders in turns.

    One that raises an error of ours is left out from then on, and its timing says why.

    :param contenders: what to time.
    :param warm_up: untimed runs of each before any is timed.
    :param progress: wraps the list of turns, to show how far it is.
    :param clock_ns: a monotonic clock in nanoseconds.
    :param timings: an empty list to fill, so that who stops this half-way has what was timed.
    :return: one timing for each contender.
    :raises ConfigError: if `warm_up` is negative or a contender has no runs.
    """
    if warm_up < 0:
        raise ConfigError(f'warm-up of {warm_up} runs; allowed: 0 and above')
    for contender in contenders:
        if contender.runs < 1:
            raise ConfigError(f"'{contender.name}': {contender.runs} runs; allowed: 1 and above")
    timings = [] if timings is None else timings
    timings.extend(Timing() for _ in contenders)
    for contender, timing in zip(contenders, timings, strict=True):
        warm = Timing()
        for _ in range(warm_up):
            _turn(contender, warm, clock_ns)
        timing.failure = warm.failure
    for index in progress(interleaved([contender.runs for contender in contenders])):
        _turn(contenders[index], timings[index], clock_ns)
    return timings


def _turn(contender: Contender, timing: Timing, clock_ns: Callable[[], int]) -> None:
    if timing.failure:
        return
    start_ns = clock_ns()
    try:
        contender.run()
    except DepthAnythingError as error:
        timing.failure = str(error)
        return
    timing.durations_ms.append((clock_ns() - start_ns) * 1e-6)


@dataclass(frozen=True)
class Statistics:
    """
    Statistics of durations.

    Percentiles interpolate linearly between neighbours; `std_ms` is that of the sample; `cov`, the
    coefficient of variation, is std_ms / mean_ms; `fps` is 1000 / p50_ms. A percentile may be left
    out where it would say little.
    """

    mean_ms: float
    std_ms: float
    cov: float
    min_ms: float
    p50_ms: float
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float
    fps: float


def statistics(durations_ms: Sequence[float]) -> Statistics:
    """
    Return the statistics of durations, every percentile among them.

    :param durations_ms: at least one duration.
    """
    values = np.asarray(durations_ms, np.float64)
    p50, p95, p99 = (float(value) for value in np.percentile(values, (50, 95, 99)))
    mean = float(values.mean())
    std = float(values.std(ddof=1)) if values.size > 1 else 0.0
    return Statistics(
        mean_ms=mean,
        std_ms=std,
        cov=std / mean,
        min_ms=float(values.min()),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        max_ms=float(values.max()),
        fps=1000.0 / p50,
    )
