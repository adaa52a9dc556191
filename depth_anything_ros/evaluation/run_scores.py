"""What the scores of a run come to, by alignment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from depth_anything_ros.evaluation.ground import ground_warnings
from depth_anything_ros.evaluation.protocol import AlignmentMode, FrameScore, MeanScore
from depth_anything_ros.evaluation.run_warnings import alignment_warnings
from depth_anything_ros.evaluation.stability import DepthPair, Stability, StabilityMean
from depth_anything_ros.evaluation.summary import ScoreTable


class RunScores:
    """
    Average the scores of frames, and how steady their depth is, for each alignment.

    :param modes: the alignments.
    :param metrics: names of those that are scored.
    """

    def __init__(self, modes: Sequence[AlignmentMode], metrics: Sequence[str]) -> None:
        self._metrics = metrics
        self._means = {mode: MeanScore(metrics) for mode in modes}
        self._stability = {mode: StabilityMean() for mode in modes}

    def add(self, scores: Mapping[AlignmentMode, FrameScore]) -> None:
        """Take in the scores of a frame."""
        for mode, score in scores.items():
            self._means[mode].add(score)

    def add_depth(self, stamp_ns: int, pairs: Mapping[AlignmentMode, DepthPair]) -> None:
        """Take in the depth of a frame."""
        for mode, pair in pairs.items():
            self._stability[mode].add(stamp_ns, pair)

    def frames(self, mode: AlignmentMode) -> int:
        """Return how many frames have a score by an alignment."""
        return self._means[mode].frames if mode in self._means else 0

    def tables(self) -> dict[str, ScoreTable]:
        """Return the means by the names of the alignments."""
        return {
            mode.value: ScoreTable(mean.result(), mean.frames, mean.undefined(), mean.ground())
            for mode, mean in self._means.items()
        }

    def stability(self) -> dict[str, Stability]:
        """Return how steady depth is by the names of the alignments."""
        return {mode.value: mean.result() for mode, mean in self._stability.items()}

    def warnings(self, told_by: str) -> list[str]:
        """
        Return which metrics have no value, and what is wrong with the ground of obstacles.

        :param told_by: names what tells how the camera hangs.
        """
        means = self._means.values()
        most = max(means, key=lambda mean: mean.frames, default=MeanScore())
        return [
            *alignment_warnings(means, self._metrics),
            *ground_warnings(most.ground(), 'frames', told_by),
        ]
