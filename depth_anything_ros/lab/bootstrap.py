"""
Bootstrap intervals of scores over images that come in groups.

Images of one source (a sequence, a building, a camera) resemble each other, so that images
alone, drawn as if independent, promise too much. Here sources are drawn with replacement, then
images within each drawn source: the two-stage cluster bootstrap.

Source: Davison and Hinkley, "Bootstrap Methods and their Application" (1997), section 3.8.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    groups = [group for group in pairs.values() if len(group)]
    if sum(len(group) for group in groups) < 2:
        return None
    rng = np.random.default_rng(seed)
    chosen = rng.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), size=draws)
    sums = np.zeros((draws, 2))
    for times, group in zip(chosen.T, groups, strict=True):
        # A source drawn twice gives twice its images, each drawn anew.
        count = len(group)
        sums += rng.multinomial(times * count, np.full(count, 1 / count)) @ group
    low, high = np.quantile(sums[:, 0] / sums[:, 1], ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Interval(float(low), float(high))
