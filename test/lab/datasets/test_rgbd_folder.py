import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.datasets import warning_of
from depth_anything_ros.lab.datasets.doubts import thinned
from depth_anything_ros.lab.datasets.rgbd_folder import open_rgbd_folder
from depth_anything_ros.types import Camera

DEPTH_MM = np.array([[0, 1000, 2500], [400, 65535, 1]], np.uint16)


def write_frame(rgb: Path, depth: Path, level: int = 0, depth_mm: np.ndarray = DEPTH_MM) -> None:
    for path in (rgb, depth):
        path.parent.mkdir(parents=True, exist_ok=True)
    red = np.zeros((2, 3, 3), np.uint8)
    red[..., 2] = 200 + level
    cv2.imwrite(str(rgb), red)
    cv2.imwrite(str(depth), depth_mm)


def entry(path: str, kind: str = 'single', **changes: object) -> dict[str, object]:
    base = {'kind': kind, 'path': path, 'eval_ok': True, 'sparse': False, 'real': True}
    return {**base, **({'rgb': 'rgb.png'} if kind == 'single' else {}), **changes}


@pytest.fixture
def indexed(tmp_path):
    entries = [
        entry('collection/hall_0'),
        entry('collection/hall_12'),
        entry('collection/road_0', sparse=True),
        entry('collection/made_0', real=False),
        entry('collection/unfit_0', eval_ok=False),
        entry('sequences/room_b', kind='sequence', frames=9),
    ]
    for item in entries[:5]:
        folder = tmp_path / str(item['path'])
        write_frame(folder / 'rgb.png', folder / 'depth.png')
    for number in range(9):
        folder = tmp_path / 'sequences' / 'room_b'
        write_frame(folder / 'rgb' / f'{number}.png', folder / 'depth' / f'{number}.png', number)
    (tmp_path / 'index.json').write_text(json.dumps(entries))
    return tmp_path


def names(dataset) -> list[str]:
    return [dataset.sample_name(index) for index in range(len(dataset))]


def test_millimetres_become_metres_and_zero_is_unknown(indexed):
    sample = open_rgbd_folder(indexed, 'test')[0]
    np.testing.assert_allclose(
        sample.depth_m, [[np.nan, 1.0, 2.5], [0.4, 65.535, 0.001]], rtol=1e-6
    )
    assert sample.rgb[0, 0].tolist() == [200, 0, 0]
    assert sample.name == 'hall_0'


def test_test_split_is_fit_dense_and_thinned(indexed):
    assert names(open_rgbd_folder(indexed, 'test')) == [
        'hall_0', 'hall_12', 'made_0', *(f'room_b/{n}' for n in (0, 2, 4, 6, 8)),
    ]  # fmt: skip


def test_other_splits_choose_by_origin(indexed):
    assert 'made_0' not in names(open_rgbd_folder(indexed, 'real'))
    assert names(open_rgbd_folder(indexed, 'synthetic')) == ['made_0']
    assert len(open_rgbd_folder(indexed, 'all')) == 5 + 9


def test_source_is_the_folder_without_number(indexed):
    dataset = open_rgbd_folder(indexed, 'test')
    sources = [dataset.source(index) for index in range(len(dataset))]
    assert sources == ['hall', 'hall', 'made', *['room_b'] * 5]


def test_a_frame_of_the_index_may_name_its_camera(indexed):
    camera = {'fx': 5, 'fy': 6, 'cx': 1, 'cy': 0.5, 'source': 'made'}
    entries = json.loads((indexed / 'index.json').read_text())
    entries[0]['intrinsics'], entries[1]['intrinsics'] = camera, None
    (indexed / 'index.json').write_text(json.dumps(entries))
    dataset = open_rgbd_folder(indexed, 'test')
    assert dataset[0].camera == Camera(3, 2, 5.0, 6.0, 1.0, 0.5)
    assert dataset[1].camera is dataset[2].camera is None
    entries[0]['intrinsics'] = {'fx': 5}
    (indexed / 'index.json').write_text(json.dumps(entries))
    with pytest.raises(DatasetError, match=r"index.json' is damaged: it has no 'fy'"):
        open_rgbd_folder(indexed, 'test')


def test_the_way_to_an_indexed_folder_may_go_up(indexed):
    there = indexed / '..' / indexed.name
    assert names(open_rgbd_folder(there, 'test')) == names(open_rgbd_folder(indexed, 'test'))


def test_indexed_frames_are_not_for_training(indexed):
    with pytest.raises(DatasetError, match="no split 'train'; known: test, real, synthetic, all"):
        open_rgbd_folder(indexed, 'train')


def test_frames_of_the_sample_collection_can_be_read(rgbd):
    dataset = open_rgbd_folder(rgbd, 'test')
    real = open_rgbd_folder(rgbd, 'real')
    assert len(set(names(dataset))) == len(dataset)
    assert set(names(real)) < set(names(dataset))
    sources = {real.source(index) for index in range(len(real))}
    assert {'felix_lowrobot', 'uoc_table', 'aims_robot', 'metric3d_nyu_basement'} <= sources
    assert not {'aims_robot_raw', 'metric3d_kitti'} & sources
    sample = dataset[0]
    assert sample.rgb.shape == (480, 640, 3)
    assert sample.valid.mean() == pytest.approx(0.8177, abs=1e-3)
    assert np.nanmedian(sample.depth_m) == pytest.approx(2.723, abs=0.01)


def test_plain_folder_pairs_files_of_the_same_name(tmp_path):
    write_frame(tmp_path / 'rgb' / 'a.png', tmp_path / 'depth' / 'a.png')
    depth_m = np.array([[1.5, 0, np.nan], [1.5, np.inf, -1]], np.float32)
    np.save(tmp_path / 'depth' / 'b.npy', depth_m)
    write_frame(tmp_path / 'rgb' / 'b.jpg', tmp_path / 'ignored' / 'b.png')
    dataset = open_rgbd_folder(tmp_path, 'train')
    assert names(dataset) == [f'{tmp_path.name}/a', f'{tmp_path.name}/b']
    np.testing.assert_array_equal(dataset[1].depth_m, [[1.5, np.nan, np.nan]] * 2)


@pytest.mark.parametrize(
    ('rgb', 'depth'),
    [
        ('color/0.png', 'depth/0.png'), ('images/0.jpg', 'depth/0.png'),
        ('image/7.color.png', 'depth/7.depth.png'), ('rgb/rgb_0.png', 'depth/depth_0.png'),
        ('color/Color-0.PNG', 'depth/0.png'),
    ],
)  # fmt: skip
def test_plain_folder_pairs_names_that_say_their_kind(rgb, depth, tmp_path):
    write_frame(tmp_path / rgb, tmp_path / depth)
    dataset = open_rgbd_folder(tmp_path, 'all')
    assert dataset[0].rgb[0, 0, 0] >= 199
    assert names(dataset) == [f'{tmp_path.name}/{Path(depth).stem}']
    assert warning_of(dataset) == ''


@pytest.mark.parametrize('twice', ['rgb/a.jpg', 'depth/depth_a.tiff'])
def test_two_files_of_one_name_are_an_error_that_names_both(twice, tmp_path):
    write_frame(tmp_path / 'rgb' / 'a.png', tmp_path / 'depth' / 'a.png')
    (tmp_path / twice).write_bytes(b'')
    with pytest.raises(
        DatasetError, match=r"either of '.*/a\..*' and '.*' may be meant; keep one"
    ):
        open_rgbd_folder(tmp_path, 'all')


def test_a_focal_length_of_the_index_is_above_0(indexed):
    entries = json.loads((indexed / 'index.json').read_text())
    entries[0]['intrinsics'] = {'fx': -5, 'fy': 6, 'cx': 1, 'cy': 0.5}
    (indexed / 'index.json').write_text(json.dumps(entries))
    with pytest.raises(DatasetError, match='a focal length of -5 px is not above 0'):
        open_rgbd_folder(indexed, 'test')


def test_plain_folder_has_its_splits_as_folders(tmp_path):
    for split, name in (('train', 'x'), ('test', 'y')):
        folder = tmp_path / split / 'kitchen'
        write_frame(folder / 'rgb' / f'{name}.png', folder / 'depth' / f'{name}.png')
    assert names(open_rgbd_folder(tmp_path, 'train')) == ['kitchen/x']
    assert names(open_rgbd_folder(tmp_path, 'test')) == ['kitchen/y']
    assert len(open_rgbd_folder(tmp_path, 'all')) == 2


def test_a_split_of_an_index_needs_one(tmp_path):
    (tmp_path / 'rgb').mkdir()
    with pytest.raises(DatasetError, match=r"has no index.json, which the split 'real' is part"):
        open_rgbd_folder(tmp_path, 'real')


@pytest.mark.parametrize(
    ('count', 'wanted', 'expected'),
    [(9, 5, [0, 2, 4, 6, 8]), (3, 5, [0, 1, 2]), (10, None, list(range(10))), (100, 2, [0, 99])],
)
def test_thinning_is_even_with_both_ends(count, wanted, expected):
    assert thinned(count, wanted) == expected


def test_depth_of_another_shape_is_an_error(tmp_path):
    write_frame(
        tmp_path / 'rgb' / 'a.png', tmp_path / 'depth' / 'a.png', 0, np.ones((4, 5), np.uint16)
    )
    with pytest.raises(DatasetError, match=r"a.png' is 5x4, its image 3x2; the depth must be"):
        open_rgbd_folder(tmp_path, 'all')[0]


def test_depth_at_another_size_is_taken_by_nearest_neighbour(tmp_path):
    large = np.arange(1, 25, dtype=np.uint16).reshape(4, 6) * 1000
    write_frame(tmp_path / 'rgb' / 'a.png', tmp_path / 'depth' / 'a.png', 0, large)
    sample = open_rgbd_folder(tmp_path, 'all')[0]
    assert sample.rgb.shape == (2, 3, 3)
    np.testing.assert_allclose(sample.depth_m, [[8, 10, 12], [20, 22, 24]])


def test_depth_without_image_is_an_error_when_read(tmp_path):
    write_frame(tmp_path / 'elsewhere' / 'a.png', tmp_path / 'depth' / 'a.png')
    (tmp_path / 'rgb').mkdir()
    with pytest.raises(DatasetError, match=r"no file '.*rgb/a.png'"):
        open_rgbd_folder(tmp_path, 'all')[0]


def test_folder_without_frames_is_an_error(tmp_path):
    with pytest.raises(DatasetError, match=r'no samples in .*; expected: index.json, or folders'):
        open_rgbd_folder(tmp_path, 'all')


@pytest.mark.parametrize('text', ['[{', '{"a": 1}', '[{"kind": "single"}]'])
def test_damaged_index_is_an_error(tmp_path, text):
    (tmp_path / 'index.json').write_text(text)
    with pytest.raises(DatasetError, match=r"index '.*index.json' is damaged"):
        open_rgbd_folder(tmp_path, 'test')


def test_an_index_without_frames_of_the_split_is_an_error(tmp_path):
    (tmp_path / 'index.json').write_text('[]')
    with pytest.raises(DatasetError, match=r"index.json' names no frames of the split 'real'"):
        open_rgbd_folder(tmp_path, 'real')


def test_sequence_without_frames_is_an_error(tmp_path):
    (tmp_path / 'index.json').write_text(json.dumps([entry('sequences/s', kind='sequence')]))
    with pytest.raises(DatasetError, match=r"sequence '.*s' of the index holds no frames"):
        open_rgbd_folder(tmp_path, 'test')


def test_missing_folder_is_an_error(tmp_path):
    with pytest.raises(DatasetError, match=r"no folder '.*nowhere'"):
        open_rgbd_folder(tmp_path / 'nowhere', 'all')


def test_an_image_of_another_kind_is_named_with_the_known_ones(tmp_path):
    write_frame(tmp_path / 'rgb' / 'a.png', tmp_path / 'depth' / 'a.png')
    (tmp_path / 'rgb' / 'a.png').rename(tmp_path / 'rgb' / 'a.png.kept')
    cv2.imwrite(str(tmp_path / 'rgb' / 'a.tiff'), np.zeros((2, 3, 3), np.uint8))
    message = r"rgb/a\.tiff' .* of no known kind; known: jpeg, png, webp, bmp"
    with pytest.raises(DatasetError, match=message):
        open_rgbd_folder(tmp_path, 'all')[0]
