"""The pictures of an evaluation on data sets."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from depth_anything_ros.evaluation.picture import Picture, write_picture
from depth_anything_ros.evaluation.plots import check_plots
from depth_anything_ros.evaluation.protocol import AlignedPrediction
from depth_anything_ros.lab.datasets.offline import ImageScores, ScoredImage
from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule
from depth_anything_ros.lab.grid import GridRow, write_grid
from depth_anything_ros.types import DepthSample, Float32Array

_UNFIT = r'[^\w.-]+'
_WARNING = 'random weights: the prediction\nmeans nothing'


class Gallery:
    """
    Draw images with what each model makes of them; `pictures` are the files that were written.

    :param models: the names of the models' scores; of several, pictures bear their names.
    :param folder: where pictures go, made when the first is written; None writes none.
    :param grid: a file that shows all of them small; None writes none.
    :param rule: how predictions came to metres, for titles; its range is what is shown of the
        truth.
    :param random: the models with random weights, for a warning.
    :raises MissingDependencyError: if pictures are asked for, and the library that draws them is
        not installed.
    """

    def __init__(
        self,
        models: Sequence[str],
        folder: Path | None,
        grid: Path | None,
        *,
        rule: ScoringRule,
        random: Collection[str] = (),
    ) -> None:
        if folder is not None:
            check_plots()
        self._models = models
        self._folder = folder
        self._grid = grid
        self._rule = rule
        self._random = random
        self.pictures: list[Path] = []
        self._rows: dict[tuple[int, int], GridRow] = {}

    def add(self, data: str, place: int, image: ScoredImage) -> None:
        """
        Draw an image; a model without a score has no picture.

        :param data: names the data set.
        :param place: of the image among all that are drawn.
        :raises OutputError: if a picture cannot be written.
        """
        for order, model in enumerate(self._models):
            if model in image.aligned and image.sample is not None:
                row = self._draw(data, model, image.scores, image.sample, image.aligned[model])
                if self._grid is not None:
                    self._rows[place, order] = row

    def _draw(
        self,
        data: str,
        model: str,
        scores: ImageScores,
        sample: DepthSample,
        aligned: AlignedPrediction,
    ) -> GridRow:
        """Draw the picture if pictures are wanted, and return the row of the grid."""
        values = scores.scores[model].values
        truth_m, prediction_m = self._in_range(sample.depth_m), aligned.depth_m
        several = len(self._models) > 1
        title = f'{scores.source}: AbsRel {values["abs_rel"]:.3f}'
        title = f'{model}, {title}' if several else title
        row = GridRow(title, sample.rgb, prediction_m, truth_m)
        if self._folder is None:
            return row
        picture = Picture(
            rgb=sample.rgb,
            prediction_m=prediction_m,
            truth_m=truth_m,
            title=(
                f'{model} · {scores.name} · abs_rel {values["abs_rel"]:.3f}, '
                f'RMSE {values["rmse"]:.3f} m, δ1 {values["delta1"]:.3f}'
            ),
            prediction_name=f'prediction, alignment {self._rule.alignment_text}',
            warning=_WARNING if model in self._random else '',
        )
        name = f'{data}-{scores.name}-{model}' if several else f'{data}-{scores.name}'
        path = self._folder / f'{re.sub(_UNFIT, "_", name)}.png'
        write_picture(path, picture)
        self.pictures.append(path)
        return row

    def finish(self) -> None:
        """
        Write the grid, if one is asked for and there is an image to show.

        :raises OutputError: if it cannot be written.
        """
        if self._grid is not None and self._rows:
            write_grid(self._grid, [row for _, row in sorted(self._rows.items())])

    def _in_range(self, truth_m: Float32Array) -> Float32Array:
        shown = (truth_m >= self._rule.min_depth_m) & (truth_m <= self._rule.max_depth_m)
        return np.where(shown, truth_m, np.float32(np.nan))
