"""Lists of pairs: how lines may look, where files may lie, how depth may be stored."""

import json

import cv2
import made_published as made
import numpy as np
import pytest
from made_datasets import MAKERS, exr, pfm, plane, rgb, write_bytes, write_rgb

from depth_anything_ros.cli.data_argument import parse_data
from depth_anything_ros.errors import ConfigError, DatasetError, UnknownNameError
from depth_anything_ros.lab.datasets import DATASETS, warning_of
from depth_anything_ros.types import Camera

NAN = np.nan
# Of the depth that is made there.
EXPECTED = plane(1.0, at_1=NAN) / 2


def opened(path, **options):
    return DATASETS['pairs'](path, 'test', **options)


@pytest.fixture
def listed(tmp_path):
    return made.make_pairs(tmp_path)


@pytest.mark.parametrize(
    'data',
    [
        b'rgb/0.png depth/0.png\r\nrgb/1.png depth/1.png\r\n',
        b'\xef\xbb\xbfrgb/0.png depth/0.png\nrgb/1.png depth/1.png',
        'rgb/0.png depth/0.png\r\nrgb/1.png depth/1.png\r\n'.encode('utf-16'),
        b'# a comment\n\n  rgb/0.png   depth/0.png  \n\nrgb/1.png depth/1.png\n\n \n\n',
        b'rgb/0.png\tdepth/0.png\nrgb/1.png\tdepth/1.png\n',
        b'rgb/0.png,depth/0.png\nrgb/1.png,depth/1.png\n',
        b'"rgb/0.png" "depth/0.png"\nrgb/1.png \'depth/1.png\'\n',
        b'"rgb/0.png"\t"depth/0.png"\nrgb/1.png\tdepth/1.png\n',
        b'"rgb/0.png", "depth/0.png"\nrgb/1.png ,depth/1.png\n',
        b'image;depth\nrgb/0.png;depth/0.png\nrgb/1.png;depth/1.png\n',
        b'rgb,depth,fx,fy,cx,cy\nrgb/0.png,depth/0.png\nrgb/1.png,depth/1.png\n',
        b'rgb\\0.png depth\\0.png\nrgb\\1.png depth\\1.png\n',
        b'./rgb/0.png ./depth/0.png\n./rgb/1.png depth/1.png\n',
    ],
    ids=[
        'crlf',
        'mark',
        'utf-16',
        'comments',
        'tabs',
        'commas',
        'quotes',
        'quoted tabs',
        'quoted commas',
        'semicolons',
        'header',
        'backslashes',
        'dots',
    ],
)
def test_lines_may_be_written_in_many_ways(data, listed):
    listed.write_bytes(data)
    dataset = opened(listed)
    assert [dataset.sample_name(index) for index in (0, 1)] == ['rgb/0.png', 'rgb/1.png']
    for index in (0, 1):
        np.testing.assert_allclose(dataset[index].depth_m, EXPECTED, rtol=1e-6)
    assert warning_of(dataset) == ''


@pytest.mark.parametrize(
    'line',
    [
        'my rgb/a b.PNG\tmy depth/a b.PNG', '"my rgb/a b.PNG" "my depth/a b.PNG"',
        '"my rgb/a b.PNG"\t"my depth/a b.PNG" 5', 'my rgb/a b.PNG\tmy depth/a b.PNG 5 6 1 2',
        'image,depth\nmy rgb/a b.PNG,my depth/a b.PNG',
        'my rgb/a b.PNG\tmy depth/a b.PNG\t5 6 1 2',
        '"my rgb/a b.PNG", "my depth/a b.PNG"',
    ],
)  # fmt: skip
def test_names_with_spaces_and_large_suffixes_are_read(line, tmp_path):
    write_rgb(tmp_path / 'my rgb' / 'a b.PNG')
    made.write_steps(tmp_path / 'my depth' / 'a b.PNG', plane(1.0, at_1=0) / 2, 1000)
    made.write_text(tmp_path / 'list.txt', line)
    np.testing.assert_allclose(opened(tmp_path / 'list.txt')[0].depth_m, EXPECTED, rtol=1e-6)


@pytest.mark.parametrize(
    ('line', 'words'),
    [
        (
            'my rgb/0.png depth/0.png',
            'apart by spaces, and names with spaces in them stand in quotes',
        ),
        ('"rgb/0.png depth/0.png', 'No closing quotation'),
        ('rgb/0.png depth/0.png 1 2', '2 numbers are not a camera'),
        ('rgb/0.png depth/0.png -5', 'a focal length of -5 px is not above 0'),
        ('rgb/0.png depth/0.png 5 0 1 0 0 2 0 0 1', 'a focal length of 0 px is not above 0'),
        (
            'rgb/0,0.png depth/0,0.png',
            'apart by commas, and names with commas in them stand in quotes',
        ),
        ('"rgb/0.png\tdepth/0.png', 'No closing quotation'),
        ('rgb/0.png depth/0.png x', "could not convert string to float: 'x'"),
    ],
)
def test_a_line_that_cannot_be_read_is_shown_with_its_number(line, words, listed):
    listed.write_text(f'# x\n{line}\n')
    with pytest.raises(DatasetError, match=f"line 2 of '.*list.txt' is '.*': .*{words}"):
        opened(listed)


@pytest.mark.parametrize(
    ('numbers', 'camera'),
    [
        ('5', Camera(4, 3, 5.0, 5.0, 1.5, 1.0)),
        ('5 6 1 2', Camera(4, 3, 5.0, 6.0, 1.0, 2.0)),
        ('5 0 1 0 6 2 0 0 1', Camera(4, 3, 5.0, 6.0, 1.0, 2.0)),
        ('', None),
    ],
)
def test_a_line_may_end_with_its_camera(numbers, camera, listed):
    listed.write_text(f'rgb/0.png depth/0.png {numbers}\n')
    assert opened(listed)[0].camera == camera


def test_lines_without_depth_are_counted(listed):
    listed.write_text('rgb/0.png depth/0.png 5\nrgb/1.png None 5\nrgb/1.png\n')
    dataset = opened(listed)
    assert len(dataset) == 1
    assert "2 of 3 lines of '" in warning_of(dataset)


def test_a_list_without_any_pair_is_an_error(listed):
    for text in ('# nothing\n', 'rgb/0.png\n'):
        listed.write_text(text)
        with pytest.raises(
            DatasetError, match=r"no pairs in the \d lines of '.*list.txt'; expect"
        ):
            opened(listed)


def test_a_missing_file_fails_alone(listed):
    listed.write_text('rgb/0.png depth/0.png\nrgb/1.png depth/9.png\n')
    dataset = opened(listed)
    assert dataset[0].valid.any()
    with pytest.raises(DatasetError, match=r"no file '.*depth/9\.png'"):
        dataset[1]


def test_an_image_listed_twice_has_two_names(listed):
    listed.write_text('rgb/0.png depth/0.png\n\nrgb/0.png depth/1.png\n')
    dataset = opened(listed)
    assert [dataset.sample_name(index) for index in (0, 1)] == ['rgb/0.png:1', 'rgb/0.png:3']


PUBLISHED = (
    '/mnt/somebody/vKitti2/{0}/rgb/Camera_0/{1}.jpg /mnt/somebody/vKitti2/{0}/depth/{1}.png'
)


def test_names_of_another_disk_are_found_under_the_root(tmp_path):
    scene = 'Scene01/clone/frames'
    for number in ('1', '2'):
        write_rgb(tmp_path / 'my' / 'vkitti' / scene / 'rgb' / 'Camera_0' / f'{number}.jpg')
        made.write_steps(tmp_path / 'my' / 'vkitti' / scene / 'depth' / f'{number}.png',
                         plane(1.0, at_1=0) / 2, 100)  # fmt: skip
    lines = [PUBLISHED.format(scene, number) for number in ('0', '1', '2')]
    made.write_text(tmp_path / 'train.txt', '\n'.join(lines))
    with pytest.raises(
        DatasetError, match="names files that are not there, as '/mnt/somebody.*root"
    ):
        opened(tmp_path / 'train.txt')
    with pytest.raises(DatasetError, match="names no file that is in root='.*nowhere'"):
        opened(tmp_path / 'train.txt', root=str(tmp_path / 'nowhere'))
    for options in ({'unit': 'cm'}, {'like': 'vkitti2'}):
        dataset = opened(tmp_path / 'train.txt', root=str(tmp_path / 'my' / 'vkitti'), **options)
        assert dataset.sample_name(1) == f'{scene}/rgb/Camera_0/1.jpg'
        assert dataset.source(1) == f'{scene}/rgb/Camera_0'
        # The first of three is missing.
        np.testing.assert_allclose(dataset[2].depth_m, EXPECTED, rtol=1e-6)
        with pytest.raises(DatasetError, match='no file'):
            dataset[0]


def test_depth_may_lie_in_a_folder_of_its_own(listed, tmp_path):
    (tmp_path / 'depth').rename(tmp_path / 'elsewhere')
    listed.write_text('rgb/0.png depth/0.png\n')
    dataset = opened(listed, root=str(tmp_path), depth_root=str(tmp_path / 'elsewhere'))
    np.testing.assert_allclose(dataset[0].depth_m, EXPECTED, rtol=1e-6)


@pytest.mark.parametrize('options', [{}, {'root': '.'}])
def test_names_that_lead_out_of_the_folder_are_refused(options, listed, tmp_path, monkeypatch):
    (tmp_path / 'inner').mkdir()
    monkeypatch.chdir(tmp_path / 'inner')
    inner = tmp_path / 'inner' / 'list.txt'
    write_rgb(tmp_path / 'inner' / 'a.png')
    inner.write_text('a.png a.png\n../rgb/0.png ../depth/0.png\n')
    with pytest.raises(DatasetError, match=r"points outside of '.*', to '\.\./rgb/0\.png'"):
        opened(inner, **options)


def tiff(values):
    return cv2.imencode('.tiff', values)[1].tobytes()


MILLIMETRES = np.round(500 * plane(1.0, at_1=0)).astype(np.uint16)


@pytest.mark.parametrize(
    ('suffix', 'content'),
    [
        ('.tiff', tiff(EXPECTED)),
        ('.TIF', tiff(MILLIMETRES)),
        ('.pfm', pfm(plane(1.0, at_1=np.inf) / 2)),
        ('.exr', exr(plane(1.0, at_1=0) / 2)),
        ('.npy', plane(1.0, at_1=-1) / 2),
        ('.npy', plane(1.0, at_1=0)[..., None] / 2),
        ('.npy', MILLIMETRES),
    ],
    ids=['tiff', 'integer tif', 'pfm', 'exr', 'npy', 'npy with a channel', 'integer npy'],
)
def test_depth_may_be_stored_in_many_ways(suffix, content, listed):
    depth = listed.parent / f'd{suffix}'
    if isinstance(content, bytes):
        write_bytes(depth, content)
    else:
        np.save(depth, content)
    listed.write_text(f'rgb/0.png d{suffix}\n')
    dataset = opened(listed)
    np.testing.assert_allclose(dataset[0].depth_m, EXPECTED, rtol=1e-6)
    assert warning_of(dataset) == ''


@pytest.mark.parametrize('suffix', ['.png', '.tiff', '.npy'])
def test_depth_of_8_bits_is_refused(suffix, listed):
    values = np.full((3, 4), 7, np.uint8)
    depth = listed.parent / f'd{suffix}'
    np.save(depth, values) if suffix == '.npy' else cv2.imwrite(str(depth), values)
    listed.write_text(f'rgb/0.png d{suffix}\n')
    with pytest.raises(DatasetError, match=rf"d\{suffix}' (is uint8|has 8 bits)"):
        opened(listed)[0]


def test_depth_of_an_unknown_kind_is_refused_with_the_known_ones(listed):
    (listed.parent / 'd.hdf5').write_bytes(b'x')
    listed.write_text('rgb/0.png d.hdf5\n')
    with pytest.raises(
        DatasetError, match=r"d\.hdf5' is not a known kind of .*: \.png, \.npy, .*like="
    ):
        opened(listed)[0]


def test_a_unit_is_told_and_one_that_cannot_be_is_warned_of(listed):
    for depth in listed.parent.rglob('depth/*.png'):
        made.write_steps(depth, plane(1.0, at_1=0) / 2, 5000)
    assert "',unit=tum'" in warning_of(opened(listed))
    np.testing.assert_allclose(opened(listed, unit='tum')[0].depth_m, EXPECTED, atol=2e-4)
    with pytest.raises(ConfigError, match="'furlong' is not a unit"):
        opened(listed, unit='furlong')


def test_one_unit_cannot_be_of_integers_and_floats(listed):
    np.save(listed.parent / 'd.npy', plane(1.0))
    listed.write_text('rgb/0.png depth/0.png\nrgb/1.png d.npy\n')
    assert len(opened(listed)) == 2
    with pytest.raises(DatasetError, match=r'0\.png.* as floats, as .*d\.npy'):
        opened(listed, unit='cm')


def test_like_has_its_own_unit_and_is_a_known_name(listed):
    with pytest.raises(DatasetError, match='like=irs has a unit of its own; leave unit=cm out'):
        opened(listed, like='irs', unit='cm')
    with pytest.raises(UnknownNameError, match=r"'typo'; known: hypersim, vkitti2, "):
        opened(listed, like='typo')


@pytest.mark.parametrize(
    'name', ['vkitti2', 'irs', 'blendedmvs', 'tartanair', 'hypersim', 'diode']
)
def test_files_of_a_published_data_set_read_as_its_reader_does(name, tmp_path):
    if name == 'hypersim':
        pytest.importorskip('h5py')
    (MAKERS | made.PUBLISHED)[name](tmp_path)
    dataset = DATASETS[name](tmp_path, 'all')
    lines = [f'{pair.rgb}\t{pair.depth}\n' for pair in dataset.entries]
    made.write_text(tmp_path / 'list.txt', ''.join(lines))
    found = opened(tmp_path / 'list.txt', like=name)
    assert len(found) == len(dataset)
    for index in range(len(dataset)):
        np.testing.assert_array_equal(found[index].depth_m, dataset[index].depth_m)


def test_frames_of_the_collection_read_as_from_their_index(rgbd, tmp_path):
    entries = [
        entry for entry in json.loads((rgbd / 'index.json').read_text())
        if entry['kind'] == 'single' and entry['eval_ok'] and not entry['sparse']
    ]  # fmt: skip
    lines = [f'{item["path"]}/{item["rgb"]} {item["path"]}/depth.png\n' for item in entries[:4]]
    made.write_text(tmp_path / 'list.txt', ''.join(lines))
    found = parse_data(f'pairs:{tmp_path / "list.txt"},root={rgbd}', 'test')
    known = DATASETS['rgbd_folder'](rgbd, 'test')
    for index in range(4):
        np.testing.assert_array_equal(found[index].depth_m, known[index].depth_m)
        np.testing.assert_array_equal(found[index].rgb, known[index].rgb)


def test_text_that_is_none_is_an_error(listed):
    listed.write_bytes(b'rgb/\xff\xfe.png depth/0.png\n')
    with pytest.raises(DatasetError, match=r"list\.txt' is not text: .*save it as UTF-8"):
        opened(listed)


def test_red_comes_first(listed):
    np.testing.assert_array_equal(opened(listed)[0].rgb, rgb())
