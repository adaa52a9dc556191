"""Points of known depth in an image, and what a fit to them comes to: a fit or a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.alignment import MIN_POINTS, check_reach, fit_inverse_depth
from depth_anything_ros.types import Alignment, Float32Array


@dataclass(frozen=True)
class DepthPairs:
    """
    Points of an image by what the network says of them, and how far away they are.

    `relative` is relative inverse depth, `depth_m` measured or expected depth in metres; both are
    float32 (n,).
    """

    relative: Float32Array
    depth_m: Float32Array

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.depth_m)

    def inverse_depth(self) -> Float32Array:
        """Return the inverse of their depth, float32 (n,) in 1/m."""
        inverse: Float32Array = 1.0 / self.depth_m
        return inverse


@dataclass(frozen=True)
class Refusal:
    """Why there is no fit, in words for the log and the diagnostics."""

    reason: str


Fit: TypeAlias = 'Alignment | Refusal'


def fit_pairs(
    pairs: DepthPairs,
    *,
    weights: Float32Array | None = None,
    min_points: int = MIN_POINTS,
    source: str,
    stamp_ns: int,
) -> Fit:
    """Fit scale and shift to points; the parameters are those of :func:`fit_inverse_depth`."""
    try:
        return fit_inverse_depth(
            pairs.relative,
            pairs.depth_m,
            weights=weights,
            min_points=min_points,
            source=source,
            stamp_ns=stamp_ns,
        )
    except AlignmentError as error:
        return Refusal(str(error))


def within_reach(fit: Fit, image: Float32Array) -> Fit:
    """
    Return a fit if it holds for the whole image, else a refusal; see :func:`check_reach`.

    :param image: relative inverse depth, float32 (H, W).
    """
    if isinstance(fit, Refusal):
        return fit
    try:
        check_reach(fit, image)
    except AlignmentError as error:
        return Refusal(str(error))
    return fit
