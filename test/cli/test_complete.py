import json

import cv2
import numpy as np
import pytest

from depth_anything_ros.cli.main import main


def test_holes_of_views_are_filled_and_scored(tmp_path, capsys):
    path, picture = tmp_path / 'holes.json', tmp_path / 'holes.png'
    arguments = ['complete', '--backend', 'torch', '--precision', 'fp32', '--threads', '1']
    arguments += ['--drives', '0', '--data', 'simulator:7:2:128x96', '--seeds', '1']
    assert main([*arguments, '--picture', str(picture), '--json', str(path)]) == 0
    answer = json.loads(path.read_text())
    (data,) = answer['data']
    assert answer['seeds'] == 1 and answer['model']['name'] == 'tiny'
    hidings = [result['hiding'] for result in data['results']]
    assert hidings == ['blobs', 'borders', 'far half', 'blocks']
    for result in data['results']:
        assert result['fused'] > 0 and result['changed'] == 0
        assert result['to_best'] == pytest.approx(
            result['fused'] / min(result[name] for name in ('global', 'nearest', 'inpaint'))
        )
    assert 0 <= data['outliers']['caught'] <= 1
    assert picture.stat().st_size > 1000
    assert '/best' in capsys.readouterr().out


def test_data_without_depth_is_an_error_and_no_success(tmp_path, capsys):
    for name in ('rgb', 'depth'):
        (tmp_path / name).mkdir()
    cv2.imwrite(str(tmp_path / 'rgb' / '0.png'), np.zeros((48, 64, 3), np.uint8))
    cv2.imwrite(str(tmp_path / 'depth' / '0.png'), np.zeros((48, 64), np.uint16))
    picture = tmp_path / 'holes.png'
    call = ['complete', '--drives', '0', '--seeds', '1', '--data', f'rgbd_folder:{tmp_path}']
    network = ['--weights', 'random', '--backend', 'torch']
    assert main([*call, *network, '--picture', str(picture)]) == 1
    assert 'to hide some of it, so that nothing was tried' in capsys.readouterr().err
    assert not picture.exists()


@pytest.mark.parametrize('words', [('complete', '--picture'), ('refine', '--picture')])
def test_a_picture_of_no_kind_is_wrong_usage(words, capsys):
    with pytest.raises(SystemExit) as exit_:
        main([*words, 'holes.xyz'])
    assert exit_.value.code == 2
    assert "'holes.xyz' is not a name of a PNG or JPEG file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--drives', '0'], 'nothing to try'),
        (['--model', 'depth_anything_v2_metric_hypersim_vits', '--weights', 'random'],
         'gives metres by itself; give --model a relative one'),
    ],
)  # fmt: skip
def test_what_cannot_be_tried_is_an_error_in_one_line(arguments, words, capsys):
    assert main(['complete', *arguments]) == 1
    assert words in capsys.readouterr().err
