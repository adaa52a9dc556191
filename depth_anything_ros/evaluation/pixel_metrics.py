"""
The metrics of single pixels.

They take what a :class:`View` has computed of its scored pixels, (N,) each; p is the prediction
and t the truth of a pixel in metres. None has a value without a pixel, all have one with any. A
run's score is the mean over its images, so that every image counts the same.

Source: Eigen et al., "Depth Map Prediction from a Single Image using a Multi-Scale Deep Network"
(2014), for AbsRel, SqRel, RMSE, RMSElog and δ; the KITTI depth devkit for SILog; Saxena et al.,
"Make3D" (2009), for log10.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

from depth_anything_ros.types import Float32Array, Float64Array


def abs_rel(relative_error: Float32Array) -> float:
    """
    Return the mean absolute error relative to the truth, Σ |p − t| / t / N; no unit, 0 is best.

    >>> p, t = np.array([1.0, 3.0, 4.0]), np.array([2.0, 2.0, 4.0])
    >>> abs_rel(np.abs(p - t) / t)
    0.3333333333333333
    """
    return _sum_of_sizes(relative_error) / relative_error.size


def sq_rel(error_m: Float32Array, truth_m: Float32Array) -> float:
    """
    Return the mean square error relative to the truth, Σ (p − t)² / t / N, in metres; 0 is best.

    >>> p, t = np.array([1.0, 3.0, 4.0]), np.array([2.0, 2.0, 4.0])
    >>> sq_rel(p - t, t)
    0.3333333333333333
    """
    found = np.square(error_m)
    found /= truth_m
    return _sum_of_sizes(found) / found.size


def rmse(error_m: Float32Array) -> float:
    """
    Return the root mean square error, √(Σ (p − t)² / N), in metres; 0 is best.

    >>> p, t = np.array([1.0, 3.0, 4.0, 8.0]), np.array([2.0, 2.0, 4.0, 8.0])
    >>> rmse(p - t)
    0.7071067811865476
    """
    return _root_mean_square(error_m)


def mae(error_m: Float32Array) -> float:
    """
    Return the mean absolute error, Σ |p − t| / N, in metres; 0 is best.

    >>> p, t = np.array([1.0, 3.0, 4.0, 8.0]), np.array([2.0, 2.0, 4.0, 8.0])
    >>> mae(p - t)
    0.5
    """
    return _sum_of_sizes(error_m) / error_m.size


def silog(log_ratio: Float32Array) -> float:
    """
    Return the scale-invariant logarithmic error as KITTI ranks by it; 0 is best.

    It is 100 times the standard deviation of ln p − ln t: lambda is 1, and the root is taken.

    >>> p, t = np.array([2.0, 3.0]), np.array([1.0, 3.0])
    >>> round(silog(np.log(p / t)), 4)
    34.6574
    """
    _, deviation = cv2.meanStdDev(log_ratio[None])
    return 100.0 * float(deviation[0, 0])


def rmse_log(log_ratio: Float32Array) -> float:
    """
    Return the root mean square of ln p − ln t, no unit; 0 is best.

    >>> p, t = np.array([2.0, 3.0]), np.array([1.0, 3.0])
    >>> round(rmse_log(np.log(p / t)), 4)
    0.4901
    """
    return _root_mean_square(log_ratio)


def log10(log_ratio: Float32Array) -> float:
    """
    Return the mean of |log10 p − log10 t|, no unit; 0 is best.

    >>> p, t = np.array([1.0, 10.0]), np.array([10.0, 10.0])
    >>> round(log10(np.log(p / t)), 4)
    0.5
    """
    return _sum_of_sizes(log_ratio) / log_ratio.size / math.log(10)


def share_below(threshold: float) -> Callable[[Float32Array], float]:
    """
    Return the metric δ of a threshold: the share of pixels with max(p / t, t / p) below it.

    >>> p, t = np.array([1.0, 3.0, 4.0]), np.array([2.0, 2.0, 4.0])
    >>> share_below(1.25**2)(np.maximum(p / t, t / p))
    0.6666666666666666
    """

    def share(worst_ratio: Float32Array) -> float:
        return np.count_nonzero(worst_ratio < threshold) / worst_ratio.size

    return share


def of_band(place: int) -> Callable[[Float64Array], float]:
    """
    Return the metric that is AbsRel of the pixels in one band of distance; 0 is best.

    Bands end at an eighth, a quarter, half and the whole of the range; see `band_edges_m`. The
    mean over images is of those where the band has 100 pixels.

    >>> of_band(1)(np.array([0.05, 0.1, np.nan, 0.3]))
    0.1
    """

    def error(band_errors: Float64Array) -> float:
        return float(band_errors[place])

    return error


# OpenCV sums in float64 and in one pass, where NumPy needs an array in between.
def _sum_of_sizes(values: Float32Array) -> float:
    return cv2.norm(values[None], cv2.NORM_L1)


def _root_mean_square(values: Float32Array) -> float:
    return cv2.norm(values[None], cv2.NORM_L2) / math.sqrt(values.size)
