import argparse
import json

import hostile
import pytest
from made_data import MadeDataset

from depth_anything_ros.cli.compression_options import calibration_data
from depth_anything_ros.cli.data_argument import add_data_argument, parse_data
from depth_anything_ros.errors import ConfigError, DatasetError, UnknownNameError
from depth_anything_ros.lab import datasets
from depth_anything_ros.lab.datasets import Truth
from depth_anything_ros.lab.simulation.dataset import SimulatedDataset


@pytest.fixture
def opened(monkeypatch):
    """Return the calls of an opener that stands in for that of a data set."""
    calls = []

    def opener(path, split, *, image='', depth=''):
        options = tuple(filter(None, (image, depth)))
        calls.append((str(path), split, *options))
        return 'opened'

    monkeypatch.setattr(datasets, 'DATASETS', {'made': opener})
    return calls


@pytest.mark.parametrize(
    ('word', 'split', 'call'),
    [
        ('made:/data/x', 'train', ('/data/x', 'train')),
        ('made:/data/x', 'test', ('/data/x', 'test')),
        ('made/test:/data/x', 'train', ('/data/x', 'test')),
        ('made:/data/a:b', 'train', ('/data/a:b', 'train')),
        ('made:/data/a,b', 'train', ('/data/a,b', 'train')),
        ('made/all:/x,depth=/d', 'train', ('/x', 'all', '/d')),
        ('made:/a,b,depth=/d=1,image=/i:j', 'train', ('/a,b', 'train', '/i:j', '/d=1')),
    ],
)
def test_word_reaches_the_opener_as_path_and_split(opened, word, split, call):
    assert parse_data(word, split) == 'opened'
    assert opened == [call]


def test_home_folder_is_expanded(opened, monkeypatch):
    monkeypatch.setenv('HOME', '/home/somebody')
    parse_data('made:~/x')
    assert opened == [('/home/somebody/x', 'train')]


def test_path_becomes_absolute_so_that_a_folder_has_a_name(opened, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    parse_data('made:.')
    assert opened == [(str(tmp_path), 'train')]


def test_path_that_is_there_keeps_what_looks_like_options(opened, tmp_path):
    path = tmp_path / 'a,image=b'
    path.mkdir()
    parse_data(f'made:{path}')
    assert opened == [(str(path), 'train')]


@pytest.mark.parametrize(
    ('word', 'message'),
    [
        ('made:/x,depht=/d', "data set 'made' has no option 'depht'; known: image, depth"),
        ('made:/x,depth=', "option 'depth' of data set 'made' needs one value"),
        ('made:/x,depth=/d,depth=/e', "option 'depth' of data set 'made' needs one value"),
    ],
)
def test_option_that_means_nothing_is_refused(opened, word, message):
    with pytest.raises(ConfigError, match=message):
        parse_data(word)
    assert opened == []


def test_data_set_without_options_says_so():
    with pytest.raises(ConfigError, match="data set 'irs' has no option 'unit'; known: none"):
        parse_data('irs:/x,unit=mm')


def test_simulator_word_gives_views_of_a_world():
    assert parse_data('simulator:7:100') == SimulatedDataset(7, 100, 480, 640)
    assert parse_data('simulator:7:100', simulated_size=(96, 128)) == SimulatedDataset(
        7, 100, 96, 128
    )
    assert parse_data('simulator:7:100:64x48') == SimulatedDataset(7, 100, 48, 64)
    assert parse_data('simulator/2:7:100') == SimulatedDataset(7, 100, 480, 640, version=2)


@pytest.mark.parametrize('word', ['', 'made', ':/data', 'made:', 'made/:/data/x'])
def test_word_of_another_form_is_refused(opened, word):
    with pytest.raises(ConfigError, match='write it as') as error:
        parse_data(word)
    assert f"'{word}'" in str(error.value)
    assert opened == []


@pytest.mark.parametrize(
    'word', ['simulator:1', 'simulator:a:4', 'simulator:-1:4', 'simulator:1:4:64', 'simulator:1:']
)
def test_simulator_word_of_another_form_is_refused(word):
    with pytest.raises(ConfigError, match='simulator:SEED:COUNT'):
        parse_data(word)


def test_unknown_name_is_refused_with_the_known_ones(opened):
    with pytest.raises(UnknownNameError, match="'typo'; known: made, simulator"):
        parse_data('typo:/data/x')


@pytest.mark.parametrize(
    ('name', 'known', 'more'),
    [
        ('images', 'nothing', '; to see the depth of pictures, use the verb predict'),
        ('da2k', 'which of two points is nearer', ''),
    ],
)
def test_data_without_depth_are_refused_where_depth_is_needed(name, known, more, tmp_path):
    (tmp_path / 'a.png').write_bytes(hostile.encoded('.png'))
    pair = {'point1': [0, 0], 'point2': [1, 1], 'closer_point': 'point1'}
    (tmp_path / 'annotations.json').write_text(json.dumps({'a.png': [pair]}))
    word = f'{name}/all:{tmp_path}'
    with pytest.raises(
        DatasetError, match=f"'{name}' knows {known} of its images; .*: depth{more}$"
    ):
        parse_data(word)
    assert len(parse_data(word, truths=tuple(Truth))) == 1
    assert calibration_data(word)[0].rgb.shape == (48, 64, 3)


def test_option_gathers_words():
    parser = argparse.ArgumentParser()
    add_data_argument(parser)
    assert parser.parse_args(['--data', 'a:b', '--data', 'c:d']).data == ['a:b', 'c:d']


def test_kept_list_leaves_only_its_samples(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, 'DATASETS', {'made': lambda path, split: MadeDataset('m', 9)})
    path = tmp_path / 'kept.txt'
    path.write_text('made:/x\t002\nmade:/x\t005\n')
    data = parse_data('made:/x', kept=path)
    assert [data.sample_name(index) for index in range(len(data))] == ['002', '005']
    with pytest.raises(DatasetError, match="no sample of 'made:/y'"):
        parse_data('made:/y', kept=path)
