"""Scoring of predictors on the images of a data set, without ROS."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from depth_anything_ros.errors import AlignmentError, BackendError, DatasetError
from depth_anything_ros.evaluation.metrics import chosen_metrics
from depth_anything_ros.evaluation.protocol import (
    AlignedPrediction,
    AlignmentMode,
    FrameScore,
    align_prediction,
    found_ground,
    score_pairs,
    score_view,
)
from depth_anything_ros.geometry.alignment import to_metric_depth
from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule, metric_view, scored_view
from depth_anything_ros.lab.in_order import in_order
from depth_anything_ros.memory import keep_large_buffers
from depth_anything_ros.scale import AlignmentSource
from depth_anything_ros.types import (
    Camera,
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

_FARTHEST_M = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Subject:
    """
    What is scored; several threads ask it at once.

    `sigma` tells how far off its metres may be, for metrics of that. `scale` makes metres of a
    model by the camera alone, where it has one by itself.
    """

    predict: Predict
    sigma: TellSigma | None = None
    scale: AlignmentSource | None = None


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
    subjects: Mapping[str, Subject],
    rule: ScoringRule,
) -> Iterator[ScoredImage]:
    """
    Score every subject on the same images, each of them read once.

    What cannot be read, predicted or aligned has no score and says why; nothing is replaced by
    a number. The next images are read, prepared and scored while a network runs on one.

    :param dataset: the images and their truth.
    :param indices: which images, in this order.
    :param subjects: what is scored, by name.
    :param rule: what is scored and how.
    """
    keep_large_buffers()
    metrics = chosen_metrics(rule.metrics or ())
    images = (_read(dataset, index, subjects, rule) for index in indices)
    return in_order(partial(_score, subjects, rule, metrics), images)


def _read(dataset: Dataset, index: int, subjects: Iterable[str], rule: ScoringRule) -> ScoredImage:
    scores = ImageScores(dataset.source(index), dataset.sample_name(index))
    try:
        return ScoredImage(scores, scored_view(dataset[index], rule))
    except (AlignmentError, DatasetError) as error:
        scores.problems.update(dict.fromkeys(subjects, str(error)))
        return ScoredImage(scores)


def _score(
    subjects: Mapping[str, Subject],
    rule: ScoringRule,
    metrics: Sequence[str],
    image: ScoredImage,
) -> ScoredImage:
    """Score the subjects on an image that was read, and return it."""
    scores, sample = image.scores, image.sample
    if sample is None:
        return image
    for name, subject in subjects.items():
        try:
            if sample.pairs is not None:
                values, kind = _numbers(subject.predict(sample.rgb))
                scores.scores[name] = score_pairs(values, kind, sample.pairs, metrics)
                continue
            aligned = align_sample(subject, sample, rule)
        except (AlignmentError, BackendError) as error:
            scores.problems[name] = str(error)
            continue
        image.aligned[name] = aligned
        ground = found_ground(scores.scores.values())
        sigma = subject.sigma(sample.rgb, aligned.depth_m) if subject.sigma else None
        view = metric_view(aligned, sample, rule)
        view = replace(view, known_ground=ground, sigma_map=sigma)
        scores.scores[name] = score_view(aligned, view, metrics)
    return image


def align_sample(subject: Subject, sample: DepthSample, rule: ScoringRule) -> AlignedPrediction:
    """
    Predict the depth of one sample and bring it to metres as the rule says.

    :param sample: as `scored_view` gives it.
    :raises AlignmentError: if the prediction cannot be scored.
    :raises BackendError: if the network cannot run on the image.
    """
    return bring_to_metres(subject.predict(sample.rgb), sample, rule, subject.scale)


def bring_to_metres(
    prediction: RelativeInverseDepth | MetricDepth,
    sample: DepthSample,
    rule: ScoringRule,
    scale: AlignmentSource | None = None,
) -> AlignedPrediction:
    """
    Bring a prediction to metres as the rule says.

    Where that takes metric models as they are, one with a scale of its own is metric too. Where
    something is fitted, its own scale would be fitted away.

    :param sample: as `scored_view` gives it.
    :param scale: what the model has by itself.
    :raises AlignmentError: if the prediction cannot be scored.
    """
    as_it_is = rule.alignment_of(OutputKind.METRIC_DEPTH) is AlignmentMode.NONE
    if scale is not None and as_it_is and isinstance(prediction, RelativeInverseDepth):
        prediction = _metres_of_its_own(prediction, sample.camera, scale)
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


def _metres_of_its_own(
    prediction: RelativeInverseDepth, camera: Camera | None, scale: AlignmentSource
) -> MetricDepth:
    if camera is None:
        raise AlignmentError(
            'the metres of this model follow from the focal length, and the data do not tell the '
            "image's camera; an alignment that fits the scale, as 'scale' does, needs none"
        )
    metric = to_metric_depth(prediction, scale.align(prediction, 0, camera), _FARTHEST_M)
    return replace(metric, confidence=prediction.confidence)


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
