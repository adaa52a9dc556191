"""Colour images of a bag with the depth of their time, registered to them."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from depth_anything_ros.bag.calibration import BagCalibration
from depth_anything_ros.bag.pairing import Pair, StampPairer, nearest
from depth_anything_ros.bag.reader import BagMessage, BagReader
from depth_anything_ros.bag.topics import (
    CAMERA_INFO,
    COMPRESSED,
    IMAGE,
    RgbdTopics,
    require_type,
)
from depth_anything_ros.bag.transforms import BagTransforms
from depth_anything_ros.errors import DatasetError, MessageError
from depth_anything_ros.geometry.registration import ImageView, RegistrationRule
from depth_anything_ros.geometry.reprojection import Registration
from depth_anything_ros.messages import (
    MM_PER_M,
    decode_any_depth,
    decode_compressed,
    decode_image,
    frame_doubt,
    has_integer_depth,
    rectification_doubt,
    told_size,
)
from depth_anything_ros.messages.brightness import brightest, has_16_bits
from depth_anything_ros.types import Float32Array, Frame, UInt8Array

# Images of either stream that may lie between the two of a pair.
_PAIRING_CAPACITY = 1000
# Files of the RealSense viewer name the frame of every stream '0'; the stream itself tells more.
_VIEWER_STREAM = re.compile(r'/device_\d+/sensor_\d+/[^/]+')

_UNRECTIFIED = "write ',rectified=false' behind the path if they are not"
_Size = tuple[int, int] | None


@dataclass(frozen=True)
class RgbdFrame:
    """
    A colour frame and the depth measured with it.

    `depth_m` is float32 (h, w) in metres along the optical axis, NaN where unknown, or None
    where no depth image belongs to the frame; its size may differ from the colour image's.
    """

    frame: Frame
    depth_m: Float32Array | None


@dataclass(frozen=True)
class MessagePair:
    """An image as the bag has it, and the depth image of its time, None if it has none."""

    image: BagMessage
    depth: BagMessage | None


class RgbdFrames:
    """
    Pair and decode the images of an open bag; depth is brought to the image by the rule of nodes.

    Stamps are paired nearest first, one to one; a message without stamp counts as taken when it
    was recorded. The camera_info of an image is that of its stamp, else the nearest in time.
    Nothing but the messages between partners is held in memory.

    :param topics: of image and depth, `Image` or `CompressedImage`; depth '' is none. Without
        camera_info, frames have no camera.
    :param rule: how depth lies to the image.
    :param steps_per_m: of depth; None takes integers as millimetres and floats as metres.
    :param tolerance_ns: the largest difference of stamps in a pair.
    :param rectified: see `camera_from_message`.
    :raises DatasetError: if a topic is missing or of another type, or the bag damaged.
    """

    def __init__(
        self,
        reader: BagReader,
        topics: RgbdTopics,
        rule: RegistrationRule | None = None,
        steps_per_m: float | None = None,
        tolerance_ns: int = 20_000_000,
        rectified: bool = True,
    ) -> None:
        for name in (topics.image, *filter(None, [topics.depth])):
            require_type(reader, name, (IMAGE, COMPRESSED))
        for name in filter(None, (topics.camera_info, topics.depth_camera_info)):
            require_type(reader, name, (CAMERA_INFO,))
        self._reader = reader
        self._topics = topics
        self._rule = rule or RegistrationRule()
        self._steps_per_m = steps_per_m
        self._color = BagCalibration(topics.camera_info, rectified)
        self._depth = BagCalibration(topics.depth_camera_info, rectified)
        self._transforms = BagTransforms(reader, topics.image)
        self._rectified = rectified
        self._tolerance_ns = tolerance_ns
        self._stamps_ns: list[int] = []
        self._depth_stamps_ns: list[int] = []
        # Number of the image → number of its depth image, each in the order of its topic.
        self._depth_of = self._scan()

    def left_out(self) -> str:
        """Return how many images have no depth image of their time, and why; '' if all have."""
        alone_ns = [
            stamp_ns
            for number, stamp_ns in enumerate(self._stamps_ns)
            if number not in self._depth_of
        ]
        if not alone_ns:
            return ''
        text = (
            f'{len(alone_ns)} of {len(self._stamps_ns)} images of {self._topics.image} have no '
            f'depth image of their own within {self._tolerance_ns / 1e6:g} ms'
        )
        if not self._depth_stamps_ns:
            return f'{text}: {self._topics.depth} has none'
        known_ns = sorted(self._depth_stamps_ns)
        away_ns = min(abs(known_ns[nearest(known_ns, stamp)] - stamp) for stamp in alone_ns)
        return f'{text}: the nearest one is {away_ns / 1e6:g} ms away'

    def doubts(self, pair: MessagePair) -> list[str]:
        """
        Return what is odd about the calibration of a pair.

        :raises DatasetError: if a message does not fit its type.
        """
        found = []
        images = [(self._color, pair.image, self._topics.image)]
        if pair.depth is not None:
            images.append((self._depth, pair.depth, self._topics.depth))
        for calibration, message, topic in images:
            known = calibration.at(time_ns(message))
            frame_id = str(message.deserialize().header.frame_id)
            found.append(frame_doubt(calibration.topic, known.frame_id, frame_id))
            if self._rectified:
                found.append(rectification_doubt(topic, known.lens, _UNRECTIFIED))
        return [doubt for doubt in found if doubt]

    def __iter__(self) -> Iterator[RgbdFrame]:
        """
        Iterate over all colour frames in the order of recording.

        :raises DatasetError: if the bag is damaged.
        :raises MessageError: if an image cannot be decoded.
        :raises CameraError: as `registration`.
        :raises AlignmentError: as `registration`.
        """
        return map(self.decode, self.pairs())

    def pairs(self) -> Iterator[MessagePair]:
        """
        Iterate over all colour images in the order of recording, with nothing decoded.

        :raises DatasetError: if the bag is damaged.
        """
        topics = [name for name in (self._topics.image, self._topics.depth) if name]
        partnered = set(self._depth_of.values())
        waiting: deque[tuple[int, BagMessage]] = deque()
        waiting_depth: dict[int, BagMessage] = {}
        counts = dict.fromkeys(topics, 0)
        for message in self._reader.messages(topics):
            number = counts[message.topic]
            counts[message.topic] += 1
            if message.topic == self._topics.image:
                waiting.append((number, message))
            elif number in partnered:
                waiting_depth[number] = message
            while waiting:
                depth = self._depth_of.get(waiting[0][0])
                if depth is not None and depth not in waiting_depth:
                    break
                _, image = waiting.popleft()
                yield MessagePair(image, None if depth is None else waiting_depth.pop(depth))

    def decode(self, pair: MessagePair) -> RgbdFrame:
        """
        Return the frame of a pair.

        :raises DatasetError: if a message does not fit its type.
        :raises MessageError: if an image cannot be decoded.
        :raises CameraError: as `registration`.
        :raises AlignmentError: as `registration`.
        """
        image = pair.image.deserialize()
        rgb = _decoded(pair.image, image)
        height, width = rgb.shape[:2]
        stamp_ns = time_ns(pair.image)
        camera = self._color.at(stamp_ns).camera
        fits = camera is not None and (camera.height, camera.width) == (height, width)
        frame = Frame(rgb, stamp_ns, str(image.header.frame_id), camera if fits else None)
        if pair.depth is None:
            return RgbdFrame(frame, None)
        depth = pair.depth.deserialize()
        depth_m = self._decode_depth(depth)
        sizes = (depth_m.shape[0], depth_m.shape[1]), (height, width)
        found = self._registration(pair, image, depth, sizes)
        return RgbdFrame(frame, depth_m if found is None else found.register(depth_m))

    @staticmethod
    def brightness(message: BagMessage) -> int | None:
        """
        Return how bright an image of 16 bits is, see `brightest`, None for one of other bits.

        :raises DatasetError: if the message does not fit its type.
        :raises MessageError: if it cannot be decoded.
        """
        image = message.deserialize()
        return brightest(_decoded(message, image)) if has_16_bits(image) else None

    def sensor_depth(self, message: BagMessage) -> tuple[Float32Array, bool]:
        """
        Return depth as its sensor sees it, and whether the message has it as integers.

        :return: float32 (H, W) in metres, NaN where unknown.
        :raises DatasetError: if the message does not fit its type.
        :raises MessageError: if it cannot be decoded.
        """
        depth = message.deserialize()
        return self._decode_depth(depth), has_integer_depth(depth)

    def _decode_depth(self, depth: Any) -> Float32Array:
        depth_m = decode_any_depth(depth, self._steps_per_m or MM_PER_M)
        if self._steps_per_m is not None and not has_integer_depth(depth):
            depth_m /= np.float32(self._steps_per_m)
        return depth_m

    def registration(self, pair: MessagePair) -> Registration | None:
        """
        Return how the depth of a pair is brought to its image, None where it is registered.

        :raises DatasetError: if a message does not fit its type.
        :raises CameraError: if it is not registered and a camera_info is missing or unusable.
        :raises AlignmentError: if it is not registered and TF does not connect the frames.
        """
        if pair.depth is None:
            return None
        image, depth = pair.image.deserialize(), pair.depth.deserialize()
        return self._registration(pair, image, depth, (told_size(depth), told_size(image)))

    def _registration(
        self, pair: MessagePair, image: Any, depth: Any, sizes: tuple[_Size, _Size]
    ) -> Registration | None:
        """Return how depth is brought to its image; `sizes` are of depth and image."""
        stamp_ns = time_ns(pair.image)
        depth_ns = stamp_ns if pair.depth is None else time_ns(pair.depth)
        return self._rule.find(
            _view(self._depth, depth, self._topics.depth, depth_ns, sizes[0]),
            _view(self._color, image, self._topics.image, stamp_ns, sizes[1]),
            partial(self._transforms.lookup, time_ns=stamp_ns),
        )

    def _scan(self) -> dict[int, int]:
        """Take in all camera_info; return number of the image → number of its depth image."""
        calibrations = [item for item in (self._color, self._depth) if item.topic]
        images = [self._topics.image, self._topics.depth] if self._topics.depth else []
        names = [*images, *(item.topic for item in calibrations)]
        pairer: StampPairer[int, int] = StampPairer(self._tolerance_ns, _PAIRING_CAPACITY)
        pairs: list[Pair[int, int]] = []
        for message in self._reader.messages(names) if names else ():
            stamp_ns = time_ns(message)
            if message.topic not in images:
                for item in calibrations:
                    if item.topic == message.topic:
                        item.add(message, stamp_ns)
            elif message.topic == self._topics.image:
                pairs += pairer.add_left(stamp_ns, len(self._stamps_ns))
                self._stamps_ns.append(stamp_ns)
            else:
                pairs += pairer.add_right(stamp_ns, len(self._depth_stamps_ns))
                self._depth_stamps_ns.append(stamp_ns)
        for item in calibrations:
            item.close()
        pairs += pairer.flush()
        return {pair.left: pair.right for pair in pairs}


def _decoded(message: BagMessage, image: Any) -> UInt8Array:
    return decode_compressed(image) if message.type_name == COMPRESSED else decode_image(image)


def time_ns(message: BagMessage) -> int:
    """Return when a message was taken: its stamp, or without one, when it was recorded."""
    try:
        return message.stamp_ns or message.log_time_ns
    except (DatasetError, MessageError):
        return message.log_time_ns


def _view(
    calibration: BagCalibration, image: Any, topic: str, stamp_ns: int, size: _Size
) -> ImageView:
    """Return from where an image of a topic was taken."""
    found = calibration.at(stamp_ns)
    stream = _VIEWER_STREAM.match(topic)
    frame_id = stream[0] if stream else str(image.header.frame_id) or found.frame_id
    info_topic = calibration.topic or f'the camera_info of {topic}'
    return ImageView(
        frame_id.removeprefix('/'), found.camera, info_topic, found.other, found.problem, size
    )
