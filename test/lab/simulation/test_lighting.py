import numpy as np
import pytest

from depth_anything_ros.lab.simulation.lighting import LightMaps
from depth_anything_ros.lab.simulation.scene import Box, Light, Material, Rect, Scene, Sphere

PAINT = Material('plaster', (0.5, 0.5, 0.5))
FLOOR = Rect((-2, -2, 0), (1, 0, 0), (0, 1, 0), 4, 4, PAINT)
LAMP = Light((-0.1, -0.1, 2.0), (0.2, 0, 0), (0, 0.2, 0), (0, 0, -1), (10.0, 20.0, 30.0))


def light_at(scene, x, y):
    maps = LightMaps(scene)
    (found,) = maps.on_rect(
        0, FLOOR, np.array([x + 2.0], np.float32), np.array([y + 2.0], np.float32)
    )
    return found


@pytest.mark.parametrize(('x', 'y'), [(0.0, 0.0), (1.0, 0.0), (0.7, -1.2)])
def test_small_lamp_follows_the_inverse_square_and_both_cosines(x, y):
    scene = Scene(rects=(FLOOR,), lights=(LAMP,), ambient=(0.0, 0.0, 0.0))
    squared = x * x + y * y + 4.0
    expected = np.array(LAMP.power) * 0.04 * (4.0 / squared) / squared
    np.testing.assert_allclose(light_at(scene, x, y), expected, rtol=0.02)


@pytest.mark.parametrize(
    'blocker',
    [
        {'boxes': (Box((0, 0, 1.0), (0.8, 0.8, 0.3), PAINT, 0.3),)},
        {'spheres': (Sphere((0, 0, 1.0), 0.5, PAINT),)},
    ],
)
def test_shadow_lies_below_the_blocker_only(blocker):
    scene = Scene(rects=(FLOOR,), lights=(LAMP,), ambient=(0.0, 0.0, 0.0), **blocker)
    free = Scene(rects=(FLOOR,), lights=(LAMP,), ambient=(0.0, 0.0, 0.0))
    assert light_at(scene, 0.0, 0.0).max() == 0.0
    np.testing.assert_allclose(light_at(scene, 1.8, 0.0), light_at(free, 1.8, 0.0))


def test_ambient_light_is_whole_in_the_open_and_dim_below_a_table():
    table = Box((0, 0, 0.2), (1.0, 1.0, 0.05), PAINT)
    scene = Scene(rects=(FLOOR,), boxes=(table,), ambient=(0.4, 0.5, 0.6))
    np.testing.assert_allclose(light_at(scene, 1.8, 1.8), (0.4, 0.5, 0.6), rtol=1e-5)
    assert light_at(scene, 0.0, 0.0)[0] < 0.1


def test_lamp_shines_to_its_front_only():
    up = Light(LAMP.corner, LAMP.across, LAMP.along, (0, 0, 1), LAMP.power)
    scene = Scene(rects=(FLOOR,), lights=(up,), ambient=(0.0, 0.0, 0.0))
    assert light_at(scene, 0.5, 0.5).max() == 0.0


def test_curved_surface_is_brighter_towards_the_lamp():
    maps = LightMaps(Scene(rects=(FLOOR,), lights=(LAMP,), ambient=(0.1, 0.1, 0.1)))
    points = np.zeros((2, 3), np.float32)
    normals = np.array([[0, 0, 1], [0, 0, -1]], np.float32)
    above, below = maps.on_curve(points, normals)
    np.testing.assert_allclose(above, 0.1 + np.array(LAMP.power) * 0.04 / 4.0, rtol=1e-4)
    np.testing.assert_allclose(below, 0.03, rtol=1e-4)
