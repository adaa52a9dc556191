import json

import pytest
from made_runs import evaluated

from depth_anything_ros.cli.main import main


@pytest.fixture
def runs(tmp_path):
    """Return the folders of two runs, the second one worse."""
    before = evaluated(tmp_path / 'before', {'a/1': 0.1, 'a/2': 0.12, 'b/1': 0.1})
    after = evaluated(tmp_path / 'after', {'a/1': 0.15, 'a/2': 0.16, 'b/1': 0.2})
    return [str(before), str(after)]


def test_the_answer_is_a_table_a_sentence_and_json(runs, tmp_path, capsys):
    answer = tmp_path / 'answer.json'
    assert main(['compare', *runs, '--json', str(answer)]) == 0
    shown = capsys.readouterr().out
    assert 'abs_rel − before' in shown
    (verdict,) = (line for line in shown.splitlines() if 'worse than' in line)
    assert verdict.startswith('after is worse than before: abs_rel +0.0633')
    told = json.loads(answer.read_text())
    assert told['runs'] == ['before', 'after']
    assert told['data'][0]['verdicts'] == [verdict]


def test_another_metric_answers_where_it_is_asked_for(runs, capsys):
    assert main(['compare', *runs, '--metric', 'delta2']) == 0
    shown = capsys.readouterr().out
    assert 'after and before are equal: delta2 differs in none of 3 images' in shown
    assert 'delta2 − before' in shown and 'abs_rel −' not in shown
    assert main(['compare', *runs, '--metric', 'delta9']) == 1
    assert "unknown metric 'delta9'; known: abs_rel" in capsys.readouterr().err
    assert main(['compare', *runs, '--metric', 'obstacles']) == 1
    told = "'obstacles' is 25 metrics, name one: obstacles.missed, obstacles.missed_cells, "
    assert told in capsys.readouterr().err


def test_a_gate_may_bound_the_difference(runs, tmp_path, capsys):
    gate = tmp_path / 'gate.yaml'
    gate.write_text('bounds: [difference.metrics.abs_rel.high <= 0.5]')
    assert main(['compare', *runs, '--gate', str(gate)]) == 0
    gate.write_text('bounds: [difference.metrics.abs_rel.value <= 0.01]')
    assert main(['compare', *runs, '--gate', str(gate)]) == 3
    assert 'difference.metrics.abs_rel.value of after of made is 0.0633' in capsys.readouterr().err


def test_a_folder_of_no_run_is_one_line(runs, tmp_path, capsys):
    assert main(['compare', runs[0], str(tmp_path)]) == 1
    assert 'holds neither images.csv of `evaluate` nor frames.csv' in capsys.readouterr().err
