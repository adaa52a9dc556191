from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from depth_anything_ros.errors import AlignmentError, BackendError
from depth_anything_ros.inference.backends.base import NetworkOutput
from depth_anything_ros.inference.preprocess import resize_align_corners
from depth_anything_ros.pipeline import DepthPipeline
from depth_anything_ros.refinement import Refinements, TemporalFilter
from depth_anything_ros.result import DepthOrigin
from depth_anything_ros.scale import AlignmentTracker, PrioritySources
from depth_anything_ros.scale.depth_image import DepthImageScale
from depth_anything_ros.types import (
    Alignment,
    ConfidenceSource,
    DepthChoice,
    DepthReference,
    Frame,
    MetricDepth,
    ModelInput,
    OutputKind,
    ReferencePoints,
    RelativeInverseDepth,
    ScaleState,
)
from depth_anything_ros.uncertainty import Uncertainty, read_table
from depth_anything_ros.uncertainty.files import GENERIC
from depth_anything_ros.uncertainty.sigma import noise_of
from depth_anything_ros.uncertainty.table import SensorNoise

DEPTH_M = np.linspace(0.5, 30.0, 12, dtype=np.float32).reshape(3, 4)
FRAME = Frame(np.zeros((3, 4, 3), np.uint8), stamp_ns=1_000_000_000, frame_id='camera')


class Network:
    """Stand in for a predictor: knows the true depth up to scale 2 and shift 0.1."""

    def __init__(self, kind):
        self.kind = kind

    def preprocess(self, rgb):
        return ModelInput(np.zeros((1, 3, 14, 14), np.float32), rgb.shape[:2])

    def infer(self, model_input):
        return DEPTH_M if self.kind is MetricDepth else (1 / DEPTH_M - 0.1) / 2

    def postprocess(self, raw, source_size):
        assert source_size == (3, 4)
        return self.kind(raw)

    def enlarge(self, values, source_size):
        return resize_align_corners(values, source_size)


class Source:
    """Give the true alignment, or fail once told so."""

    name = 'test'
    failure = ''
    scale = 2.0

    def align(self, relative, stamp_ns, camera=None):
        if self.failure:
            raise AlignmentError(self.failure)
        return Alignment(self.scale, 0.1, self.name, 12, 1.0, 0.0, stamp_ns)


def pipeline(kind=RelativeInverseDepth, source=None):
    return DepthPipeline(Network(kind), source, AlignmentTracker(0.0, 2.0), max_depth_m=20.0)


def test_relative_prediction_becomes_metres_by_the_alignment():
    result = pipeline(source=Source()).process(FRAME)
    near = DEPTH_M <= 20.0
    np.testing.assert_allclose(result.metric.depth_m[near], DEPTH_M[near], rtol=1e-4)
    assert np.isnan(result.metric.depth_m[~near]).all()
    assert set(result.stages_ms) == {'preprocess', 'inference', 'postprocess', 'align'}


def test_others_may_run_the_network_while_its_depth_is_made():
    class Followed(Network):
        output_kind = OutputKind.RELATIVE_INVERSE_DEPTH

        def infer(self, model_input):
            order.append('network')
            return super().infer(model_input)

    class Late(Source):
        def align(self, relative, stamp_ns, camera=None):
            order.append('align')
            return super().align(relative, stamp_ns, camera)

    order = []
    depth = pipeline(source=Late())
    depth.predictor = Followed(RelativeInverseDepth)
    flip = ConfidenceSource.FLIP
    depth.process(FRAME, confidence=flip, network_done=lambda: order.append('done'))
    assert order == ['network', 'network', 'done', 'align']


def test_what_is_asked_for_and_cannot_be_done_is_told():
    depth = pipeline(source=Source())
    depth.process(FRAME)
    assert depth.doubt == ''
    depth.tracker = AlignmentTracker(0.0, 2.0, with_field=True)
    depth.process(FRAME)
    assert depth.doubt == 'scale_field changes nothing: test has no points to go by'


def test_a_result_has_the_points_of_its_own_fit_only():
    class Pointed(Source):
        def align(self, relative, stamp_ns, camera=None):
            return replace(super().align(relative, stamp_ns), reference=points)

    one = np.ones(1, np.float32)
    points, source = ReferencePoints(one, one, one, one, (3, 4)), Pointed()
    depth = pipeline(source=source)
    assert depth.process(FRAME).reference is points
    source.failure = 'the reference is gone'
    held = depth.process(later(0.1))
    assert held.metric is not None and held.reference is None


class Halved:
    """Stand in for a step: doubles inverse depth, and counts its resets."""

    def __init__(self, name):
        self.name = name
        self.resets = 0

    def __call__(self, depth, frame):
        assert frame is FRAME
        if isinstance(depth, RelativeInverseDepth):
            return RelativeInverseDepth(2 * depth.values)
        return MetricDepth(depth.depth_m / 2)

    def reset(self):
        self.resets += 1


def test_steps_run_before_and_after_the_scale_and_are_timed():
    plain = pipeline(source=Source()).process(FRAME)
    depth = pipeline(source=Source())
    depth.refinements = Refinements(prediction=(Halved('edges'),), metric=(Halved('steady'),))
    result = depth.process(FRAME)
    assert list(result.stages_ms)[-3:] == ['edges', 'align', 'steady']
    np.testing.assert_allclose(result.relative.values, 2 * plain.relative.values)
    inverse = 2 * result.relative.values + 0.1
    near = inverse >= 1 / 20
    np.testing.assert_allclose(result.metric.depth_m[near], 0.5 / inverse[near], rtol=1e-5)
    assert near.sum() > 4 and np.isnan(result.metric.depth_m[~near]).all()


def test_a_frame_that_was_predicted_before_takes_the_same_way():
    depth = pipeline(source=Source())
    depth.refinements = Refinements(prediction=(Halved('edges'),), metric=(Halved('steady'),))
    plain, times_ms = depth.process(FRAME), {}
    result = depth.process(FRAME, depth.predict(FRAME.rgb, times_ms))
    assert list(times_ms) == ['preprocess', 'inference', 'postprocess']
    assert list(result.stages_ms) == ['edges', 'align', 'steady']
    np.testing.assert_array_equal(result.relative.values, plain.relative.values)
    np.testing.assert_array_equal(result.metric.depth_m, plain.metric.depth_m)


def test_steps_over_time_forget_when_the_scale_is_lost():
    source, step = Source(), Halved('steady')
    source.failure = 'the reference is gone'
    depth = pipeline(source=source)
    depth.refinements = Refinements(metric=(step,))
    assert depth.process(FRAME).metric is None
    assert step.resets == 1


class Counted(Halved):
    """Stand in for a step that takes any frame."""

    def __call__(self, depth, frame):
        return depth


def later(seconds, rgb=FRAME.rgb):
    return Frame(rgb, FRAME.stamp_ns + round(seconds * 1e9), 'camera')


def test_steps_over_time_forget_when_the_scale_starts_afresh():
    source, step = Source(), Counted('steady')
    depth = pipeline(source=source)
    depth.refinements = Refinements(metric=(step,))
    resets = []
    # The fit of 5 s comes after the one before has expired; 1 s is before.
    for seconds in (0, 0.1, 0.2, 5, 5.1, 1, 1.1):
        assert depth.process(later(seconds)).metric is not None
        resets.append(step.resets)
    assert resets == [1, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize('kind', [RelativeInverseDepth, MetricDepth])
def test_steps_over_time_forget_at_a_cut_of_the_scene(kind):
    step = Counted('steady')
    cuts = SimpleNamespace(update=lambda rgb: bool(rgb.any()))
    depth = DepthPipeline(
        Network(kind),
        Source(),
        AlignmentTracker(0.0, 2.0),
        20.0,
        cuts,
        Refinements(metric=(step,)),
    )
    depth.process(FRAME)
    depth.process(later(0.1))
    before = step.resets
    assert depth.process(later(0.2, FRAME.rgb + 1)).metric is not None
    assert step.resets > before
    before = step.resets
    depth.process(later(0.3))
    assert step.resets == before


def test_metres_of_before_a_cut_are_not_blended_into_those_after():
    cuts = SimpleNamespace(update=lambda rgb: bool(rgb.any()))
    source = Source()
    depth = DepthPipeline(
        Network(RelativeInverseDepth), source, AlignmentTracker(0.0, 2.0), 40.0, cuts,
        Refinements(metric=(TemporalFilter(0.3),)),
    )  # fmt: skip
    plain = depth.process(FRAME).metric.depth_m
    source.scale = 1.8
    blended = depth.process(later(0.1)).metric.depth_m
    own = 1 / (1.8 * (1 / DEPTH_M - 0.1) / 2 + 0.1)
    assert (blended < own - 1e-4)[DEPTH_M < 9.0].all() and (blended > plain)[DEPTH_M < 9.0].all()
    source.scale = 1.6
    after = depth.process(later(0.2, FRAME.rgb + 1)).metric.depth_m
    own = 1 / (1.6 * (1 / DEPTH_M - 0.1) / 2 + 0.1)
    near = own < 40.0
    np.testing.assert_allclose(after[near], own[near], rtol=1e-4)


def test_a_metric_network_takes_the_steps_too():
    depth = pipeline(MetricDepth)
    depth.refinements = Refinements(prediction=(Halved('edges'),), metric=(Halved('steady'),))
    result = depth.process(FRAME)
    # The limit of 20 m holds for what comes out of the first.
    near = DEPTH_M <= 40.0
    np.testing.assert_allclose(result.metric.depth_m[near], DEPTH_M[near] / 4)
    assert list(result.stages_ms)[-2:] == ['edges', 'steady']


@pytest.mark.parametrize('kind', [RelativeInverseDepth, MetricDepth])
def test_flip_averages_the_network_with_that_of_the_mirror_image(kind):
    depth = pipeline(kind)
    depth.predictor.output_kind = {
        RelativeInverseDepth: OutputKind.RELATIVE_INVERSE_DEPTH,
        MetricDepth: OutputKind.METRIC_DEPTH,
    }[kind]
    depth.refinements = Refinements(flip=True)
    result = depth.process(FRAME)
    assert 'flip' in result.stages_ms
    inverse = (1 / DEPTH_M + 1 / DEPTH_M[:, ::-1]) / 2
    if kind is MetricDepth:
        known = 1 / inverse <= 20.0
        np.testing.assert_allclose(result.metric.depth_m[known], 1 / inverse[known], rtol=1e-5)
    else:
        np.testing.assert_allclose(result.relative.values, (inverse - 0.1) / 2, atol=1e-6)


@pytest.mark.parametrize('asked', [False, True])
def test_the_mirror_image_is_held_against_the_image_only_where_that_is_asked_for(asked):
    depth = pipeline(source=Source())
    depth.predictor.output_kind = OutputKind.RELATIVE_INVERSE_DEPTH
    depth.refinements = Refinements(flip=True)
    sigma = DepthChoice.NETWORK if asked else None
    for relative in (
        depth.process(FRAME, sigma=sigma).relative,
        depth.predict(FRAME.rgb, disagreement=asked),
    ):
        if not asked:
            assert relative.disagreement is None
            continue
        off = np.abs(1 / DEPTH_M - 1 / DEPTH_M[:, ::-1]) / 2
        np.testing.assert_allclose(relative.disagreement, off, atol=1e-6)


@pytest.mark.parametrize('kind', [RelativeInverseDepth, MetricDepth])
def test_the_mirrored_image_tells_how_sure_the_network_is_and_changes_no_depth(kind):
    depth = pipeline(kind, Source())
    depth.predictor.output_kind = OutputKind.METRIC_DEPTH
    plain = depth.process(FRAME)
    assert plain.confidence is None and plain.no_confidence_reason == ''
    result = depth.process(FRAME, confidence=ConfidenceSource.FLIP)
    np.testing.assert_array_equal(result.metric.depth_m, plain.metric.depth_m)
    own = depth.predictor.infer(None)
    smaller, larger = np.minimum(own, own[:, ::-1]), np.maximum(own, own[:, ::-1])
    known = smaller > 0
    np.testing.assert_allclose(result.confidence[known], smaller[known] / larger[known], rtol=1e-5)
    assert np.isnan(result.confidence[~known]).all()
    assert 'flip' in result.stages_ms and 'flip' not in plain.stages_ms


def test_a_network_tells_its_confidence_at_the_size_of_the_image_or_the_result_says_why_not():
    depth = pipeline(source=Source())
    sure = np.array([[0.0, 1.0]], np.float32)

    def infer(model_input):
        return NetworkOutput(depth.predictor.infer(model_input), sure)

    depth.predictor.infer_with_confidence = infer
    result = depth.process(FRAME, confidence=ConfidenceSource.MODEL)
    np.testing.assert_allclose(result.confidence, [[0, 1 / 3, 2 / 3, 1]] * 3, atol=1e-6)
    given = depth.predict(FRAME.rgb, confidence=ConfidenceSource.MODEL)
    again = depth.process(FRAME, given, confidence=ConfidenceSource.MODEL)
    np.testing.assert_array_equal(again.confidence, result.confidence)
    sure = None
    result = depth.process(FRAME, confidence=ConfidenceSource.MODEL)
    assert result.confidence is None
    assert result.missing_reason == (
        "the model tells no confidence of its own; parameter 'confidence' as flip takes how well "
        'it agrees with the mirrored image'
    )


def test_metric_network_needs_no_scale():
    result = pipeline(MetricDepth).process(FRAME)
    assert result.relative is None and result.alignment is None
    np.testing.assert_array_equal(np.isnan(result.metric.depth_m), DEPTH_M > 20.0)


@pytest.mark.parametrize('kind', [MetricDepth, RelativeInverseDepth])
def test_metres_that_are_unknown_everywhere_are_none_and_say_why(kind):
    way = pipeline(kind, Source())
    assert way.process(FRAME).has_metres
    way.max_depth_m = 0.25  # nearer than all that there is
    result = way.process(FRAME)
    assert np.isnan(result.metric.depth_m).all()
    assert not result.has_metres
    assert result.no_metric_reason.startswith('no pixel lies within 0 to 0.25 m')
    assert ('the network gives 0.5 to 30 m' in result.no_metric_reason) is (kind is MetricDepth)
    assert result.missing_reason == result.no_metric_reason


def test_relative_network_without_source_says_why_there_are_no_metres():
    result = pipeline().process(FRAME)
    assert result.metric is None
    assert result.no_metric_reason == (
        "relative model and no scale source: parameter 'scale_source' gives metres"
    )


def test_a_source_that_follows_the_camera_sees_each_frame_before_it_is_asked():
    class Following(Source):
        def __init__(self):
            self.seen = []

        def see(self, frame, poses):
            self.seen.append((frame.stamp_ns, poses))

        def align(self, relative, stamp_ns, camera=None):
            assert self.seen[-1][0] == stamp_ns
            return super().align(relative, stamp_ns)

    depth = pipeline(source=Following())
    for frame in (FRAME, later(0.1)):
        assert depth.process(frame).metric is not None
    assert [poses for _, poses in depth.scale_source.seen] == 2 * [depth.poses]


def test_last_alignment_bridges_a_failing_source_until_it_expires():
    source = Source()
    depth = pipeline(source=source)
    depth.process(FRAME)
    source.failure = 'the reference is gone'
    soon = Frame(FRAME.rgb, FRAME.stamp_ns + 1_000_000_000, 'camera')
    late = Frame(FRAME.rgb, FRAME.stamp_ns + 5_000_000_000, 'camera')
    assert depth.process(soon).metric is not None
    result = depth.process(late)
    assert result.metric is None
    assert result.no_metric_reason == 'the reference is gone'


def test_a_cut_of_the_scene_makes_the_old_scale_worthless():
    source = Source()
    cuts = SimpleNamespace(update=lambda rgb: bool(rgb.any()))
    depth = DepthPipeline(
        Network(RelativeInverseDepth), source, AlignmentTracker(0.0, 2.0), 20.0, cuts
    )
    assert depth.process(FRAME).scale_state is ScaleState.FITTED
    source.failure = 'the reference is gone'
    soon = Frame(FRAME.rgb, FRAME.stamp_ns + 100_000_000, 'camera')
    held = depth.process(soon)
    assert (held.scale_state, held.no_fit_reason) == (ScaleState.HELD, 'the reference is gone')
    assert held.metric is not None and held.no_metric_reason == ''
    cut = Frame(FRAME.rgb + 1, FRAME.stamp_ns + 200_000_000, 'camera')
    result = depth.process(cut)
    assert result.metric is None and result.scale_state is None
    assert result.no_metric_reason == 'the reference is gone'


def test_error_of_the_network_is_not_swallowed():
    depth = pipeline()

    def fail(model_input):
        raise BackendError('out of memory')

    depth.predictor.infer = fail
    with pytest.raises(BackendError, match='out of memory'):
        depth.process(FRAME)


def measuring(*stamps_ns):
    source = DepthImageScale(0.2, 40.0, 0.05)
    for stamp_ns in stamps_ns:
        measured = DEPTH_M.copy()
        measured[1] = np.nan
        source.add_reference(DepthReference(measured, stamp_ns))
    return source


@pytest.mark.parametrize('kind', [RelativeInverseDepth, MetricDepth])
def test_fused_depth_is_measured_or_filled_and_takes_time_only_when_asked_for(kind):
    depth = pipeline(kind, PrioritySources([measuring(FRAME.stamp_ns), Source()]))
    assert depth.process(FRAME).fused is None
    result = depth.process(FRAME, fuse=True)
    assert np.array_equal(result.fused.depth_m[::2], DEPTH_M[::2])
    np.testing.assert_allclose(result.fused.depth_m[1], DEPTH_M[1], rtol=1e-4)
    assert (result.fused.origin[::2] == DepthOrigin.MEASURED).all()
    assert result.stages_ms['fuse'] > 0 and result.no_fused_reason == ''


def test_fused_depth_goes_by_refined_depth():
    depth = pipeline(source=PrioritySources([measuring(FRAME.stamp_ns), Source()]))
    depth.refinements = Refinements(metric=(Halved('steady'),))
    filled = depth.process(FRAME, fuse=True).fused.depth_m[1]
    np.testing.assert_allclose(filled, DEPTH_M[1] / 2, rtol=1e-4)


@pytest.mark.parametrize(
    ('source', 'reason'),
    [
        (Source(), 'depth_image as scale_source or in scale_fallbacks'),
        (PrioritySources([measuring(), Source()]), 'no reference depth received yet'),
        (PrioritySources([measuring(0), Source()]), '1.000 s older than the image'),
    ],
)
def test_without_a_measurement_near_in_time_there_is_no_fused_depth(source, reason):
    result = pipeline(source=source).process(FRAME, fuse=True)
    assert result.metric is not None and result.fused is None
    assert reason in result.no_fused_reason.replace('nearest ', '')


GENERIC_TABLE = 'sigma goes by a generic table'


def doubting(source=None, kind=RelativeInverseDepth):
    depth = pipeline(kind, source)
    depth.uncertainty = lambda: Uncertainty(read_table(GENERIC))
    return depth


@pytest.mark.parametrize('kind', [RelativeInverseDepth, MetricDepth])
def test_sigma_is_known_where_depth_is_and_takes_time_only_when_asked_for(kind):
    depth = doubting(Source(), kind)
    plain = depth.process(FRAME)
    assert plain.sigma is None and 'sigma' not in plain.stages_ms and depth.doubt == ''
    result = depth.process(FRAME, sigma=DepthChoice.NETWORK)
    known = np.isfinite(result.metric.depth_m)
    assert np.array_equal(np.isfinite(result.sigma), known) and (result.sigma[known] > 0).all()
    assert result.stages_ms['sigma'] > 0 and result.missing_reason == ''
    assert GENERIC_TABLE in depth.doubt
    depth.process(FRAME)
    assert depth.doubt == ''


def test_sigma_of_fused_depth_is_that_of_the_sensor_where_it_measured():
    depth = doubting(PrioritySources([measuring(FRAME.stamp_ns), Source()]))
    result = depth.process(FRAME, fuse=True, sigma=DepthChoice.FUSED)
    noise = noise_of(SensorNoise(), DEPTH_M)
    np.testing.assert_allclose(result.sigma[::2], noise[::2], rtol=1e-6)
    assert (result.sigma[1] != noise[1]).all()
    of_network = depth.process(FRAME, fuse=True, sigma=DepthChoice.NETWORK)
    assert (of_network.sigma[0] > 2 * noise[0]).all()


def test_without_a_scale_there_is_no_sigma_but_of_what_was_measured():
    broken = Source()
    broken.failure = 'dark'
    result = doubting(broken).process(FRAME, sigma=DepthChoice.NETWORK)
    assert (result.sigma, result.missing_reason) == (None, 'dark')
    depth = doubting(PrioritySources([broken, measuring(FRAME.stamp_ns)]))
    depth.scale_source.align = broken.align
    result = depth.process(FRAME, fuse=True, sigma=DepthChoice.FUSED)
    assert result.metric is None
    np.testing.assert_array_equal(np.isfinite(result.sigma), np.isfinite(result.fused.depth_m))


def test_without_a_table_of_errors_the_reason_is_told_beside_the_depth():
    result = pipeline(source=Source()).process(FRAME, sigma=DepthChoice.NETWORK)
    assert result.metric is not None and result.sigma is None
    assert result.no_sigma_reason == 'nothing is known of the errors of this network'
    assert result.missing_reason == result.no_sigma_reason
