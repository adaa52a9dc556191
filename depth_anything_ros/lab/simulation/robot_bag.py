"""A robot's drive as a ROS 2 bag: images, scans, odometry and transforms."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from depth_anything_ros.bag import BagWriter, RgbdTopics, write_rgbd_frame
from depth_anything_ros.errors import DatasetError
from depth_anything_ros.geometry.depth_scan import level_frame
from depth_anything_ros.lab.simulation.journey import RobotFrame
from depth_anything_ros.lab.simulation.robot import (
    BASE_FRAME,
    LASER_FRAME,
    ODOM_FRAME,
    BasePose,
    Robot,
    Transform,
)
from depth_anything_ros.messages import laser_scan_fields, stamp_fields
from depth_anything_ros.types import Frame

SCAN_TOPIC, ODOM_TOPIC = '/scan', '/odom'
TF_TOPIC, STATIC_TF_TOPIC = '/tf', '/tf_static'
_SCAN = 'sensor_msgs/msg/LaserScan'
_ODOMETRY = 'nav_msgs/msg/Odometry'
_TF = 'tf2_msgs/msg/TFMessage'


def write_robot_bag(
    path: Path | str,
    frames: Iterable[RobotFrame],
    robot: Robot,
    storage: str = 'mcap',
    topics: RgbdTopics | None = None,
) -> int:
    """
    Write a drive as a ROS 2 bag.

    Beside the topics of `write_rgbd_bag`: `/scan`, `/tf` from odom to base_link at every frame,
    the same on `/odom` 50 times a second, and once `/tf_static` from base_link to
    the laser, to the level frame at the lens, which `~/scan` of the depth node is in, and on to
    the camera's optical frame.

    :param path: the folder to make.
    :param robot: the one that made the frames.
    :param storage: mcap or sqlite3.
    :param topics: those of images and depth, as `write_rgbd_bag` takes them.
    :return: how many frames were written.
    :raises DatasetError: if the folder exists, the storage is unknown or there are no frames.
    """
    names = topics or RgbdTopics()
    written = 0
    with BagWriter(path, storage) as writer:
        for robot_frame in frames:
            frame = robot_frame.rgbd.frame
            if written == 0:
                writer.write(STATIC_TF_TOPIC, _TF, _mounting(robot, frame), frame.stamp_ns)
            for stamp_ns, base in robot_frame.track:
                writer.write(ODOM_TOPIC, _ODOMETRY, _odometry(base, stamp_ns), stamp_ns)
            moved = _transform(
                ODOM_FRAME, BASE_FRAME, robot_frame.base.transform(), frame.stamp_ns
            )
            writer.write(TF_TOPIC, _TF, {'transforms': [moved]}, frame.stamp_ns)
            scan_fields = laser_scan_fields(robot_frame.scan)
            header = {'header': _header(LASER_FRAME, frame.stamp_ns)}
            writer.write(SCAN_TOPIC, _SCAN, {**header, **scan_fields}, frame.stamp_ns)
            write_rgbd_frame(writer, robot_frame.rgbd, names)
            written += 1
        if written == 0:
            raise DatasetError(f"no frames to write into bag '{path}'")
    return written


def _mounting(robot: Robot, frame: Frame) -> dict[str, object]:
    """Return the fields of a tf2_msgs/TFMessage of what does not move on the robot."""
    level = level_frame(frame.frame_id, '')
    places = (
        (BASE_FRAME, level, robot.level_camera_transform()),
        (level, frame.frame_id, robot.optical_transform()),
        (BASE_FRAME, LASER_FRAME, robot.laser_transform()),
    )
    return {'transforms': [_transform(*place, frame.stamp_ns) for place in places]}


def _odometry(base: BasePose, stamp_ns: int) -> dict[str, object]:
    """Return the fields of a nav_msgs/Odometry."""
    place = base.transform()
    return {
        'header': _header(ODOM_FRAME, stamp_ns),
        'child_frame_id': BASE_FRAME,
        'pose': {
            'pose': {
                'position': dict(zip('xyz', place.translation, strict=True)),
                'orientation': dict(zip('xyzw', place.rotation, strict=True)),
            }
        },
    }


def _header(frame_id: str, stamp_ns: int) -> dict[str, object]:
    return {'stamp': stamp_fields(stamp_ns), 'frame_id': frame_id}


def _transform(parent: str, child: str, transform: Transform, stamp_ns: int) -> dict[str, object]:
    """Return the fields of a geometry_msgs/TransformStamped."""
    return {
        'header': _header(parent, stamp_ns),
        'child_frame_id': child,
        'transform': {
            'translation': dict(zip('xyz', transform.translation, strict=True)),
            'rotation': dict(zip('xyzw', transform.rotation, strict=True)),
        },
    }
