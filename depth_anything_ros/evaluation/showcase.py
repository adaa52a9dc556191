"""The single frames of a run that people look at."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

from depth_anything_ros.evaluation.config import EvaluatorConfig
from depth_anything_ros.evaluation.extremes import Extremes
from depth_anything_ros.evaluation.frame_card import KeptFrame, frame_figures, keep_frame
from depth_anything_ros.evaluation.frame_scoring import FrameScorer, ScoredFrame, most_telling
from depth_anything_ros.evaluation.gathering import GatheredFrame
from depth_anything_ros.evaluation.mean_doubts import MeanDoubts
from depth_anything_ros.evaluation.obstacle_metrics import danger, of_obstacles
from depth_anything_ros.evaluation.obstacle_picture import obstacle_pictures
from depth_anything_ros.evaluation.picture import write_picture
from depth_anything_ros.evaluation.plots import why_no_plots
from depth_anything_ros.evaluation.protocol import AlignmentMode
from depth_anything_ros.evaluation.run_files import RunFiles
from depth_anything_ros.evaluation.run_page import Shown
from depth_anything_ros.page.writer import why_no_page
from depth_anything_ros.types import ModelIdentity

RANKED_BY = 'abs_rel'


class Showcase:
    """
    Draw every n-th frame of a run, and keep its worst and best ones and its curves for its page.

    :param config: how often a frame is drawn; never keeps none either.
    :param scorer: that scored the frames.
    :param files: where pictures go.
    """

    def __init__(self, config: EvaluatorConfig, scorer: FrameScorer, files: RunFiles) -> None:
        self._every = 0 if why_no_plots() else config.picture_every
        self._keeps = config.picture_every > 0 and not why_no_page()
        self._scorer = scorer
        self._files = files
        self._extremes = {AlignmentMode(name): Extremes[KeptFrame]() for name in config.alignments}
        self._dangers = {AlignmentMode(name): Extremes[KeptFrame]() for name in config.alignments}
        self._ranked: Counter[AlignmentMode] = Counter()
        self._pictures: list[Path] = []
        self._doubts = MeanDoubts()

    @property
    def wants_images(self) -> bool:
        """Return whether frames are shown at all."""
        return self._every > 0 or self._keeps

    def add(
        self, frame: GatheredFrame, scored: ScoredFrame, index: int, model: ModelIdentity | None
    ) -> None:
        """
        Take in the next frame with a score.

        :param index: of the frame in the table.
        :raises OutputError: if its picture cannot be written.
        """
        mode = most_telling(scored.scores)
        if mode is None:
            return
        self._doubts.add(scored.scores[mode])
        drawn = self._every and self._ranked.total() % self._every == 0
        self._ranked[mode] += 1
        if self._keeps:
            error = scored.scores[mode].values[RANKED_BY]
            keep = partial(self._keep, frame, scored, index, mode)
            self._extremes[mode].add(error, frame.stamp_ns, keep)
            if (missed := danger(scored.scores[mode].values)) > 0:
                self._dangers[mode].add(missed, frame.stamp_ns, keep)
        if drawn:
            path = self._files.picture(index)
            write_picture(path, self._scorer.picture(frame, scored, index, model))
            self._pictures.append(path)

    def shown(self) -> Shown:
        """Return what there is to show, frames ranked by the alignment that most of them have."""
        if not self._ranked:
            return Shown(self._pictures)
        ((mode, _),) = self._ranked.most_common(1)
        extremes = self._extremes[mode]
        dangers = self._dangers[mode].worst()
        return Shown(
            self._pictures, extremes.worst(), extremes.best(), dangers,
            doubts=self._doubts,
        )  # fmt: skip

    def _keep(
        self, frame: GatheredFrame, scored: ScoredFrame, index: int, mode: AlignmentMode
    ) -> KeptFrame:
        figures = frame_figures(scored.scores[mode], mode.value)
        pictures = {}
        if of_obstacles(scored.scores[mode].values):
            pictures = dict(obstacle_pictures(scored.views[mode], frame.thumbnail))
        return keep_frame(
            f'Frame {index}',
            {'stamp': f'{frame.stamp_ns * 1e-9:.3f} s', **figures},
            self._scorer.picture(frame, scored, index, None),
            scored.camera,
            pictures,
        )
