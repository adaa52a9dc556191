"""A network of somebody else in every verb that takes a checkpoint."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_networks import grey, write_folder

import depth_anything_ros
from depth_anything_ros.cli.main import main
from depth_anything_ros.errors import CheckpointError

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

HEIGHT, WIDTH = 48, 64
METRES = {'output_kind': 'metric_depth', 'output_max_depth_m': 10, 'output_metres_per_unit': 5}


def picture():
    coarse = np.random.default_rng(0).integers(60, 200, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / 'own', input_size=HEIGHT, **METRES)


@pytest.fixture
def data(tmp_path):
    """Return the word for two images whose true depth is what the network says, and 10 % more."""
    depth_m = 5 * grey(picture() / 255.0)
    for name in ('rgb', 'depth'):
        (tmp_path / 'data' / name).mkdir(parents=True)
    for number, factor in enumerate((1.0, 1.1)):
        stem = f'{number}.png'
        cv2.imwrite(str(tmp_path / 'data' / 'rgb' / stem), picture()[..., ::-1])
        truth = np.rint(1000 * factor * depth_m).astype(np.uint16)
        cv2.imwrite(str(tmp_path / 'data' / 'depth' / stem), truth)
    return f'rgbd_folder:{tmp_path / "data"}'


def test_evaluate_scores_it_without_a_name_of_a_model(folder, data, tmp_path):
    out = tmp_path / 'scores.json'
    call = ['evaluate', '--checkpoint', str(folder), '--data', data, '--align', 'none']
    assert main([*call, '--precision', 'fp32', '--json', str(out)]) == 0
    answer = json.loads(out.read_text())
    ((label, model),) = answer['models'].items()
    assert label == 'grey'
    assert (model['name'], model['output'], model['licence']) == ('grey', 'metres to 10 m', 'MIT')
    score = answer['data'][0]['models'][label]['metrics']['abs_rel']
    assert score == pytest.approx((0.0 + 0.1 / 1.1) / 2, abs=2e-3)


@pytest.mark.slow
def test_evaluate_compares_it_with_a_model_of_ours(folder, data, tmp_path):
    out = tmp_path / 'scores.json'
    call = ['evaluate', '--model', 'tiny', '--checkpoint', str(folder), '--data', data]
    call += ['--input-size', '64', '--backend', 'onnxruntime', '--json', str(out)]
    assert main(call) == 0
    assert list(json.loads(out.read_text())['models']) == ['tiny', 'grey']


def test_folders_of_one_name_are_told_apart(folder, data, tmp_path):
    other = write_folder(tmp_path / 'other', input_size=HEIGHT, **METRES)
    out = tmp_path / 'scores.json'
    call = ['evaluate', '--checkpoint', str(folder), '--checkpoint', str(other), '--data', data]
    assert main([*call, '--align', 'none', '--precision', 'fp32', '--json', str(out)]) == 0
    answer = json.loads(out.read_text())
    assert list(answer['models']) == [f'grey ({folder})', f'grey ({other})']


def test_predict_names_it_by_its_contract(folder, tmp_path, monkeypatch, capsys):
    cv2.imwrite(str(tmp_path / 'photo.png'), picture()[..., ::-1])
    monkeypatch.chdir(folder)
    call = ['predict', str(tmp_path / 'photo.png'), '--out', str(tmp_path / 'depth')]
    assert main([*call, '--checkpoint', '.', '--precision', 'fp32']) == 0
    assert capsys.readouterr().out.startswith('grey: grey (checkpoint), ')


def test_predict_takes_it(folder, tmp_path):
    cv2.imwrite(str(tmp_path / 'photo.png'), picture()[..., ::-1])
    out = tmp_path / 'depth'
    call = ['predict', str(tmp_path / 'photo.png'), '--out', str(out), '--checkpoint', str(folder)]
    assert main([*call, '--depth', 'npy', '--precision', 'fp32']) == 0
    (found,) = out.rglob('*.npy')
    np.testing.assert_allclose(np.load(found), 5 * grey(picture() / 255.0), rtol=1e-4)


def test_python_loads_it(folder):
    model = depth_anything_ros.load(checkpoint=str(folder), precision='fp32')
    metric = model.metric(picture())
    np.testing.assert_allclose(metric.depth_m, 5 * grey(picture() / 255.0), rtol=1e-4)


def test_python_takes_a_path_and_warns_of_metres_that_are_unknown_everywhere(folder, caplog):
    model = depth_anything_ros.load(checkpoint=folder, precision='fp32')
    assert model.identity.name == 'grey'
    assert np.isnan(model.metric(picture(), max_depth_m=0.1).depth_m).all()
    assert 'no pixel lies within 0 to 0.1 m: the network gives 2.2' in caplog.text
    with pytest.raises(CheckpointError, match=r"checkpoint '/no\.pth' does not exist"):
        depth_anything_ros.load('tiny', checkpoint=Path('/no.pth'))


def test_a_picture_whose_metres_are_all_unknown_counts_as_without_metres(tmp_path, capsys):
    folder = write_folder(tmp_path / 'own', input_size=HEIGHT,
                          **{**METRES, 'output_metres_per_unit': 1000})  # fmt: skip
    cv2.imwrite(str(tmp_path / 'photo.png'), picture()[..., ::-1])
    out, answer = tmp_path / 'depth', tmp_path / 'answer.json'
    call = ['predict', str(tmp_path / 'photo.png'), '--out', str(out), '--checkpoint', str(folder)]
    assert main([*call, '--depth', 'npy', '--precision', 'fp32', '--json', str(answer)]) == 1
    (record,) = json.loads(answer.read_text())['inputs']
    assert (
        'no pixel lies within 0 to 10 m: the network gives 447.1 to 801.6 m' in record['failure']
    )
    assert 'output.metres_per_unit?' in record['failure']
    assert 'no pixel lies within 0 to 10 m' in capsys.readouterr().err
    assert not list(out.rglob('*.npy'))


@pytest.mark.slow
def test_scale_says_why_no_frame_has_a_scale(tmp_path, capsys):
    folder = write_folder(tmp_path / 'own', input_size=32)
    call = ['scale', '--drives', '1', '--frames', '1', '--height', '0.15']
    assert main([*call, '--checkpoint', str(folder)]) == 1
    told = capsys.readouterr()
    assert f'1 drives of 1 frames, {folder}' in told.out
    # Grey is brighter where it is nearer in no room.
    assert 'depth_image: the fitted scale -0.3' in told.err
    assert 'output.kind the inverse one? (1 frames)' in told.err
    assert 'no frame has depth in metres to be scored' in told.err


def test_metres_are_refused_where_relative_depth_is_needed(folder, capsys):
    assert main(['scale', '--drives', '1', '--frames', '1', '--checkpoint', str(folder)]) == 1
    assert "model 'grey' gives metres by itself" in capsys.readouterr().err


@pytest.mark.parametrize(
    'call',
    [
        ['compress', '--model', 'tiny', '--recipe', 'fp16', '--checkpoint'],
        ['finetune', '--model', 'tiny', '--max-depth', '10', '--data', 'simulator:1:2', '--init'],
        ['train', '--model', 'tiny', '--data', 'simulator:1:2', '--init'],
    ],
)
def test_what_needs_weights_refuses_it_in_one_sentence(folder, tmp_path, capsys, call):
    assert main([*call, str(folder), '--out', str(tmp_path / 'out.safetensors')]) == 1
    error = capsys.readouterr().err
    assert 'run as it is, and has no weights to train or compress: give a file of wei' in error


def test_a_wrong_contract_is_one_line(tmp_path, capsys):
    folder = write_folder(tmp_path / 'own', input_channels='gbr')
    assert main(['evaluate', '--checkpoint', str(folder), '--data', 'simulator:1:2']) == 1
    error = capsys.readouterr().err
    assert "network.json': key 'input.channels' is \"gbr\"; allowed: rgb, bgr" in error


@pytest.mark.slow
def test_benchmark_times_it_in_the_libraries_that_read_it(folder, tmp_path):
    pytest.importorskip('openvino')
    out = tmp_path / 'times.json'
    call = ['benchmark', '--checkpoint', str(folder), '--runs', '3', '--warmup', '1']
    assert main([*call, '--precision', 'fp32', '--threads', '1', '--json', str(out)]) == 0
    rows = json.loads(out.read_text())['results']
    assert [row['backend'] for row in rows] == ['openvino', 'onnxruntime']
    for row in rows:
        assert (row['model'], row['status'], row['reason']) == ('grey', 'ok', '')
        assert row['macs'] == 3 * HEIGHT * WIDTH
        assert row['p50_ms'] > 0
