"""The images that a model does worst and best on, predicted once more to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from depth_anything_ros.evaluation.frame_card import KeptFrame
from depth_anything_ros.evaluation.obstacle_metrics import danger
from depth_anything_ros.lab.datasets.comparison import COMPARED, judging_metric, worst_first
from depth_anything_ros.lab.datasets.gallery import ExtremeImages, keep_image
from depth_anything_ros.lab.datasets.offline import ImageScores
from depth_anything_ros.lab.evaluation.run import ChosenData, Scores
from depth_anything_ros.lab.evaluation.work import Batch, Plan, show_batch
from depth_anything_ros.lab.workers import Workers
from depth_anything_ros.progress import Progress

_EACH = 3


def keep_extremes(
    plan: Plan, data: Sequence[ChosenData], scores: Scores, workers: Workers
) -> dict[str, ExtremeImages]:
    """Return what a page shows of the extreme images of each data set, by its word."""
    label = plan.targets[0].label
    chosen = {}
    for item in data:
        images = scores.images[item.data.origin.word]
        places = extreme_places(images, label)
        chosen[item.data.origin.word] = (*places, danger_places(images, label))
    batches = {
        Batch(item.data.origin, (item.indices[place],)): (item.data.origin.word, place)
        for item in data
        for places in chosen[item.data.origin.word]
        for place in places
    }
    kept: dict[tuple[str, int], KeptFrame] = {}
    with Progress('worst and best', len(batches)) as shown:
        for batch, (image,) in workers.results(partial(show_batch, plan), batches):
            frame = keep_image(image, label, plan.rule)
            if frame is not None:
                kept[batches[batch]] = frame
            shown.update()
    return {
        word: ExtremeImages(
            *([kept[word, place] for place in places if (word, place) in kept] for places in both)
        )
        for word, both in chosen.items()
    }


def extreme_places(images: Sequence[ImageScores], model: str) -> tuple[list[int], list[int]]:
    """
    Return the places of the worst and of the best images of a model, none in both.

    They are of different sources as far as there are enough, as images of one are alike. Images
    of which no depth is known are not shown.
    """
    if judging_metric(images) != COMPARED:
        return [], []
    order = worst_first(images, model, COMPARED)
    worst = _of_sources(images, order)
    left = [place for place in reversed(order) if place not in worst]
    return worst, _of_sources(images, left)


def danger_places(images: Sequence[ImageScores], model: str) -> list[int]:
    """Return the places of the images in which a model misses the most obstacles, if any."""
    found = {
        place: danger(image.scores[model].values)
        for place, image in enumerate(images)
        if model in image.scores
    }
    order = sorted((place for place in found if found[place] > 0), key=lambda p: -found[p])
    return _of_sources(images, order)


def _of_sources(images: Sequence[ImageScores], order: Sequence[int]) -> list[int]:
    first_of_source: dict[str, int] = {}
    for place in order:
        first_of_source.setdefault(images[place].source, place)
    chosen = dict.fromkeys((*first_of_source.values(), *order))
    return sorted(list(chosen)[:_EACH], key=order.index)
