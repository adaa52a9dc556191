from collections import defaultdict

import numpy as np
import pytest

from depth_anything_ros.geometry import voxels
from depth_anything_ros.geometry.point_cloud import build_point_cloud
from depth_anything_ros.geometry.voxels import thin_by_voxels
from depth_anything_ros.result import PointCloud
from depth_anything_ros.types import Camera, MetricDepth


def made_cloud(height=24, width=32, seed=5):
    rng = np.random.default_rng(seed)
    depth_m = rng.uniform(0.5, 6.0, (height, width)).astype(np.float32)
    depth_m[:, width // 2 :] = 2.0 + 0.01 * np.arange(width - width // 2)
    depth_m[rng.random((height, width)) < 0.1] = np.nan
    camera = Camera(width, height, 30.0, 28.0, width / 2, height / 2)
    rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return build_point_cloud(MetricDepth(depth_m), rgb, camera)


def by_dictionary(cloud, voxel_m):
    """Return cube → its points and colours, in the order in which cubes first come."""
    cubes = defaultdict(list)
    pairs = zip(cloud.xyz_m.reshape(-1, 3), cloud.rgb.reshape(-1, 3), strict=True)
    for xyz_m, rgb in pairs:
        if np.isfinite(xyz_m).all():
            cubes[tuple(np.floor(xyz_m * np.float32(1.0 / voxel_m)))].append((xyz_m, rgb))
    return cubes


@pytest.mark.parametrize('voxel_m', [0.001, 0.05, 0.4, 10.0])
def test_each_cube_has_the_mean_of_its_points_and_colours(voxel_m):
    cloud = made_cloud()
    expected = by_dictionary(cloud, voxel_m)
    thinned = thin_by_voxels(cloud, voxel_m)
    assert thinned.points.shape == (1, len(expected), 4)
    for found, colour, members in zip(
        thinned.xyz_m[0], thinned.rgb[0], expected.values(), strict=True
    ):
        points, colours = (np.array(each, np.float64) for each in zip(*members, strict=True))
        np.testing.assert_allclose(found, points.mean(axis=0), rtol=1e-5, atol=1e-6)
        assert np.abs(colour - colours.mean(axis=0)).max() <= 0.5
    assert (thinned.points.view(np.uint8)[..., 15] == 0).all()


def test_points_that_fall_into_one_slot_of_the_table_are_told_apart(monkeypatch):
    cloud = made_cloud(height=6, width=10)
    expected = thin_by_voxels(cloud, 0.05)
    monkeypatch.setattr(voxels, '_SPREAD', 0)  # so that all fall into the first
    np.testing.assert_array_equal(thin_by_voxels(cloud, 0.05).points, expected.points)


def test_a_cube_on_either_side_of_the_axis_is_not_the_same():
    points = np.zeros((1, 4, 4), np.float32)
    points[0, :, :3] = [(-0.01, 0, 1), (0.01, 0, 1), (0.01, -0.01, 1), (0.02, 0.01, 1.01)]
    thinned = thin_by_voxels(PointCloud(points), 0.1)
    np.testing.assert_allclose(
        thinned.xyz_m[0], [(-0.01, 0, 1), (0.015, 0.005, 1.005), (0.01, -0.01, 1)], atol=1e-6
    )


def test_points_beyond_all_cubes_stay_finite():
    points = np.zeros((1, 2, 4), np.float32)
    points[0, :, 2] = 1.0, 5e7
    np.testing.assert_array_equal(thin_by_voxels(PointCloud(points), 0.001).points, points)


def test_of_nothing_known_there_is_an_empty_cloud():
    cloud = PointCloud(np.full((3, 4, 4), np.nan, np.float32))
    assert thin_by_voxels(cloud, 0.1).points.shape == (1, 0, 4)
