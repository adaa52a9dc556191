import csv
import json
import os
import signal

import made_data
import pytest

from depth_anything_ros.cli import score
from depth_anything_ros.cli.main import main
from depth_anything_ros.lab.quality import examples, report


@pytest.fixture(autouse=True)
def _made_data(monkeypatch):
    monkeypatch.setattr(score, 'parse_data', made_data.open_made)


@pytest.fixture
def _no_pictures(monkeypatch):
    """Leave out what takes long and is not looked at."""
    monkeypatch.setattr(report, 'write_plot', lambda *arguments: None)
    monkeypatch.setattr(examples, 'write_examples', lambda *arguments: False)


def call(out, *options, data=('a:30', 'b:12')):
    words = [part for word in data for part in ('--data', word)]
    return main(['score', *words, '--out', str(out), '--jobs', '1', *options])


def rows(path):
    with path.open(newline='') as file:
        return list(csv.DictReader(file))


def test_results_are_written_and_agree(tmp_path, capsys):
    out, answer = tmp_path / 'deep' / 'out', tmp_path / 'answer.json'
    assert call(out, '--json', str(answer)) == 0
    samples = rows(out / 'samples.csv')
    assert [row['data'] for row in samples] == ['a'] * 30 + ['b'] * 12
    kept = [tuple(line.split('\t')) for line in (out / 'kept.txt').read_text().splitlines()]
    word = {'a': 'a:30', 'b': 'b:12'}
    assert kept == [(word[row['data']], row['name']) for row in samples if row['kept'] == '1']
    reasons = {(row['data'], row['name']): row['reasons'] for row in samples}
    assert reasons['a', '005'] == 'few_valid'
    assert reasons['b', '007'] == 'unreadable'
    # 28 and 10 samples are judged; a fifth of them goes by each score.
    table = json.loads((out / 'statistics.json').read_text())
    counts = [(row['data'], row['total'], row['dropped']['gradient']) for row in table]
    assert counts == [('a', 30, 5), ('b', 12, 2), ('all', 42, 7)]
    assert all(row['good'] + row['bad'] == row['total'] for row in table)
    assert table[2]['good'] == len(kept)
    told = json.loads(answer.read_text())
    assert told['data'] == table
    assert told['settings'] == {'bins': 20, 'far_m': 100.0, 'least_valid': 0.2, 'drop': 0.2}
    shown = capsys.readouterr()
    assert '42 samples, 42 of them scored now' in shown.out
    assert 'warning: a 007: 007.png is no image' in shown.err
    assert {path.name for path in out.iterdir()} == {
        'journal.jsonl', 'samples.csv', 'kept.txt', 'statistics.md', 'statistics.csv',
        'statistics.json', 'scores.png', 'examples_a.png', 'examples_b.png',
    }  # fmt: skip


@pytest.mark.usefixtures('_no_pictures')
def test_second_call_scores_only_what_is_new(tmp_path, capsys):
    assert call(tmp_path, data=['a:30']) == 0
    first = (tmp_path / 'samples.csv').read_text()
    assert call(tmp_path, data=['a:30']) == 0
    assert '30 samples, 1 of them scored now' in capsys.readouterr().out  # the unreadable one
    assert (tmp_path / 'samples.csv').read_text() == first
    assert call(tmp_path, '--restart', data=['a:30']) == 0
    assert '30 samples, 30 of them scored now' in capsys.readouterr().out


@pytest.mark.usefixtures('_no_pictures')
def test_other_settings_need_a_restart(tmp_path, capsys):
    assert call(tmp_path, data=['a:4']) == 0
    assert call(tmp_path, '--bins', '10', data=['a:4']) == 1
    assert 'begin anew with --restart' in capsys.readouterr().err
    assert call(tmp_path, '--bins', '10', '--restart', data=['a:4']) == 0
    assert call(tmp_path, '--bins', '10', '--drop', '0', '--least-valid', '0', data=['a:4']) == 0
    assert len((tmp_path / 'kept.txt').read_text().splitlines()) == 4


def test_word_of_a_folder_becomes_a_file_name(tmp_path):
    assert call(tmp_path, data=['a/b c:3', 'a/b c:4']) == 0
    assert (tmp_path / 'examples_a_b_c_3.png').exists()


def test_interruption_says_that_the_run_can_go_on(tmp_path, monkeypatch, capsys):
    def stop(items, total, label):
        yield next(iter(items))
        raise KeyboardInterrupt

    monkeypatch.setattr(score, 'progress', stop)
    assert call(tmp_path, data=['a:30']) == 130
    assert 'the same call goes on from here' in capsys.readouterr().err
    assert not (tmp_path / 'samples.csv').exists()


def test_termination_lets_the_run_go_on_and_the_handler_is_put_back(tmp_path, monkeypatch, capsys):
    def terminate(items, total, label):
        os.kill(os.getpid(), signal.SIGTERM)
        yield from items

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(score, 'progress', terminate)
    assert call(tmp_path, data=['a:30']) == 143
    told = capsys.readouterr().err
    assert 'the same call goes on from here' in told and 'error: terminated' in told
    assert signal.getsignal(signal.SIGTERM) is before


def test_rate_of_this_machine_is_told(tmp_path, monkeypatch, capsys):
    from depth_anything_ros.lab.quality import timing

    monkeypatch.setattr(timing, '_START_S', 0.0)
    answer = tmp_path / 'rate.json'
    assert main(['score', '--benchmark', '40', '--jobs', '1', '--json', str(answer)]) == 0
    told = json.loads(answer.read_text())
    assert (told['width'], told['height'], told['workers']) == (640, 480, 1)
    assert told['maps_per_s'] > 0
    assert 'depth maps of 640x480 a second, 1 at a time' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ([], 'score needs --data and --out'),
        (['--data', 'a:3'], 'score needs --data and --out'),
        (['--benchmark', '0'], '--benchmark 0; allowed: 1 or more'),
        (['--benchmark', '1', '--jobs', '0'], '0 processes; allowed: 1 or more'),
        (['--bins', '3'], '3 bins; allowed: 5 to 255'),
        (['--drop', '1'], 'allowed: 0 to below 1'),
        (['--data', 'broken:3', '--out', 'OUT'], "'broken:3' is broken"),
    ],
)
def test_wrong_option_is_one_line(tmp_path, options, message, capsys):
    options = [str(tmp_path) if option == 'OUT' else option for option in options]
    assert main(['score', *options]) == 1
    assert message in capsys.readouterr().err
