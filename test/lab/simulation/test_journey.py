import math
from itertools import pairwise

import numpy as np
import pytest

from depth_anything_ros.bag import BagReader
from depth_anything_ros.errors import CameraError, DatasetError
from depth_anything_ros.lab.simulation.journey import journey
from depth_anything_ros.lab.simulation.robot import Robot, robot_camera
from depth_anything_ros.lab.simulation.robot_bag import write_robot_bag
from depth_anything_ros.messages import camera_from_message, decode_depth, stamp_ns
from depth_anything_ros.types import Camera

CAMERA = robot_camera(160, 120)
ROBOT = Robot(camera_height_m=0.115, camera_pitch_rad=0.1)
FRAMES = 3


@pytest.fixture(scope='module')
def frames():
    return list(journey(1, FRAMES, 0.5, CAMERA, ROBOT))


@pytest.fixture(scope='module')
def messages(frames, tmp_path_factory):
    path = tmp_path_factory.mktemp('bag') / 'drive'
    assert write_robot_bag(path, frames, ROBOT) == FRAMES
    found = {}
    with BagReader(path) as reader:
        for message in reader.messages():
            found.setdefault(message.topic, []).append(message.deserialize())
    return found


def test_same_arguments_give_the_same_data(frames):
    again = next(iter(journey(1, FRAMES, 0.5, CAMERA, ROBOT)))
    np.testing.assert_array_equal(again.rgbd.frame.rgb, frames[0].rgbd.frame.rgb)
    np.testing.assert_array_equal(again.rgbd.depth_m, frames[0].rgbd.depth_m)
    np.testing.assert_array_equal(again.scan.ranges_m, frames[0].scan.ranges_m)


def test_stamps_follow_the_rate(frames):
    stamps_ns = [frame.rgbd.frame.stamp_ns for frame in frames]
    assert np.diff(stamps_ns).tolist() == [2_000_000_000] * (FRAMES - 1)


def test_robot_moves_and_hits_nothing(frames):
    way = [
        np.hypot(later.base.x_m - earlier.base.x_m, later.base.y_m - earlier.base.y_m)
        for earlier, later in pairwise(frames)
    ]
    assert max(way) > 0.2
    for frame in frames:
        assert frame.scan.ranges_m.min() > 0.1
        assert np.nanmin(frame.rgbd.depth_m) > 0.05


def test_a_robot_without_speed_stands_still_and_only_noise_changes():
    first, second = journey(1, 2, 0.5, CAMERA, ROBOT, speed_m_s=0.0)
    assert (first.base.x_m, first.base.y_m) == (second.base.x_m, second.base.y_m)
    np.testing.assert_allclose(second.rgbd.depth_m, first.rgbd.depth_m, rtol=0.02)
    assert (first.rgbd.frame.rgb != second.rgbd.frame.rgb).any()


def scan_points_in_camera(scan, laser, *to_camera):
    """Return the points of a scan in the camera's optical frame, from the transforms of TF."""

    def matrix(transform):
        q, t = transform.rotation, transform.translation
        x, y, z, w = q.x, q.y, q.z, q.w
        turn = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
            ]
        )
        return turn, np.array([t.x, t.y, t.z])

    angles = scan.angle_min + scan.angle_increment * np.arange(len(scan.ranges))
    ranges = np.asarray(scan.ranges, float)
    points = np.stack([ranges * np.cos(angles), ranges * np.sin(angles), 0 * ranges], 1)
    turn, move = matrix(laser)
    points = points @ turn.T + move
    for turn, move in map(matrix, to_camera):
        points = (points - move) @ turn
    return points


def test_scan_in_the_bag_agrees_with_the_depth_image_of_the_bag(messages):
    static = messages['/tf_static'][0].transforms
    fixed = {item.child_frame_id: item.transform for item in static}
    assert {item.child_frame_id: item.header.frame_id for item in static} == {
        'laser': 'base_link',
        'camera_color_frame': 'base_link',
        'camera_color_optical_frame': 'camera_color_frame',
    }
    camera = camera_from_message(messages['/camera/color/camera_info'][0], rectified=True)
    errors, seen = [], 0
    for scan, image in zip(messages['/scan'], messages['/camera/depth/image_raw'], strict=True):
        depth_m = decode_depth(image)
        points = scan_points_in_camera(
            scan,
            fixed['laser'],
            fixed['camera_color_frame'],
            fixed['camera_color_optical_frame'],
        )
        points = points[np.isfinite(points).all(1) & (points[:, 2] > 0.1)]
        column = np.rint(camera.fx_px * points[:, 0] / points[:, 2] + camera.cx_px).astype(int)
        row = np.rint(camera.fy_px * points[:, 1] / points[:, 2] + camera.cy_px).astype(int)
        inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
        measured = depth_m[row[inside], column[inside]]
        errors.append(np.abs(measured / points[inside, 2] - 1))
        seen += inside.sum()
    errors = np.concatenate(errors)
    errors = errors[np.isfinite(errors)]
    assert seen > 100
    # Half a pixel of a slanted wall, a millimetre of rounding; a few points are hidden.
    assert np.median(errors) < 0.005
    assert np.mean(errors < 0.03) > 0.85


def test_floor_in_the_depth_image_lies_at_the_height_of_the_lens(frames):
    rows = np.arange(CAMERA.height)[:, None]
    for frame in frames:
        depth_m = frame.rgbd.depth_m
        down = depth_m * (rows - CAMERA.cy_px) / CAMERA.fy_px
        below = down * np.cos(0.1) + depth_m * np.sin(0.1)
        assert np.nanmax(below) == pytest.approx(0.115, abs=1e-5)
        assert np.mean(np.abs(below - 0.115) < 1e-4) > 0.1


def test_bag_holds_every_topic_with_frames_and_stamps(messages, frames):
    assert {topic: len(found) for topic, found in messages.items()} == {
        '/tf_static': 1,
        '/tf': FRAMES,
        '/scan': FRAMES,
        '/odom': 100 * (FRAMES - 1) + 1,
        '/camera/color/image_raw': FRAMES,
        '/camera/color/camera_info': FRAMES,
        '/camera/depth/image_raw': FRAMES,
        '/camera/depth/camera_info': FRAMES,
    }
    for number, frame in enumerate(frames):
        moved, scan = messages['/tf'][number].transforms[0], messages['/scan'][number]
        assert (moved.header.frame_id, moved.child_frame_id) == ('odom', 'base_link')
        assert moved.transform.translation.x == frame.base.x_m
        assert scan.header.frame_id == 'laser'
        assert scan.header.stamp == messages['/camera/color/image_raw'][number].header.stamp
        np.testing.assert_array_equal(scan.ranges, frame.scan.ranges_m)
        assert scan.angle_min == pytest.approx(-np.pi)
        assert (scan.range_min, scan.range_max) == (pytest.approx(0.05), 12)


def test_negative_seed_is_refused():
    with pytest.raises(DatasetError, match='world seed -1'):
        journey(-1)


@pytest.mark.parametrize('frames, rate', [(0, 10.0), (1, 0.0), (1, 2000.0)])
def test_impossible_drive_is_refused(frames, rate):
    with pytest.raises(DatasetError, match='cannot be made'):
        journey(0, frames, rate)


def test_bag_without_frames_is_refused(tmp_path):
    with pytest.raises(DatasetError, match='no frames'):
        write_robot_bag(tmp_path / 'drive', [], ROBOT)


@pytest.mark.parametrize(
    'camera',
    [Camera(64, 48, 50, 50, 31.5, 23.5, (0.1, 0, 0, 0, 0)), Camera(64, 48, 0, 50, 31.5, 23.5)],
)
def test_camera_that_is_no_pinhole_is_refused(camera):
    with pytest.raises(CameraError, match='rendering needs a pinhole camera'):
        journey(0, camera=camera)


def test_the_track_of_a_drive_leads_from_frame_to_frame(frames):
    for before, frame in pairwise(frames):
        assert len(frame.track) == 100
        assert frame.track[-1] == (frame.rgbd.frame.stamp_ns, frame.base)
        steps = [before.base, *(base for _, base in frame.track)]
        longest_m = max(math.dist(one[:2], other[:2]) for one, other in pairwise(steps))
        assert longest_m <= 0.3 / 50 + 1e-9


def test_odometry_is_the_track(messages, frames):
    told = messages['/odom']
    assert (told[0].header.frame_id, told[0].child_frame_id) == ('odom', 'base_link')
    track = [pose for frame in frames for pose in frame.track]
    assert [stamp_ns(message.header) for message in told] == [pose.stamp_ns for pose in track]
    last = told[-1].pose.pose
    assert (last.position.x, last.position.y) == (track[-1].base.x_m, track[-1].base.y_m)
    assert last.orientation.z == math.sin(track[-1].base.yaw_rad / 2)
