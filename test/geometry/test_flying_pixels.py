import numpy as np
import pytest

from depth_anything_ros.geometry.flying_pixels import flying_pixels
from depth_anything_ros.types import MetricDepth

HEIGHT, WIDTH = 120, 320
FOCAL_PX = 277.0


def plane(normal, offset_m, height=HEIGHT, width=WIDTH):
    """Depth where the rays of a pinhole camera meet the plane normal · p = offset."""
    rows, columns = np.mgrid[:height, :width]
    x, y = (columns - width / 2) / FOCAL_PX, (rows - height / 2) / FOCAL_PX
    facing = normal[0] * x + normal[1] * y + normal[2]
    with np.errstate(divide='ignore'):
        depth_m = np.where(facing > 0, offset_m / facing, np.nan)
    return depth_m.astype(np.float32)


def ramp(near_m, far_m, first, last):
    """Depth whose inverse goes from one value to the other between two columns."""
    inverse = np.interp(np.arange(WIDTH), [first, last], [1 / near_m, 1 / far_m])
    return np.tile(1 / inverse, (HEIGHT, 1)).astype(np.float32)


@pytest.mark.parametrize(
    'normal', [(0.0, 0.0, 1.0), (0.4, -0.3, 0.8), (0.95, 0.0, 0.3), (-0.2, 0.7, 1.0)]
)
def test_a_plane_loses_nothing_however_it_slants(normal):
    depth_m = plane(np.array(normal), 1.5)
    depth_m[depth_m > 1000] = np.nan
    assert np.isfinite(depth_m).mean() > 0.5
    assert not flying_pixels(MetricDepth(depth_m), 0.02).any()


def test_ground_seen_from_a_low_lens_stays_up_to_the_wall_and_so_does_the_wall():
    depth_m = np.fmin(plane(np.array([0.0, 1.0, 0.0]), 0.115), np.float32(4.0))
    # Neighbouring rows of the ground differ by more than a tenth before the wall.
    steps = depth_m[:-1, 0] / depth_m[1:, 0]
    assert steps.max() > 1.1
    assert not flying_pixels(MetricDepth(depth_m), 0.02).any()


def test_the_ramp_between_two_surfaces_is_found_and_the_surfaces_are_not():
    found = flying_pixels(MetricDepth(ramp(1.0, 3.0, 100, 106)), 0.02)
    assert found[:, 101:106].all()
    assert not found[:, :98].any() and not found[:, 109:].any()
    rows = flying_pixels(MetricDepth(ramp(1.0, 3.0, 100, 106)[:, :HEIGHT].T.copy()), 0.02)
    assert rows[101:106].any()


def test_a_bend_without_a_step_is_no_edge():
    inverse = np.interp(np.arange(WIDTH), [0, 160, 319], [0.5, 1.0, 0.5])
    depth_m = np.tile(1 / inverse, (HEIGHT, 1)).astype(np.float32)
    assert not flying_pixels(MetricDepth(depth_m), 0.02).any()


def test_the_excess_over_the_surroundings_is_compared_with_the_jump():
    # At the middle of the ramp, half lengths 1 and 16: slope J / 10 against 2 · J / 32.
    depth_m = ramp(1.0, 1.5, 100, 110)
    excess = 2 * (1 / 10 - 2 / 32) * (1 - 1 / 1.5) * depth_m[0, 105]
    assert flying_pixels(MetricDepth(depth_m), excess * 0.99)[0, 105]
    assert not flying_pixels(MetricDepth(depth_m), excess * 1.01)[0, 105]


@pytest.mark.parametrize('limit_m', [0.6, 1.0, 2.5])
def test_a_floor_loses_nothing_where_the_largest_depth_cuts_it(limit_m):
    depth_m = plane(np.array([0.0, 1.0, 0.0]), 0.115)
    depth_m[depth_m > limit_m] = np.nan
    assert 0.02 < np.isfinite(depth_m).mean() < 0.5
    assert not flying_pixels(MetricDepth(depth_m), 0.02).any()
    assert not flying_pixels(MetricDepth(depth_m.T.copy()), 0.02).any()


def test_a_smooth_wall_about_the_largest_depth_loses_nothing():
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    wall_m = (5 + 0.3 * np.sin(columns / 25) * np.cos(rows / 20)).astype(np.float32)
    wall_m[wall_m > 5.0] = np.nan
    assert 0.3 < np.isfinite(wall_m).mean() < 0.7
    assert not flying_pixels(MetricDepth(wall_m), 0.02).any()


def test_a_ramp_is_found_up_to_where_depth_is_unknown():
    depth_m = ramp(1.0, 50.0, 100, 106)
    whole = flying_pixels(MetricDepth(depth_m.copy()), 0.02)
    # Slopes end at column 105, so that the last is one-sided: 1 / 6 of the ramp a pixel.
    depth_m[:, 106:] = np.nan
    found = flying_pixels(MetricDepth(depth_m), 0.02)
    assert not found[:, 106:].any()
    assert found[:, 101:106].all() and whole[:, 101:106].all()
    assert not found[:, :98].any()


def test_a_thin_thing_before_nothing_known_loses_its_blurred_edges_only():
    inverse = np.interp(np.arange(WIDTH), [100, 104, 112, 116], [0.1, 1.0, 1.0, 0.1])
    depth_m = np.tile(1 / inverse, (HEIGHT, 1)).astype(np.float32)
    depth_m[depth_m > 5.0] = np.nan
    found = flying_pixels(MetricDepth(depth_m), 0.02)[0]
    assert found[101:104].all() and found[113:116].all()
    assert not found[105:112].any()


def test_holes_of_a_slanted_plane_are_no_edges():
    depth_m = plane(np.array([0.4, -0.3, 0.8]), 1.5)
    depth_m[np.random.default_rng(3).random(depth_m.shape) < 0.3] = np.nan
    assert not flying_pixels(MetricDepth(depth_m), 0.02).any()


def test_images_of_a_pixel_are_taken():
    assert not flying_pixels(MetricDepth(np.ones((1, 1), np.float32)), 0.1).any()
