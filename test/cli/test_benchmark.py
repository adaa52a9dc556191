import argparse
import csv
import json
import re

import pytest

from depth_anything_ros.cli import benchmark
from depth_anything_ros.cli.benchmark_targets import planned_groups
from depth_anything_ros.cli.main import main
from depth_anything_ros.errors import BackendError, ConfigError, OutputError
from depth_anything_ros.inference.backends.torch_backend import TorchBackend
from depth_anything_ros.lab.benchmark import detector
from depth_anything_ros.lab.benchmark import layers as layers_module
from depth_anything_ros.lab.benchmark.operations import count_operations
from depth_anything_ros.lab.benchmark.plan import Target
from depth_anything_ros.models import MODELS

SMALL = [
    '--weights',
    'random',
    '--threads',
    '1',
    '--runs',
    '3',
    '--baseline-runs',
    '2',
    '--warmup',
    '1',
]


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


@pytest.mark.slow
def test_every_combination_is_in_the_answer(run, capsys):
    status, answer = run(
        '--backend', 'torch,onnxruntime', '--precision', 'fp32,bf16', '--input-size', '28x42',
        '--threads', '1',
    )  # fmt: skip
    assert status == 0
    assert (answer['threads'], answer['runs'], answer['baseline_runs']) == (1, 3, 2)
    assert answer['environment']['tf32_products'] in (True, False)
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
        assert record['min_ms'] <= record['p50_ms'] <= record['max_ms']
        assert record['p95_ms'] is record['p99_ms'] is None
        assert record['speedup'] == pytest.approx(baseline['p50_ms'] / record['p50_ms'])
        assert record['fps'] == pytest.approx(1000 / record['p50_ms'])
        operations_per_s = record['share_of_peak'] * record['peak_gflop_per_s'] * 1e9
        assert operations_per_s == pytest.approx(record['gflop'] * 1e9 / record['p50_ms'] * 1e3)
    assert torch_fp32['max_error'] < 1e-4 < torch_bf16['max_error'] < 0.1
    assert onnx_fp32['max_error'] < 1e-4
    output = capsys.readouterr().out
    assert 'torch eager' in output
    assert 'onnxruntime bf16 auto: onnxruntime cannot compute in bf16 on cpu' in output


def test_shorter_side_is_for_a_640x480_image(run):
    _, answer = run('--model', 'tiny', '--backend', 'torch', '--precision', 'fp32',
                    '--baseline', 'none', '--count', '--input-size', '64,96x64')  # fmt: skip
    sizes = [record['input_size'] for record in answer['results']]
    assert sizes == [[64, 96], [96, 64]]


def test_impossible_size_leaves_the_others_alone(run, capsys):
    status, answer = run('--model', 'tiny', '--backend', 'torch', '--precision', 'fp32',
                         '--input-size', '99999,20000x20000,32x32', '--layers',
                         '--baseline', 'none')  # fmt: skip
    assert status == 0
    *failed, done = answer['results']
    assert [row['status'] for row in failed] == ['failed', 'failed']
    assert all('at most 8000000 pixels' in row['reason'] for row in failed)
    assert [row['input_size'] for row in failed] == [None, None]
    assert done['status'] == 'ok'
    assert {tuple(row['input_size']) for row in answer['layers']} == {(32, 32)}
    assert 'tiny, torch fp32: network input of 20000x20000' in capsys.readouterr().out


@pytest.mark.parametrize('option', ['--json', '--csv', '--layers', '--plots', '--page'])
def test_output_that_cannot_be_written_is_an_error_before_timing(option, tmp_path, monkeypatch):
    monkeypatch.setattr(TorchBackend, 'infer', lambda *_: pytest.fail('it was timed'))
    (tmp_path / 'file').write_text('')
    taken = str(tmp_path / 'file' / 'inside')
    with pytest.raises(OutputError, match='a file stands where a folder is needed'):
        benchmark.run(parse(*SMALL, '--model', 'tiny', option, taken))


def test_same_output_asked_for_twice_is_an_error(tmp_path):
    path = str(tmp_path / 'rows.csv')
    with pytest.raises(ConfigError, match=r"rows\.csv' is asked for twice"):
        benchmark.run(parse(*SMALL, '--model', 'tiny', '--csv', path, '--layers', path))


def test_page_has_what_was_timed_and_what_was_not(run, tmp_path, monkeypatch):
    monkeypatch.setattr(detector, 'find_spec', lambda _: None)
    page = tmp_path / 'networks.md'
    status, answer = run(
        '--model', 'tiny', '--input-size', '64x64', '--backend', 'torch', '--precision', 'fp32',
        '--baseline', 'none', '--detector', 'yolo11n', '--page', str(page),
    )  # fmt: skip
    assert status == 0
    tiny, gone = answer['results']
    lines = page.read_text().splitlines()
    (row,) = (line for line in lines if line.startswith('| tiny |'))
    assert f'| {tiny["p50_ms"]:.0f} |' in row
    assert '| yolo11n |' in page.read_text()
    assert f'- `yolo11n`: {gone["reason"]}' in lines


def test_count_opens_no_network(run, monkeypatch, capsys):
    opening = 'depth_anything_ros.lab.benchmark.group.open_network'
    monkeypatch.setattr(opening, lambda _: pytest.fail('it was opened'))
    status, answer = run(
        '--model', 'tiny,vggt', '--input-size', '56x56', '--backend', 'torch', '--precision',
        'fp32', '--baseline', 'none', '--count',
    )  # fmt: skip
    assert status == 0
    tiny, vggt = answer['results']
    assert (tiny['status'], tiny['reason'], tiny['p50_ms']) == ('failed', 'counted only', None)
    assert tiny['parameters'] == MODELS['tiny'].parameters
    made = count_operations(MODELS['vggt'], 56, 56)
    assert (vggt['encoder_macs'], vggt['decoder_macs']) == (made.encoder, made.decoder)
    assert '941,765,858' in capsys.readouterr().out


def test_interrupted_layers_are_written_as_far_as_they_came(run, tmp_path, monkeypatch):
    describe = layers_module.describe_network
    calls = []

    def interrupt_later(load):
        calls.append(load)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return describe(load)

    monkeypatch.setattr(layers_module, 'describe_network', interrupt_later)
    path = tmp_path / 'layers.csv'
    with pytest.raises(KeyboardInterrupt):
        run('--model', 'tiny', '--backend', 'torch', '--precision', 'fp32', '--baseline', 'none',
            '--input-size', '32x32,64x64', '--layers', str(path))  # fmt: skip
    assert len(list(csv.DictReader(path.open()))) == 83
    answer = json.loads((tmp_path / 'answer.json').read_text())
    assert (answer['complete'], len(answer['layers'])) == (False, 83)


def test_nothing_that_can_run_is_exit_1(run):
    status, answer = run('--backend', 'torch', '--precision', 'fp16', '--input-size', '28x28')
    assert status == 1
    assert [record['status'] for record in answer['results']] == ['ok', 'failed']


def test_failure_while_timing_is_in_the_answer(run, monkeypatch):
    infer = TorchBackend.infer
    calls = []

    def fail_later(self, pixels):
        calls.append(1)
        if len(calls) > 2:
            raise BackendError('out of memory')
        return infer(self, pixels)

    monkeypatch.setattr(TorchBackend, 'infer', fail_later)
    status, answer = run('--model', 'tiny', '--backend', 'torch', '--precision', 'fp32',
                         '--input-size', '32x32')  # fmt: skip
    assert status == 1
    assert answer['results'][1]['reason'] == 'out of memory'
    assert [record['status'] for record in answer['results']] == ['ok', 'failed']


@pytest.mark.slow
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


def test_missing_checkpoint_is_the_reason_of_every_row(tmp_path, capsys):
    gone = str(tmp_path / 'none.pth')
    args = parse('--checkpoint', gone, '--input-size', '28x28', '--backend', 'torch')
    assert benchmark.run(args) == 1
    line = capsys.readouterr().out.splitlines()[-2]
    assert line == (
        'depth_anything_v2_vits none, torch eager fp32, torch fp32, torch bf16: '
        f"checkpoint '{gone}' does not exist"
    )


def test_model_without_weights_leaves_the_others_alone(run, monkeypatch):
    _, answer = run('--model', 'anydepth_vits,tiny', '--backend', 'torch', '--precision', 'fp32',
                    '--input-size', '32x32', '--weights', 'pretrained')  # fmt: skip
    failed, done = answer['results'][:2], answer['results'][2:]
    assert all('no trained weights' in record['reason'] for record in failed)
    assert [record['status'] for record in done] == ['ok', 'ok']
    assert done[1]['weights'] == 'pretrained'


@pytest.mark.slow
def test_models_at_one_size_take_turns_and_are_compared(run, capsys):
    _, answer = run('--model', 'tiny,depth_anything_v2_vits', '--backend', 'torch',
                    '--precision', 'fp32', '--input-size', '40,64x64')  # fmt: skip
    small, large = answer['results'][:4], answer['results'][4:]
    assert {record['group'] for record in small} == {0}
    assert {record['group'] for record in large} == {1}
    assert [record['input_size'] for record in small[1::2]] == [[32, 32], [42, 56]]
    assert [record['input_size'] for record in large[1::2]] == [[64, 64], [70, 70]]
    for group in (small, large):
        _, tiny, eager, dav2 = group
        assert tiny['times_first'] == 1.0
        assert {row['first_model'] for row in group} == {'tiny'}
        assert dav2['times_first'] == pytest.approx(dav2['p50_ms'] / tiny['p50_ms'])
        assert eager['speedup'] == 1.0
    output = capsys.readouterr().out
    assert 'depth_anything_v2_vits: asked 40, timed at 42x56' in output
    assert 'of first: p50 over that of tiny, in the same library and precision' in output


def test_apart_measures_one_model_after_another(run):
    _, answer = run('--model', 'tiny,depth_anything_v2_vits', '--backend', 'torch', '--precision',
                    'fp32', '--input-size', '32x32', '--apart', '--baseline', 'none')  # fmt: skip
    assert [record['group'] for record in answer['results']] == [0, 1]
    assert [record['times_first'] for record in answer['results']] == [1.0, 1.0]


@pytest.mark.slow
def test_parts_of_a_network_add_up_and_are_known_where_torch_runs_it(run):
    _, answer = run('--model', 'tiny', '--backend', 'torch,onnxruntime', '--precision', 'fp32',
                    '--input-size', '64x64', '--runs', '9')  # fmt: skip
    spec = MODELS['tiny']
    operations = count_operations(spec, 64, 64)
    eager, torch_row, exported = answer['results']
    for record in answer['results']:
        assert record['encoder_parameters'] + record['decoder_parameters'] == spec.parameters
        assert record['parameters'] == spec.parameters
        assert record['encoder_macs'] == operations.encoder
        assert record['decoder_macs'] == operations.decoder
        assert record['gflop'] == pytest.approx(2e-9 * record['macs'])
        assert record['network_ms'] == record['p50_ms']
        assert record['cov'] == pytest.approx(record['std_ms'] / record['mean_ms'])
        assert record['preprocess_ms'] > 0
        assert record['postprocess_ms'] > 0
    for record in (eager, torch_row):
        assert 0 < record['encoder_ms'] < record['max_ms']
        assert 0 < record['decoder_ms'] < record['max_ms']
    assert exported['encoder_ms'] is exported['decoder_ms'] is None


def test_baseline_can_be_one_of_the_rows_or_none(run):
    words = ('--model', 'tiny', '--backend', 'torch', '--input-size', '32x32')
    _, answer = run(*words, '--precision', 'bf16', '--baseline', 'torch:fp32')
    fp32, bf16 = answer['results']
    assert (fp32['precision'], fp32['baseline'], fp32['speedup']) == ('fp32', True, 1.0)
    assert not bf16['baseline']
    assert bf16['speedup'] == pytest.approx(fp32['p50_ms'] / bf16['p50_ms'])
    _, answer = run(*words, '--precision', 'fp32', '--baseline', 'none')
    assert [record['speedup'] for record in answer['results']] == [None]
    assert [record['max_error'] for record in answer['results']] == [None]


@pytest.mark.slow
def test_memory_is_that_of_a_process_of_its_own(run, capsys):
    _, answer = run('--model', 'tiny', '--backend', 'torch', '--precision', 'fp32',
                    '--input-size', '64x64', '--memory')  # fmt: skip
    for record in answer['results']:
        assert 1e8 < record['peak_resident_bytes'] < 2e9
        assert record['peak_device_bytes'] is None
    assert 'memory MB' in capsys.readouterr().out


def test_interruption_keeps_what_was_timed(run, monkeypatch, tmp_path):
    infer = TorchBackend.infer
    calls = []

    def interrupt_later(self, pixels):
        calls.append(1)
        if len(calls) == 9:
            raise KeyboardInterrupt
        return infer(self, pixels)

    monkeypatch.setattr(TorchBackend, 'infer', interrupt_later)
    table = tmp_path / 'rows.csv'
    with pytest.raises(KeyboardInterrupt):
        run('--model', 'tiny', '--backend', 'torch', '--precision', 'fp32', '--input-size',
            '32x32,64x64', '--runs', '20', '--csv', str(table))  # fmt: skip
    answer = json.loads((tmp_path / 'answer.json').read_text())
    assert answer['complete'] is False
    _, half, *never = answer['results']
    assert (half['status'], half['runs']) == ('ok', 6)
    assert [record['reason'] for record in never] == ['interrupted before it was timed'] * 2
    rows = list(csv.DictReader(table.open()))
    assert [row['status'] for row in rows] == ['ok', 'ok', 'failed', 'failed']
    assert float(rows[1]['p50_ms']) == half['p50_ms']
    assert rows[1]['input_size'] == '32x32'


@pytest.mark.slow
def test_layers_and_plots_are_written(run, tmp_path, capsys):
    layers, plots = tmp_path / 'layers.csv', tmp_path / 'plots'
    words = ['--model', 'tiny', '--backend', 'torch', '--precision', 'fp32']
    words += ['--layers', str(layers), '--plots', str(plots)]
    _, answer = run(*words, '--input-size', '32x32,64x64')
    rows = list(csv.DictReader(layers.open()))
    assert len(rows) == len(answer['layers']) == 2 * 83
    assert rows[0]['name'] == 'pretrained.conv_stem'
    assert rows[0]['part'] == 'encoder'
    assert rows[-1]['part'] == 'decoder'
    assert rows[-1]['shape'] == '1x1x32x32'
    for name in ('latency_resolution', 'latency_parameters', 'latency_macs', 'stages_32x32',
                 'stages_64x64', 'layers_tiny_32x32', 'layers_tiny_64x64'):  # fmt: skip
        assert (plots / f'{name}.png').read_bytes().startswith(b'\x89PNG')
    assert 'most zeros' in capsys.readouterr().out


def test_packed_file_of_another_model_is_refused(tmp_path, monkeypatch):
    path = str(tmp_path / 'packed.safetensors')
    command = ['compress', '--model', 'tiny', '--weights', 'random', '--recipe', 'int16_static']
    assert main([*command, '--views', '0', '--out', path]) == 0
    with pytest.raises(ConfigError, match="packed for model 'tiny', which --model does not name"):
        benchmark.run(parse('--weights', 'random', '--compressed', path))


def test_checkpoint_for_several_models_is_refused():
    with pytest.raises(ConfigError, match='belongs to one model; --model names 2: tiny, anydepth'):
        benchmark.run(parse('--model', 'tiny,anydepth_vits', '--checkpoint', 'x'))


def test_nothing_to_time_is_refused():
    with pytest.raises(ConfigError, match='nothing to time'):
        benchmark.run(parse('--model', 'none'))


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--backend', 'torch,tensorrt'], "unknown name 'tensorrt'; known: torch, openvino"),
        (['--precision', 'int4'], "unknown name 'int4'; known: fp32, bf16, fp16"),
        (['--model', 'midas'], "unknown name 'midas'"),
        (['--input-size', '518*518'], r"'518\*518' is not an input size"),
        (['--input-size', '1x2x3'], 'is not an input size'),
        (['--input-size', '0x32'], "'0x32' has a side of no pixels"),
        (['--baseline', 'torch:int4'], "'torch:int4' is not a baseline; examples: eager, none"),
        (['--runs', '0'], "'0' is not a whole number above 0"),
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


def planned(*words: str) -> list[Target]:
    args = parse('--model', 'tiny', '--input-size', '64x64', '--threads', '1', *words)
    return [target for group in planned_groups(args) for target in group]


def ways_of(*words: str) -> list[tuple[str, str, str]]:
    """Return library, precision and device of each row that is planned."""
    found = [target.request.options for target in planned('--baseline', 'none', *words)]
    return [(options.backend, options.precision, options.device) for options in found]


def test_of_several_devices_a_backend_takes_those_it_runs_on():
    words = ('--backend', 'torch,onnxruntime,openvino', '--precision', 'fp16', '--device')
    assert ways_of(*words, 'cuda:1,tensorrt,intel_gpu') == [
        ('torch', 'fp16', 'cuda:1'), ('onnxruntime', 'fp16', 'cuda:1'),
        ('onnxruntime', 'fp16', 'tensorrt'), ('openvino', 'fp16', 'intel_gpu'),
    ]  # fmt: skip


def test_a_device_that_is_not_here_fails_its_rows_with_what_to_install():
    words = ('--backend', 'onnxruntime', '--precision', 'fp16', '--device', 'tensorrt')
    eager, row = planned(*words)
    assert (eager.request.options.backend, eager.request.options.device) == ('torch', 'cuda')
    assert 'has no TensorrtExecutionProvider' in row.failure


def test_a_row_of_several_devices_is_the_baseline_on_the_first():
    words = ('--backend', 'torch,onnxruntime', '--precision', 'fp32', '--device', 'cpu,cuda')
    targets = planned(*words, '--baseline', 'torch:fp32')
    assert [target.request.options.device for target in targets if target.baseline] == ['cpu']
    assert len(targets) == 4


def test_a_device_on_which_no_backend_asked_for_runs_is_an_error():
    with pytest.raises(ConfigError, match='device tensorrt: --backend names none that runs there'):
        ways_of('--backend', 'torch', '--device', 'cpu,tensorrt')


def test_an_unknown_device_is_a_wrong_option(capsys):
    with pytest.raises(SystemExit):
        parse('--device', 'cpu,tpu')
    assert "unknown device 'tpu'; known: auto, cpu, cuda[:N]" in capsys.readouterr().err
