"""What is left out: too uncertain, or perhaps no more than the ground."""

import numpy as np
import pytest

from depth_anything_ros.errors import CameraError
from depth_anything_ros.types import Camera, CameraMounting
from depth_anything_ros.uncertainty import UncertaintyConfig, certain_pixels

# Of three rows one looks level, one half a metre down for one ahead, one as much up.
CAMERA = Camera(4, 3, 2.0, 2.0, 1.5, 1.0)
LEVEL, DOWN, UP = 1, 2, 0
MOUNTING = CameraMounting(1.0)
CLEARANCE_M = 0.05


def certain_at(row, depth_m, sigma, camera=CAMERA, mounting=MOUNTING, **limits):
    """Return whether all pixels of a row are certain, or none."""
    shape = camera.height, camera.width
    found = certain_pixels(
        np.full(shape, depth_m, np.float32),
        np.full(shape, sigma, np.float32),
        UncertaintyConfig(ground_clearance_m=CLEARANCE_M, **limits),
        camera,
        mounting,
    )
    assert found[row].all() or not found[row].any()
    return bool(found[row, 0])


def test_what_is_more_uncertain_than_its_share_is_left_out():
    assert certain_at(LEVEL, 2.0, 0.59, max_sigma=0.3)
    assert not certain_at(LEVEL, 2.0, 0.61, max_sigma=0.3)
    assert certain_at(LEVEL, 2.0, 9.0)


@pytest.mark.parametrize('limits', [{}, {'max_sigma': 0.5}, {'ground_sigmas': 0.5}])
def test_unknown_depth_and_unknown_sigma_are_not_certain(limits):
    assert not certain_at(LEVEL, np.nan, 0.1, **limits)
    assert not certain_at(LEVEL, 2.0, np.nan, **limits)


@pytest.mark.parametrize(
    ('depth_m', 'sigma', 'kept'),
    [
        # 0.1 m high, 0.05 m above the clearance: 0.25 times the sigma of depth is that of height.
        (1.8, 0.19, True),
        (1.8, 0.21, False),
        # Half a metre high.
        (1.0, 1.7, True),
        (1.0, 1.9, False),
        # No obstacle, as low as it is: no cloud marks it.
        (1.92, 5.0, True),
        (2.5, 5.0, True),
    ],
)
def test_what_may_be_the_ground_is_left_out(depth_m, sigma, kept):
    assert certain_at(DOWN, depth_m, sigma, ground_sigmas=0.5) is kept
    assert certain_at(DOWN, depth_m, sigma)


def test_a_camera_that_looks_down_sees_the_ground_in_its_middle():
    # At 30° the middle row meets the ground at 2 m; 1.9 m are 0.05 m high, 1.8 m 0.1 m.
    mounting = CameraMounting(1.0, pitch_rad=np.pi / 6)
    for sigma, kept in ((0.09, True), (0.11, False)):
        found = certain_at(LEVEL, 1.8, sigma, mounting=mounting, ground_sigmas=1.0)
        assert found is kept


def test_above_the_horizon_there_is_no_ground():
    assert certain_at(UP, 2.0, 1.9, ground_sigmas=1.0)
    assert certain_at(LEVEL, 2.0, 99.0, ground_sigmas=9.0)


def test_the_ground_takes_a_camera():
    depth_m = np.ones((3, 4), np.float32)
    limits = UncertaintyConfig(ground_sigmas=0.5)
    with pytest.raises(CameraError):
        certain_pixels(depth_m, depth_m, limits, None, MOUNTING)
