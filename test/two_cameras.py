"""Bags of an RGB-D camera whose depth sensor sits beside the colour one, rendered exactly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import torch

from depth_anything_ros.bag import BagWriter, RgbdTopics
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY, RigidTransform
from depth_anything_ros.lab.simulation.optics import random_imaging
from depth_anything_ros.lab.simulation.packing import Scenery
from depth_anything_ros.lab.simulation.pose import Pose
from depth_anything_ros.lab.simulation.robot import Robot, quaternion
from depth_anything_ros.lab.simulation.route import find_route, follow
from depth_anything_ros.lab.simulation.scenery import furnish
from depth_anything_ros.lab.simulation.studio import Studio
from depth_anything_ros.lab.simulation.viewpoint import solids_of
from depth_anything_ros.messages import (
    camera_info_fields,
    depth_image_fields,
    image_fields,
    stamp_fields,
)
from depth_anything_ros.types import Camera

COLOR_FRAME, DEPTH_FRAME = 'camera_color_optical_frame', 'camera_depth_optical_frame'
TOPICS = RgbdTopics()
# No window is on the way, whose depth is unknown, and nothing near, where a millimetre is much.
ROOM = 'two cameras/113'
START_NS = 1_700_000_000_000_000_000
# Of the depth sensor from the colour one, in body axes: 50 mm to the left, turned by a degree.
PLACE = (0.004, 0.05, -0.002, 0.0, 0.0, 0.0175)


def cameras(width: int) -> tuple[Camera, Camera]:
    """Return the cameras of colour and depth, which sees a little wider."""
    height = width * 3 // 4
    middle = ((width - 1) / 2, (height - 1) / 2)
    return (
        Camera(width, height, 0.87 * width, 0.87 * width, *middle),
        Camera(width, height, 0.82 * width, 0.82 * width, *middle),
    )


def write_bag(
    path: Path,
    frames: int = 3,
    width: int = 160,
    *,
    registered: bool = False,
    tf: bool = True,
    info: bool = True,
) -> np.ndarray:
    """
    Write a bag and return the depth at every pixel of the colour camera, (frames, H, W) metres.

    :param registered: write that depth, in the colour camera's frame, instead of the sensor's.
    :param tf: write `/tf_static`, from a common link as drivers do.
    :param info: write camera_info of the depth camera.
    """
    color, depth = cameras(width)
    place = RigidTransform.from_pose(*PLACE)
    truth = []
    with BagWriter(path) as writer:
        if tf:
            _write_static(writer, place)
        for index, (rgb, color_depth_m, sensor_depth_m) in enumerate(_views(color, depth, frames)):
            truth.append(color_depth_m)
            depth_m = color_depth_m if registered else sensor_depth_m
            frame = COLOR_FRAME if registered else DEPTH_FRAME
            depth_camera = color if registered else depth
            stamp_ns = START_NS + index * 100_000_000
            messages = [
                (TOPICS.camera_info, 'CameraInfo', COLOR_FRAME, camera_info_fields(color)),
                (TOPICS.depth, 'Image', frame, depth_image_fields(depth_m, '16UC1')),
                (TOPICS.image, 'Image', COLOR_FRAME, image_fields(rgb, 'rgb8')),
            ]
            if info:
                fields = camera_info_fields(depth_camera)
                messages.insert(0, (TOPICS.depth_camera_info, 'CameraInfo', frame, fields))
            for topic, kind, frame_id, fields in messages:
                header = {'stamp': stamp_fields(stamp_ns), 'frame_id': frame_id}
                writer.write(
                    topic, f'sensor_msgs/msg/{kind}', {'header': header, **fields}, stamp_ns
                )
    return np.stack(truth)


def _views(
    color: Camera, depth: Camera, frames: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield image and depth of the colour camera and depth of the sensor, on a robot's way."""
    rng = Random(ROOM)
    plan, room = furnish(rng)
    solids, robot = solids_of(plan), Robot(camera_height_m=0.3)
    look = random_imaging(rng)
    studio = Studio(0, torch.device('cpu'))
    for base in follow(find_route(solids, room, robot.top_m), frames, 5.0, 0.3):
        pose = robot.camera_pose(base)
        views = [Scenery(plan, solids, pose, color), Scenery(plan, solids, _beside(pose), depth)]
        rgb, depth_m = studio.render(views, [look, look], part=0)
        yield rgb[0].numpy(), depth_m[0].numpy(), depth_m[1].numpy()


def static_transform(parent: str, child: str, place: RigidTransform) -> dict:
    """Return the fields of a geometry_msgs/TransformStamped."""
    return {
        'header': {'stamp': stamp_fields(START_NS), 'frame_id': parent},
        'child_frame_id': child,
        'transform': {
            'translation': dict(zip('xyz', place.translation_m, strict=True)),
            'rotation': dict(zip('xyzw', quaternion(place.rotation), strict=True)),
        },
    }


def _write_static(writer: BagWriter, place: RigidTransform) -> None:
    optical = OPTICAL_FROM_BODY.inverse()
    link = RigidTransform.from_pose(0.0, 0.01, 0.0, 0.0, 0.0, 0.0)
    transforms = [
        static_transform('camera_link', COLOR_FRAME, link @ optical),
        static_transform('camera_link', 'camera_depth_frame', link @ place),
        static_transform('camera_depth_frame', DEPTH_FRAME, optical),
    ]
    writer.write('/tf_static', 'tf2_msgs/msg/TFMessage', {'transforms': transforms}, START_NS)


def _beside(pose: Pose) -> Pose:
    """Return where the depth sensor is when the colour camera is at a level pose."""
    x, y, z, _, _, yaw = PLACE
    cos, sin = np.cos(pose.yaw_rad), np.sin(pose.yaw_rad)
    return Pose(
        pose.x_m + cos * x - sin * y, pose.y_m + sin * x + cos * y, pose.z_m + z,
        pose.yaw_rad + yaw,
    )  # fmt: skip
