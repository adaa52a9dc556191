"""Score models on data sets by workers: the result does not depend on how many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from depth_anything_ros.lab.datasets.gallery import Gallery
from depth_anything_ros.lab.datasets.offline import ImageScores
from depth_anything_ros.lab.datasets.origin import OpenData
from depth_anything_ros.lab.evaluation.work import Batch, Plan, score_batch, show_batch
from depth_anything_ros.lab.speed import Speed, speed_text
from depth_anything_ros.lab.workers import Workers
from depth_anything_ros.progress import Progress
from depth_anything_ros.types import ModelIdentity

# In one call to another process: enough to make its cost small, few enough to share out well.
_IMAGES_PER_CALL = 8


@dataclass(frozen=True)
class ChosenData:
    """A data set and the places of its images that are scored."""

    data: OpenData
    indices: Sequence[int]


@dataclass(frozen=True)
class Scores:
    """
    The scores of all images by the word of the data, and the models by label.

    `speed` says how fast it went, '' where other processes did it.
    """

    images: Mapping[str, Sequence[ImageScores]]
    models: Mapping[str, ModelIdentity]
    warnings: Sequence[str]
    speed: str = ''


def score_data(plan: Plan, data: Sequence[ChosenData], workers: Workers) -> Scores:
    """
    Score the models of a plan on all images, in the order of the data sets.

    :raises DepthAnythingError: if a worker cannot open a model or a data set.
    :raises WorkerError: if workers are lost again and again.
    """
    batches = {item.data.origin.word: list(_batches(item, workers)) for item in data}
    order = [batch for found in batches.values() for batch in found]
    scored = {}
    speed = Speed()
    with Progress('evaluate', sum(len(batch.indices) for batch in order)) as shown:

        def step() -> None:
            shown.update()
            speed.step()

        # What other processes do is known when a batch is done.
        score = (
            partial(score_batch, plan, step=step) if workers.here else partial(score_batch, plan)
        )
        for batch, found in workers.results(score, order):
            scored[batch] = found
            if not workers.here:
                shown.update(len(batch.indices))
    return Scores(
        {word: [image for batch in found for image in scored[batch].images]
         for word, found in batches.items()},
        _last_known([scored[batch].models for batch in order]),
        [
            *_differing([scored[batch].models for batch in order]),
            *(f'{label}: {doubt}' for label, doubt in scored[order[0]].doubts.items()),
        ],
        speed_text(speed.rate_hz, speed.network_share),
    )  # fmt: skip


def draw(
    plan: Plan,
    data: Sequence[ChosenData],
    scores: Scores,
    gallery: Gallery,
    per_source: int,
    workers: Workers,
) -> None:
    """
    Draw the first images of each source that some model has a score for.

    They are predicted once more: which they are is known when all are scored.

    :raises OutputError: if a picture cannot be written.
    """
    places: dict[Batch, tuple[int, str]] = {}
    for item in data:
        images = scores.images[item.data.origin.word]
        for index in _first_of_sources(item.indices, images, plan, per_source):
            places[Batch(item.data.origin, (index,))] = len(places), item.data.label
    with Progress('pictures', len(places)) as shown:
        for batch, found in workers.results(partial(show_batch, plan), places):
            place, label = places[batch]
            for image in found:
                gallery.add(label, place, image)
            shown.update()
    gallery.finish()


def _batches(item: ChosenData, workers: Workers) -> Iterator[Batch]:
    size = len(item.indices) if workers.here else _IMAGES_PER_CALL
    for start in range(0, len(item.indices), size):
        yield Batch(item.data.origin, tuple(item.indices[start : start + size]))


def _first_of_sources(
    indices: Sequence[int], images: Sequence[ImageScores], plan: Plan, per_source: int
) -> Iterator[int]:
    labels = {target.label for target in plan.targets}
    drawn: Counter[str] = Counter()
    for index, image in zip(indices, images, strict=True):
        if drawn[image.source] < per_source and labels & image.scores.keys():
            drawn[image.source] += 1
            yield index


def _last_known(found: Sequence[Mapping[str, ModelIdentity]]) -> dict[str, ModelIdentity]:
    """Return the models as their last image with a score had them."""
    last = dict(found[0])
    for models in found:
        last |= {label: model for label, model in models.items() if any(model.input_size)}
    return last


def _differing(found: Sequence[Mapping[str, ModelIdentity]]) -> list[str]:
    """Return a warning for each model that workers did not all run in the same way."""
    warnings = []
    for label in found[0]:
        ways = {replace(models[label], input_size=(0, 0)) for models in found}
        if len(ways) > 1:
            told = ', '.join(
                sorted({f'{way.backend} {way.precision} {way.device}' for way in ways})
            )
            warnings.append(f'{label}: workers ran it in different ways: {", ".join(told)}')
    return warnings
