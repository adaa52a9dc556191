"""Points seen from two places have the depth that they were made with."""

import numpy as np
import pytest

from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.geometry.two_views import refine_motion, triangulate

MOTION = RigidTransform.from_pose(0.02, 0.01, -0.2, 0.01, 0.05, -0.02)
SIGMA = 1e-3


def views(motion=MOTION, count=80):
    """Return rays of the same points before and after a motion, and their depth after it."""
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(-1, 1, (count, 2)), rng.uniform(0.8, 4.0, count)])
    moved = motion.apply(points)
    return points[:, :2] / points[:, 2:], moved[:, :2] / moved[:, 2:], moved[:, 2]


def test_depth_is_exact_without_noise():
    before, now, depth_m = views()
    found = triangulate(before, now, MOTION, SIGMA)
    np.testing.assert_allclose(1.0 / found.inverse_depth, depth_m, rtol=1e-9)
    np.testing.assert_allclose(found.off, 0.0, atol=1e-6)


def test_sigma_is_what_noise_makes_of_the_depth():
    before, now, depth_m = views(count=4000)
    noisy = now + SIGMA * np.random.default_rng(1).standard_normal(now.shape)
    found = triangulate(before, noisy, MOTION, SIGMA)
    off = (found.inverse_depth - 1.0 / depth_m) / found.sigma
    assert np.median(np.abs(off)) == pytest.approx(0.6745, rel=0.1)
    assert np.median(found.off) == pytest.approx(0.6745, rel=0.1)


def test_with_the_opposite_motion_points_lie_behind():
    before, now, _ = views()
    turn = np.eye(3)
    ahead = RigidTransform(turn, np.array([0.0, 0.0, -0.2]))
    before, now, _ = views(ahead)
    found = triangulate(before, now, ahead.inverse(), SIGMA)
    assert (found.inverse_depth < 0).all()


def test_a_wrong_turn_and_heading_are_refined_and_the_length_stays():
    before, now, depth_m = views()
    wrong = MOTION @ RigidTransform.from_pose(0.0, 0.0, 0.0, 0.01, -0.015, 0.005)
    told = RigidTransform(wrong.rotation, wrong.translation_m + np.array([0.008, 0.0, 0.0]))
    refined = refine_motion(before, now, told, SIGMA, 0.02, 0.05)
    length = np.linalg.norm(told.translation_m)
    assert np.linalg.norm(refined.translation_m) == pytest.approx(length)
    found = triangulate(before, now, refined, SIGMA)
    true_m = np.linalg.norm(MOTION.translation_m)
    np.testing.assert_allclose(1.0 / found.inverse_depth, depth_m * length / true_m, rtol=0.02)
