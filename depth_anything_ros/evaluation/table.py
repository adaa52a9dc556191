"""The frames of a run as columns of numbers, small enough for hours."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.evaluation.metrics import chosen_metrics
from depth_anything_ros.evaluation.protocol import AlignmentMode, FrameScore

# Columns of one alignment beside its metrics, in the order of frames.csv.
SCORE_DETAILS = ('pixels', 'coverage', 'scale', 'shift', 'truth_mean_m')


class FrameTable:
    """
    Keep one row of numbers per predicted frame; NaN is what is not known.

    Columns: `stamp_ns` (of the image), `latency_ms`, `truth_offset_ms` (truth's stamp minus the
    prediction's), then ALIGNMENT_METRIC and ALIGNMENT_DETAIL for each alignment, and `problem`,
    the reason why an alignment has no score.

    :param modes: the alignments that frames are scored with.
    :param metrics: names of what frames are scored by; None is the default ones.
    """

    def __init__(
        self, modes: Sequence[AlignmentMode], metrics: Sequence[str] | None = None
    ) -> None:
        metrics = chosen_metrics() if metrics is None else metrics
        names = ['latency_ms', 'truth_offset_ms']
        for mode in modes:
            names += [column(mode, name) for name in (*metrics, *SCORE_DETAILS)]
        self._stamps_ns = array('q')
        self._columns = {name: array('d') for name in names}
        self._problems: list[str] = []

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._stamps_ns)

    def add(
        self,
        stamp_ns: int,
        latency_ms: float | None,
        truth_offset_ms: float | None,
        scores: Mapping[AlignmentMode, FrameScore],
        problem: str,
    ) -> None:
        """Append a frame."""
        row = {'latency_ms': latency_ms, 'truth_offset_ms': truth_offset_ms}
        for mode, score in scores.items():
            row.update({column(mode, name): value for name, value in score.values.items()})
            row.update({column(mode, name): getattr(score, name) for name in SCORE_DETAILS})
        self._stamps_ns.append(stamp_ns)
        for name, values in self._columns.items():
            value = row.get(name)
            values.append(np.nan if value is None else value)
        self._problems.append(problem)

    def header(self) -> list[str]:
        """Return the names of the columns in the order of :meth:`rows`."""
        return ['frame', 'stamp_ns', *self._columns, 'problem']

    def rows(self, start: int = 0, stop: int | None = None) -> list[list[str]]:
        """Return the frames from `start` up to `stop` as text; an unknown number is empty."""
        return [
            [
                str(index),
                str(self._stamps_ns[index]),
                *(_text(values[index]) for values in self._columns.values()),
                self._problems[index],
            ]
            for index in range(len(self))[start:stop]
        ]

    def values(self, name: str) -> NDArray[np.float64]:
        """Return a copy of one column of numbers."""
        return np.array(self._columns[name], np.float64)

    def seconds(self, stamps_ns: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """Return stamps, those of the frames if none are given, in seconds since the first."""
        own_ns = np.array(self._stamps_ns, np.int64)
        wanted_ns = own_ns if stamps_ns is None else stamps_ns
        return (wanted_ns - (own_ns.min() if len(own_ns) else 0)) * 1e-9

    def problems(self) -> Counter[str]:
        """Return how many frames have which problem."""
        return Counter(problem for problem in self._problems if problem)


def column(mode: AlignmentMode, name: str) -> str:
    """Return the name of the column of a metric or detail of an alignment."""
    return f'{mode.value}_{name}'


def _text(value: float) -> str:
    return '' if np.isnan(value) else f'{value:.9g}'
