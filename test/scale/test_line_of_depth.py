"""Affine depth: sources fit scale and shift of depth, and all that follows goes by that line."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from made_drive import CAMERA
from made_passage import CAMERA as PASSAGE
from made_passage import camera_at
from made_passage import drive as passage
from narrow_models import narrow_models

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.alignment import check_reach, fit_alignment, to_metric_depth
from depth_anything_ros.geometry.line import aligned, carried, in_line
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.trials.scale_trial import try_sources
from depth_anything_ros.scale import AlignmentTracker, ScaleConfig, create_scale_source
from depth_anything_ros.scale.depth_image import DepthImageScale
from depth_anything_ros.scale.field import ScaleField
from depth_anything_ros.scale.fixed import FixedScale
from depth_anything_ros.scale.gate import depth_change
from depth_anything_ros.scale.ground_tilt import TiltedGround
from depth_anything_ros.scale.sampling import smoothed
from depth_anything_ros.stream.assembly import assemble
from depth_anything_ros.types import (
    Alignment,
    DepthReference,
    Frame,
    OutputKind,
    ReferencePoints,
    RelativeInverseDepth,
)

KIND = OutputKind.AFFINE_DEPTH
SIZE = (60, 80)
SCALE, SHIFT_M = 2.5, 0.3


def depth_m(frame: int = 0) -> np.ndarray:
    """Return a plane that goes away to the right, from another place in each frame."""
    nearest = 0.5 + 0.1 * frame
    return np.tile(np.linspace(nearest, 6.5, SIZE[1], dtype=np.float32), (SIZE[0], 1))


def given(true_m: np.ndarray, noise: float = 0.0, seed: int = 0) -> RelativeInverseDepth:
    """Return what a network gives of depth, off by a share of it."""
    errors = 1.0 + noise * np.random.default_rng(seed).standard_normal(true_m.shape)
    values = SCALE / (true_m * errors - SHIFT_M)
    return RelativeInverseDepth(values.astype(np.float32), kind=KIND)


def alignment(scale: float = SCALE, shift: float = SHIFT_M) -> Alignment:
    return Alignment(scale, shift, 'test', 9, 1.0, 0.0, 0, kind=KIND)


def test_every_source_finds_scale_and_shift_of_a_drive():
    allowed = {'depth_image': 0.005, 'depth_image, reprojected': 0.005}
    found = {}
    for trial in try_sources(3, 0.149, 3, CAMERA, pitch_errors_deg=(0.0, 1.0), kind=KIND):
        assert not trial.refusals
        found[trial.name] = float(np.median(trial.depth_errors))
        if trial.name != 'camera_height, pitch +1°':
            assert found[trial.name] < allowed.get(trial.name, 0.01)
    assert len(found) == 7


def test_the_way_of_the_camera_gives_scale_and_shift():
    motion = create_scale_source(ScaleConfig(scale_source='motion'))
    fit = None
    for frame, true_m, _ in passage(motion, [camera_at(0.03 * number) for number in range(10)]):
        relative = RelativeInverseDepth(2.0 / (true_m - np.float32(0.2)), kind=KIND)
        with suppress(AlignmentError):
            fit = motion.align(relative, frame.stamp_ns, PASSAGE)
    assert fit.stamp_ns == frame.stamp_ns
    assert fit.source == 'motion+ground' and fit.kind is KIND
    metric = to_metric_depth(relative, fit, 20.0)
    seen = true_m < 3.5
    assert np.nanmedian(np.abs(metric.depth_m[seen] / true_m[seen] - 1.0)) < 0.02


def test_the_line_is_that_of_depth():
    true_m = depth_m()
    fit = fit_alignment(given(true_m).values, true_m, kind=KIND, source='sensor', stamp_ns=4)
    assert (fit.scale, fit.shift) == pytest.approx((SCALE, SHIFT_M), rel=1e-5)
    assert (fit.source, fit.stamp_ns, fit.points, fit.unit) == ('sensor', 4, true_m.size, 'm')
    np.testing.assert_allclose(
        to_metric_depth(given(true_m), fit, 20.0).depth_m, true_m, rtol=1e-5
    )
    assert fit_alignment(1.0 / true_m, true_m).unit == '1/m'


def test_almost_half_wrong_points_do_not_move_it():
    true_m = depth_m()
    seen = true_m.copy()
    wrong = np.random.default_rng(1).random(SIZE) < 0.4
    seen[wrong] *= 0.4
    fit = fit_alignment(given(true_m).values, seen, kind=KIND)
    assert (fit.scale, fit.shift) == pytest.approx((SCALE, SHIFT_M), rel=1e-3)
    assert fit.inlier_ratio == pytest.approx(0.6, abs=0.02)


def test_errors_that_are_shares_of_depth_count_alike():
    """Of depth with 3 % of noise, plain least squares in metres go by the few farthest points."""
    true_m = np.geomspace(0.3, 8.0, 200, dtype=np.float32)
    values = (SCALE / (true_m - SHIFT_M + 0.1)).astype(np.float32)
    robust, plain = [], []
    for seed in range(40):
        noisy_m = true_m * (1.0 + 0.03 * np.random.default_rng(seed).standard_normal(200))
        fit = fit_alignment(values, noisy_m.astype(np.float32), kind=KIND)
        robust.append(fit.shift)
        plain.append(np.polyfit(1.0 / values.astype(float), noisy_m, 1)[1])
        assert fit.residual == pytest.approx(0.03, rel=0.3)
    assert np.std(robust) < 0.4 * np.std(plain)
    assert np.mean(robust) == pytest.approx(SHIFT_M - 0.1, abs=0.003)


def test_the_covariance_is_that_of_the_errors():
    true_m = np.geomspace(0.4, 8.0, 100, dtype=np.float32)
    values = given(true_m).values
    fits = []
    for seed in range(200):
        noisy_m = true_m * (1.0 + 0.02 * np.random.default_rng(seed).standard_normal(100))
        fits.append(fit_alignment(values, noisy_m.astype(np.float32), kind=KIND))
    spread = np.cov([(fit.scale, fit.shift) for fit in fits], rowvar=False)
    told = np.mean([fit.covariance for fit in fits], axis=0)
    np.testing.assert_allclose(told, spread[(0, 0, 1), (0, 1, 1)], rtol=0.3)


@pytest.mark.parametrize(
    ('values', 'reason'),
    [
        (np.full(SIZE, 2.0), r'the relative depth hardly varies \(0.5 to 0.5\)'),
        (np.zeros(SIZE), 'nowhere positive'),
        (depth_m(), r'points agree on one scale and shift|is not positive'),
    ],
)
def test_what_no_line_leads_from_is_refused(values, reason):
    with pytest.raises(AlignmentError, match=reason):
        fit_alignment(values.astype(np.float32), depth_m(), kind=KIND)


def test_a_reference_of_one_depth_is_refused_in_metres():
    with pytest.raises(AlignmentError, match=r'hardly varies \(2 to 2 m\)'):
        fit_alignment(given(depth_m()).values, np.full(SIZE, 2.0, np.float32), kind=KIND)


@pytest.mark.parametrize(('sigma', 'sure'), [(0.15, True), (0.18, False)])
def test_how_sure_a_fit_must_be_is_told_in_inverse_depth(sigma, sure):
    """Of 1.05 the depth is 2.925 m, and an error of the scale is 1.05 / 2.925² of it in 1/m."""
    values = np.tile(1.0 / np.linspace(1.0, 2.0, 800, dtype=np.float32), (16, 1))
    values[0] = 0.0  # sky, to which no line leads
    fit = replace(alignment(), covariance=(sigma**2, 0.0, 0.0))
    if sure:
        check_reach(fit, values)
        return
    with pytest.raises(AlignmentError, match=r'at an inverse depth of 0\.3\d+ 1/m the error'):
        check_reach(fit, values)


def test_sky_is_at_no_distance_and_what_is_too_near_is_unknown():
    relative = RelativeInverseDepth(np.float32([[0.0, 0.5, 1.0, 100.0]]), kind=KIND)
    np.testing.assert_array_equal(relative.sky, [[True, False, False, False]])
    fixed = FixedScale(1.0, -0.5).align(relative, 7)
    assert fixed.kind is KIND
    metric = to_metric_depth(relative, fixed, 20.0)
    np.testing.assert_array_equal(metric.depth_m, [[np.nan, 1.5, 0.5, np.nan]])
    np.testing.assert_allclose(aligned(relative.values, fixed), [[0, 1 / 1.5, 2, np.inf]])


def test_what_is_in_line_is_turned_there_and_back():
    inverse = np.float64([0.0, 0.25, 4.0, np.inf, np.nan, -1.0])
    np.testing.assert_array_equal(in_line(inverse, KIND), [np.inf, 4.0, 0.25, 0.0, np.nan, np.inf])
    assert in_line(inverse, OutputKind.RELATIVE_INVERSE_DEPTH) is inverse


def test_the_gate_goes_by_the_depth_of_the_same_value():
    before, after = alignment(2.0, 0.1), alignment(2.2, 0.05)
    inverse = np.array([0.4, 2.0])
    values = 2.0 / (1.0 / inverse - 0.1)
    np.testing.assert_allclose(carried(inverse, before, after), aligned(values, after))
    # With a gain of 1.1, 0.3 m are 1.1 · 0.2 + 0.05 m and 3 m are 1.1 · 2.9 + 0.05 m.
    assert depth_change(before, after) == pytest.approx(0.03 / 0.3)
    assert depth_change(before, after, (0.1, 0.69)) == pytest.approx(0.24 / 3.0)
    nearer = alignment(2.0, 0.0)
    assert depth_change(before, nearer) == pytest.approx(1 / 3)
    assert depth_change(before, nearer, (0.5, 1.0)) == pytest.approx(0.1 / 2.1)
    assert depth_change(before, alignment(2.0, -0.2)) == np.inf


def test_the_tracker_smooths_depth_and_holds_against_a_jump():
    tracker = AlignmentTracker(0.5, 2.0, 0.3)
    source = DepthImageScale(0.2, 8.0, 0.05)
    for frame in range(6):
        true_m, stamp_ns = depth_m(frame), frame * 100_000_000
        source.add_reference(DepthReference(true_m, stamp_ns))
        relative = given(true_m, 0.03, frame)
        tracker.update(source.align(relative, stamp_ns), stamp_ns, (0.4, 10.0))
        current = tracker.current(stamp_ns)
        metric = to_metric_depth(given(true_m), current, 20.0)
        assert np.median(np.abs(metric.depth_m / true_m - 1.0)) < 0.005
        assert current.kind is KIND
    jump = replace(current, shift=current.shift + 0.5)
    with pytest.raises(AlignmentError, match=r'shift 0\.\d+ m\); it is believed after'):
        tracker.update(jump, stamp_ns + 1, (0.4, 10.0))
    assert tracker.current(stamp_ns + 1).shift == pytest.approx(current.shift)


def test_the_field_corrects_what_the_line_leaves_over_and_goes_along_with_it():
    rng = np.random.default_rng(0)
    rows, columns = (rng.uniform(0, end - 1, 2000).astype(np.float32) for end in (480, 640))
    found_m = rng.uniform(0.5, 3.0, 2000).astype(np.float32)
    bent = np.exp(0.2 * np.sin(rows / 100.0)).astype(np.float32)
    relative = SCALE / (found_m - np.float32(SHIFT_M))
    points = ReferencePoints(rows, columns, relative, found_m / bent, (480, 640), kind=KIND)
    field = ScaleField(0.5, 0.0)
    factors = field.update(replace(alignment(), reference=points), 0)
    assert factors.mean_change == pytest.approx(float(np.mean(np.abs(bent - 1.0))), rel=0.3)
    # The same depth by another line, and no points: what is remembered belongs to that depth.
    other = field.update(alignment(1.1 * SCALE, 1.1 * SHIFT_M), 1)
    row = np.full((480, 640), 1 / 1.1, np.float32)
    before = factors.over(np.full((480, 640), 1.0, np.float32))
    np.testing.assert_allclose(other.over(row) * 1 / 1.1, before, rtol=0.03)


def test_neighbours_are_averaged_in_depth_and_the_sky_is_none():
    true_m = np.full((120, 640), 2.0, np.float32)
    relative = given(true_m, 0.1)
    relative.values[:10] = 0.0
    means = smoothed(relative)
    assert means.kind is KIND
    np.testing.assert_array_equal(means.values[:12], relative.values[:12])
    inner_m = SCALE / means.values[14:-2, 2:-2] + SHIFT_M
    assert inner_m.mean() == pytest.approx(2.0, rel=1e-3)
    assert inner_m.std() == pytest.approx(0.2 / 5, rel=0.1)


def ground(lift: float = 0.0, height_m: float = 0.15) -> TiltedGround:
    """Return ground as it was told, with the depth of ground that a lift is right for."""
    inverse = np.linspace(0.3, 4.0, 300, dtype=np.float32)
    true_m = 1.0 / (inverse + np.float32(lift))
    places = np.zeros(300, np.float32)
    values = given(true_m, 0.003).values
    return TiltedGround(
        ReferencePoints(places, places, values, 1.0 / inverse, SIZE, kind=KIND), height_m
    )


@pytest.mark.parametrize('lift', [-0.15, 0.0, 0.15])
def test_ground_alone_tells_its_scale_whatever_its_tilt(lift):
    assert ground(lift).scale() == pytest.approx(SCALE, rel=0.02)


@pytest.mark.parametrize('lift', [-0.15, 0.0, 0.15])
def test_a_scan_tells_the_tilt_of_the_ground(lift):
    true_m = np.linspace(0.8, 3.0, 50, dtype=np.float32)
    places = np.zeros(50, np.float32)
    scan = ReferencePoints(places, places, given(true_m).values, true_m, SIZE, kind=KIND)
    assert ground(lift).lift_to(scan) == pytest.approx(lift, abs=0.01)
    far = replace(scan, depth_m=6.0 * true_m)
    assert abs(ground(lift).lift_to(far)) == pytest.approx(ground().most)


@pytest.fixture(scope='module')
def predictor():
    options = {'weights': 'random', 'precision': 'fp32', 'backend': 'torch', 'input_size': 42}
    with narrow_models():
        return create_predictor(NetworkOptions('depth_anything_3_mono_large', **options))


def test_the_pipeline_of_the_node_gives_metres_but_in_the_sky(predictor):
    rgb = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    relative = predictor.predict(rgb)
    assert relative.kind is KIND
    seen = relative.values > 0
    assert 0.05 < seen.mean() < 1.0
    depth = 1.0 / np.where(seen, relative.values, np.nan)
    scale = 1.0 / np.nanmax(depth)
    true_m = scale * depth + 1.0
    scaling = ScaleConfig(scale_source='depth_image', scale_fallbacks='fixed')
    pipeline = assemble(predictor, DepthNodeConfig(scale=scaling))
    assert pipeline.process(Frame(rgb, 0, 'camera')).alignment.source == 'fixed'
    pipeline.tracker.reset()
    pipeline.scale_source.sources[0].add_reference(DepthReference(true_m, 10**9))
    result = pipeline.process(Frame(rgb, 10**9, 'camera'))
    assert result.alignment.source == 'depth_image'
    assert (result.alignment.scale, result.alignment.shift) == pytest.approx(
        (scale, 1.0), rel=0.01
    )
    np.testing.assert_allclose(result.metric.depth_m, true_m, rtol=2e-3)
    np.testing.assert_array_equal(result.sky, ~seen)
