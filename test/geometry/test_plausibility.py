"""Depth in a unit that nobody named: read as told, else as millimetres with a warning."""

import json

import cv2
import numpy as np
import pytest
import two_cameras

from depth_anything_ros.bag import BagWriter
from depth_anything_ros.cli.data_argument import parse_data
from depth_anything_ros.cli.demo_bag import open_bag as open_demo
from depth_anything_ros.cli.main import main
from depth_anything_ros.errors import ConfigError, DatasetError
from depth_anything_ros.geometry.plausibility import DepthUnit, unit_warning
from depth_anything_ros.lab.datasets import warning_of
from depth_anything_ros.lab.datasets.bag import open_bag
from depth_anything_ros.lab.datasets.rgbd_folder import open_rgbd_folder
from depth_anything_ros.messages import image_fields, stamp_fields
from depth_anything_ros.parameters import DEPTH_UNITS

# A desk 0.8 m away, as in the cases that went wrong.
TRUTH_M = np.linspace(0.7, 0.9, 48 * 64).reshape(48, 64)


def write_frame(folder, steps_per_m=1000.0, depth=None):
    for name in ('rgb', 'depth'):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rgb = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    cv2.imwrite(str(folder / 'rgb' / 'a.png'), rgb)
    steps = np.rint(TRUTH_M * steps_per_m).astype(np.uint16) if depth is None else depth
    cv2.imwrite(str(folder / 'depth' / 'a.png'), steps)


@pytest.mark.parametrize('unit', ['mm', 'cm', '0.1mm', 'tum', 'kitti', '5000/m', '0.0002'])
def test_the_unit_of_the_word_makes_the_metres(tmp_path, unit):
    steps = DEPTH_UNITS.get(unit, 5000.0)
    write_frame(tmp_path, steps)
    dataset = parse_data(f'rgbd_folder:{tmp_path},unit={unit}', 'all')
    np.testing.assert_allclose(dataset[0].depth_m, TRUTH_M, atol=0.5 / steps + 1e-6)
    assert warning_of(dataset) == ''


@pytest.mark.parametrize(
    ('unit', 'median', 'likely'),
    [
        ('tum', '4 m', "',unit=0.1mm' (0.4 m) or ',unit=tum' (0.8 m)"),
        ('kitti', '0.205 m', "',unit=cm' (2 m) or ',unit=kitti' (0.8 m)"),
        ('cm', '0.08 m', "',unit=cm' (0.8 m) or ',unit=kitti' (0.31 m)"),
        ('0.1mm', '8 m', "',unit=0.1mm' (0.8 m) or ',unit=tum' (1.6 m)"),
    ],
)
def test_another_unit_taken_as_millimetres_is_warned_of(tmp_path, unit, median, likely):
    write_frame(tmp_path, DEPTH_UNITS[unit])
    assert warning_of(open_rgbd_folder(tmp_path, 'all')) == (
        f"median depth of '{tmp_path}' is {median}, at 1000 steps a metre; usual are 0.25 to 3.5 m"
        f"; name the unit behind the path, as {likely}, or ',unit=mm' if it is right"
    )


def test_millimetres_of_a_room_and_those_told_are_not_warned_of(tmp_path):
    write_frame(tmp_path)
    assert warning_of(open_rgbd_folder(tmp_path, 'all')) == ''
    write_frame(tmp_path, 8000.0)
    assert warning_of(open_rgbd_folder(tmp_path, 'all')) != ''
    assert warning_of(open_rgbd_folder(tmp_path, 'all', unit='mm')) == ''


def test_a_unit_that_was_told_is_doubted_only_where_impossible(tmp_path):
    write_frame(tmp_path, 1000.0)
    warning = warning_of(open_rgbd_folder(tmp_path, 'all', unit='1000000/m'))
    assert 'is 0.0008 m, at 1e+06 steps a metre; possible are 0.05 to 200 m; name' in warning
    assert "',unit=mm' (0.8 m)" in warning


def test_metres_have_no_unit_but_limits():
    depth_m = np.full((2, 2), 2000.0, np.float32)
    warning = unit_warning('/x', [depth_m], DepthUnit(None, told=False))
    assert warning == (
        "median depth of '/x' is 2000 m, stored as metres; 0.05 to 200 m are possible; name the "
        "unit behind the path, as ',unit=mm' (2 m) or ',unit=tum' (0.4 m)"
    )
    assert unit_warning('/x', [depth_m], DepthUnit(None, told=False), '').endswith('possible')
    assert unit_warning('/x', [depth_m / 100], DepthUnit(None, told=False)) == ''


def test_frames_without_depth_do_not_count():
    empty = np.full((2, 2), np.nan, np.float32)
    assert unit_warning('/x', [empty], DepthUnit(1000.0, told=False)) == ''
    assert unit_warning('/x', [empty, empty + 1, empty], DepthUnit(1000.0, told=False)) == ''
    far = np.full((2, 2), 9.0, np.float32)
    assert '9 m' in unit_warning('/x', [empty, far, empty], DepthUnit(1000.0, told=False))


def test_damaged_depth_is_no_reason_not_to_open(tmp_path):
    write_frame(tmp_path, depth=np.ones((48, 64), np.uint8))
    dataset = open_rgbd_folder(tmp_path, 'all')
    assert warning_of(dataset) == ''
    with pytest.raises(DatasetError, match='one channel of uint16 needed'):
        dataset[0]


def write_index(root, **more):
    write_frame(root / 'one', 5000.0)
    (root / 'one' / 'rgb' / 'a.png').rename(root / 'one' / 'rgb.png')
    (root / 'one' / 'depth' / 'a.png').rename(root / 'one' / 'depth.png')
    write_frame(root / 'many')
    entry = {'eval_ok': True, 'sparse': False, 'real': True}
    entries = [
        {'kind': 'single', 'path': 'one', 'rgb': 'rgb.png', **entry, **more},
        {'kind': 'sequence', 'path': 'many', **entry},
    ]
    (root / 'index.json').write_text(json.dumps(entries))


def test_the_index_names_the_unit_of_a_frame(tmp_path):
    write_index(tmp_path, unit='tum')
    dataset = open_rgbd_folder(tmp_path, 'test')
    for index in (0, 1):
        np.testing.assert_allclose(dataset[index].depth_m, TRUTH_M, atol=6e-4)
    assert warning_of(dataset) == ''


def test_the_unit_of_the_word_is_for_frames_of_which_the_index_names_none(tmp_path):
    write_index(tmp_path, unit='5000/m')
    with pytest.raises(DatasetError, match="unit '5000/m' for 'one', and unit=mm was given"):
        open_rgbd_folder(tmp_path, 'test', unit='mm')
    write_index(tmp_path)
    dataset = open_rgbd_folder(tmp_path, 'test', unit='tum')
    np.testing.assert_allclose(dataset[0].depth_m, TRUTH_M, atol=2e-4)


def test_a_unit_that_is_none_is_refused(tmp_path):
    write_index(tmp_path, unit='inch')
    with pytest.raises(
        DatasetError, match="index.json' is damaged: .*'inch' is not a unit of depth"
    ):
        open_rgbd_folder(tmp_path, 'test')
    with pytest.raises(ConfigError, match="'inch' is not a unit of depth"):
        open_rgbd_folder(tmp_path / 'many', 'all', unit='inch')


@pytest.mark.parametrize('place', ['../outside', '{root}/outside', 'one/../../outside', 'link'])
def test_an_index_that_points_outside_its_folder_is_refused(tmp_path, place):
    root = tmp_path / 'data'
    write_frame(tmp_path / 'outside')
    root.mkdir()
    (root / 'link').symlink_to(tmp_path / 'outside')
    entry = {'eval_ok': True, 'sparse': False, 'real': True, 'kind': 'sequence'}
    entry['path'] = place.format(root=tmp_path)
    (root / 'index.json').write_text(json.dumps([entry]))
    with pytest.raises(DatasetError, match='points outside its folder, to '):
        open_rgbd_folder(root, 'test')


def test_an_index_whose_image_points_outside_is_refused(tmp_path):
    write_index(tmp_path / 'data', rgb='../../secret.png')
    (tmp_path / 'secret.png').write_bytes(b'x')
    with pytest.raises(DatasetError, match=r"outside its folder, to '.*\.\./secret\.png'"):
        open_rgbd_folder(tmp_path / 'data', 'test')


@pytest.mark.parametrize('suffix', ['.webp', '.bmp', '.jpeg', '.WEBP'])
def test_pictures_of_any_usual_kind_are_found(tmp_path, suffix):
    write_frame(tmp_path)
    rgb = cv2.imread(str(tmp_path / 'rgb' / 'a.png'))
    (tmp_path / 'rgb' / 'a.png').unlink()
    options = [cv2.IMWRITE_WEBP_QUALITY, 101] if 'webp' in suffix.lower() else []
    cv2.imwrite(str(tmp_path / 'rgb' / f'a{suffix}'), rgb, options)
    sample = open_rgbd_folder(tmp_path, 'all')[0]
    if suffix != '.jpeg':
        np.testing.assert_array_equal(sample.rgb, rgb[..., ::-1])


def write_bag(path, steps_per_m, encoding='16UC1'):
    topics = two_cameras.TOPICS
    with BagWriter(path) as writer:
        header = {'header': {'stamp': stamp_fields(5_000_000_000), 'frame_id': 'camera'}}
        rgb = np.zeros((48, 64, 3), np.uint8)
        kind = np.uint16 if encoding == '16UC1' else np.float32
        steps = np.rint(TRUTH_M * steps_per_m).astype(kind)
        for topic, fields in (
            (topics.image, image_fields(rgb, 'rgb8')),
            (topics.depth, image_fields(steps, encoding)),
        ):
            writer.write(topic, 'sensor_msgs/msg/Image', {**header, **fields}, 5_000_000_000)


def test_bags_have_a_unit_too(tmp_path):
    write_bag(tmp_path / 'bag', 10_000.0)
    assert ",unit=0.1mm' (0.8 m)" in warning_of(open_bag(tmp_path / 'bag', 'all'))
    dataset = open_bag(tmp_path / 'bag', 'all', unit='0.1mm')
    np.testing.assert_allclose(dataset[0].depth_m, TRUTH_M, atol=1e-4)
    assert warning_of(dataset) == ''


def test_bags_with_metres_that_are_none_are_warned_of(tmp_path):
    write_bag(tmp_path / 'bag', 1000.0, '32FC1')
    warning = warning_of(open_bag(tmp_path / 'bag', 'all'))
    assert 'is 800 m, stored as metres' in warning
    assert "name the unit behind the path, as ',unit=mm' (0.8 m)" in warning


def test_the_unit_holds_for_floats_too(tmp_path):
    write_bag(tmp_path / 'bag', 1000.0, '32FC1')
    dataset = open_bag(tmp_path / 'bag', 'all', unit='mm')
    np.testing.assert_allclose(dataset[0].depth_m, TRUTH_M, atol=1e-3)
    assert warning_of(dataset) == ''
    with pytest.raises(ConfigError, match='is stored as 32FC1, which nodes take as metres'):
        open_demo(f'{tmp_path}/bag,unit=mm')
    folder = tmp_path / 'folder'
    write_frame(folder)
    (folder / 'depth' / 'a.png').unlink()
    np.save(folder / 'depth' / 'a.npy', (TRUTH_M * 10).astype(np.float32))
    dataset = open_rgbd_folder(folder, 'all', unit='0.1')
    np.testing.assert_allclose(dataset[0].depth_m, TRUTH_M, rtol=1e-6)


def test_one_unit_is_not_of_floats_and_integers(tmp_path):
    write_frame(tmp_path)
    np.save(tmp_path / 'depth' / 'b.npy', TRUTH_M.astype(np.float32))
    with pytest.raises(DatasetError, match=r"as floats, as '.*b\.npy', which one unit= cannot"):
        open_rgbd_folder(tmp_path, 'all', unit='mm')


def test_images_of_a_folder_without_depth_are_counted(tmp_path):
    write_frame(tmp_path)
    (tmp_path / 'rgb' / 'b.png').write_bytes((tmp_path / 'rgb' / 'a.png').read_bytes())
    assert warning_of(open_rgbd_folder(tmp_path, 'all')) == (
        f"1 of 2 images of '{tmp_path}' have no depth file of their name"
    )


def test_the_warning_is_shown_and_is_in_the_summary(tmp_path, capsys):
    write_frame(tmp_path / 'frames', 5000.0)
    answer = tmp_path / 'answer.json'
    word = f'rgbd_folder/all:{tmp_path}/frames'
    common = ['evaluate', '--model', 'tiny', '--backend', 'torch', '--input-size', '64']
    assert main([*common, '--data', word, '--json', str(answer)]) == 0
    (data,) = json.loads(answer.read_text())['data']
    assert data['warnings'][0].startswith(f"median depth of '{tmp_path}/frames' is 4 m")
    assert capsys.readouterr().err.count('median depth of') == 1
    parse_data(word)
    assert capsys.readouterr().err.count('warning: median depth of') == 1


def write_grey_bag(path, factor):
    topics = two_cameras.TOPICS
    with BagWriter(path) as writer:
        header = {'header': {'stamp': stamp_fields(5_000_000_000), 'frame_id': 'camera'}}
        grey = np.tile(np.arange(64, dtype=np.uint16) * 4 * factor, (48, 1))
        steps = np.rint(TRUTH_M * 1000).astype(np.uint16)
        for topic, fields in (
            (topics.image, {**image_fields(grey, '16UC1'), 'encoding': 'mono16'}),
            (topics.depth, image_fields(steps, '16UC1')),
        ):
            writer.write(topic, 'sensor_msgs/msg/Image', {**header, **fields}, 5_000_000_000)


@pytest.mark.parametrize(('factor', 'brightest'), [(4, 4), (16, 15), (257, None)])
def test_bags_of_10_and_12_bits_in_16_are_warned_of(tmp_path, factor, brightest):
    write_grey_bag(tmp_path / 'bag', factor)
    found = warning_of(open_bag(tmp_path / 'bag', 'all'))
    if brightest is None:
        assert found == ''
    else:
        assert f'almost black: their brightest pixel is {brightest} of 255' in found


@pytest.mark.parametrize('factor', [4, 16, 257])
def test_folders_of_10_and_12_bits_in_16_are_warned_of(tmp_path, factor):
    write_frame(tmp_path)
    grey = np.tile(np.arange(64, dtype=np.uint16) * 4 * factor, (48, 1))
    cv2.imwrite(str(tmp_path / 'rgb' / 'a.png'), grey)
    found = warning_of(open_rgbd_folder(tmp_path, 'all'))
    assert ('almost black' in found) is (factor < 257)
