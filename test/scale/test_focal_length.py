"""A model of metres by the focal length that finds the sky, from the network to the message."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from depth_anything_ros.api import DepthModel
from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.evaluation.protocol import AlignmentMode, align_prediction
from depth_anything_ros.geometry.alignment import fit_alignment
from depth_anything_ros.inference.flip import mean_with_mirrored
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.models import MODELS
from depth_anything_ros.scale.depth_image import DepthImageScale
from depth_anything_ros.scale.focal_length import FocalLengthScale
from depth_anything_ros.stream.assembly import assemble
from depth_anything_ros.stream.encoders import DEPTH, OUTPUTS, POINTS, SCAN, Finished
from depth_anything_ros.types import (
    Camera,
    DepthReference,
    Frame,
    OutputKind,
    RelativeInverseDepth,
)

SIZE = (60, 80)
CAMERA = Camera(80, 60, 70.0, 80.0, 39.5, 29.5)
UP_TO_SCALE = OutputKind.INVERSE_DEPTH_UP_TO_SCALE
ROW = MODELS['depth_anything_3_metric_large']
# The published one takes 1.3 GB: the same with fewer and narrower layers.
SMALL = replace(
    ROW, name='small_by_focal_length', encoder_size='vits', layers=(2, 5, 8, 11), features=16,
    out_channels=(8, 8, 8, 8),
)  # fmt: skip
NETWORK = NetworkOptions(
    model=SMALL.name, weights='random', backend='torch', precision='fp32', input_size=42
)


@pytest.fixture(scope='module')
def predictor():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS._entries, SMALL.name, SMALL)
        return create_predictor(NETWORK)


@pytest.fixture
def pipeline(predictor):
    return started(predictor)


def started(predictor):
    return assemble(predictor, DepthNodeConfig(network=NETWORK))


def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


def with_sky(pipeline, frame: Frame):
    """Return the result of a frame whose upper third the network takes for sky."""
    relative = pipeline.predict(frame.rgb)
    values = np.full(SIZE, 0.5, np.float32)
    values[: SIZE[0] // 3] = 0.0
    return pipeline.process(frame, replace(relative, values=values))


def encoded(topic: str, result, **parameters):
    config = DepthNodeConfig(network=NETWORK, **parameters)
    finished = Finished(
        result, SimpleNamespace(frame_id='camera_optical_frame', stamp=0), None, config
    )
    return OUTPUTS[topic].encode(finished, lambda _, fields: fields)


def test_row_says_that_the_focal_length_gives_metres():
    assert ROW.output_kind is UP_TO_SCALE
    assert ROW.output == 'inverse depth up to a scale, metres by the focal length'
    assert ROW.licence == 'Apache-2.0'
    assert ROW.metres_at_focal_px == 300.0


@torch.inference_mode()
def test_sky_is_where_its_head_gives_three_tenths_or_more(predictor):
    model = predictor.network.estimator
    pixels = torch.randn(1, 3, 28, 42, generator=torch.Generator().manual_seed(1))
    last = model.depth_head.scratch.sky_output_conv2[2]
    saved = last.bias.clone()
    planes = model.depth_head(model.pretrained(pixels, SMALL.layers), (2, 3))
    last.bias += 0.3 - planes[0, 1].median()
    found = model(pixels)
    sky = model.depth_head(model.pretrained(pixels, SMALL.layers), (2, 3))[:, 1] >= 0.3
    last.bias.copy_(saved)
    assert 0.4 < float(sky.float().mean()) < 0.6
    assert torch.equal(found == 0, sky)
    torch.testing.assert_close(found[~sky], (-planes[:, 0]).exp()[~sky])


def test_metres_grow_with_the_focal_length(predictor):
    frame = Frame(picture(), 0, 'camera', CAMERA)
    once = with_sky(started(predictor), frame)
    assert once.alignment.source == 'focal_length'
    # The network reads 42×28 pixels: (70 · 42 / 80 + 80 · 28 / 60) / 2 = 37.04 px.
    np.testing.assert_allclose(once.metric.depth_m[-1], 37.0416667 / 300.0 / 0.5, rtol=1e-5)
    longer = replace(CAMERA, fx_px=140.0, fy_px=160.0)
    twice = with_sky(started(predictor), replace(frame, camera=longer))
    np.testing.assert_allclose(twice.metric.depth_m[-1], 2 * once.metric.depth_m[-1], rtol=1e-6)


def test_library_takes_the_camera_for_a_scale(predictor):
    model = DepthModel(predictor)
    depth_m = model.metric(picture(), CAMERA, max_depth_m=1000.0).depth_m
    values = predictor.predict(picture()).values
    seen = values > 0
    np.testing.assert_allclose(depth_m[seen] * values[seen], 37.0416667 / 300.0, rtol=1e-5)
    with pytest.raises(AlignmentError, match='follow from the focal length: no camera_info'):
        model.metric(picture())


def test_without_camera_info_there_are_no_metres_and_the_reason_is_told(pipeline):
    result = with_sky(pipeline, Frame(picture(), 0, 'camera'))
    assert result.metric is None
    assert result.no_metric_reason == (
        'the metres of this model follow from the focal length: no camera_info received; a '
        'calibrated camera is needed'
    )


def test_sky_is_infinite_in_depth_and_nothing_in_cloud_and_scan(pipeline):
    result = with_sky(pipeline, Frame(picture(), 0, 'camera', CAMERA))
    upper = SIZE[0] // 3
    assert result.sky[:upper].all()
    assert not result.sky[upper:].any()
    assert np.isnan(result.metric.depth_m[:upper]).all()
    depth = np.frombuffer(encoded(DEPTH, result)['data'], np.float32).reshape(SIZE)
    assert np.isposinf(depth[:upper]).all()
    assert np.isfinite(depth[upper:]).all()
    unknown = np.frombuffer(encoded(DEPTH, result, sky_depth='nan')['data'], np.float32)
    assert np.isnan(unknown.reshape(SIZE)[:upper]).all()
    small = np.frombuffer(encoded(DEPTH, result, depth_encoding='16UC1')['data'], np.uint16)
    assert not small.reshape(SIZE)[:upper].any()
    assert small.reshape(SIZE)[upper:].all()
    points = np.frombuffer(encoded(POINTS, result)['data'], np.float32).reshape(*SIZE, 4)
    assert np.isnan(points[:upper, :, :3]).all()
    assert np.isfinite(points[upper:, :, :3]).all()
    all_sky = replace(result, metric=replace(result.metric, depth_m=np.full(SIZE, np.nan)))
    beams = np.asarray(encoded(SCAN, all_sky)['ranges'])
    assert not np.isfinite(beams).any()


def test_sky_is_no_fitted_pair():
    values = np.full(SIZE, 0.5, np.float32)
    values[:, 40:] = 0.25
    values[:20] = 0.0
    relative = RelativeInverseDepth(values, kind=UP_TO_SCALE)
    measured = np.where(values > 0, 1 / np.maximum(2.0 * values, 1e-3), 1.5).astype(np.float32)
    source = DepthImageScale(0.2, 8.0, 0.05)
    source.add_reference(DepthReference(measured, 0))
    fit = source.align(relative, 0)
    assert 1000 < fit.points < 40 * 80  # thinned
    assert (fit.reference.relative > 0).all()
    assert fit.scale == pytest.approx(2.0, rel=1e-3)
    assert fit_alignment(values, measured, kind=UP_TO_SCALE).points == 40 * 80


def test_means_of_neighbours_take_nothing_from_the_sky():
    values = np.full((240, 320), 0.5, np.float32)
    values[:100] = 0.0
    relative = RelativeInverseDepth(values, kind=UP_TO_SCALE)
    source = DepthImageScale(0.2, 8.0, 0.05)
    source.add_reference(DepthReference(np.full((240, 320), 2.0, np.float32), 0))
    fit = source.align(relative, 0)
    assert set(fit.reference.relative.tolist()) == {0.5}


def test_sky_is_not_scored():
    truth_m = np.full(SIZE, 2.0, np.float32)
    values = np.full(SIZE, 0.5, np.float32)
    values[:15] = 0.0
    aligned = align_prediction(values, UP_TO_SCALE, truth_m, AlignmentMode.SCALE, 0.2, 8.0)
    assert np.isnan(aligned.depth_m[:15]).all()
    assert not aligned.scored[:15].any()
    assert aligned.coverage == 0.75
    assert aligned.scale == pytest.approx(1.0)


def test_mean_with_the_mirrored_image_has_the_sky_of_both():
    raw = np.array([[0.0, 0.4, 0.2]], np.float32)
    turned = np.array([[0.0, 0.6, 0.3]], np.float32)
    mean = mean_with_mirrored(raw, turned, UP_TO_SCALE)
    np.testing.assert_allclose(mean, [[0.0, 0.5, 0.0]])


def test_scale_refuses_a_camera_of_another_size():
    relative = RelativeInverseDepth(np.ones(SIZE, np.float32), kind=UP_TO_SCALE)
    source = FocalLengthScale(300.0, lambda height, width: (height, width))
    with pytest.raises(AlignmentError, match='follow from the focal length: .* is for 40x30'):
        source.align(relative, 0, replace(CAMERA, width=40, height=30))
