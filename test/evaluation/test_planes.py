import numpy as np
import pytest

from depth_anything_ros.evaluation.planes import planarity_error, plane_angle, plane_errors
from depth_anything_ros.geometry.camera import ray_table
from depth_anything_ros.types import Camera

RAYS = ray_table(Camera(320, 240, 280.0, 280.0, 159.5, 119.5))


def plane(normal, distance_m):
    """Return the depth of a plane with that normal, so far from the lens along it."""
    normal = np.asarray(normal, float) / np.linalg.norm(normal)
    return (distance_m / (RAYS @ normal[:2] + normal[2])).astype(np.float32)


WALL, FLOOR = plane((0.2, 0.0, 1.0), 3.0), plane((0.0, 1.0, 0.1), 1.0)
FLOOR[FLOOR < 0] = np.inf
ROOM = np.minimum(WALL, FLOOR)
EVERYWHERE = np.ones(ROOM.shape, bool)


def noisy(depth_m, seed=0):
    """Return depth as structured light has it: the noise grows with the square."""
    noise = np.random.default_rng(seed).normal(0, 1, depth_m.shape)
    return (depth_m + 0.0015 * depth_m**2 * noise).astype(np.float32)


def test_the_planes_of_a_room_are_found_in_noise():
    found = plane_errors(ROOM, noisy(ROOM), EVERYWHERE, RAYS)
    assert len(found.turn_deg) == 2
    assert found.turn_deg.max() < 1.0
    # Of the tiles where wall and floor meet.
    assert planarity_error(found) < 0.01


def test_flatness_is_the_spread_of_the_predicted_points_about_their_plane():
    rng = np.random.default_rng(1)
    # Noise along the ray, which the wall meets at a slant of 11.3 degrees.
    prediction = (WALL + rng.normal(0, 0.05, WALL.shape)).astype(np.float32)
    found = plane_errors(prediction, WALL, EVERYWHERE, RAYS)
    points = np.dstack([RAYS * prediction[..., None], prediction]).reshape(-1, 3).astype(float)
    points -= points.mean(axis=0)
    spread = np.linalg.svd(points, compute_uv=False)[-1] / np.sqrt(len(points))
    assert planarity_error(found) == pytest.approx(spread, rel=0.02)
    assert plane_angle(found) < 0.1


@pytest.mark.parametrize('degrees', [5.0, 20.0])
def test_a_turned_wall_has_its_angle(degrees):
    here, there = (
        plane((np.sin(angle), 0.0, np.cos(angle)), 3.0) for angle in (0.0, np.radians(degrees))
    )
    found = plane_errors(there, here, EVERYWHERE, RAYS)
    assert plane_angle(found) == pytest.approx(degrees, abs=0.01)
    assert planarity_error(found) == pytest.approx(0.0, abs=1e-3)


def test_what_is_curved_or_unknown_is_no_plane():
    rows, columns = np.mgrid[:240, :320]
    waves = (3 + 0.3 * np.sin(columns / 6) * np.cos(rows / 6)).astype(np.float32)
    assert plane_errors(waves, waves, EVERYWHERE, RAYS) is None
    assert plane_errors(WALL, WALL, ~EVERYWHERE, RAYS) is None
    assert plane_errors(WALL, WALL, EVERYWHERE, np.full_like(RAYS, np.nan)) is None
    small = np.s_[:7, :7]
    assert plane_errors(WALL[small], WALL[small], EVERYWHERE[small], RAYS[small]) is None


def test_a_bent_wall_is_told_from_a_flat_one():
    bent = WALL + (0.2 * np.cos(np.arange(320) / 50)).astype(np.float32)
    found = plane_errors(bent, noisy(WALL), EVERYWHERE, RAYS)
    assert planarity_error(found) > 0.1
