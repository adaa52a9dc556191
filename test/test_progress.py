"""Work tells how far it is, where nobody sees a bar."""

import re
import time

import pytest

from depth_anything_ros import progress as module
from depth_anything_ros.progress import Progress, duration_text, progress, reported


@pytest.fixture
def clock(monkeypatch):
    """Return a list whose only number is the time in seconds."""
    now_s = [100.0]
    monkeypatch.setattr(module.time, 'monotonic', lambda: now_s[0])
    return now_s


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [(0.2, '0 s'), (59.4, '59 s'), (59.6, '1 min 0 s'), (200, '3 min 20 s'), (7500, '2 h 5 min')],
)
def test_durations_are_told_in_their_two_largest_units(seconds, text):
    assert duration_text(seconds) == text


def test_a_line_tells_name_count_rate_and_time_left(clock):
    with Progress('scoring', 400) as shown:
        assert shown.text() == 'scoring: 0 of 400'
        shown.update(100)
        clock[0] += 50
        assert shown.text() == 'scoring: 100 of 400, 2 a second, 2 min 30 s left'
        shown.update(20, {'loss': '0.5', 'images/s': '8'})
        clock[0] += 10
        assert shown.text() == (
            'scoring: 120 of 400, 2 a second, 2 min 20 s left, loss 0.5, images/s 8'
        )


def test_what_an_earlier_run_did_is_no_speed_of_this_one(clock):
    with Progress('training', 1000) as shown:
        clock[0] += 60  # what came before the first step
        shown.begin_at(500)
        shown.update(100)
        clock[0] += 100
        assert shown.text() == 'training: 600 of 1000, 1 a second, 6 min 40 s left'


def test_without_a_total_there_is_no_time_left(clock):
    with Progress('views', None) as shown:
        shown.update(3)
        clock[0] += 1
        assert shown.text() == 'views: 3, 3 a second'


def test_long_work_tells_a_line_each_period_and_the_time_it_took(monkeypatch, capsys):
    monkeypatch.setattr(module, 'PERIOD_S', 0.1)
    with reported('evaluate'):
        time.sleep(0.15)
        for _ in progress(range(2), 2, 'simulator_5'):
            time.sleep(0.15)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == 'evaluate: 0 s so far'
    assert lines[-1] == 'evaluate: done in 0 s'
    # One step takes longer than the period: lines do not wait for it.
    assert lines[1] == 'simulator_5: 0 of 2'
    told = [line for line in lines if line.startswith('simulator_5: 1 of 2, ')]
    assert told
    assert re.fullmatch(r'simulator_5: 1 of 2, [\d.]+ a second, 0 s left', told[0])


def test_short_work_is_silent(capsys):
    with reported('info'):
        assert list(progress('ab', 2, 'letters')) == ['a', 'b']
    assert capsys.readouterr().err == ''


def test_work_that_fails_does_not_say_that_it_is_done(monkeypatch, capsys):
    monkeypatch.setattr(module, 'PERIOD_S', 0.05)
    with pytest.raises(ValueError), reported('evaluate'):
        time.sleep(0.12)
        raise ValueError
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert not any('done' in line for line in lines)


def test_an_iteration_that_is_left_early_is_no_longer_shown():
    for _ in progress(range(5), 5, 'left'):
        break
    assert module._running == []


def test_other_processes_of_a_training_are_silent(monkeypatch, capsys):
    monkeypatch.setattr(module, 'PERIOD_S', 0.05)
    monkeypatch.setenv('RANK', '1')
    with reported('train'), Progress('training', 5, shown=False):
        time.sleep(0.12)
    assert capsys.readouterr().err == ''
