import json

import torch
from safetensors import safe_open
from small_run import small_estimator

from depth_anything_ros.lab.training.outcome import write_outcome
from depth_anything_ros.lab.training.train import End, TrainResult
from depth_anything_ros.models.local_file import file_sha256


def result(row: dict[str, float], max_depth_m: float | None = None) -> TrainResult:
    return TrainResult(End.OUT_OF_TIME, 7, 28, 1.25, small_estimator(max_depth_m), row)


def test_same_weights_make_the_same_file(tmp_path):
    digests = set()
    for number in range(4):
        out = tmp_path / str(number)
        out.mkdir()
        digests.add(write_outcome(out, result({}), ['train'], {})['sha256'])
        assert file_sha256(out / 'weights.safetensors') in digests
    assert len(digests) == 1


def test_record_tells_command_run_and_versions(tmp_path):
    row = {'loss': 0.5, 'val_abs_rel': float('nan')}
    told = write_outcome(tmp_path, result(row), ['train', '--steps', '9'], {'batch': 4})
    assert json.loads((tmp_path / 'run.json').read_text()) == told
    assert told['command'] == ['train', '--steps', '9']
    assert (told['end'], told['steps'], told['samples'], told['batch']) == (
        'out_of_time',
        7,
        28,
        4,
    )
    assert told['last_row'] == {'loss': 0.5, 'val_abs_rel': None}
    assert told['output'] == 'relative_inverse_depth'
    assert told['environment']['python']


def test_weights_are_exact_and_say_what_they_are_of(tmp_path):
    made = result({}, max_depth_m=5.0)
    write_outcome(tmp_path, made, ['finetune'], {})
    with safe_open(tmp_path / 'weights.safetensors', 'pt') as file:
        about = json.loads(file.metadata()['depth_anything_ros'])
        assert about == {'model': 'tiny', 'output': 'metric_depth', 'max_depth_m': 5.0}
        for name, values in made.estimator.state_dict().items():
            assert torch.equal(file.get_tensor(name), values), name


def test_half_weights_take_half_the_bytes_and_keep_what_is_counted(tmp_path):
    made = result({})
    write_outcome(tmp_path, made, ['train'], {}, half=True)
    with safe_open(tmp_path / 'weights.safetensors', 'pt') as file:
        for name, values in made.estimator.state_dict().items():
            kept = file.get_tensor(name)
            if values.is_floating_point():
                assert kept.dtype is torch.float16
                assert torch.equal(kept, values.half())
            else:
                assert torch.equal(kept, values)
