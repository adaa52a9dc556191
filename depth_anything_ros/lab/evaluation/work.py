"""
What a worker does: it opens models and data sets once, then scores the images it is told.

An image is read once, and every model predicts it, as it is and made worse. A few images at a time
are in memory: those that are read, predicted and scored at the same moment.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from depth_anything_ros.evaluation.metrics import chosen_metrics
from depth_anything_ros.evaluation.sigma_rows import of_sigma
from depth_anything_ros.lab.datasets.baseline import Baseline
from depth_anything_ros.lab.datasets.corruptions import Corruption, corrupted
from depth_anything_ros.lab.datasets.offline import (
    ImageScores,
    Predict,
    ScoredImage,
    Subject,
    score_images,
)
from depth_anything_ros.lab.datasets.origin import Origin, open_here
from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule
from depth_anything_ros.lab.evaluation.targets import Model, Target
from depth_anything_ros.result import DepthResult
from depth_anything_ros.scale.focal_length import scale_of_model
from depth_anything_ros.types import (
    ConfidenceSource,
    DepthChoice,
    Float32Array,
    Frame,
    MetricDepth,
    ModelIdentity,
    RelativeInverseDepth,
    UInt8Array,
)
from depth_anything_ros.uncertainty import Uncertainty, find_table


@dataclass(frozen=True)
class Plan:
    """
    What predicts and how it is scored, as it is sent to workers.

    `torch_threads` are those of every process, since torch's numbers depend on them, 0 where none
    of the models needs it. `key` tells the models from those of other runs where processes outlast
    a run, as in a cluster.
    """

    targets: Sequence[Target]
    rule: ScoringRule
    torch_threads: int
    corruptions: Sequence[Corruption] = ()
    baseline: Baseline | None = None
    key: str = field(default_factory=secrets.token_hex)


@dataclass(frozen=True)
class Batch:
    """Some images of a data set."""

    origin: Origin
    indices: tuple[int, ...]


@dataclass(frozen=True)
class BatchScores:
    """
    The scores of the images of a batch in its order, and what the models are, by label.

    The input size of a model is that of its last image with a score, (0, 0) without one. `doubts`
    says why its uncertainty is to be taken with care, where that is scored.
    """

    images: Sequence[ImageScores]
    models: Mapping[str, ModelIdentity]
    doubts: Mapping[str, str] = field(default_factory=dict)


def identities(plan: Plan) -> Mapping[str, ModelIdentity]:
    """
    Open the models and return what they are, by label.

    :raises DepthAnythingError: if one cannot be had or cannot run here; the message says why.
    """
    return {label: model.identity for label, model in _models_here(plan).items()}


def score_batch(
    plan: Plan, batch: Batch, step: Callable[[], object] = lambda: None
) -> BatchScores:
    """
    Score all models on the images of a batch.

    :param step: called after each image.
    :raises DepthAnythingError: if a model or the data set cannot be opened here.
    """
    models, images, shapes = _models_here(plan), [], {}
    worse = [_Worse(corruption) for corruption in plan.corruptions]
    tables = _uncertainties(models, plan)
    subjects = _subjects(models, plan, worse, tables)
    dataset = open_here(batch.origin)
    for image in score_images(dataset, batch.indices, subjects, plan.rule):
        images.append(image.scores)
        if image.sample is not None:
            shapes.update(dict.fromkeys(image.scores.scores, image.sample.rgb.shape[:2]))
        step()
    sizes = {
        label: models[label].network_size(*shapes[label]) for label in models if label in shapes
    }
    return BatchScores(
        images,
        {
            label: replace(model.identity, input_size=sizes.get(label, (0, 0)))
            for label, model in models.items()
        },
        {label: found.doubt for label, found in tables.items() if found.doubt},
    )


def show_batch(plan: Plan, batch: Batch) -> list[ScoredImage]:
    """
    Return images with what the models make of them, for pictures.

    :raises DepthAnythingError: if a model or the data set cannot be opened here.
    """
    models = _models_here(plan)
    tables = _uncertainties(models, plan)
    subjects = {
        label: _subject(model, model.predict, tables.get(label)) for label, model in models.items()
    }
    dataset = open_here(batch.origin)
    return list(score_images(dataset, batch.indices, subjects, plan.rule))


# Of each worker its own, and Dask has several in one process.
_here = threading.local()


def _models_here(plan: Plan) -> Mapping[str, Model]:
    """Open the models of a plan once for each thread; those of an earlier run are let go."""
    kept: dict[str, dict[str, Model]] = _here.__dict__.setdefault('models', {})
    if plan.key not in kept:
        kept.clear()
        if plan.torch_threads:
            import torch

            torch.set_num_threads(plan.torch_threads)
        kept[plan.key] = {target.label: target.opened() for target in plan.targets}
    return kept[plan.key]


def _uncertainties(models: Mapping[str, Model], plan: Plan) -> dict[str, Uncertainty]:
    """Return what tells how far off the models may be, by label; {} where nobody asks."""
    if not of_sigma(chosen_metrics(plan.rule.metrics or ())):
        return {}
    return {
        label: Uncertainty(find_table(model.identity, model.output_kind, model.weights_path))
        for label, model in models.items()
    }


def _sigma(
    uncertainty: Uncertainty, rgb: UInt8Array, depth_m: Float32Array
) -> Float32Array | None:
    """Return sigma by the image alone: no source gave its scale."""
    result = DepthResult(Frame(rgb, 0, ''), None, None, MetricDepth(depth_m))
    return uncertainty.sigma(result, DepthChoice.NETWORK)


def _sigma_of_worse(
    worse: _Worse, uncertainty: Uncertainty, rgb: UInt8Array, depth_m: Float32Array
) -> Float32Array | None:
    return _sigma(uncertainty, worse(rgb), depth_m)


def _subjects(
    models: Mapping[str, Model],
    plan: Plan,
    worse: Sequence[_Worse],
    tables: Mapping[str, Uncertainty],
) -> dict[str, Subject]:
    """Return all that is scored, by name: models, models on worse pictures, the baseline's."""
    found = {
        label: _subject(
            model,
            _predict_of(model, plan.rule.confidence),
            tables.get(label),
        )
        for label, model in models.items()
    }
    for each in worse:
        for label, model in models.items():
            predict = partial(_predict_worse, each, model)
            name = corrupted(label, each.name)
            found[name] = _subject(model, predict, tables.get(label), each)
    if plan.baseline is not None:
        found.update({item.name: Subject(item) for item in plan.baseline.maps})
    return found


def _predict_of(model: Model, confidence: str | None) -> Predict:
    if confidence is None:
        return model.predict
    return partial(model.predict_with_confidence, source=ConfidenceSource(confidence))


def _subject(
    model: Model, predict: Predict, table: Uncertainty | None, worse: _Worse | None = None
) -> Subject:
    """
    Return what is scored of a model.

    :param table: what is known of its errors, None where nobody asks.
    :param worse: what makes its pictures worse, if anything does.
    """
    if table is None:
        tell = None
    elif worse is None:
        tell = partial(_sigma, table)
    else:
        tell = partial(_sigma_of_worse, worse, table)
    return Subject(predict, tell, scale_of_model(model))


class _Worse(threading.local):
    """Make each picture worse once, for all the models that take turns on it in a thread."""

    def __init__(self, corruption: Corruption) -> None:
        self.name = corruption.name
        self._corruption = corruption
        self._last: tuple[UInt8Array, UInt8Array] | None = None

    def __call__(self, rgb: UInt8Array) -> UInt8Array:
        if self._last is None or self._last[0] is not rgb:
            self._last = rgb, self._corruption(rgb)
        return self._last[1]


def _predict_worse(
    worse: _Worse, model: Model, rgb: UInt8Array
) -> RelativeInverseDepth | MetricDepth:
    return model.predict(worse(rgb))
