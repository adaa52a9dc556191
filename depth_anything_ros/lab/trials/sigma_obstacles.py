"""What leaving out uncertain points makes of the obstacles that a robot sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from depth_anything_ros.evaluation.ground import Ground
from depth_anything_ros.evaluation.view import View
from depth_anything_ros.geometry.metric_depth import limit_to
from depth_anything_ros.lab.trials.scale_trial import FARTHEST_M
from depth_anything_ros.lab.trials.sigma_cases import (
    SigmaCase,
    TrialImage,
    told_mounting,
)
from depth_anything_ros.types import DepthSample, Float32Array
from depth_anything_ros.uncertainty import UncertaintyConfig, certain_pixels

LIMITS = tuple(
    UncertaintyConfig(max_sigma=share, ground_sigmas=sigmas)
    for share, sigmas in (
        (0.0, 0.0), (0.5, 0.0), (0.4, 0.0), (0.3, 0.0), (0.2, 0.0),
        (0.0, 0.5), (0.0, 1.0), (0.5, 0.5), (0.4, 0.5), (0.5, 1.0),
    )
)  # fmt: skip
"""What is left out; the first keeps all."""


@dataclass(frozen=True)
class CellCounts:
    """The obstacle cells of one depth or several: true ones, those missed, false ones."""

    true: int = 0
    missed: int = 0
    false: int = 0

    def __add__(self, other: CellCounts) -> CellCounts:
        """Return the cells of both."""
        return CellCounts(
            self.true + other.true, self.missed + other.missed, self.false + other.false
        )


@dataclass(frozen=True)
class Cleared:
    """
    What leaving out makes of the obstacle cells of one way to metres.

    `max_sigma` and `ground_sigmas` are the parameters, `missed` is the share of true cells,
    `false` the number of false cells over that without leaving anything out, None where that has
    none.
    """

    name: str
    max_sigma: float
    ground_sigmas: float
    missed: float
    false: float | None


def cells_by_limit(
    case: SigmaCase, image: TrialImage, sigma: Float32Array, rng: np.random.Generator
) -> list[CellCounts] | None:
    """
    Return the obstacle cells at each of LIMITS, None where no camera or ground is known.

    :param sigma: of the network's depth in the case, float32 (H, W) in metres.
    :param rng: of what is wrong with how the robot is told that its camera hangs.
    """
    metric, sample = case.result.metric, image.sample
    assert metric is not None, 'a case has depth'
    whole = _view(metric.depth_m, case.truth_m, sample)
    if sample.camera is None or whole.ground.mounting is None:
        return None
    told = told_mounting(whole.ground.mounting, rng)
    found: list[CellCounts] = []
    for limit in LIMITS:
        kept = metric
        if limit.leaves_out:
            certain = certain_pixels(metric.depth_m, sigma, limit, sample.camera, told)
            kept = limit_to(metric, certain)
        view = _view(kept.depth_m, case.truth_m, sample, whole.ground)
        errors = view.obstacles
        assert errors is not None, 'ground and camera are known'
        missed = int(np.count_nonzero(~errors.cells.found))
        false = int(np.count_nonzero(errors.predicted.false))
        found.append(CellCounts(len(errors.cells.found), missed, false))
    return found


def cleared(name: str, counts: Sequence[Sequence[CellCounts]]) -> list[Cleared]:
    """Return what each of LIMITS does over images, at least one."""
    sums = [sum(each, CellCounts()) for each in zip(*counts, strict=True)]
    whole = sums[0]
    return [
        Cleared(
            name,
            limit.max_sigma,
            limit.ground_sigmas,
            cells.missed / max(1, cells.true),
            cells.false / whole.false if whole.false else None,
        )
        for limit, cells in zip(LIMITS, sums, strict=True)
    ]


def _view(
    depth_m: Float32Array, truth_m: Float32Array, sample: DepthSample, ground: Ground | None = None
) -> View:
    known = np.isfinite(truth_m)
    return View(
        depth_m, truth_m, known & np.isfinite(depth_m), FARTHEST_M, sample.camera,
        known_truth=known, mounting=sample.mounting, known_ground=ground,
    )  # fmt: skip
