import threading

import numpy as np
import pytest
from made_drive import CAMERA, HEIGHTS_M, Network, drive

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.reprojection import Registration
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.scale.depth_image import DepthImageConfig, DepthImageScale
from depth_anything_ros.types import Camera, DepthReference, RelativeInverseDepth

SCALE, SHIFT = 0.1, 0.04
MS = 1_000_000


def relative_values(height=60, width=80):
    rows, columns = np.mgrid[:height, :width]
    values = 2.0 + 4.0 * (rows + 0.5) / height + 0.5 * (columns + 0.5) / width
    return values.astype(np.float32)


def reference(stamp_ns=0, scale=SCALE, height=60, width=80):
    depth_m = 1 / (scale * relative_values(height, width) + SHIFT)
    return DepthReference(depth_m.astype(np.float32), stamp_ns)


def source(**changes):
    arguments = {'min_depth_m': 0.2, 'max_depth_m': 8.0, 'max_offset_s': 0.05, **changes}
    return DepthImageScale(**arguments)


RELATIVE = RelativeInverseDepth(relative_values())


def test_scale_and_shift_of_the_reference_come_back():
    scale_source = source()
    scale_source.add_reference(reference(5 * MS))
    alignment = scale_source.align(RELATIVE, 7 * MS)
    assert alignment.scale == pytest.approx(SCALE, rel=1e-4)
    assert alignment.shift == pytest.approx(SHIFT, rel=1e-3)
    assert (alignment.source, alignment.stamp_ns) == ('depth_image', 5 * MS)


def test_zero_nan_inf_and_out_of_range_pixels_are_ignored():
    depth_m = reference().depth_m.copy()
    for row, junk in enumerate((0.0, np.nan, np.inf, -1.0, 0.1, 9.0)):
        depth_m[row] = junk
    depth_m[20:] = np.nan
    scale_source = source()
    scale_source.add_reference(DepthReference(depth_m, 0))
    alignment = scale_source.align(RELATIVE, 0)
    assert alignment.points == 14 * 80
    assert alignment.inlier_ratio == 1.0
    assert alignment.scale == pytest.approx(SCALE, rel=1e-4)


def test_the_range_comes_from_the_parameters():
    config = DepthImageConfig(
        reference_min_depth_m=0.3, reference_max_depth_m=2.0, reference_max_offset_s=0.0
    )
    scale_source = DepthImageScale.from_config(config)
    whole = reference()
    scale_source.add_reference(whole)
    assert scale_source.align(RELATIVE, 0).points == int((whole.depth_m <= 2.0).sum())
    with pytest.raises(AlignmentError, match=r'at most 0\.000 s'):
        scale_source.align(RELATIVE, 1 * MS)


def test_sensors_of_few_points_are_fitted_where_the_parameters_allow_it():
    depth_m = np.full((60, 80), np.nan, np.float32)
    places = [3, 20, 40, 55], [70, 20, 40, 10]
    depth_m[places] = reference().depth_m[places]
    for fewest in (4, 5):
        scale_source = DepthImageScale.from_config(DepthImageConfig(reference_min_points=fewest))
        scale_source.add_reference(DepthReference(depth_m, 0))
        if fewest == 4:
            assert scale_source.align(RELATIVE, 0).scale == pytest.approx(SCALE, rel=1e-3)
            continue
        with pytest.raises(AlignmentError, match='4 points have .* 5 are needed'):
            scale_source.align(RELATIVE, 0)


def test_the_nearest_reference_in_time_is_taken():
    scale_source = source()
    for index, stamp_ms in enumerate((0, 33, 66, 100)):
        scale_source.add_reference(reference(stamp_ms * MS, scale=SCALE * (index + 1)))
    alignment = scale_source.align(RELATIVE, 60 * MS)
    assert alignment.stamp_ns == 66 * MS
    assert alignment.scale == pytest.approx(3 * SCALE, rel=1e-4)


def test_the_reference_of_a_frame_is_still_there_after_half_a_minute_of_inference():
    scale_source = source()
    for index in range(900):
        scale_source.add_reference(reference(index * 33 * MS))
    assert scale_source.align(RELATIVE, 0).stamp_ns == 0


def test_no_reference_raises():
    with pytest.raises(AlignmentError, match='no reference depth received yet'):
        source().align(RELATIVE, 0)


def test_a_stale_reference_raises_and_says_how_old_it_is():
    scale_source = source()
    scale_source.add_reference(reference(0))
    with pytest.raises(AlignmentError, match=r'0\.320 s older .* at most 0\.050 s'):
        scale_source.align(RELATIVE, 320 * MS)


def test_a_reference_from_the_future_raises():
    scale_source = source()
    scale_source.add_reference(reference(400 * MS))
    with pytest.raises(AlignmentError, match=r'0\.400 s newer'):
        scale_source.align(RELATIVE, 0)


def test_references_that_no_later_frame_needs_are_dropped():
    scale_source = source()
    for index in range(10):
        scale_source.add_reference(reference(index * 33 * MS))
    scale_source.align(RELATIVE, 297 * MS)
    assert len(scale_source) == 2


def test_the_number_of_references_is_bounded():
    scale_source = source()
    small = DepthReference(np.ones((2, 2), np.float32), 0)
    for index in range(1100):
        scale_source.add_reference(DepthReference(small.depth_m, index))
    assert len(scale_source) == 1024


def test_stamps_that_step_back_forget_what_was_there():
    scale_source = source()
    scale_source.add_reference(reference(100 * MS))
    scale_source.add_reference(reference(0))
    assert len(scale_source) == 1
    assert scale_source.align(RELATIVE, 0).stamp_ns == 0


def test_a_camera_without_stamps_is_scaled_by_its_newest_depth():
    scale_source = source()
    for factor in (1, 2, 3):
        scale_source.add_reference(reference(0, scale=factor * SCALE))
    assert len(scale_source) == 1
    assert scale_source.align(RELATIVE, 0).scale == pytest.approx(3 * SCALE, rel=1e-4)


@pytest.mark.parametrize(('height', 'width'), [(30, 40), (120, 160), (45, 60)])
def test_a_reference_of_another_resolution_is_read_at_the_same_places(height, width):
    scale_source = source()
    scale_source.add_reference(reference(height=height, width=width))
    alignment = scale_source.align(RELATIVE, 0)
    # Nearest neighbour moves a sample by at most half a pixel, 0.04 of a range of 4.5.
    assert alignment.scale == pytest.approx(SCALE, rel=0.01)


@pytest.mark.parametrize(('height', 'width'), [(60, 80), (30, 40), (120, 160)])
def test_the_pixels_of_the_reference_go_along_with_the_fit(height, width):
    scale_source = source()
    depth_m = reference(height=height, width=width).depth_m
    depth_m[: height // 2] = np.nan
    scale_source.add_reference(DepthReference(depth_m, 0))
    points = scale_source.align(RELATIVE, 0).reference
    assert len(points) == min(height * width // 2, 4096)
    true = 2.0 + 4.0 * (points.rows + 0.5) / 60 + 0.5 * (points.columns + 0.5) / 80
    np.testing.assert_allclose(SCALE * true + SHIFT, points.inverse_depth(), rtol=1e-4)
    np.testing.assert_allclose(points.relative, true, atol=0.05)
    assert points.rows.min() > 29 and points.rows.max() < 60 and points.weights is None


def test_a_reference_of_another_shape_raises():
    scale_source = source()
    scale_source.add_reference(reference(height=60, width=60))
    with pytest.raises(AlignmentError, match='60x60, the image 80x60'):
        scale_source.align(RELATIVE, 0)


def test_a_reference_without_usable_pixels_raises():
    scale_source = source()
    scale_source.add_reference(DepthReference(np.zeros((60, 80), np.float32), 0))
    with pytest.raises(AlignmentError, match=r'^0 points'):
        scale_source.align(RELATIVE, 0)


def test_large_references_are_thinned_evenly():
    scale_source = source()
    scale_source.add_reference(reference(height=480, width=640))
    alignment = scale_source.align(RelativeInverseDepth(relative_values(480, 640)), 0)
    assert alignment.points == 4096
    assert alignment.scale == pytest.approx(SCALE, rel=1e-4)


def test_what_was_measured_comes_back_whole_to_the_bit():
    scale_source = source()
    depth_m = reference().depth_m.copy()
    depth_m[:2] = (0.1,), (9.0,)
    depth_m[2, 2] = np.nan
    scale_source.add_reference(DepthReference(depth_m, 5 * MS))
    measured = scale_source.measured(7 * MS, (60, 80))
    assert np.isnan(measured[:2]).all() and np.isnan(measured[2, 2])
    assert np.array_equal(measured[3:], depth_m[3:])
    assert scale_source.measured(7 * MS, (120, 160)).shape == (120, 160)
    with pytest.raises(AlignmentError, match='80x60, the image 60x60'):
        scale_source.measured(7 * MS, (60, 60))
    with pytest.raises(AlignmentError, match=r'0\.075 s older .* at most 0\.050 s'):
        scale_source.measured(80 * MS, (60, 80))


def test_what_another_camera_measured_is_reprojected_whole():
    scale_source, camera = source(), Camera(80, 60, 70.0, 70.0, 39.5, 29.5)
    aside = RigidTransform(np.eye(3), np.array([0.08, 0.0, 0.0]))
    flat = DepthReference(np.full((60, 80), 2.0, np.float32), 0)
    scale_source.add_reference(flat, Registration(camera, camera, aside))
    measured = scale_source.measured(0, (60, 80))
    # 8 cm at 2 m are 2.8 pixels.
    assert np.isnan(measured[:, :3]).all() and (measured[:, 3:] == 2.0).all()


def test_references_are_kept_whole_around_the_frame_at_work_only():
    scale_source = source()
    for index in range(20):
        scale_source.add_reference(reference(index * 33 * MS))
    assert len(scale_source._whole) == 1
    scale_source.keep_whole(19 * 33 * MS)
    for index in range(20, 60):
        scale_source.add_reference(reference(index * 33 * MS))
    assert len(scale_source._whole) == 8
    assert np.isfinite(scale_source.measured(19 * 33 * MS, (60, 80))).any()
    scale_source.keep_whole(None)
    assert len(scale_source._whole) == 1


def test_of_a_sensor_of_few_pixels_only_their_middles_are_measured():
    scale_source = source()
    zones = np.linspace(1, 3, 48, dtype=np.float32).reshape(6, 8)
    scale_source.add_reference(DepthReference(zones, 0))
    measured = scale_source.measured(0, (60, 80))
    np.testing.assert_array_equal(measured[5::10, 5::10], zones)
    assert np.isfinite(measured).sum() == 48


def test_depth_that_was_rejected_is_no_depth_that_did_not_come():
    scale_source = source()
    scale_source.refuse('it is upside down')
    with pytest.raises(AlignmentError, match='was rejected, the last one: it is upside down'):
        scale_source.measured(0, (60, 80))


def test_references_may_come_from_another_thread():
    scale_source = source(max_offset_s=10.0)
    scale_source.add_reference(reference(0))

    def add():
        for index in range(200):
            scale_source.add_reference(reference(index * MS))

    thread = threading.Thread(target=add)
    thread.start()
    scales = [scale_source.align(RELATIVE, 0).scale for _ in range(50)]
    thread.join()
    np.testing.assert_allclose(scales, SCALE, rtol=1e-4)


@pytest.mark.parametrize('seed', range(3))
def test_depth_of_another_camera_gives_the_scale_of_a_simulated_drive(seed):
    """The depth camera sits 3.4 cm above the colour camera and has a wider view."""
    other = Camera(240, 180, 180.0, 180.0, 119.5, 89.5)
    down = RigidTransform(np.eye(3), np.array([0.0, HEIGHTS_M[0] - HEIGHTS_M[1], 0.0]))
    registration = Registration(other, CAMERA, down)
    network, scale_source = Network.random(seed), source()
    errors = []
    for color, depth in zip(
        drive(seed, HEIGHTS_M[0]), drive(seed, HEIGHTS_M[1], camera=other), strict=True
    ):
        stamp_ns = color.rgbd.frame.stamp_ns
        scale_source.add_reference(DepthReference(depth.rgbd.depth_m, stamp_ns), registration)
        alignment = scale_source.align(network.predict(color.rgbd.depth_m), stamp_ns)
        errors.append(network.scale_error(alignment))
    assert np.median(errors) < 0.005


@pytest.mark.parametrize('height_m', HEIGHTS_M)
@pytest.mark.parametrize('seed', range(3))
def test_registered_depth_gives_the_scale_of_a_simulated_drive(seed, height_m):
    network, scale_source = Network.random(seed), source()
    for frame in drive(seed, height_m):
        stamp_ns, depth_m = frame.rgbd.frame.stamp_ns, frame.rgbd.depth_m
        scale_source.add_reference(DepthReference(depth_m, stamp_ns))
        alignment = scale_source.align(network.predict(depth_m), stamp_ns)
        assert network.scale_error(alignment) < 0.005
