"""Metres of a model that needs the focal length and finds it itself, where that is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from narrow_models import narrow_models
from safetensors.torch import save_file

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.pipeline import DepthPipeline
from depth_anything_ros.stream.assembly import assemble
from depth_anything_ros.stream.camera_input import CameraView
from depth_anything_ros.stream.camera_words import camera_doubt
from depth_anything_ros.types import Camera, Frame

NAME = 'depth_anything_3_nested_giant_large'
DOWN_RAD, ACROSS_RAD = 0.8, 1.0
# What those views make of 80×60 pixels.
FX_PX, FY_PX = 40 / math.tan(ACROSS_RAD / 2), 30 / math.tan(DOWN_RAD / 2)
RGB = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
FRAME = Frame(RGB, 1_000_000_000, 'camera')
# Random weights may say anything, which the largest depth would cut.
FAR = {'max_depth_m': 1000.0}


@pytest.fixture(scope='module')
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Predictor]:
    """Yield a narrow nested model that finds a view of 0.8 rad down and 1 rad across."""
    file = tmp_path_factory.mktemp('seeing') / 'seeing.safetensors'
    with narrow_models():
        state = load_estimator(NAME, weights='random')[0].state_dict()
        state['camera_head.fc_fov.0.weight'].zero_()
        state['camera_head.fc_fov.0.bias'].copy_(torch.tensor([DOWN_RAD, ACROSS_RAD]))
        save_file(state, file)
        yield create_predictor(
            NetworkOptions(NAME, str(file), backend='torch', precision='fp32', input_size=42)
        )


def started(seeing: Predictor, **parameters: object) -> DepthPipeline:
    return assemble(seeing, from_mapping(DepthNodeConfig, {**FAR, **parameters}))


def test_without_camera_info_metres_go_by_the_view_that_the_network_finds(
    seeing: Predictor,
) -> None:
    result = started(seeing).process(FRAME, lens=True)
    assert result.frame.camera is None
    camera = result.predicted_camera
    assert (camera.fx_px, camera.fy_px) == pytest.approx((FX_PX, FY_PX), rel=1e-5)
    assert result.metric is not None and result.relative is not None
    values = result.relative.values
    # Between ground and sky lies what is beyond the largest depth.
    ground = values > 0.1
    assert 0.1 < ground.mean() < 1
    # The network reads 42×28 pixels, whole patches, of the image's 80×60.
    focal_px = (FX_PX * 42 / 80 + FY_PX * 28 / 60) / 2
    np.testing.assert_allclose(
        result.metric.depth_m[ground], focal_px / 300 / values[ground], rtol=1e-4
    )
    assert result.sky is not None and 0.1 < result.sky.mean() < 1
    assert np.isnan(result.metric.depth_m[result.sky]).all()
    told = camera_doubt(result, CameraView(None, None, 'no camera_info yet', missing=True))
    assert told == (
        'metres, clouds and scans go by a field of view that the network finds, 57.3 by 45.8 '
        'degrees: no camera_info yet'
    )


def test_unasked_there_are_no_metres_and_the_reason_is_told(seeing: Predictor) -> None:
    result = started(seeing).process(FRAME)
    assert result.metric is None
    assert result.predicted_camera is None
    assert 'follow from the focal length: no camera_info received' in result.no_metric_reason


def test_a_camera_that_is_known_is_taken_and_the_network_not_asked(
    seeing: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = started(seeing).process(FRAME, lens=True)
    monkeypatch.setattr(Predictor, 'field_of_view', lambda *_: pytest.fail('asked'))
    camera = Camera(80, 60, 2 * FX_PX, 2 * FY_PX, 39.5, 29.5)
    known = started(seeing).process(replace(FRAME, camera=camera), lens=True)
    assert known.predicted_camera is None
    ground = known.relative.values > 0.1
    np.testing.assert_allclose(
        known.metric.depth_m[ground], 2 * seen.metric.depth_m[ground], rtol=1e-5
    )
    fixed = started(seeing, scale_source='fixed', fixed_scale=2.0).process(FRAME, lens=True)
    assert fixed.alignment.source == 'fixed'
    assert fixed.predicted_camera is None


def test_a_view_that_no_lens_has_gives_no_metres_and_both_reasons(
    seeing: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(Predictor, 'field_of_view', lambda *_: asked.append(1) or (0.0, 1.0))
    pipeline = started(seeing)
    result = pipeline.process(FRAME, lens=True)
    assert (result.metric, result.predicted_camera) == (None, None)
    assert 'no camera_info received' in result.no_metric_reason
    assert 'finds a field of view of 57.3 by 0.0 degrees' in result.no_metric_reason
    assert pipeline.with_predicted_camera(result) is result
    assert len(asked) == 1
