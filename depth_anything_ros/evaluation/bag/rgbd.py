"""Colour, registered depth and camera of a bag as frames, and frames as a bag."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from depth_anything_ros.errors import CameraError, DatasetError
from depth_anything_ros.evaluation.bag.reader import BagMessage, BagReader
from depth_anything_ros.evaluation.bag.writer import BagWriter
from depth_anything_ros.evaluation.pairing import Pair, StampPairer
from depth_anything_ros.geometry.camera import scale_camera
from depth_anything_ros.messages import (
    camera_from_message,
    camera_info_fields,
    decode_compressed,
    decode_compressed_depth,
    decode_depth,
    decode_image,
    depth_image_fields,
    image_fields,
    stamp_fields,
    stamp_ns,
)
from depth_anything_ros.types import Camera, Float32Array, Frame

_IMAGE = 'sensor_msgs/msg/Image'
_COMPRESSED = 'sensor_msgs/msg/CompressedImage'
_CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'

# Images of either stream that may lie between the two of a pair.
_PAIRING_CAPACITY = 1000


@dataclass(frozen=True)
class RgbdTopics:
    """Name the topics of an RGB-D camera; the defaults are those of the WHEELTEC R550."""

    image: str = '/camera/color/image_raw'
    camera_info: str = '/camera/color/camera_info'
    depth: str = '/camera/depth/image_raw'
    depth_camera_info: str = '/camera/depth/camera_info'


@dataclass(frozen=True)
class RgbdFrame:
    """
    Hold a colour frame and the depth measured with it.

    `depth_m` is float32 (h, w) in metres along the optical axis, NaN where unknown, or None
    where no depth image belongs to the frame; its size may differ from the colour image's.
    """

    frame: Frame
    depth_m: Float32Array | None


def frames(
    reader: BagReader,
    image_topic: str,
    depth_topic: str = '',
    camera_info_topic: str = '',
    tolerance_ns: int = 20_000_000,
    rectified: bool = True,
) -> Iterator[RgbdFrame]:
    """
    Iterate over the colour frames of a bag, in order, with the depth of the same time.

    Stamps are paired nearest first, one to one; nothing but the frames between partners is
    held in memory.

    :param image_topic: Image or CompressedImage.
    :param depth_topic: depth registered to the image, Image or CompressedImage; '' is none.
    :param camera_info_topic: '' is none; frames without calibration have no camera.
    :param tolerance_ns: the largest difference of stamps in a pair.
    :param rectified: see `camera_from_message`.
    :raises DatasetError: if a topic is missing, of another type, or the bag damaged.
    :raises MessageError: if an image cannot be decoded.
    """
    _require_type(reader, image_topic, (_IMAGE, _COMPRESSED))
    topics = [image_topic]
    if depth_topic:
        _require_type(reader, depth_topic, (_IMAGE, _COMPRESSED))
        topics.append(depth_topic)
    camera = None
    if camera_info_topic:
        _require_type(reader, camera_info_topic, (_CAMERA_INFO,))
        camera = _first_camera(reader, camera_info_topic, rectified)
    depth_of = _pairs(reader, image_topic, depth_topic, tolerance_ns) if depth_topic else {}
    return _paired_frames(reader, topics, depth_of, camera)


def _paired_frames(
    reader: BagReader, topics: list[str], depth_of: dict[int, int], camera: Camera | None
) -> Iterator[RgbdFrame]:
    """
    Decode in one pass.

    :param topics: the image topic and, if there is one, the depth topic.
    :param depth_of: number of the image → number of its depth, each in the order of its topic.
    """
    partnered = set(depth_of.values())
    waiting_frames: deque[tuple[int, Frame]] = deque()
    waiting_depth: dict[int, Float32Array] = {}
    counts = dict.fromkeys(topics, 0)
    for message in reader.messages(topics):
        number = counts[message.topic]
        counts[message.topic] += 1
        if message.topic == topics[0]:
            waiting_frames.append((number, _decode_frame(message, camera)))
        elif number in partnered:
            waiting_depth[number] = _decode_depth(message)
        while waiting_frames:
            depth = depth_of.get(waiting_frames[0][0])
            if depth is not None and depth not in waiting_depth:
                break
            _, frame = waiting_frames.popleft()
            yield RgbdFrame(frame, None if depth is None else waiting_depth.pop(depth))


def _pairs(
    reader: BagReader, image_topic: str, depth_topic: str, tolerance_ns: int
) -> dict[int, int]:
    """Return number of the image → number of its depth image, nearest stamps first."""
    pairer: StampPairer[int, int] = StampPairer(tolerance_ns, _PAIRING_CAPACITY)
    images, depths = count(), count()
    pairs: list[Pair[int, int]] = []
    for message in reader.messages([image_topic, depth_topic]):
        if message.topic == image_topic:
            pairs += pairer.add_left(message.stamp_ns or 0, next(images))
        else:
            pairs += pairer.add_right(message.stamp_ns or 0, next(depths))
    pairs += pairer.flush()
    return {pair.left: pair.right for pair in pairs}


def _require_type(reader: BagReader, name: str, type_names: tuple[str, ...]) -> None:
    topic = reader.require_topic(name)
    if topic.type_name not in type_names:
        raise DatasetError(
            f"topic '{name}' in bag '{reader.path}' is {topic.type_name}; allowed: "
            f'{", ".join(type_names)}'
        )


def _first_camera(reader: BagReader, topic: str, rectified: bool) -> Camera | None:
    for message in reader.messages([topic]):
        try:
            return camera_from_message(message.deserialize(), rectified)
        except CameraError:
            continue
    return None


def _decode_frame(message: BagMessage, camera: Camera | None) -> Frame:
    image = message.deserialize()
    rgb = decode_compressed(image) if message.type_name == _COMPRESSED else decode_image(image)
    return Frame(rgb, stamp_ns(image.header), str(image.header.frame_id), camera)


def _decode_depth(message: BagMessage) -> Float32Array:
    image = message.deserialize()
    if message.type_name == _COMPRESSED:
        return decode_compressed_depth(image)
    return decode_depth(image)


def write_rgbd_bag(
    path: Path | str,
    rgbd_frames: Iterable[RgbdFrame],
    storage: str = 'mcap',
    topics: RgbdTopics | None = None,
) -> int:
    """
    Write frames as a ROS 2 bag: rgb8, 16UC1 millimetres and camera_info, all of one stamp.

    The messages of a frame are recorded at its stamp.

    :param path: the folder to make.
    :param rgbd_frames: the frames; depth and camera are written where there are any.
    :param storage: mcap or sqlite3.
    :param topics: the topics; None is those of the WHEELTEC R550.
    :return: how many frames were written.
    :raises DatasetError: if the folder exists, the storage is unknown or there are no frames.
    """
    names = topics or RgbdTopics()
    written = 0
    with BagWriter(path, storage) as writer:
        for rgbd_frame in rgbd_frames:
            write_rgbd_frame(writer, rgbd_frame, names)
            written += 1
        if written == 0:
            raise DatasetError(f"no frames to write into bag '{path}'")
    return written


def write_rgbd_frame(writer: BagWriter, rgbd_frame: RgbdFrame, topics: RgbdTopics) -> None:
    """Write the messages of one frame into an open bag, recorded at its stamp."""
    frame = rgbd_frame.frame
    header = {'header': {'stamp': stamp_fields(frame.stamp_ns), 'frame_id': frame.frame_id}}

    def write(topic: str, type_name: str, fields: dict[str, Any]) -> None:
        writer.write(topic, type_name, {**header, **fields}, frame.stamp_ns)

    if frame.camera is not None:
        write(topics.camera_info, _CAMERA_INFO, camera_info_fields(frame.camera))
    if rgbd_frame.depth_m is not None:
        if frame.camera is not None:
            height, width = rgbd_frame.depth_m.shape
            depth_camera = scale_camera(frame.camera, width, height)
            write(topics.depth_camera_info, _CAMERA_INFO, camera_info_fields(depth_camera))
        write(topics.depth, _IMAGE, depth_image_fields(rgbd_frame.depth_m, '16UC1'))
    write(topics.image, _IMAGE, image_fields(frame.rgb, 'rgb8'))
