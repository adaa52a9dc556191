import json

import pytest

from depth_anything_ros.cli.main import main
from depth_anything_ros.inference.backends import processor
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint import load_weights
from depth_anything_ros.models.checkpoint_file import CheckpointFile

RANDOM = ['compress', '--model', 'tiny', '--weights', 'random']


def test_file_is_written_compared_and_described(tmp_path, capsys):
    out, answer_file = tmp_path / 'small.safetensors', tmp_path / 'small.json'
    options = ['--recipe', 'prune(0.5)+int16_static', '--views', '1', '--json', str(answer_file)]
    assert main([*RANDOM, *options, '--out', str(out)]) == 0
    shown = capsys.readouterr()
    answer = json.loads(answer_file.read_text())
    weights = load_weights(MODELS['tiny'], checkpoint=str(out))
    assert answer['recipe'] == CheckpointFile.read(out).packed.recipe == 'prune(0.5)+int16_static'
    assert answer['sha256'] == weights.sha256
    assert answer['after']['bytes'] == out.stat().st_size < answer['before']['bytes'] / 2
    assert answer['after']['nonzero_weights'] == pytest.approx(
        answer['before']['nonzero_weights'] / 2, rel=1e-3
    )
    assert answer['after']['weights'] == answer['before']['weights']
    assert answer['sqnr_db'] < 60
    assert answer['identical'] is False
    assert f'SQNR {answer["sqnr_db"]:.1f} dB' in shown.out
    assert f'{out.stat().st_size / 1e6:.2f}' in shown.out
    assert 'random weights: the depth means nothing' in shown.err


def test_compressing_again_changes_nothing(tmp_path, capsys):
    first, second = tmp_path / 'first.safetensors', tmp_path / 'second.safetensors'
    answer_file = tmp_path / 'answer.json'
    recipe = ['--recipe', 'fp16', '--views', '1', '--json', str(answer_file)]
    assert main([*RANDOM, *recipe, '--out', str(first)]) == 0
    again = ['compress', '--model', 'tiny', '--checkpoint', str(first), *recipe]
    again += ['--obstacle-views', '0']
    assert main([*again, '--out', str(second)]) == 0
    answer = json.loads(answer_file.read_text())
    assert answer['parent'] == {
        'origin': 'checkpoint',
        'sha256': CheckpointFile.read(second).packed.parent_sha256,
    }
    assert (answer['sqnr_db'], answer['identical']) == (None, True)
    assert 'the same in every bit' in capsys.readouterr().out


def test_calibration_is_recorded(tmp_path, capsys):
    out = tmp_path / 'eight.safetensors'
    data = ['--calibration', 'simulator:5:3:64x48', '--calibration-images', '2']
    assert (
        main([*RANDOM, '--recipe', 'int8_static', *data, '--views', '1', '--out', str(out)]) == 0
    )
    header = CheckpointFile.read(out).packed
    assert header.calibration == 'simulator:5:3:64x48 (2 images)'
    assert len(header.inputs) > 50
    assert 'SQNR' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('saturates', 'told'),
    [(False, '8-bit weights in 83 layers'), (True, '7-bit weights in 59 of 83')],
)
def test_bits_that_this_processor_multiplies_are_told(
    saturates, told, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(processor, 'products_saturate', lambda: saturates)
    out, answer_file = tmp_path / 'eight.safetensors', tmp_path / 'eight.json'
    data = ['--calibration', 'simulator:5:1:64x48', '--views', '0', '--json', str(answer_file)]
    assert main([*RANDOM, '--recipe', 'int8_static', *data, '--out', str(out)]) == 0
    shown = capsys.readouterr().out
    assert f'openvino on this processor: {told}' in shown
    assert f'onnxruntime on this processor: {told}' in shown
    assert 'torch on' not in shown
    assert set(json.loads(answer_file.read_text())['integers']) == {'openvino', 'onnxruntime'}


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--calibration-images', '0'], '--calibration-images 0; allowed: 1 or more'),
        (['--calibration', 'nothing'], "'nothing' names no data"),
    ],
)
def test_calibration_that_cannot_be_is_refused(options, message, tmp_path, capsys):
    command = [*RANDOM, '--recipe', 'int8_static', '--out', str(tmp_path / 'a.safetensors')]
    assert main([*command, *options]) == 1
    assert message in capsys.readouterr().err


def test_nothing_is_compared_without_views(tmp_path, capsys):
    out = tmp_path / 'a.safetensors'
    assert main([*RANDOM, '--recipe', 'fp16', '--views', '0', '--out', str(out)]) == 0
    assert 'SQNR' not in capsys.readouterr().out


@pytest.mark.parametrize(
    ('recipe', 'low'), [('prune(0.9)', True), ('fp16', False), ('prune(0.1)', False)]
)
def test_warning_where_the_output_moves_too_far(recipe, low, tmp_path, capsys, caplog):
    out, answer_file = tmp_path / 'a.safetensors', tmp_path / 'a.json'
    options = ['--recipe', recipe, '--views', '1', '--obstacle-views', '0']
    options += ['--json', str(answer_file), '--out', str(out)]
    assert main(['compress', '--model', 'tiny', *options]) == 0
    shown = capsys.readouterr().out
    sqnr_db = json.loads(answer_file.read_text())['sqnr_db']
    assert (sqnr_db is not None and sqnr_db < 20) is low
    (row,) = [line for line in shown.splitlines() if line.startswith('SQNR of the output, dB')]
    assert ('too low: below 20 dB' in row) is low
    assert (f'recipe {recipe}: its output moves by' in caplog.text) is low


def test_warning_where_more_obstacles_are_missed(tmp_path, capsys):
    out, answer_file = tmp_path / 'a.safetensors', tmp_path / 'a.json'
    options = ['--recipe', 'prune(0.5)', '--views', '0', '--obstacle-views', '2']
    options += ['--json', str(answer_file), '--out', str(out)]
    assert main(['compress', '--model', 'tiny', *options]) == 0
    found = json.loads(answer_file.read_text())['obstacles']
    assert found['after'] > found['before'] + 0.01
    shown = capsys.readouterr()
    assert f'{found["after"]:.1%} of the obstacles are missed' in shown.out
    assert 'whatever averages say' in shown.err


def test_existing_file_is_kept_unless_forced(tmp_path, capsys):
    out = tmp_path / 'a.safetensors'
    out.write_text('mine')
    command = [*RANDOM, '--recipe', 'fp16', '--views', '0', '--out', str(out)]
    assert main(command) == 1
    assert f"'{out}' exists; --force replaces it" in capsys.readouterr().err
    assert out.read_text() == 'mine'
    assert main([*command, '--force']) == 0
    assert CheckpointFile.read(out).packed.recipe == 'fp16'


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--recipe', 'int4'], "unknown recipe 'int4'; known: prune"),
        (['--recipe', 'prune(2)'], 'amount 2; allowed: 0.1 to 0.9'),
        (['--recipe', 'prune(0.3)', '--views', '-1'], '--views -1; allowed: 0 or more'),
        (['--recipe', 'fp16', '--obstacle-views', '-1'], '--obstacle-views -1; allowed: 0 or'),
        (['--recipe', 'prune(0.3)', '--checkpoint', 'no.pth'], 'exclude each other'),
        (['--recipe', 'prune(0.3)', '--out', 'a.onnx'], "'a.onnx' ends in '.onnx'; needed"),
    ],
)
def test_wrong_option_is_told_in_one_line(tmp_path, capsys, options, message):
    assert main([*RANDOM, '--out', str(tmp_path / 'a.safetensors'), *options]) == 1
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_help_teaches_with_examples(capsys):
    with pytest.raises(SystemExit, match='0'):
        main(['compress', '--help'])
    shown = capsys.readouterr().out
    assert "compress --model tiny --recipe 'prune(0.2, global)+int8_static'" in shown


@pytest.mark.parametrize(
    'words',
    [
        ['compress', '--recipe', 'prune(0.3)', '--views', '0', '--out', 'b.safetensors'],
        ['train', '--data', 'simulator:0', '--steps', '1', '--out', 'run'],
    ],
)
def test_weights_that_multiply_integers_are_no_start(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ['--recipe', 'int8_static', '--calibration', 'simulator:1:1:64x48', '--views', '0']
    assert main([*RANDOM, *options, '--out', 'eight.safetensors']) == 0
    start = '--init' if words[0] == 'train' else '--checkpoint'
    assert main([words[0], '--model', 'tiny', start, 'eight.safetensors', *words[1:]]) == 1
    assert 'packed by int8_static: its layers multiply integers' in capsys.readouterr().err
