"""What the scores of the images of one data set say together: means, ratios, differences."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from depth_anything_ros.evaluation.ground import ground_warnings
from depth_anything_ros.evaluation.metrics import METRICS, Better
from depth_anything_ros.evaluation.protocol import ORDER, FrameScore, MeanScore, weight_of
from depth_anything_ros.evaluation.run_warnings import metric_warnings
from depth_anything_ros.geometry.alignment import EXCHANGED
from depth_anything_ros.lab.bootstrap import LEVEL, Interval, mean_intervals, ratio_interval
from depth_anything_ros.lab.datasets.corruptions import corrupted
from depth_anything_ros.lab.datasets.offline import ImageScores
from depth_anything_ros.lab.datasets.results import (
    BaselineResult,
    CorruptedResult,
    DataResult,
    Difference,
    Estimate,
    ModelResult,
    PredictorMeans,
    Ratio,
    SourceResult,
)
from depth_anything_ros.lab.datasets.scoring_rule import MOUNTING_OPTIONS

COMPARED = 'abs_rel'
"""The metric that models are judged by, where depth is known."""

_REASONS = 5
_NAMED = 3
# The least that four digits show.
_SHOWN = 0.00005


def judging_metric(images: Iterable[ImageScores]) -> str:
    """Return what models are judged by: AbsRel, or the order of points where that is all."""
    values = [score.values for image in images for score in image.scores.values()]
    known = [
        metric
        for metric in (COMPARED, ORDER)
        if any(math.isfinite(found.get(metric, math.nan)) for found in values)
    ]
    return next(iter(known), COMPARED)


def worst_first(images: Sequence[ImageScores], model: str, metric: str) -> list[int]:
    """Return the places of the images that have a metric of a model, the worst first."""
    sign = -1 if METRICS[metric].better is Better.LOWER else 1
    values = [
        _value(image.scores[model], metric) if model in image.scores else math.nan
        for image in images
    ]
    known = [place for place, value in enumerate(values) if math.isfinite(value)]
    return sorted(known, key=lambda place: sign * values[place])


def summarise(
    word: str,
    images: Sequence[ImageScores],
    models: Sequence[str],
    *,
    baselines: Sequence[str] = (),
    corruptions: Sequence[str] = (),
    warnings: Sequence[str] = (),
    judged_by: str | None = None,
) -> DataResult:
    """
    Return what a data set's scores say.

    The baseline is the candidate that is best by what models are judged by.

    :param word: names the data set.
    :param images: the scores of all images.
    :param models: the names of the models' scores, the first one what others are compared with.
    :param baselines: the names of the candidates; none leaves out baseline and ratio.
    :param corruptions: the names of what made pictures worse; see `corrupted`.
    :param warnings: what is odd about the data, to be told before what is about the scores.
    :param judged_by: the metric of baseline, ratios and verdicts; None takes `judging_metric`.
    """
    metric = judged_by or judging_metric(images)
    candidates = {name: _means(images, name) for name in baselines}
    chosen = _best(candidates, metric)
    names = [*models, *(corrupted(model, name) for name in corruptions for model in models)]
    judge = _Judge(metric, models[0], chosen)
    results = {model: _of_model(images, model, judge, corruptions) for model in models}
    return DataResult(
        word=word,
        models=results,
        baseline=BaselineResult(chosen, candidates) if baselines else None,
        judged_by=metric,
        verdicts=[
            _verdict(
                model,
                models[0],
                found.whole.difference,
                _judged(images, model, models[0], metric),
                metric,
            )
            for model, found in results.items()
            if found.whole.difference is not None
        ],
        warnings=[*warnings, *_warnings(images, names, baselines)],
    )


@dataclass(frozen=True)
class _Judge:
    """The metric that models are judged by, the first model, and the baseline if there is one."""

    metric: str
    first: str
    baseline: str | None


def _of_model(
    images: Sequence[ImageScores], model: str, judge: _Judge, corruptions: Sequence[str]
) -> ModelResult:
    by_source: dict[str, list[ImageScores]] = {}
    for image in images:
        by_source.setdefault(image.source, []).append(image)
    worse = {
        name: _of_corrupted(images, model, corrupted(model, name), judge.metric)
        for name in corruptions
    }
    return ModelResult(
        whole=_of_images(images, model, judge),
        sources={source: _of_images(found, model, judge) for source, found in by_source.items()},
        corrupted=worse or None,
    )


def _of_images(images: Sequence[ImageScores], model: str, judge: _Judge) -> SourceResult:
    return SourceResult(
        images=len(images),
        failed=_failed(images, model),
        metrics=_means(images, model),
        ratio=_ratio(images, model, judge.baseline, judge.metric) if judge.baseline else None,
        difference=None if model == judge.first else _difference(images, model, judge.first),
    )


def _of_corrupted(
    images: Sequence[ImageScores], model: str, worse: str, metric: str
) -> CorruptedResult:
    ratio = _ratio(images, worse, model, metric)
    return CorruptedResult(len(images), _failed(images, worse), _means(images, worse), ratio)


def _failed(images: Iterable[ImageScores], name: str) -> int:
    return sum(name in image.problems for image in images)


def _means(images: Iterable[ImageScores], name: str) -> PredictorMeans:
    mean = MeanScore()
    for image in images:
        if name in image.scores:
            mean.add(image.scores[name])
    return PredictorMeans(mean.result(), mean.frames, mean.undefined(), mean.ground())


def _best(candidates: Mapping[str, PredictorMeans], metric: str) -> str | None:
    """Return the name of the best of those that were scored on the most images."""
    sign = 1 if METRICS[metric].better is Better.LOWER else -1
    known = [
        (-found.images, sign * mean, name)
        for name, found in candidates.items()
        if (mean := found.means.get(metric)) is not None
    ]
    return min(known, key=lambda item: item[:2])[2] if known else None


def _both(
    images: Iterable[ImageScores], name: str, other: str
) -> Iterator[tuple[str, FrameScore, FrameScore]]:
    """Yield source and scores of the images that both predictors have a score for."""
    for image in images:
        if name in image.scores and other in image.scores:
            yield image.source, image.scores[name], image.scores[other]


def _ratio(images: Sequence[ImageScores], name: str, reference: str, metric: str) -> Ratio:
    pairs: dict[str, list[tuple[float, float]]] = {}
    weights = 0.0
    for source, one, other in _both(images, name, reference):
        pair = _value(one, metric), _value(other, metric)
        if all(map(math.isfinite, pair)):
            weight = weight_of(metric, one)
            weights += weight
            pairs.setdefault(source, []).append((weight * pair[0], weight * pair[1]))
    groups = {source: np.array(values) for source, values in pairs.items()}
    if not groups:
        return Ratio(0, None, Estimate(None, None, None))
    total, other_total = map(float, np.concatenate(list(groups.values())).sum(axis=0))
    count, reference_mean = sum(map(len, groups.values())), other_total / weights
    if not other_total > 0:
        return Ratio(count, reference_mean, Estimate(None, None, None))
    return Ratio(count, reference_mean, _estimate(total / other_total, ratio_interval(groups)))


def _difference(images: Sequence[ImageScores], model: str, first: str) -> Difference:
    both = list(_both(images, model, first))
    names = [name for name in METRICS if any(name in score.values for _, score, _ in both)]
    changes: dict[str, list[list[float]]] = {}
    weights: dict[str, list[list[float]]] = {}
    for source, one, other in both:
        change = [_value(one, name) - _value(other, name) for name in names]
        changes.setdefault(source, []).append(change)
        weights.setdefault(source, []).append([weight_of(name, one) for name in names])
    if not both:
        return Difference(0, {})
    groups = {source: np.array(values) for source, values in changes.items()}
    shares = {source: np.array(values) for source, values in weights.items()}
    columns = np.concatenate(list(groups.values())).T, np.concatenate(list(shares.values())).T
    found = {}
    for name, values, share, interval in zip(
        names, *columns, mean_intervals(groups, shares), strict=True
    ):
        known = np.isfinite(values)
        mean = float(np.average(values[known], weights=share[known])) if known.any() else None
        found[name] = _estimate(mean, interval)
    return Difference(len(both), found)


def _value(score: FrameScore, metric: str) -> float:
    return score.values.get(metric, math.nan)


def _estimate(value: float | None, interval: Interval | None) -> Estimate:
    low, high = (interval.low, interval.high) if interval else (None, None)
    return Estimate(value, low, high)


def _judged(images: Iterable[ImageScores], model: str, first: str, metric: str) -> list[str]:
    """Return the source of each image that has a metric of both models."""
    return [
        source
        for source, one, other in _both(images, model, first)
        if math.isfinite(_value(one, metric) - _value(other, metric))
    ]


def _verdict(
    model: str, first: str, difference: Difference, judged: Sequence[str], metric: str
) -> str:
    """
    Return in a sentence whether a model is worse than the first.

    They are equal where no image tells them apart, or none by as much as the figures show.

    :param judged: the source of each image that counts.
    """
    change = difference.metrics.get(metric, Estimate(None, None, None))
    is_open = f'whether {model} is worse than {first} is open'
    if change.value is None:
        return f'{is_open}: no image has {metric} of both'
    if change.low is None or change.high is None:
        return f'{is_open}: {metric} {change.value:+.4f} of one image'
    if change.value == change.low == change.high == 0:
        return f'{model} and {first} are equal: {metric} differs in none of {len(judged)} images'
    if max(map(abs, (change.value, change.low, change.high))) < _SHOWN:
        return (
            f'{model} and {first} are equal: {metric} differs by less than {_SHOWN:.5f} over '
            f'{len(judged)} images'
        )
    lower = METRICS[metric].better is Better.LOWER
    best, worst = (change.low, change.high) if lower else (-change.high, -change.low)
    sources = len(set(judged))
    figure = (
        f'{metric} {change.value:+.4f}, {LEVEL:.0%} interval {change.low:+.4f} … '
        f'{change.high:+.4f}, over {len(judged)} images of {sources} '
        + ('sources' if sources > 1 else 'source, which says nothing of others')
    )
    if best > 0:
        return f'{model} is worse than {first}: {figure}'
    return f'{model} is better than {first}: {figure}' if worst < 0 else f'{is_open}: {figure}'


def _warnings(
    images: Sequence[ImageScores], models: Sequence[str], baselines: Sequence[str]
) -> list[str]:
    """Return what is odd about the scores; what is so of several predictors is told once."""
    told: dict[str, list[str]] = {}
    for name in (*models, *baselines):
        problems = Counter(image.problems[name] for image in images if name in image.problems)
        texts = [f'{problems.total()} of {len(images)} images have no score and are in no mean']
        texts += [f'{count} images: {text}' for text, count in problems.most_common(_REASONS)]
        for text in texts if problems else ():
            told.setdefault(text, []).append(name)
    for name in models:
        means = _means(images, name)
        for text in (
            *metric_warnings(means.undefined, means.means, means.images, 'images'),
            *ground_warnings(means.ground, 'images', MOUNTING_OPTIONS),
        ):
            told.setdefault(text, []).append(name)
        scores = [image.scores[name] for image in images if name in image.scores]
        for text in _exchanged(scores):
            told.setdefault(text, []).append(name)
    return [f'{some(names)}: {text}' for text, names in told.items()]


def _exchanged(scores: Sequence[FrameScore]) -> Iterator[str]:
    """Yield what tells that a model takes near for far."""
    negative = sum(score.scale < 0 for score in scores)
    if negative:
        yield f'the fitted scale is negative in {negative} of {len(scores)} images: {EXCHANGED}'
    # A scale alone is above 0 all the same; and single images may be beyond any model.
    falls = sum(score.rank_correlation < 0 for score in scores)
    if falls > len(scores) / 2:
        of = f'{falls} of {len(scores)} images'
        yield f'depth falls where the true one rises in {of}: {EXCHANGED}'


def some(names: Sequence[str]) -> str:
    """Return names as far as they are few."""
    more = len(names) - _NAMED
    return ', '.join(names[:_NAMED]) + (f' and {more} more' if more > 0 else '')
