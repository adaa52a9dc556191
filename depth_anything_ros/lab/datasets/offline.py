"""Scoring of predictors on the images of a data set, without ROS."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from depth_anything_ros.errors import AlignmentError, BackendError, DatasetError
from depth_anything_ros.evaluation.metrics import chosen_metrics
from depth_anything_ros.evaluation.protocol import (
    AlignedPrediction,
    FrameScore,
    align_prediction,
    found_ground,
    score_pairs,
    score_view,
)
from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule, metric_view, scored_view
from depth_anything_ros.lab.in_order import in_order
from depth_anything_ros.memory import keep_large_buffers
from depth_anything_ros.types import (
    DepthSample,
    Float32Array,
    MetricDepth,
    OutputKind,
    RelativeInverseDepth,
    UInt8Array,
)

if TYPE_CHECKING:
    from depth_anything_ros.lab.datasets import Dataset

# From an image, uint8 (H, W, 3), to its depth at the same size.
Predict = Callable[[UInt8Array], 'RelativeInverseDepth | MetricDepth']
# From an image and its depth in metres to a standard deviation of that, float32 (H, W) in metres.
TellSigma = Callable[[UInt8Array, Float32Array], 'Float32Array | None']


@dataclass(frozen=True)
class ImageScores:
    """
    The scores of one image by predictor, and for predictors without a score the problem.

    An image that cannot be read has its problem for every predictor.
    """

    source: str
    name: str
    scores: dict[str, FrameScore] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ScoredImage:
    """
    An image beside its scores, for pictures; too large to keep for a whole data set.

    `sample` is as `scored_view` gives it, and None where the image cannot be read; `aligned` has
    no entry for a predictor with a problem.
    """

    scores: ImageScores
    sample: DepthSample | None = None
    aligned: dict[str, AlignedPrediction] = field(default_factory=dict)


def score_images(
    dataset: Dataset,
    indices: Sequence[int],
    predictors: Mapping[str, Predict],
    rule: ScoringRule,
    sigmas: Mapping[str, TellSigma] = MappingProxyType({}),
) -> Iterator[ScoredImage]:
    """
    Score every predictor on the same images, each of them read once.

    What cannot be read, predicted or aligned has no score and says why; nothing is replaced by
    a number. The next images are read, prepared and scored while a network runs on one.

    :param dataset: the images and their truth.
    :param indices: which images, in this order.
    :param predictors: what predicts, by name; several threads call it at once.
    :param rule: what is scored and how.
    :param sigmas: what tells how far off predictors may be, by name, for metrics of that.
    """
    keep_large_buffers()
    metrics = chosen_metrics(rule.metrics or ())
    images = (_read(dataset, index, predictors, rule) for index in indices)
    return in_order(partial(_score, predictors, rule, metrics, sigmas), images)


def _read(
    dataset: Dataset, index: int, predictors: Iterable[str], rule: ScoringRule
) -> ScoredImage:
    scores = ImageScores(dataset.source(index), dataset.sample_name(index))
    try:
        return ScoredImage(scores, scored_view(dataset[index], rule))
    except (AlignmentError, DatasetError) as error:
        scores.problems.update(dict.fromkeys(predictors, str(error)))
        return ScoredImage(scores)


def _score(
    predictors: Mapping[str, Predict],
    rule: ScoringRule,
    metrics: Sequence[str],
    sigmas: Mapping[str, TellSigma],
    image: ScoredImage,
) -> ScoredImage:
    """Score the predictors on an image that was read, and return it."""
    scores, sample = image.scores, image.sample
    if sample is None:
        return image
    for name, predict in predictors.items():
        try:
            if sample.pairs is not None:
                values, kind = _numbers(predict(sample.rgb))
                scores.scores[name] = score_pairs(values, kind, sample.pairs, metrics)
                continue
            aligned = align_sample(predict, sample, rule)
        except (AlignmentError, BackendError) as error:
            scores.problems[name] = str(error)
            continue
        image.aligned[name] = aligned
        ground = found_ground(scores.scores.values())
        sigma = sigmas[name](sample.rgb, aligned.depth_m) if name in sigmas else None
        view = metric_view(aligned, sample, rule)
        view = replace(view, known_ground=ground, sigma_map=sigma)
        scores.scores[name] = score_view(aligned, view, metrics)
    return image


def align_sample(predict: Predict, sample: DepthSample, rule: ScoringRule) -> AlignedPrediction:
    """
    Predict the depth of one sample and bring it to metres by its truth.

    :param sample: as `scored_view` gives it.
    :raises AlignmentError: if the prediction cannot be scored.
    :raises BackendError: if the network cannot run on the image.
    """
    prediction = predict(sample.rgb)
    values, kind = _numbers(prediction)
    aligned = align_prediction(
        values,
        kind,
        sample.depth_m,
        rule.alignment_of(kind),
        rule.min_depth_m,
        rule.max_depth_m,
        rule.clamp_m,
    )
    return replace(aligned, confidence=prediction.confidence)


def _numbers(prediction: RelativeInverseDepth | MetricDepth) -> tuple[Float32Array, OutputKind]:
    if isinstance(prediction, MetricDepth):
        return prediction.depth_m, OutputKind.METRIC_DEPTH
    return prediction.values, prediction.kind


def chosen_indices(dataset: Dataset, sources: Sequence[str]) -> list[int]:
    """
    Return the places of the images of some sources, or of all images where none is named.

    :raises DatasetError: if there is no image at all, or a source has none; the message lists
        those that have.
    """
    if not len(dataset):
        raise DatasetError(f"'{dataset.name}' has no images")
    if not sources:
        return list(range(len(dataset)))
    by_place = [dataset.source(index) for index in range(len(dataset))]
    for source in sources:
        if source not in by_place:
            known = ', '.join(sorted(set(by_place)))
            raise DatasetError(f"'{dataset.name}' has no source '{source}'; known: {known}")
    return [index for index, source in enumerate(by_place) if source in sources]
