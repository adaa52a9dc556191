"""The figures of an evaluation on data sets, as bounds of a gate name them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from depth_anything_ros.evaluation.gate import Figures, Naming, figures_in, plain
from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.evaluation.protocol import FrameScore
from depth_anything_ros.lab.datasets.comparison import summarise
from depth_anything_ros.lab.datasets.corruptions import corrupted
from depth_anything_ros.lab.datasets.offline import ImageScores
from depth_anything_ros.lab.datasets.results import DataResult


def _of_summary(content: Any) -> Figures:
    return {
        (model, data['word']): figures_in(
            {name: part for name, part in result.items() if name != 'sources'}
        )
        for data in content['data']
        for model, result in data['models'].items()
    }


EVALUATION = Naming(('', 'metrics.'), _of_summary, unscored=('failed',))
"""Of models on data sets: each has its own figures on each."""


def evaluation_figures(data: Sequence[DataResult]) -> Figures:
    """Return the figures of each model on each data set, over all of its images."""
    return _of_summary({'data': plain(data)})


def expected_figures(
    words: Sequence[str],
    models: Sequence[str],
    baselines: Sequence[str] = (),
    corruptions: Sequence[str] = (),
    metrics: Sequence[str] = tuple(METRICS),
) -> Figures:
    """
    Return the figures that there will be, without their values.

    :param words: name the data sets.
    :param models: by their labels.
    :param baselines: the names of the image-independent predictors.
    :param corruptions: the names of what makes pictures worse.
    :param metrics: the names of those that will be scored.
    """
    names = [*models, *(corrupted(model, name) for name in corruptions
                                    for model in models)]  # fmt: skip
    unknown = FrameScore(dict.fromkeys(metrics, math.nan), 0, math.nan)
    # The best of the candidates is looked for, and is the ratio's reference whichever it is.
    known = FrameScore(dict.fromkeys(metrics, 1.0), 1, 1.0)
    scores = dict.fromkeys(names, unknown) | dict.fromkeys(baselines, known)
    images = [ImageScores('', '', scores)]
    return evaluation_figures(
        [
            summarise(word, images, models, baselines=baselines, corruptions=corruptions)
            for word in words
        ]
    )
