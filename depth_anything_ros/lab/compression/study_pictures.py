"""One image as a model and its compressed versions see it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from depth_anything_ros.errors import AlignmentError, BackendError
from depth_anything_ros.evaluation.obstacle_picture import obstacle_pictures
from depth_anything_ros.evaluation.protocol import score_aligned
from depth_anything_ros.lab.compression.study import Study, first_readable
from depth_anything_ros.lab.compression.study_findings import misses
from depth_anything_ros.lab.compression.study_results import ALIGNED, StudyResult, with_alignment
from depth_anything_ros.lab.datasets import Dataset
from depth_anything_ros.lab.datasets.offline import Subject, align_sample
from depth_anything_ros.lab.datasets.scoring_rule import metric_view, scored_view
from depth_anything_ros.lab.grid import GridRow, write_grid, write_tiles
from depth_anything_ros.types import UInt8Array

_RECIPES_DRAWN = 6


def draw_first(path: Path, study: Study, dataset: Dataset, names: Iterable[str]) -> bool:
    """
    Draw the first image of a data set as several networks see it; what has no score is left out.

    :param path: of the picture; folders on the way are made.
    :param study: that has run.
    :param dataset: the images.
    :param names: of recipes or the parent.
    :return: whether there was anything to draw.
    :raises DatasetError: if no image can be read.
    :raises OutputError: if the picture cannot be written.
    """
    rule = with_alignment(study.config.rule, ALIGNED)
    sample = scored_view(first_readable(dataset), rule)
    rows = []
    for name in names:
        predictor = study.predictor(name, study.config.selections[0])
        try:
            aligned = align_sample(Subject(predictor.predict), sample, rule)
        except (AlignmentError, BackendError):
            continue
        score = score_aligned(aligned, sample.depth_m).values
        title = f'{name}: AbsRel {score["abs_rel"]:.3f}'
        rows.append(GridRow(title, sample.rgb, aligned.depth_m, sample.depth_m))
    if rows:
        write_grid(path, rows)
    return bool(rows)


def draw_misses(
    path: Path, study: Study, dataset: Dataset, word: str, results: Sequence[StudyResult]
) -> bool:
    """
    Draw what recipes that miss too many obstacles miss: for the first six, their worst image.

    Below each other are the parent and the recipe: the image and the ground from above, obstacles
    found grey, missed orange, false ones blue.

    :param path: of the picture; folders on the way are made.
    :param study: that has run.
    :param dataset: the images.
    :param word: names them.
    :param results: of the study, the parent's first.
    :return: whether there was anything to draw.
    :raises DatasetError: if an image cannot be read.
    :raises OutputError: if the picture cannot be written.
    """
    rule = with_alignment(study.config.rule, ALIGNED)
    rows: list[tuple[str, list[UInt8Array]]] = []
    for result in results[1:]:
        missed, worst = misses(result, results[0], word), result.scores[word].worst
        if missed is None or not missed.too_many or worst is None:
            continue
        if len(rows) >= 2 * _RECIPES_DRAWN:
            break
        sample = scored_view(dataset[worst], rule)
        for name in (results[0].recipe, result.recipe):
            predictor = study.predictor(name, study.config.selections[0])
            try:
                aligned = align_sample(Subject(predictor.predict), sample, rule)
            except (AlignmentError, BackendError):
                continue
            view = metric_view(aligned, sample, rule)
            pictures = [picture for _, picture in obstacle_pictures(view, sample.rgb)]
            rows.append((f'{name}: {sample.name}', pictures))
    if rows:
        write_tiles(path, rows)
    return bool(rows)


def evenly(names: Sequence[str], count: int) -> list[str]:
    """Return the first name and others evenly from the rest, `count` at most."""
    rest = names[1:]
    chosen = min(count - 1, len(rest))
    return [names[0], *(rest[place * len(rest) // chosen] for place in range(chosen))]
