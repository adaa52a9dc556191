"""What the scores of the images of one data set say together: means, ratios, intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from depth_anything_ros.evaluation.protocol import MeanScore
from depth_anything_ros.evaluation.run_warnings import metric_warnings
from depth_anything_ros.lab.bootstrap import ratio_interval
from depth_anything_ros.lab.datasets.offline import ImageScores
from depth_anything_ros.lab.datasets.results import (
    BaselineRatio,
    BaselineResult,
    DataResult,
    PredictorMeans,
    SourceResult,
)

MODEL = 'model'
# The metric by which baselines are chosen and ratios taken.
COMPARED = 'abs_rel'
_REASONS = 5


def summarise(
    word: str,
    images: Sequence[ImageScores],
    baselines: Sequence[str],
    warnings: Sequence[str] = (),
) -> DataResult:
    """
    Return what a data set's scores say.

    The baseline is the candidate of lowest AbsRel over the images.

    :param word: names the data set.
    :param images: the scores of all images; the model's are named MODEL.
    :param baselines: the names of the candidates; none leaves out baseline and ratio.
    :param warnings: what is odd about the data, to be told before what is about the scores.
    """
    candidates = {name: _means(images, name) for name in baselines}
    chosen = _best(candidates)
    return DataResult(
        word=word,
        whole=_of_images(images, chosen),
        baseline=BaselineResult(chosen, candidates) if baselines else None,
        sources={
            source: _of_images([image for image in images if image.source == source], chosen)
            for source in dict.fromkeys(image.source for image in images)
        },
        warnings=[*warnings, *_warnings(images, baselines)],
    )


def _of_images(images: Sequence[ImageScores], baseline: str | None) -> SourceResult:
    failed = sum(MODEL in image.problems for image in images)
    ratio = None if baseline is None else _ratio(images, baseline)
    return SourceResult(len(images), failed, _means(images, MODEL), ratio)


def _means(images: Iterable[ImageScores], name: str) -> PredictorMeans:
    mean = MeanScore()
    for image in images:
        if name in image.scores:
            mean.add(image.scores[name])
    return PredictorMeans(mean.result(), mean.frames, mean.undefined())


def _best(candidates: Mapping[str, PredictorMeans]) -> str | None:
    """Return the name of the lowest AbsRel among those that were scored on the most images."""
    known = [
        (-found.images, error, name)
        for name, found in candidates.items()
        if (error := found.means[COMPARED]) is not None
    ]
    return min(known, key=lambda item: item[:2])[2] if known else None


def _ratio(images: Sequence[ImageScores], baseline: str) -> BaselineRatio:
    pairs: dict[str, list[tuple[float, float]]] = {}
    for image in images:
        if MODEL in image.scores and baseline in image.scores:
            pair = (image.scores[name].values[COMPARED] for name in (MODEL, baseline))
            pairs.setdefault(image.source, []).append((next(pair), next(pair)))
    groups = {source: np.array(values) for source, values in pairs.items()}
    if not groups:
        return BaselineRatio(0, None, None, None, None)
    model, other = np.concatenate(list(groups.values())).mean(axis=0)
    known = other > 0
    interval = ratio_interval(groups) if known else None
    return BaselineRatio(
        images=sum(len(group) for group in groups.values()),
        baseline=float(other),
        value=float(model / other) if known else None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
    )


def _warnings(images: Sequence[ImageScores], baselines: Sequence[str]) -> list[str]:
    warnings = []
    for name in (MODEL, *baselines):
        problems = Counter(image.problems[name] for image in images if name in image.problems)
        if problems:
            warnings.append(
                f'{name}: {problems.total()} of {len(images)} images have no score and are in '
                'no mean'
            )
        warnings += [
            f'{name}: {count} images: {problem}'
            for problem, count in problems.most_common(_REASONS)
        ]
    means = _means(images, MODEL)
    warnings += metric_warnings(means.undefined, means.images, 'images')
    scores = [image.scores[MODEL] for image in images if MODEL in image.scores]
    inverted = sum(score.scale < 0 for score in scores)
    if inverted:
        warnings.append(
            f'{MODEL}: the fitted scale is negative in {inverted} of {len(scores)} images: there '
            'the prediction contradicts "larger is nearer"'
        )
    return warnings
