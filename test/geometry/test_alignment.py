import statistics
from dataclasses import replace
from time import perf_counter

import cv2
import numpy as np
import pytest

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.alignment import check_reach, fit_alignment, to_metric_depth
from depth_anything_ros.types import Alignment, OutputKind, RelativeInverseDepth

SCALE, SHIFT = 0.07, 0.05
HEIGHT, WIDTH = 120, 160
UP_TO_SCALE = OutputKind.INVERSE_DEPTH_UP_TO_SCALE


def scene(noise=0.0, seed=0):
    """Return relative inverse depth and metric depth with noise in 1/m."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    inverse = 0.25 + 0.8 * rows / HEIGHT + 0.1 * np.sin(columns / 12)
    relative = (inverse - SHIFT) / SCALE
    depth_m = 1 / (inverse + noise * rng.standard_normal(inverse.shape))
    return relative.astype(np.float32), depth_m.astype(np.float32)


def alignment(scale=SCALE, shift=SHIFT):
    return Alignment(scale, shift, 'fixed', 0, 1.0, 0.0, 0)


def test_exact_data_gives_exact_scale_and_shift():
    fit = fit_alignment(*scene(), source='depth_image', stamp_ns=17)
    assert fit.scale == pytest.approx(SCALE, rel=1e-6)
    assert fit.shift == pytest.approx(SHIFT, rel=1e-5)
    assert fit.inlier_ratio == 1.0
    assert fit.residual < 1e-6
    assert fit.points == HEIGHT * WIDTH
    assert (fit.source, fit.stamp_ns) == ('depth_image', 17)


def test_noisy_data_gives_what_least_squares_gives():
    relative, depth_m = scene(noise=0.02)
    fit = fit_alignment(relative, depth_m)
    slope, intercept = np.polyfit(relative.ravel().astype(float), 1 / depth_m.ravel(), 1)
    assert fit.scale == pytest.approx(slope, rel=0.01)
    assert fit.shift == pytest.approx(intercept, abs=0.002)
    noise = 1 / depth_m - (SCALE * relative + SHIFT)
    assert fit.residual == pytest.approx(float(np.sqrt(np.mean(noise**2))), rel=0.1)


def spoil(depth_m, how, rng):
    """Make 30 % of the depth image wrong."""
    spoiled = depth_m.copy()
    wrong = rng.random(depth_m.shape) < 0.3
    if how == 'anything':
        spoiled[wrong] = rng.uniform(0.2, 8.0, wrong.sum())
    elif how == 'near':
        spoiled[wrong] = 0.3
    elif how == 'three times as far':
        spoiled[wrong] *= 3
    elif how == 'a second surface':
        spoiled[wrong] = 1 / (1 / spoiled[wrong] + 0.3)
    elif how == 'a pane in front':
        spoiled[:, : int(0.3 * WIDTH)] = 1.0
    return spoiled


@pytest.mark.parametrize(
    'how', ['anything', 'near', 'three times as far', 'a second surface', 'a pane in front']
)
@pytest.mark.parametrize('noise', [0.0, 0.005])
def test_alignment_recovers_scale_and_shift_with_outliers(how, noise):
    relative, depth_m = scene(noise)
    spoiled = spoil(depth_m, how, np.random.default_rng(1))
    fit = fit_alignment(relative, spoiled)
    assert fit.scale == pytest.approx(SCALE, rel=0.01)
    assert fit.shift == pytest.approx(SHIFT, rel=0.01)
    assert fit.inlier_ratio == pytest.approx(0.7, abs=0.05)


def test_plain_least_squares_would_not_have_recovered_it():
    relative, depth_m = scene()
    spoiled = spoil(depth_m, 'near', np.random.default_rng(1))
    slope = np.polyfit(relative.ravel().astype(float), 1 / spoiled.ravel(), 1)[0]
    assert abs(slope / SCALE - 1) > 0.2


def test_the_same_input_gives_the_same_fit():
    relative, depth_m = scene(noise=0.05)
    assert fit_alignment(relative, depth_m) == fit_alignment(relative, depth_m)


@pytest.mark.parametrize('factor', [1e-4, 1e4])
def test_the_unit_of_the_network_does_not_matter(factor):
    relative, depth_m = scene(noise=0.01)
    fit = fit_alignment(relative, depth_m)
    scaled = fit_alignment(relative * np.float32(factor), depth_m)
    assert scaled.scale * factor == pytest.approx(fit.scale, rel=1e-4)
    assert scaled.inlier_ratio == pytest.approx(fit.inlier_ratio, abs=0.01)


def test_invalid_pixels_are_left_out():
    relative, depth_m = scene()
    relative[0] = np.nan
    relative[1] = np.inf
    depth_m[2] = 0.0
    depth_m[3] = np.nan
    depth_m[4] = np.inf
    depth_m[5] = -1.0
    fit = fit_alignment(relative, depth_m)
    assert fit.points == (HEIGHT - 6) * WIDTH
    assert fit.scale == pytest.approx(SCALE, rel=1e-5)


def test_a_line_that_meets_half_of_the_points_exactly_does_not_shut_out_the_rest():
    relative, depth_m = scene()
    depth_m[::2] = 1 / (1 / depth_m[::2] + 0.005)
    fit = fit_alignment(relative, depth_m)
    assert fit.inlier_ratio == 1.0
    assert fit.scale == pytest.approx(SCALE, rel=0.01)


def test_weights_decide_between_two_surfaces():
    relative, depth_m = scene()
    other = 1 / (0.5 * SCALE * relative + 0.2)
    depth_m[:60] = other[:60]
    weights = np.ones_like(depth_m)
    weights[:60] = 0.1
    fit = fit_alignment(relative, depth_m, weights=weights)
    assert fit.scale == pytest.approx(SCALE, rel=0.01)
    assert fit.inlier_ratio > 0.85


def test_zero_weight_leaves_a_point_out():
    relative, depth_m = scene()
    weights = np.ones_like(depth_m)
    weights[:80] = 0.0
    depth_m[:80] = 0.5
    fit = fit_alignment(relative, depth_m, weights=weights)
    assert fit.points == 40 * WIDTH
    assert fit.scale == pytest.approx(SCALE, rel=1e-5)


def test_scale_alone_is_fitted_through_zero():
    relative, _ = scene()
    depth_m = 1 / (np.float32(0.03) * relative)
    depth_m[::4] = 0.4
    fit = fit_alignment(relative, depth_m, kind=UP_TO_SCALE)
    assert fit.scale == pytest.approx(0.03, rel=1e-4)
    assert fit.shift == 0.0


def test_scale_alone_can_be_had_from_a_flat_wall():
    depth_m = np.full((40, 40), 2.0, np.float32)
    relative = np.full((40, 40), 10.0, np.float32)
    fit = fit_alignment(relative, depth_m, kind=UP_TO_SCALE)
    assert fit.scale == pytest.approx(0.05, rel=1e-6)


def test_few_points_of_a_scan_are_enough():
    relative, depth_m = scene(noise=0.005)
    fit = fit_alignment(relative[::4, 7], depth_m[::4, 7], min_points=20)
    assert fit.points == 30
    assert fit.scale == pytest.approx(SCALE, rel=0.02)


def test_too_few_points_raise():
    relative, depth_m = scene()
    depth_m.flat[49:] = np.nan
    with pytest.raises(AlignmentError, match=r'49 points .* 50 are needed'):
        fit_alignment(relative, depth_m)


def test_no_points_at_all_raise():
    relative, depth_m = scene()
    with pytest.raises(AlignmentError, match=r'^0 points'):
        fit_alignment(relative, np.full_like(depth_m, np.nan), min_points=0)


def test_shapes_that_differ_raise():
    relative, depth_m = scene()
    with pytest.raises(AlignmentError, match=r'\(120, 160\), reference depth \(60, 160\)'):
        fit_alignment(relative, depth_m[::2])


def test_a_negative_weight_raises():
    relative, depth_m = scene()
    weights = np.ones_like(depth_m)
    weights[3, 3] = -1.0
    with pytest.raises(AlignmentError, match=r'a weight is -1\.0'):
        fit_alignment(relative, depth_m, weights=weights)


def test_constant_relative_depth_raises():
    _, depth_m = scene()
    with pytest.raises(AlignmentError, match='relative inverse depth hardly varies'):
        fit_alignment(np.full_like(depth_m, 3.0), depth_m)


def test_a_flat_wall_raises():
    relative, depth_m = scene()
    with pytest.raises(AlignmentError, match='reference depth hardly varies'):
        fit_alignment(relative, np.full_like(depth_m, 2.0))


def test_a_flat_wall_with_outliers_raises():
    relative, depth_m = scene()
    wall = np.full_like(depth_m, 2.0)
    wall[::5] = depth_m[::5]
    with pytest.raises(AlignmentError):
        fit_alignment(relative, wall)


def test_relative_depth_with_two_values_of_which_one_is_rare_raises():
    _, depth_m = scene()
    relative = np.full_like(depth_m, 3.0)
    relative[:, :20] = 5.0
    with pytest.raises(AlignmentError):
        fit_alignment(relative, depth_m)


def test_a_negative_scale_raises():
    relative, depth_m = scene()
    with pytest.raises(AlignmentError, match='contradicts "larger is nearer"'):
        fit_alignment(-relative, depth_m)


def test_depth_in_the_place_of_inverse_depth_is_told():
    _, depth_m = scene()
    with pytest.raises(AlignmentError, match=r'agree on one scale; .*output.kind the inverse one'):
        fit_alignment(depth_m.astype(np.float32), depth_m, kind=UP_TO_SCALE)
    noise = np.random.default_rng(0).uniform(0.01, 100, depth_m.shape).astype(np.float32)
    with pytest.raises(AlignmentError, match='50% are needed$'):
        fit_alignment(noise, depth_m, kind=UP_TO_SCALE)


def test_scale_alone_without_positive_relative_depth_raises():
    relative, depth_m = scene()
    with pytest.raises(AlignmentError, match='nowhere positive'):
        fit_alignment(-relative, depth_m, kind=UP_TO_SCALE)


@pytest.mark.parametrize('seed', range(5))
def test_unrelated_depth_raises(seed):
    _, depth_m = scene()
    noise = np.random.default_rng(seed).random(depth_m.shape).astype(np.float32)
    with pytest.raises(AlignmentError, match=r'agree|explains|positive'):
        fit_alignment(noise, depth_m)


def test_a_reference_that_the_relative_depth_barely_follows_raises():
    rng = np.random.default_rng(0)
    relative = rng.random(2000).astype(np.float32)
    # Most of the reference is one noisy wall: the points agree, on nothing.
    depth_m = (2.0 + 0.1 * rng.standard_normal(2000)).astype(np.float32)
    depth_m[::8] = rng.uniform(0.3, 8, 250)
    with pytest.raises(AlignmentError, match='explains'):
        fit_alignment(relative, depth_m)


def test_metric_depth_is_the_inverse_of_the_aligned_values():
    relative, depth_m = scene()
    metric = to_metric_depth(RelativeInverseDepth(relative), alignment(), 20.0)
    assert metric.depth_m.dtype == np.float32
    np.testing.assert_allclose(metric.depth_m, depth_m, rtol=1e-5)


def test_metric_depth_is_nan_where_no_depth_follows():
    values = np.array([[1.0, 0.5, -0.5, -2.0, np.nan, np.inf, 1.5]], np.float32)
    metric = to_metric_depth(RelativeInverseDepth(values), alignment(1.0, -0.5), 4.0)
    expected = [[2.0, np.nan, np.nan, np.nan, np.nan, np.nan, 1.0]]
    np.testing.assert_allclose(metric.depth_m, expected)


def test_factors_are_of_the_inverse_depth_that_scale_and_shift_give():
    class Doubled:
        mean_change = 1.0

        def over(self, inverse):
            np.testing.assert_allclose(inverse, [[0.2, 0.5, -0.1]], atol=1e-6)
            return np.full_like(inverse, 2.0)

    values = np.array([[0.3, 0.6, 0.0]], np.float32)
    factored = replace(alignment(1.0, -0.1), factors=Doubled())
    metric = to_metric_depth(RelativeInverseDepth(values), factored, 4.0)
    np.testing.assert_allclose(metric.depth_m, [[2.5, 1.0, np.nan]], rtol=1e-5)


def test_metric_depth_beyond_the_maximum_is_nan():
    values = np.array([[0.3, 0.24, 0.26]], np.float32)
    metric = to_metric_depth(RelativeInverseDepth(values), alignment(1.0, 0.0), 4.0)
    np.testing.assert_allclose(metric.depth_m, [[1 / 0.3, np.nan, 1 / 0.26]], rtol=1e-6)


def test_metric_depth_leaves_the_relative_values_alone():
    relative, _ = scene()
    before = relative.copy()
    to_metric_depth(RelativeInverseDepth(relative), alignment(), 20.0)
    np.testing.assert_array_equal(relative, before)


def quick_quarter(function):
    """Return the lower quartile of the duration in seconds: the cost on an idle machine."""
    durations = []
    for _ in range(40):
        start = perf_counter()
        function()
        durations.append(perf_counter() - start)
    return statistics.quantiles(durations)[0]


@pytest.mark.perf
def test_a_vga_frame_is_fitted_and_converted_in_a_few_milliseconds():
    relative = np.kron(scene()[0], np.ones((4, 4), np.float32))
    depth_m = np.kron(scene(noise=0.01)[1], np.ones((4, 4), np.float32))
    assert relative.shape == (480, 640)
    values = RelativeInverseDepth(relative)
    # Aims: 3 ms and 1 ms; the bounds leave room for a slower machine.
    assert quick_quarter(lambda: fit_alignment(relative, depth_m)) < 6e-3
    assert quick_quarter(lambda: to_metric_depth(values, alignment(), 20.0)) < 2e-3


def test_scale_and_shift_are_recovered_on_real_sensor_depth(rgbd):
    rng = np.random.default_rng(0)
    folders = sorted((rgbd / 'collection').glob('felix_lowrobot_*'))[:5]
    assert folders
    for folder in folders:
        raw = cv2.imread(str(folder / 'depth.png'), cv2.IMREAD_UNCHANGED)
        depth_m = raw.astype(np.float32) / 1000
        depth_m[(raw == 0) | (depth_m > 6)] = np.nan
        inverse = 1 / np.nan_to_num(depth_m, nan=3.0)
        relative = (inverse - SHIFT) / SCALE + 0.1 * rng.standard_normal(inverse.shape)
        wrong = rng.random(depth_m.shape) < 0.3
        depth_m[wrong] *= rng.uniform(0.2, 0.8, int(wrong.sum()))
        fit = fit_alignment(relative.astype(np.float32), depth_m.astype(np.float32))
        assert fit.scale == pytest.approx(SCALE, rel=0.01)
        assert fit.shift == pytest.approx(SHIFT, abs=0.005)


def test_covariance_is_that_of_least_squares_with_a_hundred_points():
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(300):
        x = rng.uniform(1.0, 3.0, 100)
        y = 0.2 * x + 0.1 + 0.005 * rng.standard_normal(100)
        fit = fit_alignment(x.astype(np.float32), (1 / y).astype(np.float32))
        errors.append((fit.scale - 0.2, fit.shift - 0.1))
    spread = np.cov(np.transpose(errors))
    of_scale, of_both, of_shift = fit.covariance
    np.testing.assert_allclose(
        (of_scale, of_both, of_shift), spread[[0, 0, 1], [0, 1, 1]], rtol=0.3
    )


def test_reach_is_refused_where_the_error_is_large_at_the_depths_of_the_image():
    # Standard error 0.05 · |x - 1|: none in the middle of the data, 0.15 at x = 4.
    fit = Alignment(1.0, 0.0, '', 100, 1.0, 0.0, 0, (0.0025, -0.0025, 0.0025))
    near = np.linspace(0.9, 1.3, 6400, dtype=np.float32).reshape(80, 80)
    check_reach(fit, near)
    check_reach(fit, near * 3)
    with pytest.raises(
        AlignmentError, match=r'0\.\d+ 1/m the error would be 0\.05.* at most 0\.02'
    ):
        check_reach(fit, near - 0.9)
