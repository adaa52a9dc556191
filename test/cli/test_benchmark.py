import argparse
import json
import re

import numpy as np
import pytest

from depth_anything_ros.cli import benchmark
from depth_anything_ros.cli.main import main
from depth_anything_ros.errors import BackendError, CheckpointError
from depth_anything_ros.inference.predictor import Predictor

SMALL = ['--weights', 'random', '--runs', '3', '--baseline-runs', '2', '--warmup', '1']


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    benchmark.add_arguments(parser)
    return parser.parse_args(words)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))

    def run(*words: str) -> tuple[int, dict]:
        status = benchmark.run(parse(*SMALL, *words, '--json', str(tmp_path / 'answer.json')))
        return status, json.loads((tmp_path / 'answer.json').read_text())

    return run


def test_every_combination_is_in_the_answer(run, capsys):
    status, answer = run(
        '--backend', 'torch,onnxruntime', '--precision', 'fp32,bf16', '--input-size', '28x42',
        '--threads', '1',
    )  # fmt: skip
    assert status == 0
    assert (answer['threads'], answer['runs'], answer['baseline_runs']) == (1, 3, 2)
    assert answer['environment']
    baseline, *records = answer['results']
    assert baseline['baseline']
    assert baseline['speedup'] == 1.0
    assert baseline['max_error'] == 0.0
    assert baseline['runs'] == 2
    combinations = [(record['backend'], record['precision']) for record in records]
    assert combinations == [
        ('torch', 'fp32'), ('torch', 'bf16'), ('onnxruntime', 'fp32'), ('onnxruntime', 'bf16'),
    ]  # fmt: skip
    torch_fp32, torch_bf16, onnx_fp32, onnx_bf16 = records
    assert onnx_bf16['status'] == 'failed'
    assert 'bf16' in onnx_bf16['reason']
    for record in (torch_fp32, torch_bf16, onnx_fp32):
        assert record['status'] == 'ok'
        assert record['runs'] == 3
        assert record['weights'] == 'random'
        assert record['input_size'] == [28, 42]
        assert record['threads'] == 1
        assert record['device'] == 'cpu'
        assert record['load_s'] > 0
        assert record['first_frame_ms'] > 0
        assert (
            record['min_ms'] <= record['p50_ms'] <= record['p95_ms'] <= record['p99_ms']
            <= record['max_ms']
        )  # fmt: skip
        assert record['speedup'] == pytest.approx(baseline['p50_ms'] / record['p50_ms'])
        assert record['fps'] == pytest.approx(1000 / record['p50_ms'])
        operations_per_s = record['share_of_peak'] * record['peak_gflop_per_s'] * 1e9
        assert operations_per_s == pytest.approx(record['gflop'] * 1e9 / record['p50_ms'] * 1e3)
    assert torch_fp32['max_error'] < 1e-4 < torch_bf16['max_error'] < 0.1
    assert onnx_fp32['max_error'] < 1e-4
    output = capsys.readouterr().out
    assert 'torch eager' in output
    assert 'onnxruntime bf16: onnxruntime cannot compute in bf16 on cpu' in output


def test_shorter_side_is_for_a_640x480_image(run):
    _, answer = run('--backend', 'torch', '--precision', 'fp32', '--input-size', '28,42x28')
    sizes = [record['input_size'] for record in answer['results'] if record['baseline']]
    assert sizes == [[28, 42], [42, 28]]


def test_nothing_that_can_run_is_exit_1(run):
    status, answer = run('--backend', 'torch', '--precision', 'fp16', '--input-size', '28x28')
    assert status == 1
    assert [record['status'] for record in answer['results']] == ['ok', 'failed']


def test_failure_while_timing_is_in_the_answer(run, monkeypatch):
    infer = Predictor.infer
    calls = []

    def fail_later(self, model_input):
        calls.append(1)
        if len(calls) > 2:
            raise BackendError('out of memory')
        return infer(self, model_input)

    monkeypatch.setattr(Predictor, 'infer', fail_later)
    _, answer = run('--backend', 'torch', '--precision', 'fp32', '--input-size', '28x28')
    assert answer['results'][1]['reason'] == 'out of memory'


def test_packed_checkpoints_are_timed_beside_their_parent(run, tmp_path, capsys):
    files = []
    for recipe in ('int8_static', 'prune_structured(0.5)'):
        files.append(str(tmp_path / f'{recipe}.safetensors'))
        command = ['compress', '--model', 'tiny', '--weights', 'random', '--recipe', recipe]
        command += ['--calibration', 'simulator:1:1:64x48', '--views', '0', '--out', files[-1]]
        assert main(command) == 0
    status, answer = run(
        '--model', 'tiny', '--backend', 'torch', '--precision', 'fp32', '--input-size', '32x32',
        '--compressed', files[0], '--compressed', files[1],
    )  # fmt: skip
    assert status == 0
    _, parent, integers, narrow = answer['results']
    assert [record['recipe'] for record in (parent, integers, narrow)] == [
        '', 'int8_static', 'prune_structured(0.5)',
    ]  # fmt: skip
    assert [record['checkpoint'] for record in (parent, integers, narrow)] == ['', *files]
    assert parent['max_error'] < 1e-3 < integers['max_error'] < narrow['max_error']
    assert narrow['gflop'] < 0.8 * parent['gflop'] == pytest.approx(0.8 * integers['gflop'])
    assert [record['share_of_peak'] is None for record in (parent, integers, narrow)] == [
        False, True, False,
    ]  # fmt: skip
    assert 'prune_structured(0.5)' in capsys.readouterr().out


def test_missing_checkpoint_ends_the_benchmark(tmp_path):
    args = parse('--checkpoint', str(tmp_path / 'none.pth'), '--input-size', '28x28')
    with pytest.raises(CheckpointError):
        benchmark.run(args)


def test_operations_are_counted_as_two_for_a_multiplication_with_addition():
    from depth_anything_ros.models.checkpoint import load_estimator

    estimator, _ = load_estimator('depth_anything_v2_vits', weights='random', attention='eager')
    gflop = benchmark._gflop(estimator, np.zeros((1, 3, 518, 518), np.float32))
    assert gflop == pytest.approx(115.3, abs=0.5)


def test_constant_reference_has_no_relative_error():
    values = np.ones((2, 2), np.float32)
    assert benchmark._errors(values, values) == {'max_error': None, 'mean_error': None}


def test_error_is_relative_to_the_range_of_the_reference():
    reference = np.array([[1.0, 5.0]], np.float32)
    errors = benchmark._errors(np.array([[1.0, 7.0]], np.float32), reference)
    assert errors == pytest.approx({'max_error': 0.5, 'mean_error': 0.25})


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--backend', 'torch,tensorrt'], "unknown name 'tensorrt'; known: torch, openvino"),
        (['--precision', 'int4'], "unknown name 'int4'; known: fp32, bf16, fp16"),
        (['--model', 'midas'], "unknown name 'midas'"),
        (['--input-size', '518*518'], r"'518\*518' is no input size"),
        (['--input-size', '1x2x3'], 'is no input size'),
        (['--runs', '0'], "'0' is no whole number above 0"),
    ],
)
def test_wrong_usage_is_said_and_is_exit_2(words, message, capsys):
    with pytest.raises(SystemExit) as exit_info:
        parse(*words)
    assert exit_info.value.code == 2
    assert re.search(message, capsys.readouterr().err)


def test_defaults():
    args = parse()
    assert args.model == ['depth_anything_v2_vits']
    assert args.input_size == [0]
    assert args.backend == ['torch', 'openvino', 'onnxruntime']
    assert args.runs == 50
