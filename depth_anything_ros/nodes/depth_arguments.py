"""The arguments of launch files that stand for inputs and parameters of the depth node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from depth_anything_ros.config import CAMERA_PRESETS, DepthNodeConfig
from depth_anything_ros.parameters import parameter_infos

# Name, default (None where it must be given), description, and the values where they are fixed.
Argument = tuple[Any, ...]

PARAMETERS = parameter_infos(DepthNodeConfig)
CAMERA_ARGUMENTS: tuple[Argument, ...] = (
    (
        'camera',
        '',
        'Kind of camera, which says what of image, reference, scale_source and '
        'image_is_rectified is not given.',
        *CAMERA_PRESETS,
    ),
    (
        'camera_prefix',
        '',
        'With camera: the names and namespaces before its topics; / is none. Not given: those of '
        "its driver's launch file.",
    ),
)
ROBOT_TOPICS: tuple[Argument, ...] = (
    ('scan', 'scan', 'Topic of the laser scan for scale_source:=laser_scan.'),
    ('imu', 'imu/data', 'Topic of the IMU for camera_tilt_source:=imu.'),
    ('odom', 'odom', 'Topic of odometry for the motion of the camera, with temporal_smoothing_s.'),
)
PARAMETER_ARGUMENTS: tuple[Argument, ...] = tuple(
    (name, '', f'{info.help} Not given: as in the config file.', *info.choices)
    for name, (_, info) in PARAMETERS.items()
)
# Input of the node → the argument that names its topic. What is not given follows from the image.
REMAPPINGS = {
    'image': 'image',
    'camera_info': 'camera_info',
    'reference/depth': 'reference',
    'reference/camera_info': 'reference_info',
    'scan': 'scan',
    'imu': 'imu',
    'odom': 'odom',
}


def camera_topics(usual: Mapping[str, str]) -> tuple[Argument, ...]:
    """
    Return the arguments that name the topics of a camera.

    :param usual: those of `image` and `reference` where neither they nor `camera` are given.
    """
    return (
        (
            'image',
            '',
            'Topic of the camera image, without its transport. Not given: that of camera, else '
            f'{usual["image"]}.',
        ),
        (
            'camera_info',
            '',
            'Topic of the calibration of the camera. Not given: camera_info beside the image.',
        ),
        (
            'reference',
            '',
            'Topic of depth for scale_source:=depth_image, without its transport. Not given: that '
            f'of camera, else {usual["reference"]}.',
        ),
        (
            'reference_info',
            '',
            'Topic of the calibration of that depth, used where it is not registered. Not given: '
            'camera_info beside it.',
        ),
    )
