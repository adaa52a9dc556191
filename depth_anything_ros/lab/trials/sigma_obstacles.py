"""What leaving out uncertain points makes of the obstacles that a robot sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from depth_anything_ros.evaluation.obstacles import ObstacleErrors
from depth_anything_ros.evaluation.view import View
from depth_anything_ros.geometry.metric_depth import limit_sigma
from depth_anything_ros.lab.trials.scale_trial import FARTHEST_M
from depth_anything_ros.lab.trials.sigma_cases import SigmaCase, TrialImage
from depth_anything_ros.types import Float32Array

THRESHOLDS = (0.0, 0.5, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05)
"""Values of `max_sigma`; 0 keeps all."""


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
    What a value of `max_sigma` makes of the obstacle cells of one way to metres.

    `missed` is the share of true cells, `false` the number of false cells over that without
    leaving anything out, None where that has none.
    """

    name: str
    max_sigma: float
    missed: float
    false: float | None


def cells_by_threshold(
    case: SigmaCase, image: TrialImage, sigma: Float32Array
) -> list[CellCounts] | None:
    """
    Return the obstacle cells at each of THRESHOLDS, None where no camera or ground is known.

    :param sigma: of the network's depth in the case, float32 (H, W) in metres.
    """
    metric = case.result.metric
    assert metric is not None, 'a case has depth'
    found: list[CellCounts] = []
    for threshold in THRESHOLDS:
        kept = limit_sigma(metric, sigma, threshold) if threshold else metric
        errors = _errors(kept.depth_m, case.truth_m, image)
        if errors is None:
            return None
        missed = int(np.count_nonzero(~errors.cells.found))
        false = int(np.count_nonzero(errors.predicted.false))
        found.append(CellCounts(len(errors.cells.found), missed, false))
    return found


def cleared(name: str, counts: Sequence[Sequence[CellCounts]]) -> list[Cleared]:
    """Return what each threshold does over images, at least one."""
    sums = [sum(each, CellCounts()) for each in zip(*counts, strict=True)]
    whole = sums[0]
    return [
        Cleared(
            name,
            threshold,
            cells.missed / max(1, cells.true),
            cells.false / whole.false if whole.false else None,
        )
        for threshold, cells in zip(THRESHOLDS, sums, strict=True)
    ]


def _errors(
    depth_m: Float32Array, truth_m: Float32Array, image: TrialImage
) -> ObstacleErrors | None:
    sample = image.sample
    known = np.isfinite(truth_m)
    view = View(
        depth_m, truth_m, known & np.isfinite(depth_m), FARTHEST_M, sample.camera,
        known_truth=known, mounting=sample.mounting,
    )  # fmt: skip
    return view.obstacles
