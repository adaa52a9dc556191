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


@pytest.fixture
def await_line(monkeypatch, capsys):
    """Write lines each tenth of a second; return what waits for one and tells all so far."""
    monkeypatch.setattr(module, 'PERIOD_S', 0.1)
    lines = []

    def wait(pattern):
        end_s = time.monotonic() + 60
        while not any(re.fullmatch(pattern, line) for line in lines):
            assert time.monotonic() < end_s, lines
            time.sleep(0.01)
            lines.extend(capsys.readouterr().err.splitlines())
        return lines

    return wait


def test_long_work_tells_a_line_each_period_and_the_time_it_took(await_line):
    with reported('evaluate'):
        assert await_line(r'evaluate: \d+ s so far')
        for number in progress(range(2), 2, 'simulator_5'):
            # A step that takes longer than the period: lines do not wait for it.
            rate = r', [\d.]+ a second, \d+ s left' if number else ''
            lines = await_line(f'simulator_5: {number} of 2{rate}')
            assert re.fullmatch(r'evaluate: \d+ s so far', lines[0])
            assert not any('done' in line for line in lines)
    assert re.fullmatch(r'evaluate: done in \d+ s', await_line('.*done.*')[-1])


def test_short_work_is_silent(capsys):
    with reported('info'):
        assert list(progress('ab', 2, 'letters')) == ['a', 'b']
    assert capsys.readouterr().err == ''


def test_work_that_fails_does_not_say_that_it_is_done(await_line, capsys):
    with pytest.raises(ValueError), reported('evaluate'):
        await_line(r'evaluate: \d+ s so far')
        raise ValueError
    assert 'done' not in capsys.readouterr().err


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
