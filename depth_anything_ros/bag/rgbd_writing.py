"""Colour, depth and camera as a bag."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from depth_anything_ros.bag.rgbd import RgbdFrame
from depth_anything_ros.bag.topics import CAMERA_INFO, COMPRESSED, IMAGE, RgbdTopics
from depth_anything_ros.bag.writer import BagWriter
from depth_anything_ros.errors import DatasetError
from depth_anything_ros.geometry.camera import scale_camera
from depth_anything_ros.messages import (
    camera_info_fields,
    compressed_depth_fields,
    compressed_fields,
    depth_image_fields,
    image_fields,
    stamp_fields,
)


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
    :param topics: the topics; None is those of the WHEELTEC R550. Images are written as JPEG on
        one that ends in `/compressed`, depth as PNG on one that ends in `/compressedDepth`.
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
    """Write the messages of one frame into an open bag, as `write_rgbd_bag` does."""
    frame = rgbd_frame.frame
    header = {'header': {'stamp': stamp_fields(frame.stamp_ns), 'frame_id': frame.frame_id}}

    def write(topic: str, type_name: str, fields: dict[str, object]) -> None:
        writer.write(topic, type_name, {**header, **fields}, frame.stamp_ns)

    if frame.camera is not None:
        write(topics.camera_info, CAMERA_INFO, camera_info_fields(frame.camera))
    if rgbd_frame.depth_m is not None:
        if frame.camera is not None:
            height, width = rgbd_frame.depth_m.shape
            depth_camera = scale_camera(frame.camera, width, height)
            write(topics.depth_camera_info, CAMERA_INFO, camera_info_fields(depth_camera))
        if topics.depth.endswith('/compressedDepth'):
            write(topics.depth, COMPRESSED, compressed_depth_fields(rgbd_frame.depth_m))
        else:
            write(topics.depth, IMAGE, depth_image_fields(rgbd_frame.depth_m, '16UC1'))
    if topics.image.endswith('/compressed'):
        write(topics.image, COMPRESSED, compressed_fields(frame.rgb))
    else:
        write(topics.image, IMAGE, image_fields(frame.rgb, 'rgb8'))
