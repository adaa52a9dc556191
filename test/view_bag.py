"""A small bag of a camera, a laser and a depth node on a robot that turns."""

from pathlib import Path

import numpy as np

from depth_anything_ros.bag import BagWriter
from depth_anything_ros.geometry.point_cloud import build_point_cloud
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY, RigidTransform
from depth_anything_ros.messages import (
    camera_info_fields,
    compressed_fields,
    depth_image_fields,
    image_fields,
    laser_scan_fields,
    point_cloud_fields,
    stamp_fields,
)
from depth_anything_ros.result import PointCloud
from depth_anything_ros.types import Camera, LaserScan, MetricDepth

START_NS, PERIOD_NS = 1_700_000_000_000_000_000, 100_000_000
OPTICAL, LASER = 'camera_optical_frame', 'laser'
CAMERA = Camera(32, 24, 30.0, 31.0, 15.5, 11.5)
IMAGE, INFO = '/cam/image_raw', '/cam/camera_info'
NODE = '/depth_node'
DEPTH, DEPTH_INFO = f'{NODE}/depth/image_raw', f'{NODE}/depth/camera_info'
RELATIVE, SCALE, SCAN = f'{NODE}/relative/image_raw', f'{NODE}/scale', '/scan'
POINTS, SIGMA = f'{NODE}/points', f'{NODE}/sigma/image_raw'
CONFIDENCE = f'{NODE}/confidence/image_raw'
EVERYTHING = (IMAGE, INFO, DEPTH, DEPTH_INFO, RELATIVE, SCALE, SCAN, '/tf', '/tf_static')
LENS_M = (0.1, 0.0, 0.2)
CAMERA_PLACE = RigidTransform.from_pose(*LENS_M, 0, 0, 0) @ OPTICAL_FROM_BODY.inverse()


def stamp_ns(index: int) -> int:
    return START_NS + index * PERIOD_NS


def base_place(index: int) -> RigidTransform:
    """Return the robot in the odometry's frame: ahead by 1 m a frame, and turning."""
    return RigidTransform.from_pose(float(index), 0, 0, 0, 0, 0.1 * index)


def rgb(index: int) -> np.ndarray:
    image = np.random.default_rng(index).integers(0, 256, (6, 8, 3), np.uint8)
    return np.kron(image, np.ones((4, 4, 1), np.uint8))


def depth_m(index: int) -> np.ndarray:
    """Return a slanted wall from 1 m on, unknown in one corner."""
    wall = np.tile(1.0 + 0.05 * np.arange(32, dtype=np.float32) + index, (24, 1))
    wall[:4, :4] = np.nan
    return wall


def cloud(index: int) -> PointCloud:
    return build_point_cloud(MetricDepth(depth_m(index)), rgb(index), CAMERA)


SCANNED = LaserScan(np.array([1.0, np.inf, 2.0], np.float32), 0.0, np.pi / 2, 0.1, 9.0)


def _transform(parent: str, child: str, place: RigidTransform, turn: tuple, index: int) -> dict:
    return {
        'header': {'stamp': stamp_fields(stamp_ns(index)), 'frame_id': parent},
        'child_frame_id': child,
        'transform': {
            'translation': dict(zip('xyz', place.translation_m, strict=True)),
            'rotation': dict(zip('xyzw', turn, strict=True)),
        },
    }


def sure(index: int) -> np.ndarray:
    """Return how sure a network is: more to the right, and nowhere in the first rows."""
    found = np.tile(np.linspace(0.1 * index, 1, 32, dtype=np.float32), (24, 1))
    found[:8] = np.nan
    return found


def write_view_bag(path: Path, frames: int = 3, topics=EVERYTHING) -> Path:
    """Write the messages of some topics in the order in which nodes send them."""
    with BagWriter(path) as writer:

        def write(topic: str, type_name: str, fields: dict, index: int) -> None:
            if topic in topics:
                writer.write(topic, type_name, fields, stamp_ns(index))

        laser = RigidTransform.from_pose(0, 0, 0.3, 0, 0, np.pi)
        mounted = [
            ('base', OPTICAL, CAMERA_PLACE, (-0.5, 0.5, -0.5, 0.5), 0),
            ('base', LASER, laser, _yaw(np.pi), 0),
        ]
        static = {'transforms': [_transform(*place) for place in mounted]}
        write('/tf_static', 'tf2_msgs/msg/TFMessage', static, 0)
        for index in range(frames):
            header = {'stamp': stamp_fields(stamp_ns(index)), 'frame_id': OPTICAL}
            moved = {
                'transforms': [
                    _transform('odom', 'base', base_place(index), _yaw(0.1 * index), index)
                ]
            }
            scale = {'name': 'scale', 'values': _pairs(scale=0.5 + index, shift=0.25, points='9')}
            for topic, kind, fields in (
                ('/tf', 'tf2_msgs/msg/TFMessage', moved),
                (IMAGE, 'sensor_msgs/msg/Image', image_fields(rgb(index), 'rgb8')),
                (f'{IMAGE}/compressed', 'sensor_msgs/msg/CompressedImage',
                 compressed_fields(rgb(index))),
                (INFO, 'sensor_msgs/msg/CameraInfo', camera_info_fields(CAMERA)),
                (RELATIVE, 'sensor_msgs/msg/Image', image_fields(1 / depth_m(index), '32FC1')),
                (DEPTH, 'sensor_msgs/msg/Image', depth_image_fields(depth_m(index), '32FC1')),
                (DEPTH_INFO, 'sensor_msgs/msg/CameraInfo', camera_info_fields(CAMERA)),
                (SIGMA, 'sensor_msgs/msg/Image', image_fields(0.1 * depth_m(index), '32FC1')),
                (CONFIDENCE, 'sensor_msgs/msg/Image', image_fields(sure(index), '32FC1')),
                (SCALE, 'diagnostic_msgs/msg/DiagnosticArray', {'status': [scale]}),
                (POINTS, 'sensor_msgs/msg/PointCloud2', point_cloud_fields(cloud(index))),
                (SCAN, 'sensor_msgs/msg/LaserScan',
                 {**laser_scan_fields(SCANNED), 'header': {**header, 'frame_id': LASER}}),
            ):  # fmt: skip
                write(
                    topic, kind, {'header': header, **fields} if topic != '/tf' else moved, index
                )
    return path


def _yaw(angle: float) -> tuple[float, float, float, float]:
    return 0.0, 0.0, float(np.sin(angle / 2)), float(np.cos(angle / 2))


def _pairs(**values) -> list[dict]:
    return [{'key': key, 'value': str(value)} for key, value in values.items()]
