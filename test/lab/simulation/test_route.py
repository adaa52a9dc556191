from random import Random

import numpy as np
import pytest

from depth_anything_ros.lab.simulation.building import Blueprint, Kind, Placement
from depth_anything_ros.lab.simulation.route import find_route, follow, route_length_m
from depth_anything_ros.lab.simulation.scenery import Room
from depth_anything_ros.lab.simulation.viewpoint import solids_of

ROOM = Room(4.0, 3.0, 2.5)
TOP_M = 0.4


def plan_with(*boxes):
    plan = Blueprint(Random(0))
    plan.coat('plain', (0.5, 0.5, 0.5))
    plan.box(Placement(2.0, 1.5), ROOM, 0, kind=Kind.ROOM)
    for place, size in boxes:
        plan.box(place, size, 0)
    return solids_of(plan)


def test_route_leads_round_a_partition_at_a_distance():
    # A partition from one wall that leaves a gap of 1 m at the other.
    solids = plan_with((Placement(2.0, 1.0), (0.1, 2.0, 1.0)))
    route = find_route(solids, ROOM, TOP_M)
    assert route[:, 0].min() < 1 < 3 < route[:, 0].max()
    beside = np.abs(route[:, 0] - 2.0) < 0.05
    assert (route[beside, 1] > 2.2).all()
    assert (route > 0.2).all()
    assert (route < np.array(ROOM[:2]) - 0.2).all()
    steps = np.linalg.norm(np.diff(route, axis=0), axis=1)
    assert steps.max() < 0.08
    assert route_length_m(route) == pytest.approx(steps.sum())


def test_route_passes_over_rugs_and_under_table_tops():
    bare = find_route(plan_with(), ROOM, TOP_M)
    covered = find_route(
        plan_with(
            (Placement(2.0, 1.5), (4.0, 3.0, 0.02)),
            (Placement(2.0, 1.5, 0.7), (4.0, 3.0, 0.03)),
        ),
        ROOM,
        TOP_M,
    )
    np.testing.assert_array_equal(bare, covered)
    assert route_length_m(bare) > 3


def test_higher_robot_keeps_clear_of_table_tops():
    solids = plan_with((Placement(1.0, 1.5, 0.7), (2.0, 3.0, 0.03)))
    low, high = (find_route(solids, ROOM, top_m) for top_m in (0.4, 0.8))
    assert low[:, 0].min() < 0.5
    assert high[:, 0].min() > 2.2


def test_full_room_has_no_route():
    route = find_route(plan_with((Placement(2.0, 1.5), (4.0, 3.0, 0.3))), ROOM, TOP_M)
    assert len(route) == 0
    assert route_length_m(route) == 0


def test_robot_follows_the_route_at_its_speed_and_comes_back():
    route = np.stack([np.arange(0.5, 3.5, 0.05), np.full(60, 1.0)], axis=1)
    poses = follow(route, 250, 10.0, 0.3)
    assert poses[0] == (0.5, 1.0, 0.0)
    assert poses[50].x_m == pytest.approx(2.0, abs=0.01)
    xs = [pose.x_m for pose in poses]
    assert 3.2 < max(xs) < 3.5
    assert min(xs[np.argmax(xs) :]) < 0.8
    assert all(abs(pose.y_m - 1.0) < 0.15 for pose in poses)
    turns = np.abs(np.diff([pose.yaw_rad for pose in poses]))
    assert turns.max() <= 0.1 + 1e-9
