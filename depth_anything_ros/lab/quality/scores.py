"""
How good one depth map is to train on: evenly spread depth, and surfaces without noise.

Source: the AnyDepth paper, section 3.4, equations 7 to 10. What it leaves open is settled so:

- The histogram is of depth in metres, not of inverse depth, over the range from the least to
  the largest valid depth of the map itself. Over a range shared by all maps an indoor map would
  fill few bins and score low; in the paper the indoor data score highest.
- Valid is a finite depth above 0 and not beyond the far plane.
- The gradient is of forward differences, as in the gradient matching loss. A pixel has one where
  it and its right and lower neighbours are valid.
- The edges are the largest tenth of the gradient magnitudes, rounded down to whole pixels.
- Where all magnitudes off the edges are 0 (a wall seen head-on) their coefficient of variation
  is taken as 0, the value for any other constant.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import ConfigError, DatasetError
from depth_anything_ros.types import Float32Array

CHI_SQUARE_WEIGHT, CONCENTRATION_WEIGHT, RANGE_WEIGHT = 0.5, 0.3, 0.2

# One pixel in so many is an edge: the top 10 % of the paper.
_EDGE_DIVISOR = 10
# Bin numbers are bytes, and the last value marks no bin; equation 8 divides by 0.5 - 2 / K.
_LEAST_BINS, _MOST_BINS = 5, 255
# Upper halves of the bits of float32 from 0 to below infinity.
_BUCKETS = 0x7F80


@dataclass(frozen=True)
class ScoreConfig:
    """
    Set how depth maps are scored.

    `bins` is K, the number of bins of the histogram, 5 to 255. Depth beyond `far_m` metres,
    finite and above 0, counts as unknown.

    :raises ConfigError: if a value is out of range.
    """

    bins: int = 20
    far_m: float = 100.0

    def __post_init__(self) -> None:
        if not _LEAST_BINS <= self.bins <= _MOST_BINS:
            raise ConfigError(f'{self.bins} bins; allowed: {_LEAST_BINS} to {_MOST_BINS}')
        if not 0 < self.far_m < math.inf:
            raise ConfigError(f'far plane at {self.far_m:g} m; allowed: finite and above 0')


@dataclass(frozen=True)
class DepthScore:
    """
    The scores of one depth map, each 0..1 and larger is better, NaN where undefined.

    `valid_share` is the share of pixels with valid depth. `distribution` is the weighted sum of
    `chi_square`, `concentration` and `range_utilisation`, undefined without any valid depth;
    `gradient` is undefined where no three neighbours are valid; `total` is their mean.
    """

    valid_share: float
    chi_square: float
    concentration: float
    range_utilisation: float
    distribution: float
    gradient: float
    total: float


def score_depth(depth_m: Float32Array, config: ScoreConfig) -> DepthScore:
    """
    Score a depth map.

    :param depth_m: float32 (H, W) in metres; NaN, infinite, 0, negative or beyond the far plane
        is unknown.
    :raises DatasetError: if it is no float32 image with at least one pixel.
    """
    if depth_m.ndim != 2 or depth_m.dtype != np.float32 or depth_m.size == 0:
        raise DatasetError(
            f'depth of shape {depth_m.shape} and type {depth_m.dtype} cannot be scored; '
            'allowed: float32 (H, W), not empty'
        )
    valid = (depth_m > 0) & (depth_m <= config.far_m)
    parts = distribution_parts(depth_histogram(depth_m, valid, config.bins))
    distribution = float(np.dot(parts, (CHI_SQUARE_WEIGHT, CONCENTRATION_WEIGHT, RANGE_WEIGHT)))
    count = int(np.count_nonzero(valid))
    known_m = depth_m if count == valid.size else np.where(valid, depth_m, np.float32(np.nan))
    gradient = gradient_continuity(gradient_magnitude(known_m))
    total = (distribution + gradient) / 2
    return DepthScore(count / valid.size, *parts, distribution, gradient, total)


def depth_histogram(
    depth_m: Float32Array, valid: NDArray[np.bool_], bins: int
) -> NDArray[np.int64]:
    """
    Count valid depth in bins of equal width from its least to its largest value.

    The largest value belongs to the last bin; values that are all equal belong to the first.

    :param depth_m: float32 (H, W), finite where valid.
    :param valid: bool (H, W).
    :param bins: 1 to 255.
    :return: int64 (bins,), all 0 where nothing is valid.
    """
    mask = valid.view(np.uint8)
    low_m, high_m, _, _ = cv2.minMaxLoc(depth_m, mask)
    span_m = np.float32(high_m - low_m)
    # What becomes of invalid pixels here does not matter: the mask leaves them out.
    with np.errstate(invalid='ignore', over='ignore'):
        numbers = depth_m - np.float32(low_m)
        if span_m > 0:
            numbers /= span_m
            numbers *= np.float32(bins)
        # OpenCV counts an image of bytes ten times as fast as NumPy.
        image = numbers.astype(np.uint8)
    counts = cv2.calcHist([image], [0], mask, [256], [0, 256]).ravel().astype(np.int64)
    counts[bins - 1] += counts[bins]
    return np.asarray(counts[:bins])


def distribution_parts(counts: NDArray[np.int64]) -> tuple[float, float, float]:
    """
    Return the chi-square, concentration and range scores of a histogram.

    Source: equations 7 and 8 and the text after them.

    :param counts: int64 (K,), K at least 5.
    :return: three numbers in 0..1, all NaN for an empty histogram.
    """
    total, bins = int(counts.sum()), counts.size
    if total == 0:
        return math.nan, math.nan, math.nan
    expected = total / bins
    chi_square = float(np.square(counts - expected).sum()) / expected
    tolerated = 2 / bins
    excess = (int(counts.max()) / total - tolerated) / (0.5 - tolerated)
    concentration = 1 - min(1.0, max(0.0, excess))
    return math.exp(-chi_square / total), concentration, np.count_nonzero(counts) / bins


def gradient_magnitude(depth_m: Float32Array) -> Float32Array:
    """
    Return the length of the gradient of forward differences, in metres per pixel.

    :param depth_m: float32 (H, W), NaN where unknown.
    :return: float32 (H - 1, W - 1), NaN where the pixel, its right or its lower neighbour is
        unknown; (0, 0) for an image of a single row or column.
    """
    if min(depth_m.shape) < 2:
        return np.empty((0, 0), np.float32)
    here = depth_m[:-1, :-1]
    across = depth_m[:-1, 1:] - here
    down = depth_m[1:, :-1] - here
    # Not cv2.magnitude: beside NaN its last bits depend on where the array lies in memory.
    across *= across
    down *= down
    across += down
    return np.sqrt(across, out=across)


def gradient_continuity(magnitude: Float32Array) -> float:
    """
    Return 1 / (1 + standard deviation / mean) of the gradient magnitude off the edges.

    Source: equation 10.

    :param magnitude: float32 (h, w), 0 or more, NaN where unknown.
    :return: above 0 to 1, or NaN where no magnitude is known.
    """
    if magnitude.size == 0:
        return math.nan
    counts = _bucket_counts(magnitude)
    reached = np.cumsum(counts)
    known = int(reached[-1])
    smooth = known - known // _EDGE_DIVISOR
    if smooth == 0:
        return math.nan
    last = int(np.searchsorted(reached, smooth))
    whole = int(reached[last] - counts[last])
    mean, deviation = _smallest_moments(magnitude, last, whole, smooth - whole)
    return 1 / (1 + deviation / mean) if mean > 0 else 1.0


def _bucket_counts(magnitude: Float32Array) -> NDArray[np.int64]:
    """
    Count values by the upper half of their bits, which sorts floats of 0 or more as they do.

    It finds the tenth of largest values several times as fast as a partition of all values.
    """
    halves = np.ascontiguousarray(magnitude).view(np.uint16).reshape(*magnitude.shape, 2)
    upper = 1 if sys.byteorder == 'little' else 0
    # NaN lies beyond the last bucket, and is not counted.
    counts = cv2.calcHist([halves], [upper], None, [_BUCKETS], [0, _BUCKETS])
    return np.asarray(counts.ravel(), np.int64)


def _smallest_moments(
    magnitude: Float32Array, bucket: int, whole: int, part: int
) -> tuple[float, float]:
    """
    Return mean and standard deviation of the smallest values.

    :param bucket: the one that holds the largest of them.
    :param whole: how many lie in the buckets before it.
    :param part: how many of those in it belong to them, at least 1.
    """
    low, high = (np.array([bucket, bucket + 1], np.uint32) << 16).view(np.float32)
    below = magnitude < low
    within = magnitude[(magnitude >= low) & (magnitude < high)]
    rest = np.partition(within, part - 1)[:part].astype(np.float64)
    mean, deviation = (
        float(value[0, 0]) for value in cv2.meanStdDev(magnitude, mask=below.view(np.uint8))
    )
    count = whole + part
    total_mean = (mean * whole + float(rest.sum())) / count
    squares = (deviation**2 + (mean - total_mean) ** 2) * whole
    squares += float(np.square(rest - total_mean).sum())
    return total_mean, math.sqrt(squares / count)
