"""The verb `export`, and what it writes in other verbs."""

import json

import cv2
import numpy as np
import pytest

from depth_anything_ros.cli.main import main

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('openvino')

CALL = ['export', '--model', 'tiny', '--input-size', '64', '32x32']


@pytest.fixture(scope='module', params=['onnx', pytest.param('openvino', marks=pytest.mark.slow)])
def exported(request, tmp_path_factory):
    out = tmp_path_factory.mktemp('exported') / 'tiny'
    answer = out.with_suffix('.json')
    assert main([*CALL, '--format', request.param, '--out', str(out), '--json', str(answer)]) == 0
    return out, json.loads(answer.read_text())


def depth_of(tmp_path, name, *options):
    cv2.imwrite(
        str(tmp_path / 'photo.png'),
        cv2.resize(
            np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8), (160, 120)
        ),
    )
    out = tmp_path / name
    call = ['predict', str(tmp_path / 'photo.png'), '--out', str(out), '--depth', 'npy', *options]
    assert main([*call, '--precision', 'fp32']) == 0
    (found,) = out.rglob('*.npy')
    return np.load(found)


def test_predict_gives_what_torch_gives(exported, tmp_path):
    folder, answer = exported
    wanted = depth_of(
        tmp_path, 'torch', '--model', 'tiny', '--backend', 'torch', '--input-size', '64'
    )
    found = depth_of(tmp_path, 'folder', '--checkpoint', str(folder))
    assert np.ptp(wanted) > 0
    assert np.abs(found - wanted).max() < 1e-5 * np.ptp(wanted)
    assert {one['error'] < 1e-5 for one in answer['agreements']} == {True}
    assert [one['size'] for one in answer['agreements']][:: len(answer['agreements']) // 2] == [
        [64, 96],
        [32, 32],
    ]
    assert answer['contract']['input']['size'] == 64


def test_a_shape_that_was_not_exported_is_one_line(exported, tmp_path, capsys):
    folder, _ = exported
    cv2.imwrite(str(tmp_path / 'tall.png'), np.zeros((160, 90, 3), np.uint8))
    call = ['predict', str(tmp_path / 'tall.png'), '--out', str(tmp_path / 'out')]
    assert main([*call, '--checkpoint', str(folder)]) == 1
    assert "'tiny' reads 64×96, 32×32 (height×width) only" in capsys.readouterr().err


def test_a_folder_that_is_there_stays(exported, capsys):
    folder, _ = exported
    assert main([*CALL, '--format', 'onnx', '--out', str(folder)]) == 1
    assert 'exists; --force replaces an exported network' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--input-size', '40'], 'input size 40 is not a positive multiple of the patch 32'),
        (['--input-size', '64x50'], 'input width 50 is not a positive multiple of the patch 32'),
        (['--precision', 'int8'], 'precision int8: no layer of these weights multiplies integers'),
        (['--checkpoint', 'no.pth'], "checkpoint 'no.pth' does not exist"),
    ],
)
def test_what_cannot_be_exported_is_one_line(options, message, tmp_path, capsys):
    out = tmp_path / 'out'
    call = ['export', '--model', 'tiny', '--format', 'openvino', '--out', str(out), *options]
    assert main(call) == 1
    assert message in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.parametrize('form', ['onnx', 'openvino'])
def test_integers_of_a_packed_checkpoint_are_kept(form, tmp_path):
    packed, out = tmp_path / 'packed.safetensors', tmp_path / 'out'
    call = ['compress', '--model', 'tiny', '--recipe', 'int8_static', '--views', '0', '--out']
    assert main([*call, str(packed), '--calibration-images', '2']) == 0
    call = ['export', '--model', 'tiny', '--checkpoint', str(packed), '--format', form]
    assert main([*call, '--input-size', '64', '--out', str(out), '--json', f'{out}.json']) == 0
    answer = json.loads((tmp_path / 'out.json').read_text())
    made = answer['contract']['made_by']
    assert (made['precision'], made['recipe'], made['weights']) == (
        'int8',
        'int8_static',
        'checkpoint',
    )
    assert made['integers'].startswith('8-bit weights in ')
    for one in answer['agreements']:
        assert 0 < one['error'] < 2 * one['rounding']


@pytest.mark.slow
def test_openvino_on_a_full_disk_is_told_in_one_line(tmp_path, small_files, capsys):
    call = ['export', '--model', 'tiny', '--input-size', '32x32', '--format', 'openvino']
    assert main([*call, '--out', str(tmp_path / 'out')]) == 1
    error = capsys.readouterr().err
    assert f"cannot write '{tmp_path}/out/tiny-32x32.xml': OpenVINO could not write all" in error
    assert list(tmp_path.iterdir()) == []
