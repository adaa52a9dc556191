import math
from random import Random

import numpy as np
import pytest
import torch

from depth_anything_ros.lab.simulation.building import (
    Blueprint,
    Kind,
    Placement,
    along_axis,
    any_turn,
)
from depth_anything_ros.lab.simulation.casting import cast
from depth_anything_ros.lab.simulation.packing import Scenery, pack
from depth_anything_ros.lab.simulation.pose import Pose
from depth_anything_ros.lab.simulation.viewpoint import solids_of
from depth_anything_ros.types import Camera

CAMERA = Camera(52, 40, 45.0, 45.0, 25.5, 19.5)
# In a room of 8 × 6 × 3 m, level, looking along +x.
POSE = Pose(1.0, 3.0, 1.2, 0.0)


def room_plan():
    plan = Blueprint(Random(0))
    plan.coat('plain', (0.5, 0.5, 0.5))
    plan.box(Placement(4.0, 3.0), (8.0, 6.0, 3.0), 0, kind=Kind.ROOM)
    return plan


def depth_of(plan, pose=POSE, camera=CAMERA):
    scene = Scenery(plan, solids_of(plan), pose, camera)
    packed = pack([scene], torch.device('cpu'))
    hits = cast(packed.table, 1, camera.height, camera.width)
    return hits.depth_m[0].numpy(), hits.shape[0].numpy()


def rays():
    x = (np.arange(CAMERA.width) - CAMERA.cx_px) / CAMERA.fx_px
    y = (np.arange(CAMERA.height) - CAMERA.cy_px) / CAMERA.fy_px
    return np.broadcast_arrays(x[None, :], y[:, None])


def world_rays(pose=POSE):
    x, y = rays()
    return np.stack([x, y, np.ones_like(x)], -1) @ pose.optical_axes


def room_depth(pose=POSE):
    """The nearest of the six planes in front."""
    way = world_rays(pose)
    with np.errstate(divide='ignore'):
        reach = np.where(way > 0, np.array([8, 6, 3]) - pose.position, -pose.position) / way
    return reach.min(-1)


def test_room_alone_shows_its_walls_floor_and_ceiling():
    for pose in (POSE, Pose(2.0, 1.0, 0.1, 2.2, 0.3, -0.2), Pose(7.0, 5.0, 2.5, -1.0, 1.2, 0.4)):
        depth_m, shape = depth_of(room_plan(), pose)
        np.testing.assert_allclose(depth_m, room_depth(pose), rtol=2e-6)
        assert (shape == 0).all()


def test_box_ahead_is_a_rectangle_at_the_depth_of_its_front():
    plan = room_plan()
    plan.box(Placement(4.0, 3.0, 0.7), (1.0, 1.0, 1.0), 0)
    depth_m, shape = depth_of(plan)
    x, y = rays()
    front = (np.abs(x * 2.5) <= 0.5) & (np.abs(y * 2.5) <= 0.5)
    np.testing.assert_array_equal(shape == 1, front)
    np.testing.assert_allclose(depth_m, np.where(front, 2.5, room_depth()), rtol=2e-6)


def test_ball_is_hit_where_the_quadratic_says():
    plan = room_plan()
    plan.box(Placement(3.0, 3.1, 0.8), (1.0, 1.0, 1.0), 0, kind=Kind.ELLIPSOID)
    depth_m, _ = depth_of(plan)
    way, offset = world_rays(), POSE.position - (3.0, 3.1, 1.3)
    a, b, c = (way**2).sum(-1), way @ offset, offset @ offset - 0.25
    rest = b * b - a * c
    clear = np.abs(rest) > 1e-3
    wanted = np.where(rest > 0, (-b - np.sqrt(np.maximum(rest, 0))) / a, room_depth())
    np.testing.assert_allclose(depth_m[clear], wanted[clear], rtol=1e-5)
    assert (rest > 0).sum() > 100


def test_ellipsoid_is_a_ball_stretched_along_its_axes():
    plan = room_plan()
    plan.box(Placement(3.0, 3.0, 0.9), (0.6, 1.4, 0.6), 0, yaw=0.7, kind=Kind.ELLIPSOID)
    depth_m, shape = depth_of(plan)
    points = POSE.position + depth_m[..., None] * world_rays() - (3.0, 3.0, 1.2)
    along = points @ (math.cos(0.7), math.sin(0.7), 0) / 0.3
    across = points @ (-math.sin(0.7), math.cos(0.7), 0) / 0.7
    on_surface = along**2 + across**2 + (points[..., 2] / 0.3) ** 2
    np.testing.assert_allclose(on_surface[shape == 1], 1, atol=2e-4)
    assert (shape == 1).sum() > 100


def test_upright_cylinder_has_a_round_side_and_a_flat_top():
    plan = room_plan()
    plan.cylinder(Placement(2.5, 3.0), 0.4, 0.9, 0)
    pose = Pose(1.0, 3.0, 1.4, 0.0, 0.35)
    depth_m, shape = depth_of(plan, pose)
    points = (pose.position + depth_m[..., None] * world_rays(pose))[shape == 1]
    radius = np.hypot(points[:, 0] - 2.5, points[:, 1] - 3.0)
    top = np.abs(points[:, 2] - 0.9) < 1e-5
    assert top.sum() > 20
    assert (radius[top] <= 0.4 + 1e-5).all()
    np.testing.assert_allclose(radius[~top], 0.4, atol=1e-5)
    assert (~top).sum() > 20
    assert (points[~top, 0] < 2.5).all()


def test_rod_between_two_points_lies_along_them():
    plan = room_plan()
    start, end = Placement(3.0, 2.4, 0.9), Placement(3.6, 3.5, 1.6)
    plan.rod(start, end, 0.15, 0)
    depth_m, shape = depth_of(plan)
    points = (POSE.position + depth_m[..., None] * world_rays())[shape == 1]
    axis = np.subtract(end[:3], start[:3])
    length = np.linalg.norm(axis)
    along = (points - start[:3]) @ (axis / length)
    off = np.linalg.norm(np.cross(points - start[:3], axis / length), axis=1)
    side = (along > 1e-4) & (along < length - 1e-4)
    np.testing.assert_allclose(off[side], 0.15, atol=2e-5)
    assert side.sum() > 100


def test_turned_box_hits_lie_on_its_faces():
    plan = room_plan()
    turn = any_turn(Random(3))
    plan.tilted(Kind.BOX, Placement(2.6, 3.0, 0.8), (0.8, 0.5, 0.3), 0, turn)
    depth_m, shape = depth_of(plan)
    center = plan.shapes[1].center
    points = (POSE.position + depth_m[..., None] * world_rays())[shape == 1] - center
    local = np.abs(points @ np.array(turn).reshape(3, 3)) / (0.4, 0.25, 0.15)
    np.testing.assert_allclose(local.max(1), 1, atol=1e-5)
    assert len(local) > 100


def test_tilted_things_touch_the_level_they_lie_on():
    rng = Random(1)
    for kind in (Kind.BOX, Kind.ELLIPSOID, Kind.CYLINDER):
        plan = room_plan()
        plan.tilted(kind, Placement(2.2, 3.0, 0.4), (0.5, 0.5, 0.2), 0, any_turn(rng))
        shape = plan.shapes[1]
        turn = np.array(shape.turn).reshape(3, 3)
        directions = np.random.default_rng(0).normal(size=(200_000, 3))
        unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        if kind is Kind.BOX:
            unit = np.sign(directions)
        elif kind is Kind.CYLINDER:
            unit = directions / np.hypot(directions[:, :1], directions[:, 1:2])
            unit[:, 2] = np.sign(directions[:, 2])
        lowest = (unit * shape.half_m @ turn.T + shape.center)[:, 2].min()
        assert lowest == pytest.approx(0.4, abs=2e-3)


def test_first_of_two_things_hides_the_second():
    plan = room_plan()
    plan.box(Placement(5.0, 3.0, 0.0), (0.2, 4.0, 2.6), 0)
    plan.box(Placement(3.0, 3.0, 1.0), (0.4, 0.4, 0.4), 0)
    depth_m, shape = depth_of(plan)
    assert depth_m[20, 26] == pytest.approx(1.8, rel=1e-6)
    assert set(np.unique(shape)) == {0, 1, 2}
    assert depth_m[20, 6] == pytest.approx(3.9, rel=1e-6)


def test_tiles_do_not_change_what_is_seen():
    """Against every shape tried on every pixel, in a crowd of turned things."""
    rng = Random(5)
    plan = room_plan()
    for _ in range(60):
        place = Placement(rng.uniform(1.6, 7), rng.uniform(0.5, 5.5), rng.uniform(0, 2))
        size = tuple(rng.uniform(0.02, 0.8) for _ in range(3))
        plan.tilted(Kind.BOX, place, size, 0, any_turn(rng))
    depth_m, _ = depth_of(plan)
    way, wanted = world_rays(), room_depth()
    for shape in plan.shapes[1:]:
        turn = np.array(shape.turn).reshape(3, 3)
        offset, local = (POSE.position - shape.center) @ turn, way @ turn
        middle, half = -offset / local, np.abs(np.array(shape.half_m) / local)
        enter, leave = (middle - half).max(-1), (middle + half).min(-1)
        wanted = np.where((enter <= leave) & (enter > 0.02), np.minimum(wanted, enter), wanted)
    differs = np.abs(depth_m - wanted) > 1e-4 * wanted
    assert differs.sum() <= 2  # a ray along an edge may go either way


def test_camera_inside_a_thing_sees_the_room():
    plan = room_plan()
    plan.box(Placement(1.0, 3.0, 1.0), (0.5, 0.5, 0.5), 0)
    depth_m, _ = depth_of(plan)
    np.testing.assert_allclose(depth_m, room_depth(), rtol=2e-6)


@pytest.mark.parametrize('axis', [(0, 0, 1), (0, 0, -1), (1, 0, 0), (0.6, 0, 0.8)])
def test_along_axis_turns_z_to_the_axis(axis):
    turn = np.array(along_axis(axis)).reshape(3, 3)
    np.testing.assert_allclose(turn @ (0, 0, 1), axis, atol=1e-12)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)


def test_any_turn_is_a_rotation():
    rng = Random(0)
    for _ in range(20):
        turn = np.array(any_turn(rng)).reshape(3, 3)
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(turn) == pytest.approx(1)
