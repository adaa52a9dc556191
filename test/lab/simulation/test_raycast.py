import math

import numpy as np
import pytest

from depth_anything_ros.lab.simulation.raycast import (
    NOTHING,
    Pose,
    RayCaster,
    Rays,
    image_rays,
    intersect,
)
from depth_anything_ros.lab.simulation.scene import Box, Cylinder, Material, Rect, Scene, Sphere
from depth_anything_ros.types import Camera

CAMERA = Camera(64, 48, 52.0, 54.0, 31.5, 23.5)
PAINT = Material('plaster', (0.5, 0.5, 0.5))
LOW = Pose(0.0, 0.0, 0.3, yaw_rad=0.0)


def cast(scene, pose):
    caster = RayCaster(scene)
    return caster.cast(pose, image_rays(CAMERA), caster.bounds(pose))


def slope(coordinate_px, center_px, focal_px):
    return (coordinate_px - center_px) / focal_px


@pytest.mark.parametrize('yaw_rad', [0.0, 1.0, -2.5])
@pytest.mark.parametrize(('pitch_rad', 'roll_rad'), [(0.0, 0.0), (0.3, -0.2)])
def test_optical_axes_are_a_right_handed_frame(yaw_rad, pitch_rad, roll_rad):
    axes = Pose(0, 0, 0, yaw_rad, pitch_rad, roll_rad).optical_axes
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1.0)


def test_level_camera_looks_along_x_with_y_to_the_left():
    right, down, forward = LOW.optical_axes
    np.testing.assert_allclose(right, (0, -1, 0), atol=1e-12)
    np.testing.assert_allclose(down, (0, 0, -1), atol=1e-12)
    np.testing.assert_allclose(forward, (1, 0, 0), atol=1e-12)


def test_positive_pitch_nods_down():
    forward = Pose(0, 0, 0, 0, pitch_rad=0.1).optical_axes[2]
    assert forward[2] == pytest.approx(-math.sin(0.1))


def test_floor_depth_is_height_over_slope():
    floor = Rect((-5, -50, 0), (1, 0, 0), (0, 1, 0), 200, 100, PAINT)
    hits = cast(Scene(rects=(floor,)), LOW)
    rows = np.arange(CAMERA.height)
    below = rows > CAMERA.cy_px
    expected = 0.3 / slope(rows[below], CAMERA.cy_px, CAMERA.fy_px)
    np.testing.assert_allclose(hits.depth_m[below, 10], expected, rtol=1e-5)
    assert np.all(np.isinf(hits.depth_m[~below]))
    assert np.all(hits.surface[~below] == NOTHING)


def test_wall_ahead_has_the_same_depth_in_every_pixel():
    wall = Rect((3, 50, -50), (0, -1, 0), (0, 0, 1), 100, 100, PAINT)
    hits = cast(Scene(rects=(wall,)), LOW)
    np.testing.assert_allclose(hits.depth_m, 3.0, rtol=1e-6)


def test_slanted_wall_is_a_plane_in_inverse_depth():
    turned = Pose(0.0, 0.0, 0.3, yaw_rad=0.4, pitch_rad=-0.1, roll_rad=0.05)
    wall = Rect((3, 50, -50), (0, -1, 0), (0, 0, 1), 100, 100, PAINT)
    inverse = 1 / cast(Scene(rects=(wall,)), turned).depth_m.astype(float)
    assert np.abs(np.diff(inverse, 2, axis=0)).max() < 1e-6
    assert np.abs(np.diff(inverse, 2, axis=1)).max() < 1e-6
    middle = turned.optical_axes[2]
    row, column = 23, 31
    x = slope(column, CAMERA.cx_px, CAMERA.fx_px)
    y = slope(row, CAMERA.cy_px, CAMERA.fy_px)
    direction = middle + x * turned.optical_axes[0] + y * turned.optical_axes[1]
    assert inverse[row, column] == pytest.approx(direction[0] / 3.0, rel=1e-6)


def test_rect_is_seen_from_its_front_and_inside_its_edges_only():
    ahead = Rect((2, 0.5, 0.0), (0, -1, 0), (0, 0, 1), 1.0, 0.6, PAINT)
    hits = cast(Scene(rects=(ahead,)), LOW)
    columns = 2.0 * slope(np.arange(64), CAMERA.cx_px, CAMERA.fx_px)
    rows = 2.0 * slope(np.arange(48), CAMERA.cy_px, CAMERA.fy_px)
    inside = (np.abs(rows) <= 0.3)[:, None] & (np.abs(columns) <= 0.5)[None, :]
    np.testing.assert_array_equal(np.isfinite(hits.depth_m), inside)
    first = columns[np.abs(columns) <= 0.5][0]
    np.testing.assert_allclose(hits.u_m[inside][0], 0.5 + first, atol=1e-6)
    behind = Rect((2, -0.5, 0.0), (0, 1, 0), (0, 0, 1), 1.0, 0.6, PAINT)
    assert not np.isfinite(cast(Scene(rects=(behind,)), LOW).depth_m).any()


def test_sphere_depth_is_the_nearer_root():
    ball = Sphere((2.0, 0.1, 0.35), 0.4, PAINT)
    hits = cast(Scene(spheres=(ball,)), LOW)
    x = slope(np.arange(64), CAMERA.cx_px, CAMERA.fx_px)[None, :]
    y = slope(np.arange(48), CAMERA.cy_px, CAMERA.fy_px)[:, None]
    center = np.array([-0.1, -0.05, 2.0])  # in the optical frame
    squared = x**2 + y**2 + 1
    half = x * center[0] + y * center[1] + center[2]
    rest = half**2 - squared * (center @ center - 0.4**2)
    with np.errstate(invalid='ignore'):
        expected = np.where(rest > 0, (half - np.sqrt(rest)) / squared, np.inf)
    clear = np.abs(rest) > 1e-4
    np.testing.assert_allclose(hits.depth_m[clear], expected[clear], rtol=1e-4)
    assert np.isfinite(expected).sum() > 100


def test_cylinder_side_is_a_circle_seen_from_above():
    post = Cylinder((2.0, 0.0, -1.0), 0.5, 3.0, PAINT)
    hits = cast(Scene(cylinders=(post,)), LOW)
    x = slope(np.arange(64), CAMERA.cx_px, CAMERA.fx_px)
    found = np.isfinite(hits.depth_m[20])
    rest = 4.0 - (1 + x[found] ** 2) * (4.0 - 0.25)
    expected = (2.0 - np.sqrt(rest)) / (1 + x[found] ** 2)
    assert found.sum() > 20
    np.testing.assert_allclose(hits.depth_m[20, found], expected, rtol=1e-4)


def test_cylinder_top_is_a_disc_at_its_height():
    low = Cylinder((2.0, 0.0, 0.0), 0.5, 0.1, PAINT)
    steep = Pose(0.0, 0.0, 1.5, 0.0, pitch_rad=0.6)
    hits = cast(Scene(cylinders=(low,)), steep)
    top = np.isfinite(hits.depth_m) & (hits.v_m == np.float32(0.1))
    rows, columns = np.nonzero(top)
    x = slope(columns, CAMERA.cx_px, CAMERA.fx_px)[:, None]
    y = slope(rows, CAMERA.cy_px, CAMERA.fy_px)[:, None]
    right, down, forward = steep.optical_axes
    points = steep.position + hits.depth_m[top][:, None] * (x * right + y * down + forward)
    assert len(points) > 50
    np.testing.assert_allclose(points[:, 2], 0.1, atol=1e-5)
    assert np.hypot(points[:, 0] - 2.0, points[:, 1]).max() <= 0.5 + 1e-4


def test_nearest_surface_wins():
    near = Box((1.5, 0.0, 0.0), (0.4, 2.0, 2.0), PAINT)
    far = Sphere((3.0, 0.0, 0.3), 0.8, PAINT)
    hits = cast(Scene(boxes=(near,), spheres=(far,)), LOW)
    assert hits.depth_m[24, 32] == pytest.approx(1.3, rel=1e-5)


def test_turned_box_shows_the_corner_it_should():
    box = Box((2.0, 0.0, 0.0), (1.0, 1.0, 2.0), PAINT, yaw_rad=math.pi / 4)
    hits = cast(Scene(boxes=(box,)), LOW)
    assert hits.depth_m[24].min() == pytest.approx(2.0 - math.sqrt(0.5), abs=0.02)


def test_box_faces_point_outwards():
    box = Box((1.0, 2.0, 3.0), (0.4, 0.6, 0.8), PAINT, yaw_rad=0.7)
    center = np.array([1.0, 2.0, 3.4])
    faces = box.faces()
    assert len(faces) == 6
    for face in faces:
        assert face.normal @ (face.corners().mean(axis=0) - center) > 0.19


def test_regions_hide_nothing():
    """Casting a surface over the whole image must agree with casting it in its region."""
    generator = np.random.default_rng(5)
    for _ in range(40):
        where = tuple(generator.uniform((-1, -2, -0.5), (4, 2, 1)).tolist())
        surfaces = [
            Sphere(where, float(generator.uniform(0.1, 0.8)), PAINT),
            Cylinder(where, float(generator.uniform(0.1, 0.6)), 0.7, PAINT),
            Box(where, (0.6, 0.4, 0.5), PAINT, float(generator.uniform(0, 6))).faces()[0],
        ]
        pose = Pose(0.0, 0.0, 0.3, *generator.uniform(-0.5, 0.5, 3).tolist())
        for surface in surfaces:
            kind = {'Sphere': 'spheres', 'Cylinder': 'cylinders'}.get(
                type(surface).__name__, 'rects'
            )
            found = cast(Scene(**{kind: (surface,)}), pose).depth_m
            everywhere = intersect(surface, pose, image_rays(CAMERA))[0]
            if (
                isinstance(surface, Rect)
                and surface.normal @ (pose.position - surface.corner) <= 0
            ):
                everywhere[:] = np.inf
            np.testing.assert_array_equal(found, everywhere)


def test_list_of_rays_gives_what_the_image_gives():
    scene = Scene(spheres=(Sphere((2.0, 0.1, 0.35), 0.4, PAINT),))
    whole = cast(scene, LOW).depth_m
    rays = image_rays(CAMERA)
    rows, columns = np.nonzero(np.isfinite(whole))
    caster = RayCaster(scene)
    listed = Rays(rays.x[0, columns], rays.y[rows, 0])
    found = caster.cast(LOW, listed, caster.bounds(LOW))
    np.testing.assert_array_equal(found.depth_m, whole[rows, columns])
