"""The verb `benchmark` with comparators of transformers beside a model of this package."""

import argparse
import json

import pytest

pytest.importorskip('transformers', reason='transformers is not installed')
pytest.importorskip('PIL', reason='Pillow is not installed')

from hub_models import write_model

from depth_anything_ros.cli import benchmark

QUICK = ['--runs', '3', '--baseline-runs', '2', '--warmup', '1', '--threads', '1']


@pytest.fixture
def run(tmp_path):
    def run(*words: str) -> tuple[int, list[dict]]:
        parser = argparse.ArgumentParser()
        benchmark.add_arguments(parser)
        answer = tmp_path / 'answer.json'
        status = benchmark.run(parser.parse_args([*QUICK, *words, '--json', str(answer)]))
        return status, json.loads(answer.read_text())['results']

    return run


@pytest.mark.slow
def test_comparator_takes_turns_with_a_model_and_fails_alone(run, tmp_path, capsys):
    folder = str(tmp_path / 'dpt')
    write_model('dpt', tmp_path / 'dpt')
    status, rows = run(
        '--model', 'tiny', '--backend', 'torch', '--precision', 'fp32', '--input-size', '64x64',
        '--hub-model', folder, '--hub-model', '/no/such/folder',
    )  # fmt: skip
    assert status == 0
    _, tiny, comparator, gone = rows
    assert comparator['group'] == tiny['group'] == 0
    assert (comparator['backend'], comparator['model']) == ('transformers', folder)
    assert comparator['input_size'] == [64, 64]
    assert comparator['times_first'] == pytest.approx(comparator['p50_ms'] / tiny['p50_ms'])
    assert comparator['speedup'] is comparator['max_error'] is None
    for name in ('preprocess_ms', 'encoder_ms', 'decoder_ms', 'postprocess_ms', 'encoder_macs'):
        assert comparator[name] > 0
    assert gone['reason'].startswith("'/no/such/folder' is neither a folder nor an id")
    assert 'transformers' in capsys.readouterr().out


def test_comparators_alone_keep_their_own_size(run, tmp_path):
    write_model('depth_anything', tmp_path / 'da')
    status, rows = run('--model', 'none', '--hub-model', str(tmp_path / 'da'))
    assert status == 0
    assert [row['precision'] for row in rows] == ['fp32', 'bf16']
    assert [row['input_size'] for row in rows] == [[56, 70]] * 2


@pytest.mark.slow
def test_memory_of_a_comparator_is_measured_in_a_process_of_its_own(run, tmp_path):
    write_model('dpt', tmp_path / 'dpt')
    _, (row,) = run('--model', 'none', '--precision', 'fp32', '--memory', '--hub-model',
                    str(tmp_path / 'dpt'))  # fmt: skip
    assert row['memory_failure'] is None
    assert 1e8 < row['peak_resident_bytes'] < 2e9
