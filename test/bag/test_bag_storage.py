"""Bags that are broken off, moved or made to read other files: what they are answered with."""

import shutil
import struct

import pytest
from test_bag import make_rosbag1, rgbd_frames

from depth_anything_ros.bag import BagReader, RgbdFrames, RgbdTopics, write_rgbd_bag
from depth_anything_ros.errors import DatasetError

MAGIC = b'\x89MCAP0\r\n'


@pytest.fixture(params=['mcap', 'sqlite3'])
def bag(request, tmp_path):
    write_rgbd_bag(tmp_path / 'my bag', rgbd_frames(), request.param)
    return tmp_path / 'my bag'


@pytest.fixture
def mcap(tmp_path):
    write_rgbd_bag(tmp_path / 'bag', rgbd_frames())
    (file,) = (tmp_path / 'bag').glob('*.mcap')
    return file


def test_the_only_file_of_a_folder_without_metadata_is_read_and_told(bag, caplog):
    (bag / 'metadata.yaml').unlink()
    for _ in range(2):
        with BagReader(bag) as reader:
            assert len(list(RgbdFrames(reader, RgbdTopics()))) == 3
    (file,) = bag.iterdir()
    assert caplog.messages == [
        f"bag '{bag}' has no metadata.yaml: its only file, {file.name}, is read"
    ]


def test_of_several_files_without_metadata_one_is_to_be_given(bag):
    (bag / 'metadata.yaml').unlink()
    (file,) = bag.iterdir()
    more = shutil.copy(file, file.with_stem('more'))
    with pytest.raises(DatasetError) as error:
        BagReader(bag)
    assert str(error.value) == (
        f"bag '{bag}' has no metadata.yaml, as when its recording was broken off; give one of "
        f'its files ({", ".join(sorted((file.name, more.name)))}), or repair it: ros2 bag reindex '
        f"'{bag}'"
    )


def test_damaged_metadata_is_answered_with_reindex(bag):
    (bag / 'metadata.yaml').write_text('rosbag2_bagfile_information: [unclosed\n  - x: {')
    with pytest.raises(DatasetError, match=f"damaged .*; repair it: ros2 bag reindex '{bag}'"):
        BagReader(bag)


@pytest.mark.parametrize('kept', [0.5, 0.95])
def test_an_unfinished_mcap_is_answered_with_recover(mcap, kept):
    whole = mcap.read_bytes()
    mcap.write_bytes(whole[: int(kept * len(whole))])
    command = f'repair it: mcap recover {mcap} -o {mcap.parent}/{mcap.stem}_recovered.mcap'
    for path in (mcap, mcap.parent):
        with pytest.raises(DatasetError, match='cannot be read: ') as error:
            BagReader(path)
        assert str(error.value).endswith(command)


def without_summary(data):
    """Return an MCAP with nothing behind its data section, as a writer that was killed leaves."""
    place = len(MAGIC)
    while data[place] != 0x0F:  # the end of the data section
        place += 9 + struct.unpack_from('<Q', data, place + 1)[0]
    place += 9 + struct.unpack_from('<Q', data, place + 1)[0]
    return data[:place] + b'\x02' + struct.pack('<QQQI', 20, 0, 0, 0) + MAGIC


def test_an_mcap_without_summary_is_read_all_the_same(mcap):
    mcap.write_bytes(without_summary(mcap.read_bytes()))
    with BagReader(mcap) as reader:
        assert len(list(RgbdFrames(reader, RgbdTopics()))) == 3


def test_an_unindexed_ros1_bag_is_answered_with_reindex(tmp_path):
    path = tmp_path / 'one.bag'
    make_rosbag1(path)
    data = bytearray(path.read_bytes())
    place = data.index(b'index_pos=') + len(b'index_pos=')
    data[place : place + 8] = bytes(8)  # as the recorder leaves it before the end
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=f'not indexed.*; repair it: rosbag reindex {path}$'):
        BagReader(path)


def test_an_active_ros1_bag_is_answered_with_reindex(tmp_path):
    path = tmp_path / 'one.bag.active'
    make_rosbag1(path)
    expected = f'rosbag reindex {path} && mv {path} {tmp_path}/one.bag'
    for place in (path, tmp_path):
        with pytest.raises(DatasetError, match='was not finished; repair it: ') as error:
            BagReader(place)
        assert str(error.value).endswith(expected)


def metadata_with(bag, name):
    path = bag / 'metadata.yaml'
    (file,) = (entry.name for entry in bag.iterdir() if entry != path)
    path.write_text(path.read_text().replace(file, name))


@pytest.mark.parametrize('name', ['../{file}', '/{file}', 'x/../../{file}', '/etc/passwd'])
def test_metadata_that_points_outside_is_refused(bag, name):
    (file,) = (entry for entry in bag.iterdir() if entry.name != 'metadata.yaml')
    metadata_with(bag, name.format(file=file.name))
    with pytest.raises(DatasetError, match=r'metadata\.yaml of bag .* points outside its folder'):
        BagReader(bag)


def test_a_link_to_a_file_outside_is_refused(bag, tmp_path):
    (file,) = (entry for entry in bag.iterdir() if entry.name != 'metadata.yaml')
    shutil.move(file, tmp_path / 'elsewhere')
    file.symlink_to(tmp_path / 'elsewhere')
    with pytest.raises(DatasetError, match='points outside its folder'):
        BagReader(bag)


def test_the_folder_before_the_name_is_taken_as_old_recorders_wrote_it(bag):
    (file,) = (entry.name for entry in bag.iterdir() if entry.name != 'metadata.yaml')
    metadata_with(bag, f'my bag/{file}')
    with BagReader(bag) as reader:
        assert reader.topics


def test_a_bag_reached_through_a_link_is_read(bag, tmp_path):
    (tmp_path / 'link').symlink_to(bag)
    with BagReader(tmp_path / 'link') as reader:
        assert reader.topics


def test_a_cut_sqlite3_bag_is_answered_with_recover(tmp_path):
    path = tmp_path / 'bag.db3'
    path.write_bytes(b'SQLite format 3\0' + bytes(200))
    recovered = path.with_name('bag_recovered.db3')
    with pytest.raises(DatasetError) as error:
        BagReader(path)
    assert str(error.value).endswith(f'repair it: sqlite3 {path} .recover | sqlite3 {recovered}')
