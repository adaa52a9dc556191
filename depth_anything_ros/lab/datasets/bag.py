"""Bags with colour and depth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from depth_anything_ros.bag import (
    BagReader,
    MessagePair,
    RgbdFrames,
    RgbdTopics,
    find_topics,
    time_ns,
)
from depth_anything_ros.errors import AlignmentError, CameraError, DatasetError, MessageError
from depth_anything_ros.geometry.plausibility import FRAMES, DepthUnit, unit_warning
from depth_anything_ros.geometry.registration import RegistrationRule
from depth_anything_ros.geometry.reprojection import Registration
from depth_anything_ros.lab.datasets.base import DARK_CURE, checked_sample, require_split
from depth_anything_ros.messages import MM_PER_M
from depth_anything_ros.messages.brightness import PICTURES, dark_warning
from depth_anything_ros.parameters import steps_per_metre
from depth_anything_ros.types import DepthSample, Float32Array

NAME = 'bag'

REGISTRATIONS = ('auto', 'registered', 'unregistered')
_FLAGS = {'true': True, 'false': False}

# What can be wrong with one frame while the others are whole.
_OF_A_FRAME = (MessageError, CameraError, AlignmentError)


def open_bag(
    path: Path,
    split: str,
    *,
    image: str = '',
    depth: str = '',
    camera_info: str = '',
    depth_camera_info: str = '',
    registration: str = 'auto',
    unit: str = '',
    rectified: str = 'true',
) -> BagDataset:
    """
    Open a ROS 1 or ROS 2 bag; the samples are its colour images that have a depth image.

    The bag is one source. Every split is all. Samples are quick to read in order; going back
    starts at the beginning of the bag. Depth of another frame than the image's is reprojected
    with the calibration of both and the TF of the bag.

    :param image: topic of the images; '' finds it, as `find_topics` does.
    :param depth: topic of depth, likewise.
    :param camera_info: topic of the image's calibration; '' is the one beside the image.
    :param depth_camera_info: topic of the depth's calibration, likewise.
    :param registration: whether depth is registered to the image: one of REGISTRATIONS, see
        `RegistrationRule`.
    :param unit: of depth, see `steps_per_metre`; '' is millimetres for integers and metres for
        floats, with a warning where that gives an unusual median.
    :param rectified: whether the images are, as the nodes' `image_is_rectified`: `true` takes P
        of camera_info, `false` K and D.
    :raises ConfigError: if the unit is none.
    :raises DatasetError: if the bag is missing or damaged, does not have such topics, has no
        image with depth, or depth is not registered and cannot be.
    """
    require_split(NAME, split, ('train', 'test', 'all'))
    if registration not in REGISTRATIONS:
        raise DatasetError(
            f"registration '{registration}' is unknown; known: {', '.join(REGISTRATIONS)}"
        )
    if rectified not in _FLAGS:
        raise DatasetError(f"rectified '{rectified}' is unknown; known: {', '.join(_FLAGS)}")
    with BagReader(path) as reader:
        topics = find_topics(reader, image, depth, camera_info, depth_camera_info)
    rule = RegistrationRule(
        registration,
        cure="write ',registration=registered' behind the path if it is",
        place_cure='record images and depth that name frames of their own',
    )
    return BagDataset(path, topics, rule, unit, rectified=_FLAGS[rectified])


class BagDataset:
    """
    Read the RGB-D frames of a bag; a damaged one is an error of its own, the rest is read.

    `registration` says how the depth of the first frame is brought to its image, None where it is
    registered; `integers` whether depth is stored as such; `warning` is what is odd about depth
    and calibration, and how many images are left out.

    :param path: as `BagReader` takes it.
    :param topics: of image, depth and calibration.
    :param rule: how depth lies to the image.
    :param unit: of depth; '' is millimetres for integers and metres for floats.
    :param rectified: see `camera_from_message`.
    :raises DatasetError: if the bag is missing or damaged, has no image with depth, or depth is
        not registered and cannot be.
    """

    name = NAME

    def __init__(
        self,
        path: Path,
        topics: RgbdTopics,
        rule: RegistrationRule,
        unit: str = '',
        *,
        rectified: bool = True,
    ) -> None:
        self._path = path
        self.topics = topics
        self.registration: Registration | None = None
        self._rule = rule
        self._rectified = rectified
        self._steps_per_m = steps_per_metre(unit) if unit else None
        doubts: list[str] = []
        with BagReader(path) as reader:
            found = self._frames(reader)
            self._stamps: list[int] = []
            checked = False
            seen: list[tuple[Float32Array, bool]] = []
            lights: list[int | None] = []
            for pair in _with_depth(found):
                if not checked:
                    checked = self._check_registration(found, pair)
                    # Where depth is registered, calibration is not asked for.
                    doubts = found.doubts(pair) if self.registration is not None else []
                self._stamps.append(time_ns(pair.image))
                if len(seen) < FRAMES:
                    seen += _sensor_depth(found, pair)
                if len(lights) < PICTURES:
                    lights += _brightness(found, pair)
        if not self._stamps:
            raise DatasetError(
                f"bag '{path}' has no image with a depth image of its time: {found.left_out()}"
            )
        self.integers = any(integer for _, integer in seen)
        warnings = (
            self._unit_warning([depth_m for depth_m, _ in seen], told=bool(unit)),
            dark_warning(
                f'{path}, {topics.image}',
                [light for light in lights if light is not None],
                DARK_CURE,
            ),
            *doubts,
            found.left_out(),
        )
        self.warning = '; '.join(filter(None, warnings))
        self._running: Iterator[tuple[RgbdFrames, MessagePair]] | None = None
        self._next = 0

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._stamps)

    def __getstate__(self) -> dict[str, object]:
        """Return what another process needs; it opens the bag for itself."""
        return {**self.__dict__, '_running': None, '_next': 0}

    def sample_name(self, index: int) -> str:
        """
        Return the acquisition time of a sample, in nanoseconds.

        :raises IndexError: if there is no such sample.
        """
        return f'{self.source(index)}/{self._stamps[index]}'

    def source(self, index: int) -> str:
        """
        Return the name of the bag.

        :raises IndexError: if there is no such sample.
        """
        self._check(index)
        return self._path.stem

    def __getitem__(self, index: int) -> DepthSample:
        """
        Read a sample.

        :raises DatasetError: if it is damaged, depth and image differ in shape, or the depth is
            not registered and cannot be.
        :raises IndexError: if there is no such sample.
        """
        self._check(index)
        if self._running is None or index < self._next:
            self._running, self._next = self._pairs(), 0
        running, self._running = self._running, None
        for frames, pair in running:
            self._next += 1
            if self._next == index + 1:
                # It goes on behind this one, be it whole or damaged.
                self._running = running
                return self._sample(frames, pair, index)
        raise DatasetError(f"bag '{self._path}' ended before sample {index}")

    def _sample(self, frames: RgbdFrames, pair: MessagePair, index: int) -> DepthSample:
        name = self.sample_name(index)
        try:
            found = frames.decode(pair)
        except _OF_A_FRAME as error:
            raise DatasetError(f"bag '{self._path}', sample {name}: {error}") from error
        if found.depth_m is None:
            raise DatasetError(f"bag '{self._path}', sample {name}: no depth image of its time")
        place = f'{self._path}, {self.topics.depth}'
        return checked_sample(found.frame.rgb, found.depth_m, name, place, found.frame.camera)

    def _check(self, index: int) -> None:
        if not 0 <= index < len(self):
            raise IndexError(f'sample {index} of {len(self)}')

    def _check_registration(self, frames: RgbdFrames, pair: MessagePair) -> bool:
        """Tell at once what would be wrong with every sample; False where a message is damaged."""
        try:
            self.registration = frames.registration(pair)
        except _OF_A_FRAME as error:
            raise DatasetError(f"bag '{self._path}': {error}") from error
        except DatasetError:
            return False
        return True

    def _unit_warning(self, depths_m: list[Float32Array], *, told: bool) -> str:
        """Return what is odd about the depth of the first frames; see `unit_warning`."""
        steps = self._steps_per_m or (MM_PER_M if self.integers else None)
        return unit_warning(f'{self._path}, {self.topics.depth}', depths_m, DepthUnit(steps, told))

    def _frames(self, reader: BagReader) -> RgbdFrames:
        return RgbdFrames(
            reader, self.topics, self._rule, self._steps_per_m, rectified=self._rectified
        )

    def _pairs(self) -> Iterator[tuple[RgbdFrames, MessagePair]]:
        with BagReader(self._path) as reader:
            frames = self._frames(reader)
            for pair in _with_depth(frames):
                yield frames, pair


def _with_depth(frames: RgbdFrames) -> Iterator[MessagePair]:
    return (pair for pair in frames.pairs() if pair.depth is not None)


def _sensor_depth(frames: RgbdFrames, pair: MessagePair) -> list[tuple[Float32Array, bool]]:
    """Return the depth of a pair and whether it came as integers; nothing where it is damaged."""
    if pair.depth is None:
        return []
    try:
        return [frames.sensor_depth(pair.depth)]
    except (DatasetError, MessageError):
        return []


def _brightness(frames: RgbdFrames, pair: MessagePair) -> list[int | None]:
    """Return how bright the image of a pair is, None with 8 bits; nothing where it is damaged."""
    try:
        return [frames.brightness(pair.image)]
    except (DatasetError, MessageError):
        return []
