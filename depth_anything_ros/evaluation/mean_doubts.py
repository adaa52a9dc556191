"""The curves of uncertainty and confidence over a run."""

from __future__ import annotations

from depth_anything_ros.evaluation.protocol import FrameScore
from depth_anything_ros.evaluation.reliability import Reliability
from depth_anything_ros.evaluation.sparsification import Sparsification


class MeanDoubts:
    """
    Average the curves of images, each counting the same, in constant memory.

    `reliability` and `sparsification` are the means of uncertainty, `confidence` that of how sure
    the network says it is, None before the first image that has them.
    """

    def __init__(self) -> None:
        self.reliability: Reliability | None = None
        self.sparsification: Sparsification | None = None
        self.confidence: Sparsification | None = None
        self._uncertain = self._confident = 0

    def add(self, score: FrameScore) -> None:
        """Take in the score of one image; what it does not have does not count."""
        if score.sparsification is not None:
            self._confident += 1
            share = 1.0 / self._confident
            self.confidence = _moved(self.confidence, score.sparsification, share)
        found, curves = score.reliability, score.sigma_sparsification
        if found is None or curves is None:
            return
        self._uncertain += 1
        share = 1.0 / self._uncertain
        mean = self.reliability or found
        self.reliability = Reliability(
            mean.expected, mean.observed + share * (found.observed - mean.observed)
        )
        self.sparsification = _moved(self.sparsification, curves, share)


def _moved(mean: Sparsification | None, found: Sparsification, share: float) -> Sparsification:
    """Return the mean of curves after one more, which is that share of all."""
    before = mean or found
    return Sparsification(
        before.removed,
        before.error + share * (found.error - before.error),
        before.best + share * (found.best - before.best),
    )
