"""Small systems of linear equations, without the threads of BLAS."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float64Array


def solve_normal(matrix: Float64Array, right: NDArray[np.floating[Any]]) -> Float64Array:
    """
    Return what the normal equations of least squares are solved by.

    np.linalg.solve gives even three of them to BLAS, which wakes its threads; those then keep a
    core busy for a tenth of a second, in case that there is more.

    :param matrix: float64 (n, n), symmetric and positive definite.
    :param right: (n,) or (n, m).
    :return: float64 of the shape of `right`; NaN where the matrix is singular or holds NaN.
    """
    # As columns: OpenCV 5 takes a bare vector for one row.
    columns = np.asarray(right, np.float64).reshape(len(matrix), -1)
    solved, found = cv2.solve(matrix, columns, flags=cv2.DECOMP_CHOLESKY)
    if not solved:
        return np.full(right.shape, np.nan)
    return np.asarray(found, np.float64).reshape(right.shape)
