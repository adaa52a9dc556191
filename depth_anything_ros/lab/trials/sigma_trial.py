"""Uncertainty tried where the truth is known: errors gathered for a table, and a table judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.lab.simulation.journey import RobotFrame, journey
from depth_anything_ros.lab.simulation.robot import Robot
from depth_anything_ros.lab.trials.scale_trial import FARTHEST_M, RATE_HZ, true_depth
from depth_anything_ros.lab.trials.sigma_cases import CaseMaker, TrialImage
from depth_anything_ros.lab.trials.sigma_judge import (
    Judged,
    Reliability,
    by_distance,
    by_name,
    judge,
)
from depth_anything_ros.lab.trials.sigma_motion import Way
from depth_anything_ros.lab.trials.sigma_obstacles import (
    CellCounts,
    Cleared,
    cells_by_limit,
    cleared,
)
from depth_anything_ros.lab.trials.sigma_rows import Rows, rows_of
from depth_anything_ros.types import CameraMounting, DepthSample
from depth_anything_ros.uncertainty import Uncertainty

if TYPE_CHECKING:
    from depth_anything_ros.lab.datasets import Dataset

_PIXELS = 500
# Draws of how a robot is told that its camera hangs: the same for all depths of an image.
_TOLD = 1
# Of so many frames of a drive, 10 a second, one is looked at.
_EVERY = 5
# Heights of the camera above the ground, in turns.
_HEIGHTS_M = (0.115, 0.149, 0.3, 0.6)
# Fewer groups of images than that cannot be split; then each image counts as one.
_FEWEST_GROUPS = 4
# One group of so many is judged, and the table fitted on the others.
_JUDGED = 4
# Ways to metres whose obstacles are looked at.
_CLEARED = (
    'depth_image', 'depth_image, field', '50 points, field', 'laser_scan with ground', 'network',
)  # fmt: skip


class Entry(NamedTuple):
    """Images that are read or rendered together: their group, their number, and what does it."""

    source: str
    images: int
    read: Callable[[], Iterator[TrialImage]]


def entries_of(dataset: Dataset) -> Iterator[Entry]:
    """Yield the images of a data set; where that has hardly any groups each image is one."""
    sources = [dataset.source(at) for at in range(len(dataset))]
    alone = len(set(sources)) < _FEWEST_GROUPS
    for at, source in enumerate(sources):
        name = f'{source}/{dataset.sample_name(at)}' if alone else f'{dataset.name}/{source}'
        yield Entry(name, 1, partial(_read, dataset, at, name))


def entries_of_drives(seeds: Iterable[int], frames: int) -> Iterator[Entry]:
    """Yield simulated drives of so many frames, half a second apart."""
    for seed in seeds:
        yield Entry(f'drive {seed}', frames, partial(_drive, seed, frames))


def split(entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Return the entries to fit a table on, and those to judge it by: every fourth group."""
    numbers = {source: at for at, source in enumerate(dict.fromkeys(e.source for e in entries))}
    judged = {source for source, at in numbers.items() if at % _JUDGED == _JUDGED - 1}
    fitted = [entry for entry in entries if entry.source not in judged]
    return fitted, [entry for entry in entries if entry.source in judged]


def images_of(entries: Iterable[Entry]) -> Iterator[TrialImage]:
    """Iterate over the images of entries."""
    for entry in entries:
        yield from entry.read()


def gather(predictors: Sequence[Predictor], images: Iterable[TrialImage]) -> list[Rows]:
    """
    Return pixels of all depths of all images.

    :raises BackendError: if a network cannot run on one.
    """
    makers = [CaseMaker(predictor) for predictor in predictors]
    found: list[Rows] = []
    for number, image in enumerate(images):
        for maker in makers:
            # Of several networks the same pixels.
            rng = np.random.default_rng(number)
            for case in maker.of(number, image):
                found += rows_of(case, _PIXELS, rng)
    return found


@dataclass(frozen=True)
class SigmaReport:
    """How true uncertainty is by the way to metres and by distance, and what it clears."""

    images: int
    by_name: Sequence[Reliability]
    by_distance: Sequence[Reliability]
    obstacles: Sequence[Cleared]


def judged_by(
    predictors: Sequence[tuple[Predictor, Uncertainty]], images: Iterable[TrialImage]
) -> SigmaReport | None:
    """
    Return how true the uncertainty of networks is on images, None where none can be judged.

    :raises BackendError: if a network cannot run on one.
    """
    makers = [(CaseMaker(predictor), uncertainty) for predictor, uncertainty in predictors]
    judged: list[Judged] = []
    cells: dict[str, list[list[CellCounts]]] = {}
    number = 0
    for number, image in enumerate(images, start=1):
        rng = np.random.default_rng(number)
        for maker, uncertainty in makers:
            for case in maker.of(number, image):
                sigma = uncertainty.sigma(case.result, case.choice)
                assert sigma is not None, 'a case has depth'
                found = judge(case, sigma, rng, image.source)
                judged += [found] if found else []
                if case.name in _CLEARED and not case.flip:
                    told = np.random.default_rng((number, _TOLD))
                    counts = cells_by_limit(case, image, sigma, told)
                    cells.setdefault(case.name, []).extend([counts] if counts else [])
    if not judged:
        return None
    obstacles = [
        each for name, counts in cells.items() if counts for each in cleared(name, counts)
    ]
    return SigmaReport(number, by_name(judged), by_distance(judged, FARTHEST_M), obstacles)


def _read(dataset: Dataset, at: int, source: str) -> Iterator[TrialImage]:
    yield TrialImage(source, dataset[at])


def _drive(seed: int, frames: int) -> Iterator[TrialImage]:
    height_m = _HEIGHTS_M[seed % len(_HEIGHTS_M)]
    robot, name = Robot(camera_height_m=height_m), f'drive {seed}'
    way: list[RobotFrame] = []
    for at, frame in enumerate(journey(seed, (frames - 1) * _EVERY + 1, RATE_HZ, robot=robot)):
        way.append(frame)
        if at % _EVERY:
            continue
        shown = frame.rgbd.frame
        sample = DepthSample(
            shown.rgb, true_depth(frame), name, shown.camera, mounting=CameraMounting(height_m)
        )
        yield TrialImage(name, sample, shown.stamp_ns, Way(robot, way))
        way = []
