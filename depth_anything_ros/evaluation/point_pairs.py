"""
Whether of two points the nearer one is predicted nearer.

Source: Yang et al., "Depth Anything V2" (2024), section 6: the benchmark DA-2K.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float32Array


def pair_accuracy(nearness: Float32Array, pairs: NDArray[np.intp]) -> float:
    """
    Return the share of pairs of points whose order is right; 1 is best, 0.5 is guessing.

    A pair of equal predictions is not right, nor is one with an unknown. Over images every pair
    counts the same, as DA-2K has it.

    :param nearness: (H, W), larger is nearer.
    :param pairs: (n, 4), row and column of the nearer point, then of the farther one.
    :return: NaN without any pair.

    >>> nearness = np.array([[0.9, 0.5, 0.5]])
    >>> pair_accuracy(nearness, np.array([[0, 0, 0, 1], [0, 1, 0, 2], [0, 2, 0, 0]]))
    0.3333333333333333
    """
    if not len(pairs):
        return float('nan')
    row, column, other_row, other_column = pairs.T
    right = nearness[row, column] > nearness[other_row, other_column]
    return np.count_nonzero(right) / len(pairs)
