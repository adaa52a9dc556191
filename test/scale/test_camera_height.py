import math
from dataclasses import replace

import numpy as np
import pytest
from made_drive import CAMERA, HEIGHTS_M, Network, drive

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.camera import ray_table
from depth_anything_ros.geometry.ground import ground_inverse_depth
from depth_anything_ros.scale.camera_height import CameraHeightConfig, CameraHeightScale
from depth_anything_ros.types import RelativeInverseDepth

HEIGHT_M = 0.149
GAIN, OFFSET = 3.0, 0.5


def source(height_m=HEIGHT_M, pitch_deg=0.0, roll_deg=0.0):
    return CameraHeightScale(height_m, math.radians(pitch_deg), math.radians(roll_deg), 8.0)


def room(height_m=HEIGHT_M, pitch_deg=0.0, roll_deg=0.0, wall=0.3, step=None):
    """
    Return relative depth of ground before a wall of that inverse depth.

    :param step: inverse depth of a nearer, wide box, in the right part of the image.
    """
    tilt = math.radians(pitch_deg), math.radians(roll_deg)
    ground = ground_inverse_depth(ray_table(CAMERA), height_m, *tilt)
    inverse = np.maximum(ground, wall)
    if step is not None:
        inverse[:, 100:] = np.maximum(inverse[:, 100:], step)
    return RelativeInverseDepth((GAIN * inverse + OFFSET).astype(np.float32))


@pytest.mark.parametrize('tilt_deg', [(0.0, 0.0), (10.0, 0.0), (-5.0, 3.0), (25.0, -8.0)])
def test_scale_and_shift_of_a_floor_before_a_wall_come_back(tilt_deg):
    pitch, roll = tilt_deg
    alignment = source(HEIGHT_M, pitch, roll).align(room(HEIGHT_M, pitch, roll), 7, CAMERA)
    assert alignment.scale == pytest.approx(1 / GAIN, rel=1e-3)
    assert alignment.shift == pytest.approx(-OFFSET / GAIN, rel=1e-2)
    assert (alignment.source, alignment.stamp_ns) == ('camera_height', 7)


def test_boxes_that_hide_most_of_the_floor_do_not_disturb():
    alignment = source().align(room(step=2.5), 0, CAMERA)
    assert alignment.scale == pytest.approx(1 / GAIN, rel=2e-3)


@pytest.mark.parametrize('height_m', HEIGHTS_M)
@pytest.mark.parametrize('seed', range(3))
def test_simulated_drives_have_their_depth_from_height_and_exact_pitch(seed, height_m):
    network, scale_source = Network.random(seed), source(height_m)
    for frame in drive(seed, height_m):
        depth_m = frame.rgbd.depth_m
        alignment = scale_source.align(network.predict(depth_m), 0, CAMERA)
        assert network.depth_error(alignment, depth_m) < 0.05


@pytest.mark.parametrize(('pitch_deg', 'far_m'), [(1.0, 1.53), (-1.0, 2.87)])
def test_a_degree_of_pitch_moves_what_is_at_two_metres_as_geometry_says(pitch_deg, far_m):
    relative = room(0.115)
    alignment = source(0.115, pitch_deg).align(relative, 0, CAMERA)
    at_two_metres = alignment.scale * (GAIN * 0.5 + OFFSET) + alignment.shift
    assert 1 / at_two_metres == pytest.approx(far_m, abs=0.03)


def test_a_wall_without_floor_is_refused():
    with pytest.raises(AlignmentError, match='looks like ground; at least 4% is needed'):
        source().align(room(wall=4.0), 0, CAMERA)


def test_a_camera_that_looks_up_sees_no_ground():
    with pytest.raises(AlignmentError, match='looks like ground'):
        source(pitch_deg=-40.0).align(room(), 0, CAMERA)


def test_a_table_taken_for_the_ground_is_refused():
    """Most of the floor's slope is that of a table half as far below the lens."""
    table = ground_inverse_depth(ray_table(CAMERA), HEIGHT_M / 2, 0.0)
    floor = ground_inverse_depth(ray_table(CAMERA), HEIGHT_M, 0.0)
    inverse = np.maximum(floor, 0.3)
    inverse[:, 110:] = np.maximum(table, 0.3)[:, 110:]
    relative = RelativeInverseDepth((GAIN * inverse + OFFSET).astype(np.float32))
    with pytest.raises(AlignmentError, match='below the ground'):
        source().align(relative, 0, CAMERA)


def test_noise_is_no_ground():
    values = np.random.default_rng(0).random((240, 320), np.float32)
    with pytest.raises(AlignmentError, match='camera height: '):
        source().align(RelativeInverseDepth(values), 0, CAMERA)


@pytest.mark.parametrize(
    ('camera', 'words'), [(None, 'no camera_info'), (replace(CAMERA, width=64), '64x240')]
)
def test_without_the_camera_of_the_image_there_is_no_ground(camera, words):
    with pytest.raises(AlignmentError, match=f'the ground cannot be found: .*{words}'):
        source().align(room(), 0, camera)


def test_height_and_tilt_come_from_the_parameters():
    config = CameraHeightConfig(camera_height_m=0.3, camera_pitch_deg=12.0, camera_roll_deg=2.0)
    alignment = CameraHeightScale.from_config(config).align(room(0.3, 12.0, 2.0), 0, CAMERA)
    assert alignment.scale == pytest.approx(1 / GAIN, rel=1e-3)


def test_with_the_imu_the_tilt_of_the_body_is_awaited_and_added():
    config = CameraHeightConfig(
        camera_height_m=HEIGHT_M, camera_pitch_deg=10.0, camera_tilt_source='imu'
    )
    scale_source = CameraHeightScale.from_config(config)
    with pytest.raises(AlignmentError, match='no tilt received from the IMU'):
        scale_source.align(room(pitch_deg=6.0, roll_deg=3.0), 0, CAMERA)
    scale_source.set_body_tilt(math.radians(-4.0), math.radians(3.0), 0)
    alignment = scale_source.align(room(pitch_deg=6.0, roll_deg=3.0), 0, CAMERA)
    assert alignment.scale == pytest.approx(1 / GAIN, rel=1e-3)
