"""Points of known depth in an image, and what a fit to them comes to: a fit or a refusal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.alignment import MIN_POINTS, check_reach, fit_alignment
from depth_anything_ros.types import Alignment, Float32Array, ReferencePoints


@dataclass(frozen=True)
class Refusal:
    """Why there is no fit, in words for the log and the diagnostics."""

    reason: str


Fit: TypeAlias = 'Alignment | Refusal'


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
