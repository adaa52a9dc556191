"""The evaluation of a run whose model gives inverse depth up to a scale."""

from dataclasses import replace

import numpy as np
import pytest
from made_evaluation import MS, RELATIVE, RGB, START, identity, make, truth

from depth_anything_ros.models import MODELS
from depth_anything_ros.types import OutputKind

NAME = 'depth_anything_3_small'
MODEL = replace(identity(), name=NAME, output=MODELS[NAME].output)
SKY = slice(0, 6)


def send(run, index=0):
    """Feed a frame whose inverse depth has an offset that no shift may take away, and sky."""
    true_m, stamp = truth(index), START + index * 100 * MS
    values = (0.01 + 1 / true_m).astype(np.float32)
    values[SKY] = 0.0
    run.add_sent(stamp, stamp, RGB)
    run.add_truth(stamp, true_m)
    run.add_prediction(stamp, stamp, RELATIVE, values)


def scored(tmp_path, model):
    run = make(tmp_path, alignments=('scale', 'scale_shift', 'robust'))
    if model is not None:
        run.set_model(model)
    send(run)
    return run.finish()


def test_no_shift_is_fitted_and_the_sky_is_left_out(tmp_path):
    summary = scored(tmp_path, MODEL)
    alone, shifted, robust = (
        summary.metrics[name].means for name in ('scale', 'scale_shift', 'robust')
    )
    assert shifted == alone
    assert shifted['abs_rel'] > 0.005 < robust['abs_rel']
    assert shifted['coverage'] == robust['coverage'] == 0.75
    assert summary.warnings == [
        'scale_shift and robust: the scale alone is fitted, as the inverse depth of model '
        f"'{NAME}' has no shift; give alignments scale instead"
    ]


def test_other_models_are_given_a_shift(tmp_path):
    summary = scored(tmp_path, identity())
    assert summary.metrics['scale_shift'].means['coverage'] == 1.0
    assert summary.metrics['scale_shift'].means != summary.metrics['scale'].means
    assert not any('the scale alone' in text for text in summary.warnings)


def test_frames_from_before_the_model_was_known_are_told(tmp_path):
    run = make(tmp_path, alignments=('scale',))
    send(run)
    run.process()
    for index in range(1, 9):
        send(run, index)
    run.process()
    run.set_model(MODEL)
    (warning,) = run.finish().warnings
    assert warning.startswith(f"1 frames were scored before diagnostics named model '{NAME}'")


@pytest.mark.parametrize('name', MODELS)
def test_words_for_an_output_tell_its_kind(name):
    spec = MODELS[name]
    if spec.output_kind is not OutputKind.METRIC_DEPTH:
        assert replace(identity(), output=spec.output).relative_kind is spec.output_kind
