from functools import partial

import numpy as np
import pytest
from made_evaluation import (
    METRIC,
    MS,
    RELATIVE,
    RGB,
    START,
    make,
    play,
    relative_of,
    truth,
)

from depth_anything_ros.evaluation.gathering import Doubt
from depth_anything_ros.evaluation.run_warnings import Stream


@pytest.mark.parametrize('late', [False, True])
def test_uncertainty_is_scored_of_depth_as_published_whichever_comes_first(tmp_path, late):
    run = make(tmp_path, metrics=('sigma',))
    for index in range(3):
        stamp = START + index * 100 * MS
        run.add_sent(stamp, stamp, RGB)
        run.add_truth(stamp, truth(index))
        published = truth(index) * np.float32(1.1)
        # Of 10 % too far, 1.645 σ reaches it where σ is more than 6.08 % of that, not of less.
        share = np.where(np.arange(32) < 8, np.float32(0.05), np.float32(0.07))
        parts = [
            partial(run.add_prediction, stamp, stamp, RELATIVE, relative_of(truth(index))),
            partial(run.add_prediction, stamp, stamp, METRIC, published),
            partial(run.add_doubt, stamp, Doubt.SIGMA, share * published),
        ]
        for part in parts if late else reversed(parts):
            part()
        run.process()
    summary = run.save()
    online, fitted = summary.metrics['online'].means, summary.metrics['scale_shift'].means
    assert online['sigma.coverage'] == pytest.approx(0.75)
    assert online['sigma.share'] == pytest.approx(0.07, rel=1e-3)
    assert fitted['sigma.coverage'] is None
    assert summary.warnings == []
    page = (tmp_path / 'out' / 'report.html').read_text()
    assert 'Pixels within an interval of uncertainty' in page
    assert 'as published, least sure first' in page


@pytest.mark.parametrize('right', [True, False])
def test_confidence_is_scored_by_every_alignment_against_a_random_order(tmp_path, right):
    """Three quarters of the depth are right, the rest is a tenth too far."""
    run = make(tmp_path, metrics=('ause', 'aurg'), alignments=('online', 'none'))
    sure = np.where(np.arange(32) < 8, 0.2, 0.9).astype(np.float32)
    for index in range(3):
        stamp = START + index * 100 * MS
        run.add_sent(stamp, stamp, RGB)
        run.add_truth(stamp, truth(index))
        wrong = np.where(np.arange(32) < 8, np.float32(1.1), np.float32(1.0))
        run.add_prediction(stamp, stamp, METRIC, wrong * truth(index))
        confidence = np.broadcast_to(sure if right else 1 - sure, truth().shape)
        run.add_doubt(stamp, Doubt.CONFIDENCE, np.ascontiguousarray(confidence))
        run.process()
    summary = run.save()
    for mode in ('online', 'none'):
        means = summary.metrics[mode].means
        assert means['abs_rel'] == pytest.approx(0.025, rel=1e-4)
        # Of x taken away, the right order leaves (0.25 − x) / (1 − x) of the 10 %, the wrong one
        # 0.25 / (1 − x), at most all; over 0, 2, … 98 %.
        x = np.arange(50) / 50
        left = (0.25 - x) / (1 - x) if right else 0.25 / (1 - x)
        expected = 0.025 - 0.1 * np.clip(left, 0, 1).mean()
        assert means['aurg'] == pytest.approx(expected, abs=2e-4)
        assert (means['aurg'] > 0) is right
        assert means['ause'] == pytest.approx(0, abs=1e-6) if right else means['ause'] > 0.05
    page = (tmp_path / 'out' / 'report.html').read_text()
    assert 'as published, least sure first' in page and 'as published, at random' in page


def test_uncertainty_of_another_size_than_its_depth_is_told(tmp_path):
    run = make(tmp_path, metrics=('sigma',), alignments=('online', 'scale'))
    run.add_truth(START, truth())
    run.add_prediction(START, START, METRIC, truth())
    run.add_doubt(START, Doubt.SIGMA, np.ones((12, 16), np.float32))
    run.process()
    summary = run.save()
    assert summary.frames.scored == 1
    height, width = truth().shape
    assert f'1 frames: sigma: the uncertainty is 16x12, its depth {width}x{height}' in (
        summary.warnings
    )


def test_without_uncertainty_frames_are_scored_all_the_same_and_a_warning_says_so(tmp_path):
    run = make(tmp_path, metrics=('sigma',), alignments=('online', 'scale'))
    run.expect(Stream.SIGMA, 'no uncertainty of depth came on /sigma')
    play(run, frames=20)
    run.process()
    # As soon as eight newer ones are there.
    assert run.summary().frames.scored == 12
    summary = run.save()
    assert summary.frames.scored == 20
    assert summary.warnings == [
        'no uncertainty of depth came on /sigma',
        'sigma has no value in any of 20 frames: no uncertainty of the depth, or fewer than 100 '
        'pixels',
    ]
    assert 'interval of uncertainty' not in (tmp_path / 'out' / 'report.html').read_text()


def test_uncertainty_that_nobody_waits_for_is_kept_for_a_few_frames_only(tmp_path):
    run = make(tmp_path)
    for index in range(100):
        run.add_doubt(START + index, Doubt.SIGMA, np.ones((2, 2), np.float32))
    assert len(run._gatherer._doubts[Doubt.SIGMA]) == 16
