import math

import numpy as np
import pytest
from level_scene import CAMERA, Box, depth_of

from depth_anything_ros.geometry.camera import ray_table
from depth_anything_ros.geometry.ground_fit import ground_of_depth
from depth_anything_ros.types import CameraMounting

RAYS = ray_table(CAMERA)


def noisy(depth_m, seed=0):
    """Return depth as structured light has it, with holes."""
    rng = np.random.default_rng(seed)
    noise = 0.0015 * depth_m**2 * rng.standard_normal(depth_m.shape)
    found = (depth_m + noise).astype(np.float32)
    found[rng.uniform(size=depth_m.shape) < 0.1] = np.nan
    return found


@pytest.mark.parametrize(
    ('height_m', 'pitch_deg', 'roll_deg'),
    [(0.115, 0, 0), (0.149, 5, 1), (0.3, -5, 0), (1.2, 30, 3), (1.5, 45, -5)],
)
def test_height_and_tilt_come_back_from_noisy_depth(height_m, pitch_deg, roll_deg):
    mounting = CameraMounting(height_m, math.radians(pitch_deg), math.radians(roll_deg))
    boxes = Box(1.5, 0.3), Box(2.5, -0.6, height_m=1.0)
    found = ground_of_depth(noisy(depth_of(*boxes, mounting=mounting)), RAYS)
    assert found.height_m == pytest.approx(height_m, rel=0.02)
    assert math.degrees(found.pitch_rad) == pytest.approx(pitch_deg, abs=0.3)
    assert math.degrees(found.roll_rad) == pytest.approx(roll_deg, abs=0.5)


def test_the_top_of_a_table_is_not_the_ground_while_the_floor_is_in_view():
    mounting = CameraMounting(1.3, math.radians(35))
    table = Box(0.5, width_m=2.2, height_m=0.75, length_m=0.7)
    found = ground_of_depth(depth_of(table, mounting=mounting), RAYS)
    assert found.height_m == pytest.approx(1.3, rel=0.01)


def test_where_no_ground_is_in_view_there_is_none():
    wall = np.full((240, 320), 2.0, np.float32)
    ceiling = depth_of(mounting=CameraMounting(1.0))[::-1].copy()
    for depth_m in (wall, ceiling, np.full_like(wall, np.nan), np.zeros_like(wall)):
        assert ground_of_depth(depth_m, RAYS) is None
