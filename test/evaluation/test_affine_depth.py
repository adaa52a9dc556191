"""Depth up to scale and shift: it is scored by a line of depth."""

from dataclasses import replace

import numpy as np
import pytest

from depth_anything_ros.errors import AlignmentError, ConfigError
from depth_anything_ros.evaluation.protocol import AlignmentMode, align_prediction
from depth_anything_ros.evaluation.run_warnings import model_warnings
from depth_anything_ros.geometry.alignment import fit_alignment
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.spec import require_line_of_inverse_depth
from depth_anything_ros.types import ModelIdentity, OutputKind

ROW = MODELS['depth_anything_3_mono_large']
KIND = OutputKind.AFFINE_DEPTH
TRUTH_M = np.linspace(1, 6, 600, dtype=np.float32).reshape(20, 30)


def aligned(mode, prediction):
    return align_prediction(prediction, KIND, TRUTH_M, mode, 0.5, 8.0)


def error(found):
    return float(np.nanmean(np.abs(found.depth_m - TRUTH_M) / TRUTH_M))


def test_row_says_what_its_depth_lacks():
    assert ROW.output_kind is KIND and ROW.output == 'depth up to scale and shift'
    assert ROW.licence == 'Apache-2.0' and ROW.sky and not ROW.metres_at_focal_px
    assert replace(ROW, max_depth_m=10.0).output_kind is OutputKind.METRIC_DEPTH
    identity = ModelIdentity(ROW.name, 'random', '', '', '', '', (0, 0), '', output=ROW.output)
    assert identity.relative_kind is KIND


def test_scale_and_shift_are_fitted_to_its_depth_not_to_the_inverse():
    """Of true depth 2 D + 0.6, with some sky; no scale alone and no line of 1 / D gives it."""
    prediction = 2 / (TRUTH_M - np.float32(0.6))
    prediction[:5, :10] = 0
    for mode in (AlignmentMode.SCALE_SHIFT, AlignmentMode.ROBUST):
        found = aligned(mode, prediction)
        assert (found.scale, found.shift) == pytest.approx((2.0, 0.6), rel=1e-3)
        assert error(found) < 1e-3
        assert np.isnan(found.depth_m[:5, :10]).all() and not found.scored[:5, :10].any()
    assert error(aligned(AlignmentMode.SCALE, prediction)) > 0.03
    for kind in (OutputKind.RELATIVE_INVERSE_DEPTH, OutputKind.INVERSE_DEPTH_UP_TO_SCALE):
        other = align_prediction(
            prediction[5:], kind, TRUTH_M[5:], AlignmentMode.SCALE_SHIFT, 0.5, 8.0
        )
        assert float(np.mean(np.abs(other.depth_m - TRUTH_M[5:]) / TRUTH_M[5:])) > 0.01
    with pytest.raises(AlignmentError, match="'online' needs metric depth"):
        aligned(AlignmentMode.ONLINE, prediction)


def test_the_medians_of_its_depth_are_made_equal():
    found = aligned(AlignmentMode.MEDIAN, 3 / TRUTH_M)
    assert found.scale == pytest.approx(3.0, rel=1e-5)
    assert error(found) < 1e-5


def test_it_is_fitted_robustly_as_the_node_fits_it():
    prediction = (2 / (TRUTH_M - np.float32(0.6))).astype(np.float32)
    seen = np.where(np.random.default_rng(0).random(TRUTH_M.shape) < 0.3, 7.5, TRUTH_M)
    found = align_prediction(
        prediction, KIND, seen.astype(np.float32), AlignmentMode.ROBUST, 0.5, 8.0
    )
    node = fit_alignment(prediction, seen.astype(np.float32), kind=KIND)
    assert (found.scale, found.shift) == pytest.approx((node.scale, node.shift), rel=1e-6)
    assert (found.scale, found.shift) == pytest.approx((2.0, 0.6), rel=1e-3)


def test_what_measures_by_lines_of_inverse_depth_refuses_it_by_name():
    message = "'depth_anything_3_mono_large' gives depth that lacks a scale .* metres; measure it"
    with pytest.raises(ConfigError, match=message):
        require_line_of_inverse_depth(ROW, 'measure it')
    for row in MODELS.values():
        if row is not ROW and row.output_kind.is_relative:
            require_line_of_inverse_depth(row, '')


def test_a_run_of_it_is_not_told_that_the_scale_alone_is_fitted():
    identity = ModelIdentity(ROW.name, 'checkpoint', '', '', '', '', (0, 0), '', output=ROW.output)
    assert model_warnings(identity, [AlignmentMode.SCALE_SHIFT], 0) == []
    (before,) = model_warnings(identity, [AlignmentMode.SCALE_SHIFT], 3)
    assert before.startswith('3 frames were scored before diagnostics named model')
