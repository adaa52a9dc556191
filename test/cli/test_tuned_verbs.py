"""A checkpoint that was tuned to metres, in every verb that takes one."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from depth_anything_ros.cli import demo
from depth_anything_ros.cli.main import main
from depth_anything_ros.lab.compression import study
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint import load_weights
from depth_anything_ros.models.checkpoint_file import CheckpointFile
from depth_anything_ros.models.metadata import own_metadata
from depth_anything_ros.types import OutputKind

WALL_M = 4.0
QUICK = ['--model', 'tiny', '--threads', '1']
TUNED = replace(MODELS['tiny'], max_depth_m=10.0)


@pytest.fixture(scope='module')
def tuned(tmp_path_factory):
    """Return a checkpoint of `tiny` that gives WALL_M for every image, of 10 m at most."""
    state = dict(load_weights(MODELS['tiny']).state)
    last = 'depth_head.output.2'
    state[f'{last}.weight'] = torch.zeros_like(state[f'{last}.weight'])
    state[f'{last}.bias'] = torch.tensor([WALL_M / 10.0]).logit()
    path = tmp_path_factory.mktemp('tuned') / 'weights.safetensors'
    save_file(state, path, own_metadata(TUNED))
    return path


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Return the word for two images of a wall at WALL_M."""
    folder = tmp_path_factory.mktemp('walls')
    for name, image in (
        ('rgb', np.full((48, 64, 3), 90, np.uint8)),
        ('depth', np.full((48, 64), 1000 * WALL_M, np.uint16)),
    ):
        (folder / name).mkdir()
        for number in range(2):
            cv2.imwrite(str(folder / name / f'{number}.png'), image)
    return f'rgbd_folder:{folder}'


def raw_abs_rel(checkpoint, data, out) -> float:
    """Return what `evaluate` scores metres with that are taken as they are."""
    call = ['evaluate', *QUICK, '--checkpoint', str(checkpoint), '--data', data]
    call += ['--align', 'none', '--input-size', '64', '--backend', 'torch', '--json', str(out)]
    assert main(call) == 0
    answer = json.loads(out.read_text())
    ((label, model),) = answer['models'].items()
    assert model['output'] == 'metres to 10 m'
    return answer['data'][0]['models'][label]['metrics']['abs_rel']


def test_evaluate_takes_the_metres_of_the_file(tuned, data, tmp_path):
    # As 20 m it would be 1.0, as relative inverse depth no metres at all.
    assert raw_abs_rel(tuned, data, tmp_path / 'answer.json') == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize('recipe', ['fp16', 'prune(0.5)+int16_static'])
def test_compressed_file_keeps_kind_and_range(tuned, data, tmp_path, recipe):
    source = tuned
    for number in range(2):
        out = tmp_path / f'{number}.safetensors'
        call = ['compress', '--model', 'tiny', '--checkpoint', str(source), '--views', '0']
        assert main([*call, '--recipe', recipe, '--out', str(out)]) == 0
        header = CheckpointFile.read(out).packed
        assert (header.model, header.max_depth_m) == ('tiny', 10.0)
        assert load_weights(MODELS['tiny'], str(out)).spec == TUNED
        assert raw_abs_rel(out, data, tmp_path / 'answer.json') == pytest.approx(0.0, abs=1e-2)
        source = out


@pytest.mark.slow
def test_files_of_a_study_keep_kind_and_range(tuned, data, tmp_path, monkeypatch):
    monkeypatch.setattr(study, 'peak_memory_bytes', lambda load: 300_000_000)
    call = ['study', *QUICK, '--checkpoint', str(tuned), '--data', data, '--runs', '1']
    call += ['--backend', 'torch:fp32', '--views', '1', '--input-size', '64']
    assert main([*call, '--recipes', 'fp16', '--out', str(tmp_path)]) == 0
    answer = json.loads((tmp_path / 'study.json').read_text())
    assert answer['protocol']['output'] == 'metres to 10 m'
    files = list((tmp_path / 'files').iterdir())
    assert len(files) == 2
    for path in files:
        assert load_weights(MODELS['tiny'], str(path)).spec == TUNED


def test_scale_has_nothing_to_find_for_metres(tuned, capsys):
    call = ['scale', '--model', 'tiny', '--checkpoint', str(tuned), '--backend', 'torch']
    assert main([*call, '--drives', '1', '--frames', '2']) == 1
    assert 'gives metres by itself; give --model a relative one' in capsys.readouterr().err


def test_demo_waits_for_the_depth_of_a_metric_file(tuned, tmp_path, monkeypatch):
    kinds = []

    def play(*arguments):
        kinds.append(arguments[-1])
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, '_play', play)
    monkeypatch.setattr(demo, 'open_bag', lambda _: None)
    for checkpoint in ('', str(tuned)):
        main(['demo', '--model', 'tiny', '--checkpoint', checkpoint, '--out', str(tmp_path)])
    assert kinds == [OutputKind.RELATIVE_INVERSE_DEPTH, OutputKind.METRIC_DEPTH]
