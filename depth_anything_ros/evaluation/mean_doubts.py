"""The curves of uncertainty over a run."""

from __future__ import annotations

from depth_anything_ros.evaluation.protocol import FrameScore
from depth_anything_ros.evaluation.reliability import Reliability
from depth_anything_ros.evaluation.sparsification import Sparsification


class MeanDoubts:
    """
    Average the curves of uncertainty over images, each counting the same, in constant memory.

    `reliability` and `sparsification` are the means, None before the first image that has them.
    """

    def __init__(self) -> None:
        self.reliability: Reliability | None = None
        self.sparsification: Sparsification | None = None
        self._images = 0

    def add(self, score: FrameScore) -> None:
        """Take in the score of one image; one without uncertainty does not count."""
        found, curves = score.reliability, score.sigma_sparsification
        if found is None or curves is None:
            return
        self._images += 1
        mean, left = self.reliability or found, self.sparsification or curves
        share = 1.0 / self._images
        self.reliability = Reliability(
            mean.expected, mean.observed + share * (found.observed - mean.observed)
        )
        self.sparsification = Sparsification(
            left.removed,
            left.error + share * (curves.error - left.error),
            left.best + share * (curves.best - left.best),
        )
