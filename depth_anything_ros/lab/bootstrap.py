"""
Bootstrap intervals of scores over images that come in groups.

Images of one source (a sequence, a building, a camera) resemble each other, so that images
alone, drawn as if independent, promise too much. Here sources are drawn with replacement, then
images within each drawn source: the two-stage cluster bootstrap.

Source: Davison and Hinkley, "Bootstrap Methods and their Application" (1997), section 3.8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
LEVEL = 0.95
SEED = 0


@dataclass(frozen=True)
class Interval:
    """A percentile interval of LEVEL."""

    low: float
    high: float


def ratio_interval(
    pairs: Mapping[str, NDArray[np.float64]], draws: int = DRAWS, seed: int = SEED
) -> Interval | None:
    """
    Return the interval of mean(first) / mean(second) over images, by sources.

    With one source only its images are drawn; then the interval says nothing about others.

    :param pairs: for each source float64 (n, 2), the two scores of each of its n images; the
        second positive. Both scores of an image are drawn together.
    :param draws: number of bootstrap samples.
    :param seed: of the random draws: the same input gives the same interval.
    :return: the interval, or None where fewer than two images leave nothing to draw from.
    """
    sums = _drawn_sums(list(pairs.values()), draws, seed)
    return None if sums is None else _interval(sums[:, 0] / sums[:, 1])


def mean_intervals(
    values: Mapping[str, NDArray[np.float64]],
    weights: Mapping[str, NDArray[np.float64]] | None = None,
    draws: int = DRAWS,
    seed: int = SEED,
) -> list[Interval | None]:
    """
    Return the interval of the mean over images of each column, by sources.

    :param values: for each source float64 (n, m), m numbers of each of its n images; NaN is a
        number that an image does not have.
    :param weights: of these numbers in the mean, above 0; None counts each the same.
    :param draws: number of bootstrap samples.
    :param seed: of the random draws: the same input gives the same interval.
    :return: m intervals; None where fewer than two images have the number.
    """
    known = [np.isfinite(group) for group in values.values()]
    columns = []
    for (source, group), there in zip(values.items(), known, strict=True):
        weight = np.where(there, 1.0 if weights is None else weights[source], 0.0)
        columns.append(np.hstack([weight * np.where(there, group, 0.0), weight]))
    counts = np.concatenate(known).sum(axis=0)
    sums = _drawn_sums(columns, draws, seed)
    if sums is None:
        return [None] * len(counts)
    totals, shares = np.hsplit(sums, 2)
    with np.errstate(invalid='ignore'):
        means = (totals / shares).T  # NaN where no image of a draw has the number
    return [
        _interval(mean) if count > 1 else None for mean, count in zip(means, counts, strict=True)
    ]


def slope_interval(
    points: Mapping[str, NDArray[np.float64]], draws: int = DRAWS, seed: int = SEED
) -> Interval | None:
    """
    Return the interval of the slope of the line that least squares lay through points.

    :param points: for each source float64 (n, 2), x and y of each of its n images.
    :param draws: number of bootstrap samples.
    :param seed: of the random draws: the same input gives the same interval.
    :return: the interval, or None where fewer than two images leave nothing to draw from.
    """
    columns = []
    for group in points.values():
        x, y = group.T
        columns.append(np.stack([np.ones_like(x), x, y, x * x, x * y], axis=1))
    sums = _drawn_sums(columns, draws, seed)
    if sums is None:
        return None
    count, x_sum, y_sum, square, product = sums.T
    with np.errstate(divide='ignore', invalid='ignore'):
        # NaN where all images of a draw have one x.
        slopes = (count * product - x_sum * y_sum) / (count * square - x_sum**2)
    return _interval(slopes)


def _drawn_sums(
    groups: Sequence[NDArray[np.float64]], draws: int, seed: int
) -> NDArray[np.float64] | None:
    """Return the sums of columns over the images of each draw, None with fewer than two images."""
    groups = [group for group in groups if len(group)]
    if sum(len(group) for group in groups) < 2:
        return None
    rng = np.random.default_rng(seed)
    chosen = rng.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), size=draws)
    sums = np.zeros((draws, groups[0].shape[1]))
    for times, group in zip(chosen.T, groups, strict=True):
        # A source drawn twice gives twice its images, each drawn anew.
        count = len(group)
        sums += rng.multinomial(times * count, np.full(count, 1 / count)) @ group
    return sums


def _interval(figures: NDArray[np.float64]) -> Interval:
    low, high = np.nanquantile(figures, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Interval(float(low), float(high))
