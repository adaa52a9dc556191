import math
from random import Random

import numpy as np
import pytest

from depth_anything_ros.lab.simulation.building import Blueprint, Kind, Placement, any_turn
from depth_anything_ros.lab.simulation.pose import Pose
from depth_anything_ros.lab.simulation.scan import first_hits, scan
from depth_anything_ros.lab.simulation.viewpoint import solids_of


@pytest.fixture
def plan():
    plan = Blueprint(Random(0))
    plan.coat('plain', (0.5, 0.5, 0.5))
    plan.box(Placement(4.0, 3.0), (8.0, 6.0, 3.0), 0, kind=Kind.ROOM)
    return plan


def range_at(found, angle_rad):
    number = round((angle_rad - found.angle_min_rad) / found.angle_step_rad)
    return float(found.ranges_m[number % len(found.ranges_m)])


def test_empty_room_has_the_ranges_of_its_walls(plan):
    pose = Pose(1.0, 2.0, 0.2, 0.6)
    found = scan(solids_of(plan), pose)
    angles = found.angles_rad + 0.6
    with np.errstate(divide='ignore'):
        to_x = np.where(np.cos(angles) > 0, 7.0, -1.0) / np.cos(angles)
        to_y = np.where(np.sin(angles) > 0, 4.0, -2.0) / np.sin(angles)
    np.testing.assert_allclose(found.ranges_m, np.minimum(to_x, to_y), rtol=1e-5)
    assert found.angles_rad[0] == -math.pi
    assert len(found.ranges_m) * found.angle_step_rad == pytest.approx(2 * math.pi)


def test_box_cylinder_and_ball_are_met_where_they_begin(plan):
    plan.box(Placement(3.0, 3.0, 0.0), (0.5, 1.0, 0.5), 0)
    plan.cylinder(Placement(1.0, 4.5), 0.3, 0.5, 0)
    plan.box(Placement(1.0, 1.0, 0.0), (0.4, 0.4, 0.4), 0, kind=Kind.ELLIPSOID)
    found = scan(solids_of(plan), Pose(1.0, 3.0, 0.3, 0.0))
    assert range_at(found, 0.0) == pytest.approx(1.75, rel=1e-6)
    assert range_at(found, math.pi / 2) == pytest.approx(1.2, rel=1e-6)
    # The ball is cut 0.1 m above its middle.
    wanted = 2.0 - math.sqrt(0.2**2 - 0.1**2)
    assert range_at(found, -math.pi / 2) == pytest.approx(wanted, rel=1e-6)
    assert range_at(found, math.pi) == pytest.approx(1.0, rel=1e-6)


def test_laser_passes_over_and_under_things(plan):
    plan.box(Placement(3.0, 3.0, 0.0), (0.5, 1.0, 0.1), 0)
    plan.box(Placement(3.0, 3.0, 0.7), (2.0, 2.0, 0.03), 0)
    assert range_at(scan(solids_of(plan), Pose(1.0, 3.0, 0.17, 0.0)), 0.0) == pytest.approx(7.0)


def test_ranges_out_of_limits_are_infinite(plan):
    plan.box(Placement(1.06, 3.0, 0.0), (0.06, 0.2, 1.0), 0)
    found = scan(solids_of(plan), Pose(1.0, 3.0, 0.2, 0.0), range_min_m=0.05, range_max_m=2.5)
    assert range_at(found, 0.0) == -math.inf
    assert range_at(found, math.pi) == pytest.approx(1.0)
    assert range_at(found, math.pi / 2) == math.inf
    assert not np.isnan(found.ranges_m).any()


def test_turned_laser_sees_the_same_in_turned_order(plan):
    plan.box(Placement(3.0, 2.0, 0.0), (0.5, 1.0, 0.5), 0, yaw=0.4)
    ahead = scan(solids_of(plan), Pose(1.0, 3.0, 0.2, 0.0))
    turned = scan(solids_of(plan), Pose(1.0, 3.0, 0.2, math.pi / 2))
    np.testing.assert_allclose(np.roll(turned.ranges_m, 180), ahead.ranges_m, rtol=1e-5)


@pytest.mark.parametrize('kind', [Kind.BOX, Kind.ELLIPSOID, Kind.CYLINDER])
def test_first_hits_lie_on_the_surface_of_turned_shapes(plan, kind):
    turn = any_turn(Random(2))
    plan.tilted(kind, Placement(3.0, 3.0, 0.5), (1.0, 0.7, 0.5), 0, turn)
    solids = solids_of(plan)
    generator = np.random.default_rng(0)
    ways = np.array([1.0, 0.0, 0.1]) + generator.normal(0, 0.25, (2000, 3))
    origin = np.array([1.0, 3.0, 0.6])
    reach = first_hits(solids, origin, ways)
    points = origin + reach[:, None] * ways - solids.center[1]
    unit = points @ solids.turn[1] / solids.half_m[1]
    level = {
        Kind.BOX: np.abs(unit).max(1),
        Kind.ELLIPSOID: np.linalg.norm(unit, axis=1),
        Kind.CYLINDER: np.maximum(np.hypot(unit[:, 0], unit[:, 1]), np.abs(unit[:, 2])),
    }[kind]
    met = np.abs(level - 1) < 1e-9
    assert met.sum() > 200
    assert (level[~met] > 1).all()


def test_ray_from_inside_a_thing_meets_it_at_once(plan):
    plan.box(Placement(1.0, 3.0, 0.0), (0.5, 0.5, 0.5), 0)
    reach = first_hits(solids_of(plan), np.array([1.0, 3.0, 0.2]), np.array([[1.0, 0.0, 0.0]]))
    assert reach[0] == 0
