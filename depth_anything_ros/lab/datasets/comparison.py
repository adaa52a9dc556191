"""What the scores of the images of one data set say together: means, ratios, intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from depth_anything_ros.evaluation.protocol import MeanScore
from depth_anything_ros.lab.bootstrap import ratio_interval
from depth_anything_ros.lab.datasets.offline import ImageScores

MODEL = 'model'
# The metric by which baselines are chosen and ratios taken.
COMPARED = 'abs_rel'
_REASONS = 5


def summarise(images: Sequence[ImageScores], baselines: Sequence[str]) -> dict[str, Any]:
    """
    Return what a data set's scores say, as plain numbers for JSON; None is what is not known.

    `images`, `failed` and the means of METRICS with `coverage` are of the model. `baseline`
    holds the candidates' means and names the one of lowest AbsRel over the images, which is the
    one compared with. `ratio` is the mean AbsRel of the model over that of the baseline, both
    over the images that both have a score for, with its bootstrap interval by sources.
    `sources` holds the same for each source.

    :param images: the scores of all images; the model's are named MODEL.
    :param baselines: the names of the candidates; none leaves out baseline and ratio.
    """
    candidates = {name: _means(images, name) for name in baselines}
    chosen = _best(candidates)
    summary: dict[str, Any] = _of_images(images, chosen)
    if baselines:
        summary['baseline'] = {'chosen': chosen, 'candidates': candidates}
    summary['sources'] = {
        source: _of_images([image for image in images if image.source == source], chosen)
        for source in dict.fromkeys(image.source for image in images)
    }
    summary['warnings'] = _warnings(images, baselines)
    return summary


def _of_images(images: Sequence[ImageScores], baseline: str | None) -> dict[str, Any]:
    failed = sum(MODEL in image.problems for image in images)
    found: dict[str, Any] = {
        'images': len(images),
        'failed': failed,
        'metrics': _means(images, MODEL),
    }
    if baseline is not None:
        found['ratio'] = _ratio(images, baseline)
    return found


def _means(images: Iterable[ImageScores], name: str) -> dict[str, float | int | None]:
    mean = MeanScore()
    for image in images:
        if name in image.scores:
            mean.add(image.scores[name])
    return {**mean.result(), 'images': mean.frames}


def _best(candidates: dict[str, dict[str, float | int | None]]) -> str | None:
    """Return the name of the lowest AbsRel among those that were scored on the most images."""
    known = {name: means for name, means in candidates.items() if means[COMPARED] is not None}
    return min(
        known,
        key=lambda name: (-float(known[name]['images'] or 0), float(known[name][COMPARED] or 0)),
        default=None,
    )


def _ratio(images: Sequence[ImageScores], baseline: str) -> dict[str, float | int | None]:
    pairs: dict[str, list[tuple[float, float]]] = {}
    for image in images:
        if MODEL in image.scores and baseline in image.scores:
            pair = (image.scores[name].values[COMPARED] for name in (MODEL, baseline))
            pairs.setdefault(image.source, []).append((next(pair), next(pair)))
    groups = {source: np.array(values) for source, values in pairs.items()}
    if not groups:
        return {'images': 0, 'baseline': None, 'value': None, 'low': None, 'high': None}
    model, other = np.concatenate(list(groups.values())).mean(axis=0)
    known = other > 0
    interval = ratio_interval(groups) if known else None
    return {
        'images': sum(len(group) for group in groups.values()),
        'baseline': float(other),
        'value': float(model / other) if known else None,
        'low': interval.low if interval else None,
        'high': interval.high if interval else None,
    }


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
    scores = [image.scores[MODEL] for image in images if MODEL in image.scores]
    inverted = sum(score.scale < 0 for score in scores)
    if inverted:
        warnings.append(
            f'{MODEL}: the fitted scale is negative in {inverted} of {len(scores)} images: there '
            'the prediction contradicts "larger is nearer"'
        )
    return warnings
