"""Whether depth looks as if it had been read in the wrong unit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from depth_anything_ros.parameters import DEPTH_UNITS
from depth_anything_ros.types import Float32Array

# Frames that are looked at when a data set is opened.
FRAMES = 5
# RGB-D cameras measure from about 0.25 m on, and the median depth of frames of NYU, SUN3D,
# 7-Scenes, TUM, ICL and of desks lies between 0.4 and 3.2 m.
_USUAL_M = (0.25, 3.5)
# From a gripper's camera to a lidar that looks down a road: what a unit that was told may mean.
_POSSIBLE_M = (0.05, 200.0)


@dataclass(frozen=True)
class DepthUnit:
    """
    How depth became metres.

    :param steps_per_m: that it was divided by; None is depth stored in metres.
    :param told: the user or an index named it, rather than that millimetres are usual.
    """

    steps_per_m: float | None
    told: bool


def unit_warning(
    place: str,
    depths_m: Iterable[Float32Array],
    unit: DepthUnit,
    option: str = ',unit=',
    cure: str = 'name the unit behind the path',
) -> str:
    """
    Return what is odd about the median depth of some frames, '' where nothing is.

    :param place: where the depth comes from.
    :param depths_m: float32 (H, W) each, metres, NaN where unknown; those without depth do not
        count.
    :param option: what the name of a unit is written behind; '' where none can be told.
    :param cure: where that is written.
    """
    known = [depth_m[np.isfinite(depth_m)] for depth_m in depths_m]
    medians_m = [float(np.median(values)) for values in known if values.size]
    if not medians_m:
        return ''
    median_m = float(np.median(medians_m))
    usual = not unit.told and unit.steps_per_m is not None
    low_m, high_m = _USUAL_M if usual else _POSSIBLE_M
    if low_m <= median_m <= high_m:
        return ''
    odd = f"median depth of '{place}' is {median_m:.4g} m"
    steps_per_m = unit.steps_per_m or 1.0
    likely = [
        f"'{option}{name}' ({median_m * steps_per_m / steps:.2g} m)"
        for name, steps in DEPTH_UNITS.items()
        if option and _USUAL_M[0] <= median_m * steps_per_m / steps <= _USUAL_M[1]
    ]
    advice = f'; {cure}, as {" or ".join(likely)}' if likely else ''
    right = f", or '{option}mm' if it is right" if usual and likely else ''
    if unit.steps_per_m is None:
        return f'{odd}, stored as metres; {low_m:g} to {high_m:g} m are possible{advice}'
    return (
        f'{odd}, at {unit.steps_per_m:g} steps a metre; '
        f'{"usual" if usual else "possible"} are {low_m:g} to {high_m:g} m{advice}{right}'
    )
