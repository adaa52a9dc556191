import math
from random import Random

import numpy as np
import pytest
import torch

from depth_anything_ros.lab.simulation.atlas import LEVEL_START, TILES
from depth_anything_ros.lab.simulation.building import Blueprint, Kind, Lamp, Placement, any_turn
from depth_anything_ros.lab.simulation.casting import cast
from depth_anything_ros.lab.simulation.packing import Scenery, pack
from depth_anything_ros.lab.simulation.pose import Pose
from depth_anything_ros.lab.simulation.shading import shade
from depth_anything_ros.lab.simulation.surface import find_surface
from depth_anything_ros.lab.simulation.viewpoint import solids_of
from depth_anything_ros.types import Camera

CAMERA = Camera(48, 40, 40.0, 40.0, 23.5, 19.5)
# Shadows are found on every fourth pixel and smoothed.
FINE = Camera(240, 200, 200.0, 200.0, 119.5, 99.5)
POSE = Pose(1.0, 3.0, 1.2, 0.0)
# No pattern, so that albedos are the first colours.
BLANK = torch.zeros(TILES * LEVEL_START[-1], dtype=torch.int16)


def room_plan(color=(0.5, 0.25, 0.125)):
    plan = Blueprint(Random(0))
    plan.coat('plain', color, dirt=0.0)
    plan.box(Placement(4.0, 3.0), (8.0, 6.0, 3.0), 0, kind=Kind.ROOM)
    plan.box(Placement(4.0, 3.0, -0.2), (8.0, 6.0, 0.2), 0)
    plan.box(Placement(4.0, 3.0, 3.0), (8.0, 6.0, 0.2), 0)
    plan.ambient = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    return plan


def rendered(plan, pose=POSE, camera=CAMERA):
    packed = pack([Scenery(plan, solids_of(plan), pose, camera)], torch.device('cpu'))
    hits = cast(packed.table, 1, camera.height, camera.width)
    color, depth_m = shade(packed, hits, BLANK)
    return color[0].permute(1, 2, 0).numpy(), depth_m[0].numpy(), packed, hits


def points_of(depth_m, pose=POSE, camera=CAMERA):
    rows, columns = np.mgrid[: camera.height, : camera.width]
    rays = np.stack(
        [
            (columns - camera.cx_px) / camera.fx_px,
            (rows - camera.cy_px) / camera.fy_px,
            np.ones(rows.shape),
        ],
        axis=-1,
    )
    return pose.position + depth_m[..., None] * (rays @ pose.optical_axes)


def test_lamp_lights_a_wall_by_angle_and_distance():
    plan = room_plan()
    lamp = np.array((5.0, 3.0, 1.2))
    plan.lamps.append(Lamp(tuple(lamp), (2.0, 2.0, 2.0)))
    color, depth_m, _, _ = rendered(plan)
    points = points_of(depth_m)
    wall = np.abs(points[..., 0] - 8.0) < 1e-4
    way = lamp - points[wall]
    squared = (way**2).sum(1)
    wanted = 0.5 * 2.0 * -way[:, 0] / np.sqrt(squared) / (squared + 0.25)
    assert wall.sum() > 100
    np.testing.assert_allclose(color[wall][:, 0], wanted, rtol=1e-4)
    np.testing.assert_allclose(color[wall][:, 1], 0.5 * color[wall][:, 0], rtol=1e-5)


def test_thing_before_the_lamp_throws_a_shadow():
    plan = room_plan()
    plan.lamps.append(Lamp((5.0, 3.0, 2.6), (2.0, 2.0, 2.0)))
    plan.box(Placement(5.0, 3.0, 0.8), (0.8, 0.8, 0.1), 0)
    pose = Pose(2.0, 3.0, 1.6, 0.0, 0.5)
    color, depth_m, _, _ = rendered(plan, pose, FINE)
    points = points_of(depth_m, pose, FINE)
    floor = np.abs(points[..., 2]) < 1e-4
    off = np.hypot(points[..., 0] - 5.0, points[..., 1] - 3.0)
    assert color[floor & (off < 0.3)].max() < 1e-6
    assert color[floor & (off > 1.3) & (off < 2)].min() > 0


def test_light_of_the_room_fades_into_corners_and_below_things():
    plan = room_plan((0.5, 0.5, 0.5))
    plan.ambient = ((0.4, 0.4, 0.4), (0.4, 0.4, 0.4))
    plan.box(Placement(3.0, 3.0, 0.35), (1.0, 1.0, 0.1), 0)
    pose = Pose(1.0, 3.0, 0.3, 0.0)
    color, depth_m, _, _ = rendered(plan, pose, FINE)
    points = points_of(depth_m, pose, FINE)
    floor = np.abs(points[..., 2]) < 1e-4
    off = np.maximum(np.abs(points[..., 0] - 3.0), np.abs(points[..., 1] - 3.0)) - 0.5
    free = floor & (off > 0.6) & (points[..., 0] < 6) & (np.abs(points[..., 1] - 3.0) < 2)
    below = floor & (off < -0.2)
    wall = (np.abs(points[..., 0] - 8.0) < 1e-4) & (np.abs(points[..., 1] - 3.0) < 2)
    corner, middle = wall & (points[..., 2] < 0.1), wall & (np.abs(points[..., 2] - 1.5) < 0.4)
    assert min(part.sum() for part in (below, free, corner, middle)) > 50
    assert color[below].mean() < 0.8 * color[free].mean()
    assert color[corner].mean() < 0.93 * color[middle].mean()


def test_glow_needs_no_lamp_and_open_air_has_no_depth():
    plan = room_plan()
    pane = plan.coat('plain', (0.5, 0.5, 0.5), dirt=0.0, glow=2.0, open_air=True)
    plan.box(Placement(7.99, 3.0, 0.7), (0.02, 1.0, 1.0), pane)
    color, depth_m, _, _ = rendered(plan)
    assert np.isnan(depth_m[20, 24])
    np.testing.assert_allclose(color[20, 24], (1.0, 1.0, 1.0), rtol=1e-5)
    assert np.isfinite(depth_m[20, 2])
    assert color[20, 2].max() == 0


@pytest.mark.parametrize('kind', [Kind.BOX, Kind.ELLIPSOID, Kind.CYLINDER])
def test_normals_are_those_of_the_depth_image(kind):
    plan = room_plan()
    plan.tilted(kind, Placement(2.5, 3.0, 0.7), (1.2, 0.9, 1.0), 0, any_turn(Random(4)))
    _, depth_m, packed, hits = rendered(plan)
    surface = find_surface(packed.table, packed.turn, hits)
    normal = surface.normal.reshape(3, CAMERA.height, CAMERA.width).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(np.linalg.norm(normal, axis=-1), 1, atol=1e-5)
    points = points_of(depth_m)
    # From differences to both sides, where all are on the thing.
    across = points[1:-1, 2:] - points[1:-1, :-2]
    down = points[2:, 1:-1] - points[:-2, 1:-1]
    wanted = np.cross(down, across)
    wanted /= np.linalg.norm(wanted, axis=-1, keepdims=True)
    agree = (wanted * normal[1:-1, 1:-1]).sum(-1)
    on_thing = hits.shape[0].numpy() == 3
    assert on_thing.sum() > 150
    inside = on_thing[1:-1, 1:-1]
    assert np.mean(agree[inside] > math.cos(0.12)) > 0.75
    seen_from = ((POSE.position - points) * normal).sum(-1)
    assert (seen_from[on_thing] > -1e-6).all()


def test_surface_coordinates_are_metres_along_faces():
    _, depth_m, packed, hits = rendered(room_plan())
    surface = find_surface(packed.table, packed.turn, hits)
    u, v = (value.reshape(depth_m.shape).numpy() for value in (surface.u, surface.v))
    points = points_of(depth_m)
    wall = np.abs(points[..., 0] - 8.0) < 1e-4
    np.testing.assert_allclose(u[wall], points[wall][:, 1] - 3.0, atol=1e-5)
    np.testing.assert_allclose(v[wall], points[wall][:, 2] - 1.5, atol=1e-5)
