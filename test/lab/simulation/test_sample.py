import numpy as np
import pytest

from depth_anything_ros.bag import (
    STORAGES,
    BagReader,
    RgbdFrames,
    RgbdTopics,
    write_rgbd_bag,
)
from depth_anything_ros.errors import CameraError, DatasetError
from depth_anything_ros.lab.simulation.path import drive
from depth_anything_ros.lab.simulation.raycast import Pose, RayCaster, image_rays
from depth_anything_ros.lab.simulation.renderer import Renderer
from depth_anything_ros.lab.simulation.room import HEIGHT_M, LENGTH_M, WIDTH_M, make_room
from depth_anything_ros.lab.simulation.sample import sample_camera, sample_frames
from depth_anything_ros.lab.simulation.scene import Material, Rect, Scene, Sphere
from depth_anything_ros.types import Camera

SMALL = sample_camera(80, 60)
LEVEL = Pose(0.0, 0.0, 0.3, yaw_rad=0.0)


def test_same_seed_gives_the_same_bytes_and_another_a_different_room():
    first, again, other = (list(sample_frames(2, 10.0, seed, SMALL)) for seed in (3, 3, 4))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.frame.rgb, two.frame.rgb)
        np.testing.assert_array_equal(one.depth_m, two.depth_m)
    assert not np.array_equal(first[0].frame.rgb, other[0].frame.rgb)


def test_stamps_follow_the_rate():
    stamps_ns = [item.frame.stamp_ns for item in sample_frames(3, 8.0, 0, SMALL)]
    assert np.diff(stamps_ns).tolist() == [125_000_000, 125_000_000]


@pytest.mark.parametrize('seed', [0, 1, 2])
def test_every_pixel_of_the_room_has_depth_inside_the_room(seed):
    renderer = Renderer(make_room(seed), SMALL)
    for pose in drive(8, 0.35):
        rendered = renderer.render(pose)
        assert np.isfinite(rendered.depth_m).all()
        assert rendered.depth_m.min() > 0.2
        assert rendered.depth_m.max() < np.hypot(LENGTH_M, WIDTH_M)
        assert rendered.rgb.std() > 20, 'a picture without contrast'
        assert 40 < rendered.rgb.mean() < 210


def test_depth_points_lie_in_the_room():
    room = make_room(0)
    pose = drive(20, 10.0)[-1]
    caster, rays = RayCaster(room), image_rays(SMALL)
    depth_m = caster.cast(pose, rays, caster.bounds(pose)).depth_m
    points = [depth_m * rays.along(pose.optical_axes[:, k]) + pose.position[k] for k in range(3)]
    for values, size_m in zip(points, (LENGTH_M, WIDTH_M, HEIGHT_M), strict=True):
        assert values.min() > -1e-3
        assert values.max() < size_m + 1e-3


def test_the_whole_path_keeps_clear_of_the_furniture():
    for seed in (0, 1, 2):
        caster = RayCaster(make_room(seed))
        around = sample_camera(32, 24)
        for pose in drive(60, 2.5):
            hits = caster.cast(pose, image_rays(around), caster.bounds(pose))
            assert hits.depth_m.min() > 0.15


def test_camera_moves_at_a_robots_pace_and_height():
    positions = np.array([pose.position for pose in drive(50, 10.0)])
    steps_m = np.linalg.norm(np.diff(positions[:, :2], axis=0), axis=1)
    np.testing.assert_allclose(steps_m * 10.0, 0.35, rtol=0.05)
    assert np.all((positions[:, 2] > 0.2) & (positions[:, 2] < 0.3))


def test_rendered_depth_is_the_closed_form_of_a_wall():
    wall = Rect((3, 50, -50), (0, -1, 0), (0, 0, 1), 100, 100, Material('checker', (1, 1, 1)))
    rendered = Renderer(Scene(rects=(wall,)), SMALL).render(LEVEL)
    np.testing.assert_allclose(rendered.depth_m, 3.0, rtol=1e-6)


def test_empty_space_is_black_and_without_depth():
    ball = Sphere((2.0, 0.0, 0.3), 0.3, Material('plaster', (0.8, 0.8, 0.8)))
    rendered = Renderer(Scene(spheres=(ball,), rects=(floor_behind(),)), SMALL).render(LEVEL)
    assert np.isnan(rendered.depth_m[0, 0])
    assert rendered.rgb[0, 0].tolist() == [0, 0, 0]
    assert rendered.depth_m[30, 40] == pytest.approx(1.7, abs=1e-3)
    assert rendered.rgb[30, 40].min() > 60


def floor_behind():
    return Rect((-9, -1, 0), (1, 0, 0), (0, 1, 0), 2, 2, Material('plaster', (0.5, 0.5, 0.5)))


def test_edges_are_smoothed():
    white = Material('plaster', (1.0, 1.0, 1.0), emission=3.0)
    ball = Sphere((2.0, 0.0, 0.3), 0.3, white)
    grey = Renderer(Scene(spheres=(ball,), rects=(floor_behind(),)), SMALL).render(LEVEL)
    values = grey.rgb[..., 0]
    partly = (values > 5) & (values < values.max() - 5)
    assert partly.sum() > 20


@pytest.mark.parametrize(
    'camera',
    [Camera(8, 6, 10, 10, 4, 3, (0.1, 0.0, 0.0, 0.0, 0.0)), Camera(8, 6, 0, 10, 4, 3)],
)
def test_camera_that_is_no_pinhole_is_refused(camera):
    with pytest.raises(CameraError, match='rendering needs a pinhole camera'):
        Renderer(Scene(), camera)


@pytest.mark.parametrize('storage', list(STORAGES))
def test_bag_holds_the_frames_in_millimetres(tmp_path, storage):
    topics = RgbdTopics()
    rendered = sample_frames(2, 10.0, 0, SMALL)
    assert write_rgbd_bag(tmp_path / 'bag', rendered, storage) == 2
    with BagReader(tmp_path / 'bag') as reader:
        found = list(RgbdFrames(reader, topics))
    for item, expected in zip(found, sample_frames(2, 10.0, 0, SMALL), strict=True):
        np.testing.assert_array_equal(item.frame.rgb, expected.frame.rgb)
        assert np.abs(item.depth_m - expected.depth_m).max() <= 0.00051
        assert item.frame.camera == SMALL
        assert item.frame.frame_id == 'camera_color_optical_frame'


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'frames': 0}, '0 frames cannot be made; 1 is the least'),
        ({'rate_hz': 0.0}, 'rate of 0 Hz cannot be made; allowed: above 0'),
        ({'rate_hz': float('nan')}, 'rate of nan Hz'),
        ({'seed': -1}, 'room seed -1 is not allowed; allowed: 0 and above'),
    ],
)
def test_impossible_sample_is_refused_at_once(arguments, words):
    with pytest.raises(DatasetError, match=words):
        sample_frames(**arguments)


def test_tiny_image_is_refused():
    with pytest.raises(DatasetError, match='8x8 is too small; 16x16 is the least'):
        sample_camera(8, 8)
