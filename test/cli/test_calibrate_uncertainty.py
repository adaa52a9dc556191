import json

import pytest

from depth_anything_ros.cli.main import main
from depth_anything_ros.uncertainty import read_table
from depth_anything_ros.uncertainty.files import GENERIC

NETWORK = ['--backend', 'torch', '--precision', 'fp32', '--threads', '1']
DATA = ['--data', 'simulator:11:4:128x96']
# What would be an error, too, once the network is loaded.
NO_WEIGHTS = ['--checkpoint', 'never/weights.safetensors']


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Return the folder with a table fitted to a few views, and what was told of it."""
    folder = tmp_path_factory.mktemp('sigma')
    table, answer = folder / 'own.json', folder / 'answer.json'
    arguments = ['calibrate-uncertainty', *NETWORK, *DATA, '--out', str(table)]
    assert main([*arguments, '--json', str(answer)]) == 0
    return folder


def test_a_table_is_fitted_to_three_quarters_and_judged_by_the_others(made):
    table = read_table(made / 'own.json')
    answer = json.loads((made / 'answer.json').read_text())
    assert (table.model, len(table.sha256)) == ('tiny', 64)
    assert table.calibration.data == ['simulator:11:4:128x96'] and table.calibration.images == 3
    assert {'depth', 'slope', 'near', 'flip'} <= set(table.fitted.factors)
    report = answer['report']
    assert report['images'] == 1
    found = {row['name']: row for row in report['by_name']}
    assert {'depth_image', 'depth_image, field', 'fused, blocks', 'all'} <= set(found)
    # As few images as these tell little; that they tell something is enough.
    assert 0.3 < found['all']['coverage'][2] <= 1.0
    assert found['all']['ause'] < found['all']['flip_ause']
    assert [row['name'] for row in report['by_distance']] == [
        '0 to 1 m', '1 to 2 m', '2 to 4 m', '4 to 8 m',
    ]  # fmt: skip
    assert len(report['obstacles']) % 10 == 0


def test_a_table_that_is_there_can_be_judged(capsys):
    arguments = ['calibrate-uncertainty', *NETWORK, '--data', 'simulator:8:1:128x96', '--check']
    assert main([*arguments, '--table', str(GENERIC)]) == 0
    shown = capsys.readouterr()
    assert 'generic table' in shown.err
    assert 'judged on 1 images' in shown.out and 'by flip' in shown.out


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ([], 'nothing to go by: give --data, --drives, or both'),
        ([*DATA, '--table', 'a.json'], '--table a.json is judged with --check'),
        ([*DATA, '--check', '--out', 'a.json'], '--out a.json has no meaning with --check'),
        ([*DATA, '--weights', 'random'], 'say where with --out FILE'),
        ([*DATA, '--model', 'tiny', '--model', 'tiny_sdt_lite'], 'several models'),
        (['--data', 'simulator:7:2', '--out', 'never/a.json'], '2 images are too few'),
        ([*DATA, '--check', '--table', 'never/b.json', *NO_WEIGHTS], 'is no table of errors'),
    ],
)
def test_what_cannot_be_done_is_an_error_in_one_line(arguments, words, capsys, tmp_path):
    arguments = [str(tmp_path / word) if 'never/' in word else word for word in arguments]
    assert main(['calibrate-uncertainty', *NETWORK, *arguments]) == 1
    error = capsys.readouterr().err
    assert words in error and error.count('error: ') == 1
