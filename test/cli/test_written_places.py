"""No verb writes over what it reads."""

import shutil

import pytest
from small_drive import write_drive

from depth_anything_ros.cli.main import main


@pytest.fixture(scope='module')
def drive(tmp_path_factory):
    return write_drive(tmp_path_factory.mktemp('drive') / 'drive', 2)


@pytest.fixture
def bag(drive, tmp_path):
    return shutil.copytree(drive, tmp_path / 'bag')


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize('name', ['bag.mcap', 'metadata.yaml', 'new.rrd', 'deeper/new.rrd'])
@pytest.mark.parametrize(
    'words',
    [
        ('view', '{bag}', '--save'),
        ('record', '{bag}', '--out', '{tmp}/out', '--model', 'tiny', '--json'),
        ('record', '{bag}', '--model', 'tiny', '--out'),
        ('evaluate', '--model', 'tiny', '--data', 'bag:{bag},unit=mm', '--grid'),
    ],
)
def test_a_bag_that_is_read_is_not_written_into(bag, tmp_path, capsys, words, name):
    before = contents(bag)
    told = [word.format(bag=bag, tmp=tmp_path) for word in words]
    # A name that is none of a picture is refused for that.
    place = bag / (f'{name}.png' if words[-1] == '--grid' else name)
    assert main([*told, str(place)]) == 1
    error = capsys.readouterr().err
    assert f"error: {words[-1]} '{place}' " in error
    assert 'that is read' in error
    assert contents(bag) == before
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('link', [False, True])
def test_a_single_file_that_is_read_is_not_written_over(bag, tmp_path, capsys, link):
    (file,) = bag.glob('*.mcap')
    alone = shutil.copy(file, tmp_path / 'alone.mcap')
    place = tmp_path / 'link.rrd' if link else alone
    if link:
        place.symlink_to(alone)
    assert main(['view', str(alone), '--save', str(place)]) == 1
    assert 'would write over what is read; give another name' in capsys.readouterr().err
    assert alone.read_bytes() == file.read_bytes()


def test_beside_a_single_file_there_is_room(bag, tmp_path):
    (file,) = bag.glob('*.mcap')
    alone = shutil.copy(file, tmp_path / 'alone.mcap')
    assert main(['view', str(alone), '--save', str(tmp_path / 'alone.rrd')]) == 0
    assert (tmp_path / 'alone.rrd').is_file()
