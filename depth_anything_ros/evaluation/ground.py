"""Where the ground of an image is known from: it decides what is an obstacle."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from depth_anything_ros.geometry.ground_fit import GroundSearch, is_near
from depth_anything_ros.geometry.mounting import mounting_text
from depth_anything_ros.json_text import IF_KNOWN
from depth_anything_ros.types import CameraMounting, Float32Array

# Of the points of an image, those that may lie below the ground that is told, with none in view.
_MOST_BELOW = 0.2


class GroundState(str, Enum):
    """
    What is known of the ground of an image.

    KNOWN: the data knows it. FOUND: nobody does, and the truth shows it. SEEN: the truth shows it
    near where it is told to be. TOLD: it is told, and not in view. CONTRADICTED: the truth shows
    another one. NO_GROUND: it is not told, and not in view. NO_CAMERA: nothing can be said.
    """

    KNOWN = 'known'
    FOUND = 'found'
    SEEN = 'seen'
    TOLD = 'told'
    CONTRADICTED = 'contradicted'
    NO_GROUND = 'no_ground'
    NO_CAMERA = 'no_camera'


@dataclass(frozen=True)
class Ground:
    """
    The ground of an image.

    `shown` is how the camera hangs above the ground that the truth shows, or by whom it is known;
    `told` how it was told to hang.
    """

    state: GroundState
    shown: CameraMounting | None = None
    told: CameraMounting | None = None

    @property
    def mounting(self) -> CameraMounting | None:
        """Return how the camera hangs, None where that is not known, or told wrong."""
        return None if self.state is GroundState.CONTRADICTED else self.shown


def ground_of(
    true_depth_m: Float32Array,
    rays: Float32Array | None,
    known: CameraMounting | None,
    told: CameraMounting | None,
) -> Ground:
    """
    Return the ground of an image.

    What is told is held against what the data knows, else against the truth.

    :param true_depth_m: float32 (H, W).
    :param rays: float32 (H, W, 2), (x / z, y / z) of each pixel; None without a camera.
    :param known: how the camera hangs by exact data.
    :param told: how somebody says that it hangs.
    """
    if rays is None:
        return Ground(GroundState.NO_CAMERA, told=told)
    if known is not None:
        if told is None:
            return Ground(GroundState.KNOWN, known)
        near = is_near(known, told)
        return Ground(GroundState.SEEN if near else GroundState.CONTRADICTED, known, told)
    search = GroundSearch(true_depth_m, rays)
    if told is None:
        found = search.found()
        return Ground(GroundState.FOUND if found else GroundState.NO_GROUND, found)
    if (seen := search.near(told)) is not None:
        return Ground(GroundState.SEEN, seen, told)
    other = search.about(told)
    if other is not None or search.share_below(told) > _MOST_BELOW:
        return Ground(GroundState.CONTRADICTED, other, told)
    return Ground(GroundState.TOLD, told, told)


@dataclass(frozen=True)
class GroundCount:
    """
    The images of one state of the ground.

    `shown` is the median of how the camera hangs in them, `lowest_m` and `highest_m` tell between
    which heights.
    """

    images: int
    shown: CameraMounting | None = field(default=None, metadata=IF_KNOWN)
    lowest_m: float | None = field(default=None, metadata=IF_KNOWN)
    highest_m: float | None = field(default=None, metadata=IF_KNOWN)

    @property
    def text(self) -> str:
        """Return in words how the camera hangs, '' where that is not known."""
        if self.shown is None:
            return ''
        if self.lowest_m == self.highest_m:
            return mounting_text(self.shown)
        return (
            f'{mounting_text(self.shown)} (medians; heights {self.lowest_m:.3g} to '
            f'{self.highest_m:.3g} m)'
        )


@dataclass(frozen=True)
class GroundSummary:
    """
    The ground of the images in which obstacles were looked for, by the names of `GroundState`.

    `without_obstacle` counts those whose ground is known and has no obstacle on it; `told` is how
    the camera was told to hang.
    """

    states: Mapping[str, GroundCount]
    without_obstacle: int
    told: CameraMounting | None = field(default=None, metadata=IF_KNOWN)

    def images(self, *states: GroundState) -> int:
        """Return the number of images of some states."""
        return sum(self.states[state].images for state in states if state.value in self.states)

    @property
    def refuted(self) -> bool:
        """Return whether the ground is rather not where it is told: then no figure of it holds."""
        return self.images(GroundState.CONTRADICTED) > self.images(GroundState.SEEN)


_WORDS = {
    GroundState.KNOWN: 'known in {}',
    GroundState.FOUND: 'found in the truth of {}',
    GroundState.SEEN: 'seen near where it is told in {}',
    GroundState.TOLD: 'taken as told in {} that do not show it',
    GroundState.CONTRADICTED: 'not where it is told in {}',
    GroundState.NO_GROUND: 'not in view in {}',
    GroundState.NO_CAMERA: 'unknown in {} without a calibrated camera',
}


def ground_text(summary: GroundSummary, what: str) -> str:
    """
    Return where the ground is known from, in a sentence.

    :param what: what has a ground: images, frames.
    """
    parts = []
    for state, words in _WORDS.items():
        if (found := summary.states.get(state.value)) is not None:
            part = words.format(found.images)
            parts.append(f'{part} ({found.text})' if found.text else part)
    total = summary.images(*GroundState)
    empty = f'; nothing is an obstacle in {summary.without_obstacle}'
    return (
        f'The ground of {total} {what} is {", ".join(parts)}'
        f'{empty if summary.without_obstacle else ""}.'
    )


def ground_warnings(summary: GroundSummary | None, what: str, cure: str) -> list[str]:
    """
    Return what must be known of figures of obstacles, a sentence each.

    :param what: what has a ground: images, frames.
    :param cure: names what tells how the camera hangs.
    """
    if summary is None:
        return []
    total, wrong = summary.images(*GroundState), summary.states.get(GroundState.CONTRADICTED.value)
    if wrong is not None and summary.told is not None:
        left_out = f'none of the {what} has' if summary.refuted else 'these have no'
        there = f'is {wrong.text}' if wrong.text else 'sees much that is lower'
        return [
            f'obstacles: the camera is told to be {mounting_text(summary.told)}, but by the truth '
            f'of {wrong.images} of {total} {what} it {there}; {left_out} figures of obstacles: '
            f'correct {cure}, or tell nothing and the ground is looked for in the truth'
        ]
    causes = {
        'no calibrated camera': summary.images(GroundState.NO_CAMERA),
        f'no ground in view (tell where it is by {cure})': summary.images(GroundState.NO_GROUND),
        'nothing on the ground that is an obstacle': summary.without_obstacle,
    }
    if sum(causes.values()) < total:
        return []
    told = ', '.join(f'{text} in {count}' for text, count in causes.items() if count)
    return [f'obstacles has no value in any of {total} {what}: {told}']


class GroundTally:
    """Count where the ground of images is known from; keeps three numbers of each."""

    def __init__(self) -> None:
        self._images: Counter[GroundState] = Counter()
        self._shown: dict[GroundState, array[float]] = {}
        self._without_obstacle = 0
        self._told: CameraMounting | None = None

    def add(self, ground: Ground, *, obstacles: bool) -> None:
        """
        Take in one image.

        :param obstacles: whether there are any on it.
        """
        self._images[ground.state] += 1
        self._told = ground.told
        self._without_obstacle += ground.mounting is not None and not obstacles
        if (shown := ground.shown) is not None:
            values = shown.height_m, shown.pitch_rad, shown.roll_rad
            self._shown.setdefault(ground.state, array('d')).extend(values)

    def result(self) -> GroundSummary | None:
        """Return what was counted, None without any image."""
        if not self._images:
            return None
        states = {state.value: self._count(state) for state in GroundState if self._images[state]}
        return GroundSummary(states, self._without_obstacle, self._told)

    def _count(self, state: GroundState) -> GroundCount:
        images = self._images[state]
        if state not in self._shown:
            return GroundCount(images)
        shown = np.array(self._shown[state]).reshape(-1, 3)
        heights_m = shown[:, 0]
        return GroundCount(
            images,
            CameraMounting(*np.median(shown, axis=0).tolist()),
            float(heights_m.min()),
            float(heights_m.max()),
        )
