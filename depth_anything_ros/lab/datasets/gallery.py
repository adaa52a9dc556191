"""The pictures of an evaluation on data sets: the first images of each source."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np

from depth_anything_ros.evaluation.picture import Picture, write_picture
from depth_anything_ros.evaluation.plots import check_plots
from depth_anything_ros.lab.datasets.comparison import MODEL
from depth_anything_ros.lab.datasets.offline import ScoredImage
from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule
from depth_anything_ros.lab.grid import GridRow, write_grid
from depth_anything_ros.types import Float32Array

_WARNING = 'random weights: the prediction\nmeans nothing'


class Gallery:
    """
    Draw the first images of each source: not the best and not the worst.

    :param per_source: how many of each source; 0 draws none.
    :param folder: where pictures go, made when the first is written; None writes none.
    :param grid: a file that shows all of them small; None writes none.
    :param model: name of the model, for titles.
    :param rule: how predictions came to metres, for titles; its range is what is shown of the
        truth.
    :param random: whether the weights are random, for a warning.
    :raises MissingDependencyError: if pictures are asked for, and the library that draws them is
        not installed.
    """

    def __init__(
        self,
        per_source: int,
        folder: Path | None,
        grid: Path | None,
        *,
        model: str,
        rule: ScoringRule,
        random: bool,
    ) -> None:
        if folder is not None:
            check_plots()
        self._per_source = per_source
        self._folder = folder
        self._grid = grid
        self._model = model
        self._rule = rule
        self._random = random
        self._drawn: Counter[tuple[str, str]] = Counter()
        self._rows: list[GridRow] = []

    def add(self, data: str, image: ScoredImage) -> None:
        """
        Draw an image of the named data if it is one of the first; what has no score is not.

        :raises OutputError: if the picture cannot be written.
        """
        key = (data, image.scores.source)
        if MODEL not in image.aligned or image.sample is None:
            return
        if self._drawn[key] >= self._per_source:
            return
        self._drawn[key] += 1
        score = image.scores.scores[MODEL]
        truth_m = self._in_range(image.sample.depth_m)
        prediction_m = image.aligned[MODEL].depth_m
        if self._grid is not None:
            title = f'{image.scores.source}: AbsRel {score.values["abs_rel"]:.3f}'
            self._rows.append(GridRow(title, image.sample.rgb, prediction_m, truth_m))
        if self._folder is None:
            return
        picture = Picture(
            rgb=image.sample.rgb,
            prediction_m=prediction_m,
            truth_m=truth_m,
            title=(
                f'{self._model} · {image.scores.name} · abs_rel {score.values["abs_rel"]:.3f}, '
                f'RMSE {score.values["rmse"]:.3f} m, δ1 {score.values["delta1"]:.3f}'
            ),
            prediction_name=f'prediction, alignment {self._rule.alignment_text}',
            warning=_WARNING if self._random else '',
        )
        name = re.sub(r'[^\w.-]+', '_', f'{data}-{image.scores.name}')
        write_picture(self._folder / f'{name}.png', picture)

    def finish(self) -> None:
        """
        Write the grid, if one is asked for and there is an image to show.

        :raises OutputError: if it cannot be written.
        """
        if self._grid is not None and self._rows:
            write_grid(self._grid, self._rows)

    def _in_range(self, truth_m: Float32Array) -> Float32Array:
        shown = (truth_m >= self._rule.min_depth_m) & (truth_m <= self._rule.max_depth_m)
        return np.where(shown, truth_m, np.float32(np.nan))
