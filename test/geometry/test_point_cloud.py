import statistics
import struct
from dataclasses import replace
from time import perf_counter

import cv2
import numpy as np
import pytest

from depth_anything_ros.errors import CameraError, OutputError
from depth_anything_ros.geometry.camera import ray_table
from depth_anything_ros.geometry.point_cloud import build_point_cloud, write_ply
from depth_anything_ros.types import Camera, MetricDepth

CAMERA = Camera(8, 6, fx_px=5.0, fy_px=4.0, cx_px=3.5, cy_px=2.5)


def colours(height, width):
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def plane_depth(camera, normal, offset_m):
    """Depth where each pixel's ray meets the plane normal · p = offset."""
    rows, columns = np.mgrid[: camera.height, : camera.width]
    x = (columns - camera.cx_px) / camera.fx_px
    y = (rows - camera.cy_px) / camera.fy_px
    depth = offset_m / (normal[0] * x + normal[1] * y + normal[2])
    return MetricDepth(depth.astype(np.float32))


def test_a_slanted_plane_becomes_points_on_that_plane():
    normal = np.array([0.2, -0.3, 0.9])
    depth = plane_depth(CAMERA, normal, 1.8)
    cloud = build_point_cloud(depth, colours(6, 8), CAMERA)
    np.testing.assert_allclose(cloud.xyz_m @ normal, 1.8, rtol=1e-5)
    np.testing.assert_array_equal(cloud.xyz_m[..., 2], depth.depth_m)


def test_a_pixel_becomes_its_hand_computed_point():
    depth_m = np.full((6, 8), 2.0, np.float32)
    cloud = build_point_cloud(MetricDepth(depth_m), colours(6, 8), CAMERA)
    np.testing.assert_allclose(cloud.xyz_m[5, 1], (-1.0, 1.25, 2.0), rtol=1e-6)


def test_the_colour_is_packed_as_bytes_blue_green_red_zero():
    rgb = colours(6, 8)
    cloud = build_point_cloud(MetricDepth(np.ones((6, 8), np.float32)), rgb, CAMERA)
    assert cloud.points.shape == (6, 8, 4)
    assert cloud.points.dtype == np.float32
    assert cloud.points.flags.c_contiguous
    np.testing.assert_array_equal(cloud.rgb, rgb)
    first = cloud.points.tobytes()[12:16]
    assert list(first) == [*rgb[0, 0, ::-1], 0]


def test_unknown_depth_becomes_nan_points_that_keep_their_colour():
    depth_m = np.ones((6, 8), np.float32)
    depth_m[2, 3] = np.nan
    rgb = colours(6, 8)
    cloud = build_point_cloud(MetricDepth(depth_m), rgb, CAMERA)
    assert np.isnan(cloud.xyz_m[2, 3]).all()
    assert np.isfinite(cloud.xyz_m).all(axis=-1).sum() == 47
    np.testing.assert_array_equal(cloud.rgb[2, 3], rgb[2, 3])


@pytest.mark.parametrize(('stride', 'shape'), [(2, (3, 4)), (3, (2, 3)), (5, (2, 2)), (9, (1, 1))])
def test_a_stride_takes_every_nth_pixel_of_the_full_cloud(stride, shape):
    depth = plane_depth(CAMERA, (0.1, 0.1, 1.0), 2.0)
    rgb = colours(6, 8)
    full = build_point_cloud(depth, rgb, CAMERA)
    sparse = build_point_cloud(depth, rgb, CAMERA, stride)
    assert sparse.points.shape == (*shape, 4)
    assert sparse.points.tobytes() == full.points[::stride, ::stride].tobytes()


def test_flying_pixels_are_left_out_and_the_cloud_stays_organised():
    depth_m = np.tile(np.where(np.arange(64) < 32, 1.0, 3.0), (48, 1)).astype(np.float32)
    depth_m[:, 32] = 1.7
    camera = Camera(64, 48, 60.0, 60.0, 31.5, 23.5)
    full = build_point_cloud(MetricDepth(depth_m), colours(48, 64), camera)
    cut = build_point_cloud(MetricDepth(depth_m), colours(48, 64), camera, edge_jump=0.1)
    assert cut.points.shape == full.points.shape
    assert np.isnan(cut.xyz_m[:, 32]).all()
    kept = np.isfinite(cut.xyz_m).all(axis=-1)
    assert kept[:, :30].all() and kept[:, 35:].all()
    np.testing.assert_array_equal(cut.xyz_m[kept], full.xyz_m[kept])
    np.testing.assert_array_equal(cut.rgb, full.rgb)
    sparse = build_point_cloud(MetricDepth(depth_m), colours(48, 64), camera, 2, edge_jump=0.1)
    np.testing.assert_array_equal(np.isnan(sparse.xyz_m), np.isnan(cut.xyz_m[::2, ::2]))


def test_lens_distortion_is_taken_out_of_the_rays():
    camera = replace(CAMERA, distortion=(-0.1, 0.01, 0.0, 0.0))
    depth = MetricDepth(np.full((6, 8), 3.0, np.float32))
    cloud = build_point_cloud(depth, colours(6, 8), camera)
    np.testing.assert_allclose(cloud.xyz_m[..., :2], ray_table(camera) * 3, rtol=1e-6)
    assert cloud.xyz_m[0, 0, 0] < (0 - 3.5) / 5.0 * 3.0


def test_a_pixel_without_a_ray_has_no_point_at_all():
    camera = replace(CAMERA, distortion=(-2.0, 0.0, 0.0, 0.0))
    cloud = build_point_cloud(MetricDepth(np.ones((6, 8), np.float32)), colours(6, 8), camera)
    assert np.isnan(cloud.xyz_m[0, 0]).all()
    assert np.isfinite(cloud.xyz_m[2, 3]).all()


@pytest.mark.parametrize(
    ('camera', 'rgb', 'stride', 'reason'),
    [
        (None, colours(6, 8), 1, 'no camera_info'),
        (replace(CAMERA, fx_px=0.0), colours(6, 8), 1, 'not calibrated'),
        (replace(CAMERA, width=16), colours(6, 8), 1, 'camera_info is for 16x6'),
        # Such a lens would put infinities into the cloud.
        (replace(CAMERA, fx_px=1e-38), colours(6, 8), 1, 'focal length 1e-38 px'),
        (CAMERA, colours(6, 4), 1, r'the image is \(6, 4, 3\)'),
        (CAMERA, colours(6, 8), 0, 'stride 0'),
    ],
)
def test_what_does_not_fit_together_is_refused(camera, rgb, stride, reason):
    depth = MetricDepth(np.ones((6, 8), np.float32))
    with pytest.raises(CameraError, match=reason):
        build_point_cloud(depth, rgb, camera, stride)


def read_ply(data):
    """Parse a binary PLY from its header alone; return (properties, rows)."""
    header, _, body = data.partition(b'end_header\n')
    lines = header.decode('ascii').splitlines()
    assert lines[:2] == ['ply', 'format binary_little_endian 1.0']
    count = next(int(line.split()[2]) for line in lines if line.startswith('element vertex'))
    properties = [line.split()[1:] for line in lines if line.startswith('property')]
    row = '<' + ''.join({'float': 'f', 'uchar': 'B'}[kind] for kind, _ in properties)
    assert len(body) == count * struct.calcsize(row)
    return [name for _, name in properties], list(struct.iter_unpack(row, body))


def test_a_ply_file_holds_the_known_points_and_no_others(tmp_path):
    depth_m = np.arange(1, 49, dtype=np.float32).reshape(6, 8)
    depth_m[1::2] = np.nan
    rgb = colours(6, 8)
    cloud = build_point_cloud(MetricDepth(depth_m), rgb, CAMERA)
    assert write_ply(tmp_path / 'cloud.ply', cloud) == 24
    names, rows = read_ply((tmp_path / 'cloud.ply').read_bytes())
    assert names == ['x', 'y', 'z', 'red', 'green', 'blue']
    assert len(rows) == 24
    np.testing.assert_array_equal([row[:3] for row in rows], cloud.xyz_m[::2].reshape(-1, 3))
    np.testing.assert_array_equal([row[3:] for row in rows], rgb[::2].reshape(-1, 3))


def test_a_ply_file_of_no_points_is_valid(tmp_path):
    depth = MetricDepth(np.full((6, 8), np.nan, np.float32))
    cloud = build_point_cloud(depth, colours(6, 8), CAMERA)
    assert write_ply(tmp_path / 'empty.ply', cloud) == 0
    assert read_ply((tmp_path / 'empty.ply').read_bytes())[1] == []


def test_a_ply_file_that_cannot_be_written_raises(tmp_path):
    (tmp_path / 'file').touch()
    cloud = build_point_cloud(MetricDepth(np.ones((6, 8), np.float32)), colours(6, 8), CAMERA)
    with pytest.raises(OutputError, match='file stands where a folder is needed'):
        write_ply(tmp_path / 'file' / 'cloud.ply', cloud)


@pytest.mark.perf
def test_a_vga_cloud_takes_at_most_six_milliseconds_on_one_core():
    camera = Camera(640, 480, 525.0, 525.0, 319.5, 239.5)
    depth = plane_depth(camera, (0.1, 0.1, 1.0), 2.0)
    rgb = colours(480, 640)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        build_point_cloud(depth, rgb, camera)
        durations = []
        for _ in range(50):
            start = perf_counter()
            build_point_cloud(depth, rgb, camera)
            durations.append(perf_counter() - start)
    finally:
        cv2.setNumThreads(threads)
    # The fastest quarter: what the code costs when the machine does nothing else.
    assert statistics.quantiles(durations)[0] <= 6e-3
