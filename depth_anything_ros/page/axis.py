"""Axes of charts: their range, the places of numbers on them, and where they are marked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from depth_anything_ros.types import Float64Array

_TICKS = 6
# Beside the first and the last number, as a share of the range.
_MARGIN, _NAME_MARGIN = 0.04, 0.15
_STEPS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class Axis:
    """
    What is known of an axis before the numbers are.

    `log` asks for a logarithmic one, which it gets where no number is below zero or zero. `start`
    and `end` are shown whatever the numbers are; `names` replaces numbers by names at ticks.
    """

    label: str
    unit: str = ''
    log: bool = False
    start: float | None = None
    end: float | None = None
    names: Mapping[float, str] | None = None

    @property
    def title(self) -> str:
        """Return the label with the unit."""
        return f'{self.label} in {self.unit}' if self.unit else self.label


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high`, and its ticks: place from 0 to 1 → text."""

    low: float
    high: float
    log: bool
    ticks: Sequence[tuple[float, str]]

    def places(self, values: Float64Array) -> Float64Array:
        """Return where numbers lie, 0 at the start of the axis and 1 at its end."""
        return _places(values, self.low, self.high, self.log)


def fit_scale(axis: Axis, values: Float64Array) -> Scale:
    """
    Return the scale of an axis that shows all finite numbers.

    :param values: any shape; NaN is no number.
    """
    known = values[np.isfinite(values)]
    log = axis.log and known.size > 0 and bool((known > 0).all())
    ends = [bound for bound in (axis.start, axis.end) if bound is not None and not log]
    known = np.append(known, ends)
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        margin = 0.1 * abs(low) or 0.5
        low, high = low - margin * (axis.start != low), high + margin
    elif log:
        margin = (high / low) ** _MARGIN
        low, high = low / margin, high * margin
    else:
        # A name is longer than a number.
        margin = (_MARGIN if axis.names is None else _NAME_MARGIN) * (high - low)
        low -= margin * (axis.start != low)
        high += margin * (axis.end != high)
    if axis.names is not None:
        marks = dict(axis.names)
    else:
        marks = _log_ticks(low, high) if log else _ticks(low, high)
    places = _places(np.array(list(marks), np.float64), low, high, log)
    return Scale(low, high, log, list(zip(places.tolist(), marks.values(), strict=True)))


def _places(values: Float64Array, low: float, high: float, log: bool) -> Float64Array:
    places: Float64Array = (values - low) / (high - low)
    if log:
        with np.errstate(invalid='ignore', divide='ignore'):
            places = np.log(values / low) / math.log(high / low)
    return places


def _ticks(low: float, high: float) -> dict[float, str]:
    """Return four to six round numbers within a range."""
    raw = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(step * power for step in _STEPS if step * power >= raw * (1 - 1e-9))
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return {index * step: f'{index * step:.{digits}f}' for index in range(first, last + 1)}


def _log_ticks(low: float, high: float) -> dict[float, str]:
    """Return powers of ten within a range, between them 2 and 5 where these are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5)):
        ticks = [f'{factor}e{power}' for power in powers for factor in factors]
        found = {float(tick): f'{float(tick):g}' for tick in ticks if low <= float(tick) <= high}
        if len(found) >= 3:
            return found
    return _ticks(low, high)
