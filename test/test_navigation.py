"""
What Nav2 makes of the node's messages: its two ways from depth to obstacles, on known drives.

Both consumers are written here from their documentation, reading nothing but message fields. The
judge is the laser of the simulated robot, 2 cm above the lens.
"""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from depth_anything_ros.geometry.point_cloud import build_point_cloud
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.lab.simulation.journey import journey
from depth_anything_ros.lab.simulation.robot import Robot, robot_camera
from depth_anything_ros.messages.fields import depth_image_fields, point_cloud_fields
from depth_anything_ros.types import MetricDepth

CAMERA = robot_camera(320, 240)
ROBOT = Robot(camera_height_m=0.149, camera_forward_m=0.1, laser_forward_m=0.1)
CELL_M, MOST_M = 0.05, 3.0


@pytest.fixture(scope='module')
def drive():
    return list(journey(2, 3, 1.0, CAMERA, ROBOT))


def laser_range_m(scan, angle_rad):
    beams = np.rint((angle_rad - scan.angle_min_rad) / scan.angle_step_rad).astype(int)
    return scan.ranges_m[beams % len(scan.ranges_m)]


def depthimage_to_laserscan(message, camera, scan_height=10):
    """Return angles and ranges: the nearest of the middle rows in each column."""
    kind, metres = {'32FC1': ('f4', 1.0), '16UC1': ('u2', 0.001)}[message.encoding]
    rows = np.ndarray(
        (message.height, message.width), kind, message.data, strides=(message.step, int(kind[1]))
    )
    first = int(camera.cy_px - scan_height / 2)
    depth_m = rows[first : first + scan_height].astype(np.float64) * metres
    depth_m[~(depth_m > 0)] = np.inf
    slope = (np.arange(message.width) - camera.cx_px) / camera.fx_px
    return -np.arctan(slope), (depth_m * np.hypot(slope, 1)).min(axis=0)


@pytest.mark.parametrize('encoding', ['32FC1', '16UC1'])
def test_depthimage_to_laserscan_sees_what_the_laser_sees(drive, encoding):
    errors = []
    for frame in drive:
        message = SimpleNamespace(**depth_image_fields(frame.rgbd.depth_m, encoding))
        angles, ranges_m = depthimage_to_laserscan(message, CAMERA)
        known = np.isfinite(ranges_m)
        truth_m = laser_range_m(frame.scan, angles[known])
        errors.append(np.abs(ranges_m[known] / truth_m - 1))
    errors = np.concatenate(errors)
    assert len(errors) > 600
    assert np.median(errors) < 0.01
    assert np.mean(errors < 0.05) > 0.8


def costmap_points(message, base_from_camera, heights_m):
    """Return the (x, y) in the base's frame that an obstacle layer marks, from a cloud."""
    offsets = {field['name']: field['offset'] for field in message.fields}
    axes = [
        np.ndarray(
            (message.height, message.width), 'f4', message.data, offset=offsets[axis],
            strides=(message.row_step, message.point_step),
        )
        for axis in 'xyz'
    ]  # fmt: skip
    points = np.stack(axes, axis=-1).reshape(-1, 3).astype(np.float64)
    points = points[np.isfinite(points).all(axis=1)]
    points = points @ base_from_camera.rotation.T + base_from_camera.translation_m
    low, high = heights_m
    kept = (points[:, 2] >= low) & (points[:, 2] <= high)
    kept &= np.hypot(points[:, 0], points[:, 1]) <= MOST_M
    return points[kept, :2]


def cloud_message(frame):
    cloud = build_point_cloud(
        MetricDepth(frame.rgbd.depth_m), frame.rgbd.frame.rgb, CAMERA, stride=2
    )
    return SimpleNamespace(**point_cloud_fields(cloud))


def test_a_costmap_has_an_obstacle_wherever_the_laser_has_one(drive):
    base_from_camera = RigidTransform.from_quaternion(*ROBOT.camera_transform())
    hits = marked = 0
    for frame in drive:
        points = costmap_points(cloud_message(frame), base_from_camera, (0.05, 2.0))
        cells = {tuple(cell) for cell in np.floor(points / CELL_M).astype(int)}
        # What both see: within nine tenths of the camera's width, not beyond the layer's range.
        half = 0.9 * math.atan(CAMERA.cx_px / CAMERA.fx_px)
        angles = frame.scan.angles_rad
        seen = (np.abs(angles) < half) & (frame.scan.ranges_m < 0.9 * MOST_M)
        ranges_m = frame.scan.ranges_m[seen]
        x_m = ROBOT.laser_forward_m + ranges_m * np.cos(angles[seen])
        y_m = ranges_m * np.sin(angles[seen])
        for column, row in np.floor(np.stack((x_m, y_m), axis=1) / CELL_M).astype(int):
            near = {(column + i, row + j) for i in (-1, 0, 1) for j in (-1, 0, 1)}
            hits += 1
            marked += bool(near & cells)
    assert hits > 100
    assert marked > 0.95 * hits


def test_a_costmap_has_no_obstacle_where_the_laser_sees_through(drive):
    base_from_camera = RigidTransform.from_quaternion(*ROBOT.camera_transform())
    behind = []
    for frame in drive:
        # Of the heights around the laser's plane only: a table's top is above what it sees.
        plane_m = ROBOT.laser_height_m
        points = costmap_points(
            cloud_message(frame), base_from_camera, (plane_m - 0.01, plane_m + 0.01)
        )
        x_m = points[:, 0] - ROBOT.laser_forward_m
        truth_m = laser_range_m(frame.scan, np.arctan2(points[:, 1], x_m))
        behind.append(np.hypot(x_m, points[:, 1]) > truth_m - CELL_M)
    behind = np.concatenate(behind)
    assert len(behind) > 200
    assert behind.mean() > 0.95
