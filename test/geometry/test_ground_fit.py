import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from level_scene import CAMERA, WALL_M, Box, depth_of

from depth_anything_ros.geometry.camera import ray_table
from depth_anything_ros.geometry.ground_fit import GroundSearch, is_near
from depth_anything_ros.types import CameraMounting

RAYS = ray_table(CAMERA)
BOXES = Box(1.5, 0.3), Box(2.5, -0.6, height_m=1.0)


def mounting(height_m, pitch_deg=0.0, roll_deg=0.0):
    return CameraMounting(height_m, math.radians(pitch_deg), math.radians(roll_deg))


def noisy(depth_m, seed=0):
    """Return depth as structured light has it, with holes."""
    rng = np.random.default_rng(seed)
    noise = 0.0015 * depth_m**2 * rng.standard_normal(depth_m.shape)
    found = (depth_m + noise).astype(np.float32)
    found[rng.uniform(size=depth_m.shape) < 0.1] = np.nan
    return found


def search(hanging, *boxes, **changes):
    return GroundSearch(noisy(depth_of(*boxes, mounting=hanging, **changes)), RAYS)


def is_right(found, hanging):
    assert found.height_m == pytest.approx(hanging.height_m, rel=0.02)
    assert found.pitch_rad == pytest.approx(hanging.pitch_rad, abs=math.radians(0.3))
    turned_rad = math.remainder(found.roll_rad - hanging.roll_rad, math.tau)
    assert turned_rad == pytest.approx(0, abs=math.radians(0.5))


@pytest.mark.parametrize(
    'hanging',
    [
        mounting(0.115), mounting(0.149, 5, 1), mounting(0.3, -5), mounting(1.2, 30, 3),
        mounting(1.5, 45, -5), mounting(0.3, 10, 16), mounting(0.3, 10, -33), mounting(0.8, 57),
    ],
)  # fmt: skip
def test_height_and_tilt_come_back_from_noisy_depth(hanging):
    is_right(search(hanging, *BOXES).found(), hanging)


def test_the_top_of_a_table_is_not_the_ground_while_the_floor_is_in_view():
    table = Box(0.5, width_m=2.2, height_m=0.75, length_m=0.7)
    found = search(mounting(1.3, 35), table).found()
    assert found.height_m == pytest.approx(1.3, rel=0.01)


@pytest.mark.parametrize('turned_deg', [0, 20, 40])
def test_a_wall_is_no_ground(turned_deg):
    # As a camera sees it that looks up, with nothing else in view.
    down = math.radians(90 - turned_deg / 2)
    wall_m = 2.0 / (np.sin(down) - RAYS[..., 1] * np.cos(down))
    assert GroundSearch(noisy(wall_m), RAYS).found() is None


def test_where_no_ground_is_in_view_there_is_none():
    wall = np.full((240, 320), 2.0, np.float32)
    ceiling = depth_of(mounting=CameraMounting(1.0))[::-1].copy()
    for depth_m in (wall, ceiling, np.full_like(wall, np.nan), np.zeros_like(wall)):
        found = GroundSearch(depth_m, RAYS)
        assert found.found() is None
        assert found.near(mounting(0.3)) is None
        assert found.share_below(mounting(5.0)) == 0


def test_a_plane_that_only_cuts_through_a_wall_is_no_ground():
    # A wall that the sensor sees wavy, above a floor that it does not see.
    waves = cv2.GaussianBlur(np.random.default_rng(0).standard_normal((240, 320)), (0, 0), 12)
    depth_m = (2 + 0.06 * waves / waves.std()).astype(np.float32)
    depth_m[120:] = np.nan
    assert GroundSearch(depth_m, RAYS).found() is None


@pytest.mark.parametrize('roll_deg', [0, 30, 90, 180])
def test_the_ground_near_the_told_one_is_found_however_the_camera_leans(roll_deg):
    hanging = mounting(0.3, 20, roll_deg)
    found = search(hanging, *BOXES)
    told = mounting(0.32, 21.5, roll_deg - 1.5)
    is_right(found.near(told), hanging)
    assert is_near(hanging, told)
    is_right(found.about(mounting(0.8, 40, roll_deg - 10)), hanging)


@pytest.mark.parametrize(
    'told', [mounting(0.2), mounting(0.36), mounting(0.6), mounting(0.3, 4), mounting(0.3, -4),
             mounting(0.3, 0, 4)],
)  # fmt: skip
def test_ground_that_is_told_wrong_is_not_near(told):
    hanging = mounting(0.3)
    assert search(hanging, *BOXES).near(told) is None
    assert not is_near(hanging, told)


def test_stairs_that_go_down_leave_the_ground_where_it_is_told():
    hanging = mounting(1.0, 30)
    depth_m = depth_of(mounting=hanging)
    lower_m = depth_of(mounting=replace(hanging, height_m=1.5))
    depth_m = np.where(depth_m > 3.5, lower_m, depth_m)
    is_right(GroundSearch(noisy(depth_m), RAYS).near(hanging), hanging)


def test_the_share_of_what_lies_below_the_told_ground_is_that_of_the_floor():
    depth_m = depth_of(mounting=mounting(0.6))
    floor = (depth_m < WALL_M - 1e-3).mean()
    share = GroundSearch(depth_m, RAYS).share_below(mounting(0.15))
    # Far away the ground that is told may be 3 degrees off.
    assert 0.5 * floor < share < 1.2 * floor
