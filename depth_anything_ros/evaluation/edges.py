"""
Whether depth jumps where the truth does.

Depth Pro's boundary score asks for each pair of neighbouring pixels whether the farther is more
than so much farther than the nearer. It sees ratios only, so that no scale, no edge detector with
thresholds of its own and no tolerance in pixels comes in, and a pair with an unknown pixel is
simply left out: truth of a sensor has holes, which detectors such as that of iBims-1 take for
edges, or need to be filled.

Source: Bochkovskii et al., "Depth Pro: Sharp Monocular Metric Depth in Less Than a Second" (2024),
section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float32Array, Float64Array

# Of the farther depth over the nearer.
_RATIOS = np.linspace(1.05, 1.25, 10)


def edge_f1(depth_m: Float32Array, true_depth_m: Float32Array, scored: NDArray[np.bool_]) -> float:
    """
    Return the F1 score of depth discontinuities, averaged over ten sizes of them; 1 is best.

    A pair of neighbours is an edge of size r where one is more than r times as far as the other,
    r from 1.05 to 1.25; a predicted edge is right where the truth has one, in the same direction,
    between the same two pixels. Precision and recall are averaged over the four directions, F1
    over the sizes with r as weight. Where the truth has no edge in a direction, that direction
    has no recall, and no precision unless edges are predicted; Depth Pro takes both for 0, so
    that a perfect prediction of few edges is not perfect there. Over images each counts the same.

    :param depth_m: float32 (H, W) in metres.
    :param true_depth_m: float32 (H, W) in metres.
    :param scored: bool (H, W); pairs with both pixels in it count.
    :return: NaN where the truth has no edge of 1.05.

    >>> truth_m = np.array([[1.0, 1.0, 2.0, 2.0]], np.float32)
    >>> edge_f1(truth_m, truth_m, truth_m > 0)
    1.0
    >>> edge_f1(np.array([[1.0, 2.0, 4.0, 4.0]], np.float32), truth_m, truth_m > 0)
    0.6666666666666666
    """
    counts = np.array([_counts(*pair) for pair in _directions(depth_m, true_depth_m, scored)])
    right, predicted, true = np.moveaxis(counts, 2, 0)  # (4, 10) each
    known = true.any(axis=0)
    if not known[0]:
        return float('nan')
    recall = _mean(right, true, true > 0)
    precision = _mean(right, predicted, (true > 0) | (predicted > 0))
    both = precision + recall
    f1 = 2 * precision * recall / np.where(both > 0, both, 1)
    return float(np.average(f1[known], weights=_RATIOS[known]))


def _directions(
    depth_m: Float32Array, true_depth_m: Float32Array, scored: NDArray[np.bool_]
) -> Iterator[tuple[Float32Array, Float32Array]]:
    """Yield the ratios of neighbours, predicted and true, (n,) each, in four directions."""
    for first, second in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:-1, :], np.s_[1:, :]),
    ):
        both = scored[first] & scored[second]
        ratios = [depth[second][both] / depth[first][both] for depth in (depth_m, true_depth_m)]
        yield ratios[0], ratios[1]
        yield 1 / ratios[0], 1 / ratios[1]


def _counts(predicted: Float32Array, true: Float32Array) -> NDArray[np.intp]:
    """Return how many edges are right, predicted and true, of each size: (10, 3)."""
    edges = (predicted > _RATIOS[0]) | (true > _RATIOS[0])
    # How many of the sizes a pair is an edge of.
    sizes = [np.searchsorted(_RATIOS, ratio[edges]) for ratio in (predicted, true)]
    counted = (np.minimum(*sizes), *sizes)
    exactly = [np.bincount(size, minlength=len(_RATIOS) + 1) for size in counted]
    at_least: NDArray[np.intp] = np.cumsum(np.stack(exactly, axis=1)[:0:-1], axis=0)[::-1]
    return at_least


def _mean(
    right: NDArray[np.intp], all_: NDArray[np.intp], counted: NDArray[np.bool_]
) -> Float64Array:
    """Return the share that is right of each size, averaged over the directions that count."""
    shares = np.where(counted, right / np.maximum(all_, 1), 0.0)
    mean: Float64Array = shares.sum(axis=0) / np.maximum(counted.sum(axis=0), 1)
    return mean
