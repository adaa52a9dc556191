import numpy as np
import pytest
from made_evaluation import METRIC, RELATIVE, START, identity, make, play, relative_of, truth

from depth_anything_ros.evaluation.gathering import Doubt
from depth_anything_ros.evaluation.run_warnings import Stream


def test_random_weights_are_warned_of(tmp_path):
    run = make(tmp_path)
    run.set_model(identity('random'))
    play(run)
    assert run.save().warnings[0].startswith('random weights')
    page = (tmp_path / 'out' / 'report.html').read_text(encoding='utf-8')
    assert '<li>random weights' in page


def test_messages_left_out_are_warned_of_by_reason(tmp_path):
    run = make(tmp_path)
    for reason in ('too slow', 'bad', 'too slow'):
        run.add_left_out(reason)
    run.add_left_out('too slow', 5)
    warnings = run.finish().warnings
    assert [text for text in warnings if 'left out' in text] == [
        '7 messages left out: too slow',
        '1 messages left out: bad',
    ]


def test_an_inverted_prediction_is_warned_of(tmp_path):
    run = make(tmp_path)
    run.add_truth(START, truth())
    run.add_prediction(START, START, RELATIVE, -relative_of(truth()))
    assert 'scale_shift has a negative scale in 1 of 1 frames' in run.finish().warnings[0]


def test_stamps_of_another_clock_are_warned_of(tmp_path):
    run = make(tmp_path)
    play(run, latency_ms=-1000)
    assert 'different clocks' in run.finish().warnings[0]


def test_wrong_stamps_are_warned_of(tmp_path):
    run = make(tmp_path)
    play(run, frames=2)
    run.add_prediction(START + 7, START, RELATIVE, relative_of(truth()))
    assert any('a stamp that no image had' in text for text in run.finish().warnings)


def test_truth_of_half_the_size_is_taken_at_the_size_of_the_image(tmp_path):
    run = make(tmp_path, alignments=('online',))
    half = truth()[::2, ::2]
    run.add_sent(START, START)
    run.add_truth(START, half)
    run.add_prediction(START, START, METRIC, np.kron(half, np.full((2, 2), 1.1, np.float32)))
    metrics = run.finish().metrics['online']
    assert metrics.means['abs_rel'] == pytest.approx(0.1, abs=0.005)


def test_truth_of_another_shape_is_refused_with_both_sizes(tmp_path):
    run = make(tmp_path, alignments=('online',))
    run.add_sent(START, START)
    run.add_truth(START, truth()[:, :20])
    run.add_prediction(START, START, METRIC, truth())
    (reason,) = run.finish().unscored
    assert '(24, 32)' in reason and '(24, 20)' in reason


def test_streams_that_never_came_are_warned_of(tmp_path):
    run = make(tmp_path)
    for stream in Stream:
        run.expect(stream, f'no {stream.value}')
    expected = ['no image', 'no prediction', 'no truth', 'no diagnostics', 'no sigma']
    expected.append('no confidence')
    assert run.summary().warnings == expected
    play(run)
    run.set_rejected(0)
    for kind in Doubt:
        run.add_doubt(START, kind, np.ones((2, 2), np.float32))
    assert run.finish().warnings == []
