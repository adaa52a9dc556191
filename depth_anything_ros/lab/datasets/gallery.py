"""The pictures of an evaluation on data sets."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from depth_anything_ros.evaluation.frame_card import KeptFrame, frame_figures, keep_frame
from depth_anything_ros.evaluation.obstacle_metrics import of_obstacles
from depth_anything_ros.evaluation.obstacle_picture import obstacle_pictures
from depth_anything_ros.evaluation.picture import Picture, write_picture
from depth_anything_ros.evaluation.plots import check_plots
from depth_anything_ros.lab.datasets.offline import ScoredImage
from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule, metric_view
from depth_anything_ros.lab.grid import GridRow, write_grid
from depth_anything_ros.types import DepthSample

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
        self._pictures: dict[tuple[int, int], Path] = {}
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
                row, path = self._draw(data, model, image, image.sample)
                if self._grid is not None:
                    self._rows[place, order] = row
                if path is not None:
                    self._pictures[place, order] = path

    @property
    def pictures(self) -> list[Path]:
        """Return the files that were written, in the order of images, not of their coming."""
        return [path for _, path in sorted(self._pictures.items())]

    def _draw(
        self, data: str, model: str, image: ScoredImage, sample: DepthSample
    ) -> tuple[GridRow, Path | None]:
        """Return the row of the grid, and the picture if pictures are wanted, which it draws."""
        scores, several = image.scores, len(self._models) > 1
        picture = picture_of(image, sample, model, self._rule)
        title = f'{scores.source}: AbsRel {scores.scores[model].values["abs_rel"]:.3f}'
        title = f'{model}, {title}' if several else title
        row = GridRow(title, sample.rgb, picture.prediction_m, picture.truth_m)
        if self._folder is None:
            return row, None
        name = f'{data}-{scores.name}-{model}' if several else f'{data}-{scores.name}'
        path = self._folder / f'{re.sub(_UNFIT, "_", name)}.png'
        warning = _WARNING if model in self._random else ''
        write_picture(path, replace(picture, warning=warning))
        return row, path

    def finish(self) -> None:
        """
        Write the grid, if one is asked for and there is an image to show.

        :raises OutputError: if it cannot be written.
        """
        if self._grid is not None and self._rows:
            write_grid(self._grid, [row for _, row in sorted(self._rows.items())])


def picture_of(image: ScoredImage, sample: DepthSample, model: str, rule: ScoringRule) -> Picture:
    """
    Return what a picture shows of an image and a model that has a score for it.

    :param sample: of the image.
    :param rule: how it was scored; truth out of its range is not shown.
    """
    values, truth_m = image.scores.scores[model].values, sample.depth_m
    shown = (truth_m >= rule.min_depth_m) & (truth_m <= rule.max_depth_m)
    return Picture(
        rgb=sample.rgb,
        prediction_m=image.aligned[model].depth_m,
        truth_m=np.where(shown, truth_m, np.float32(np.nan)),
        title=(
            f'{model} · {image.scores.name} · abs_rel {values["abs_rel"]:.3f}, '
            f'RMSE {values["rmse"]:.3f} m, δ1 {values["delta1"]:.3f}'
        ),
        prediction_name=f'prediction, alignment {rule.alignment_text}',
    )


@dataclass(frozen=True)
class ExtremeImages:
    """
    The images of a data set that the first model does worst and best on, so sorted.

    `dangers` are those in which it misses the most obstacles.
    """

    worst: Sequence[KeptFrame] = ()
    best: Sequence[KeptFrame] = ()
    dangers: Sequence[KeptFrame] = ()


def keep_image(image: ScoredImage, model: str, rule: ScoringRule) -> KeptFrame | None:
    """Return what a page shows of an image, None where the model has no depth of it."""
    sample = image.sample
    if sample is None or model not in image.aligned:
        return None
    score, more = image.scores.scores[model], {}
    figures = frame_figures(score, rule.alignment_text)
    if of_obstacles(score.values):
        view = metric_view(image.aligned[model], sample, rule)
        more = dict(obstacle_pictures(view, sample.rgb))
    return keep_frame(
        image.scores.name,
        {'source': image.scores.source, **figures},
        picture_of(image, sample, model, rule),
        sample.camera,
        more,
    )
