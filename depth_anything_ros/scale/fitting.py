"""Points of known depth in an image, and what a fit to them comes to: a fit or a refusal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.alignment import MIN_POINTS, check_reach, fit_alignment
from depth_anything_ros.types import (
    Alignment,
    Float32Array,
    ReferencePoints,
    RelativeInverseDepth,
)


@dataclass(frozen=True)
class Refusal:
    """Why there is no fit, in words for the log and the diagnostics."""

    reason: str


Fit: TypeAlias = 'Alignment | Refusal'


def weighed(points: ReferencePoints, relative: RelativeInverseDepth) -> ReferencePoints:
    """
    Return points that count by how sure the network is of them.

    They stay as they are where nothing tells that.

    :param relative: what the network gives of their image.
    """
    if relative.confidence is None or not len(points):
        return points
    last = np.array(relative.confidence.shape) - 1
    places = np.rint(np.stack([points.rows, points.columns], axis=1)).astype(np.intp)
    rows, columns = places.clip(0, last).T
    shares = confidence_shares(relative.confidence[rows, columns])
    return replace(points, weights=shares if points.weights is None else points.weights * shares)


def confidence_shares(confidence: Float32Array) -> Float32Array:
    """
    Return how much points count by their confidence: by its order alone.

    Each network tells its confidence on a scale of its own, and how far off it is at any of it
    nobody knows; but that it errs less where it is surer, all promise.

    :param confidence: float32 (n,), n at least 1; NaN is less than all.
    :return: float32 (n,) above 0, to 1: the share of points that are no surer, of points that are
        equally sure the mean; equal if all are.
    """
    _, place, equal = np.unique(
        np.nan_to_num(confidence, nan=-1.0), return_inverse=True, return_counts=True
    )
    ranks = np.cumsum(equal) - (equal - 1) / 2.0
    shares: Float32Array = (ranks[place.reshape(-1)] / len(confidence)).astype(np.float32)
    return shares


def fit_points(
    points: ReferencePoints,
    *,
    min_points: int = MIN_POINTS,
    source: str,
    stamp_ns: int,
) -> Fit:
    """
    Fit a scale, and a shift where there may be one, to points, which go along with the fit.

    The parameters are those of :func:`fit_alignment`. Points in the sky are left out.
    """
    if points.kind.marks_sky:
        points = points.where(points.relative > 0)
    try:
        fit = fit_alignment(
            points.relative,
            points.depth_m,
            weights=points.weights,
            kind=points.kind,
            min_points=min_points,
            source=source,
            stamp_ns=stamp_ns,
        )
    except AlignmentError as error:
        return Refusal(str(error))
    return replace(fit, reference=points)


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
