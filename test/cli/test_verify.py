import json

import cv2
import numpy as np
import pytest
from made_networks import grey, write_folder

from depth_anything_ros.cli.main import main

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

HEIGHT, WIDTH = 32, 40


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Return the word for images whose inverse depth is a sum of their colours."""
    folder = tmp_path_factory.mktemp('data')
    for name in ('rgb', 'depth'):
        (folder / name).mkdir()
    random = np.random.default_rng(0)
    for number in range(6):
        coarse = random.integers(0, 256, (4, 5, 3), dtype=np.uint8)
        rgb = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
        cv2.imwrite(str(folder / 'rgb' / f'{number}.png'), rgb[..., ::-1])
        depth_m = 1.0 / (0.2 + grey(rgb / 255.0))
        cv2.imwrite(
            str(folder / 'depth' / f'{number}.png'), np.rint(1000 * depth_m).astype(np.uint16)
        )
    return f'rgbd_folder:{folder}'


def run(tmp_path, data, **said):
    folder = write_folder(tmp_path / 'own', input_size=HEIGHT, **said)
    out = tmp_path / 'answer.json'
    call = ['verify', str(folder), '--data', data, '--backend', 'onnxruntime']
    return main([*call, '--json', str(out)]), json.loads(out.read_text())


def test_a_right_contract_ends_with_0(tmp_path, data, capsys):
    code, answer = run(tmp_path, data)
    assert code == 0
    assert answer['right'] is True
    assert answer['verdict']['findings'] == []
    assert answer['model']['name'] == 'grey'
    assert 'right: no other contract fits 6 images clearly better' in capsys.readouterr().out


def test_a_wrong_one_ends_with_1_and_what_fits(tmp_path, data, capsys):
    code, answer = run(tmp_path, data, input_channels='bgr')
    assert code == 1
    (finding,) = answer['verdict']['findings']
    assert finding['changes'] == {'input.channels': 'rgb'}
    assert 'wrong: input.channels rgb fits: the error of depth falls fr' in capsys.readouterr().out


def test_an_inverted_one_says_which_way_it_is(tmp_path, data, capsys):
    code, answer = run(tmp_path, data, output_kind='depth_up_to_scale')
    assert code == 1
    (finding,) = answer['verdict']['findings']
    assert finding['changes']['output.kind'] == 'inverse_depth_up_to_scale' or (
        finding['changes']['output.kind'] == 'relative_inverse_depth'
    )
    assert 'what is nearer is larger in 6 of 6 images' in capsys.readouterr().out


def test_what_is_no_folder_is_refused(data, capsys):
    assert main(['verify', 'no/such', '--data', data]) == 1
    assert "'no/such' is no folder" in capsys.readouterr().err


def test_images_are_taken_evenly_out_of_all(tmp_path, data):
    folder = write_folder(tmp_path / 'own', input_size=HEIGHT)
    call = ['verify', str(folder), '--data', data, '--images', '4']
    assert main([*call, '--backend', 'onnxruntime']) == 1  # fewer than five
