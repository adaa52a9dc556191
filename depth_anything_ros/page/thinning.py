"""Long series made short enough for a page, without hiding what stands out."""

from __future__ import annotations

import numpy as np

from depth_anything_ros.types import Float64Array

# As many as a screen shows side by side; beyond twice that, bins take the place of points.
BINS = 240


def thin(x: Float64Array, y: Float64Array) -> Float64Array:
    """
    Return the mean, lowest and highest of a series in bins of equal width.

    :param x: (n,), finite.
    :param y: (n,), NaN where unknown.
    :return: (4, BINS): the bins' middles, and of their known numbers mean, lowest and highest; NaN
        in a bin without any. A series of at most 2 · BINS points is returned as it is, (4, n),
        its numbers as lowest and highest too.
    """
    if len(x) <= 2 * BINS or x.min() == x.max():
        return np.stack([x, y, y, y])
    edges = np.linspace(x.min(), x.max(), BINS + 1)
    bins = np.clip(np.searchsorted(edges, x, side='right') - 1, 0, BINS - 1)
    known = np.isfinite(y)
    bins, y = bins[known], y[known]
    count = np.bincount(bins, minlength=BINS)
    low, high = np.full(BINS, np.inf), np.full(BINS, -np.inf)
    np.minimum.at(low, bins, y)
    np.maximum.at(high, bins, y)
    with np.errstate(invalid='ignore'):
        mean = np.bincount(bins, y, BINS) / count
    low[count == 0] = high[count == 0] = np.nan
    return np.stack([(edges[1:] + edges[:-1]) / 2, mean, low, high])
