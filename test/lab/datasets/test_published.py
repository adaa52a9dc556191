"""Readers of the data sets that papers judge on: exact values, splits, and what is missing."""

import sys

import cv2
import made_published as made
import numpy as np
import pytest
from made_datasets import plane, rgb, write_rgb

from depth_anything_ros.errors import DatasetError, MissingDependencyError
from depth_anything_ros.lab.datasets import DATASETS, Truth, eth3d, warning_of
from depth_anything_ros.lab.datasets.truth import truth_of
from depth_anything_ros.types import Camera

NAN = np.nan


def names(dataset) -> list[str]:
    return [dataset.sample_name(index) for index in range(len(dataset))]


def opened(name, root, split='test', **options):
    return DATASETS[name](root, split, **options)


def test_nyu_official_takes_the_frames_that_the_splits_name(tmp_path):
    pytest.importorskip('h5py')
    pytest.importorskip('scipy')
    path = made.make_nyu_splits(tmp_path, train=[1, 2, 3], test=[8, 5])
    for place in (tmp_path, path):
        test = opened('nyu_official', place, depth='filled')
        # MATLAB counts from 1.
        assert names(test) == ['kitchen_0002/0007', 'kitchen_0001/0004']
        np.testing.assert_array_equal(test[1].depth_m, plane(5.0, at_1=NAN))
        np.testing.assert_array_equal(test[1].rgb, rgb(4))
        assert len(opened('nyu_official', place, 'train')) == 3
        assert len(opened('nyu_official', place, 'all')) == 8
    assert test[1].camera == Camera(4, 3, 518.857901, 519.469611, 325.582449, 253.736166)


def test_nyu_official_reads_depth_as_measured_unless_told(tmp_path):
    h5py = pytest.importorskip('h5py')
    pytest.importorskip('scipy')
    path = made.make_nyu_splits(tmp_path, [1], [2])
    with h5py.File(path, 'a') as file:
        file['rawDepths'] = np.stack([plane(1 + number, at_3=0) for number in range(8)]).transpose(
            0, 2, 1
        )
    np.testing.assert_array_equal(opened('nyu_official', path)[0].depth_m, plane(2.0, at_3=NAN))


def test_nyu_official_without_splits_says_what_to_fetch(tmp_path):
    pytest.importorskip('h5py')
    made.make_nyu_depth_v2(tmp_path)
    with pytest.raises(
        DatasetError, match=r"no file '.*splits\.mat'.*fetch http://horatio.*splits="
    ):
        opened('nyu_official', tmp_path)


def test_nyu_official_takes_the_splits_from_elsewhere(tmp_path):
    pytest.importorskip('h5py')
    pytest.importorskip('scipy')
    made.make_nyu_splits(tmp_path, [1], [2])
    (tmp_path / 'splits.mat').rename(tmp_path / 'other.mat')
    assert len(opened('nyu_official', tmp_path, splits=str(tmp_path / 'other.mat'))) == 1


def test_nyu_official_splits_beyond_the_samples_are_an_error(tmp_path):
    pytest.importorskip('h5py')
    pytest.importorskip('scipy')
    made.make_nyu_splits(tmp_path, [1], [2, 654])
    with pytest.raises(DatasetError, match="has 8 samples, and its split 'test' goes up to 654"):
        opened('nyu_official', tmp_path)


@pytest.mark.parametrize(
    'content', [b'', b'noise' * 100, bytes(200_000)], ids=['empty', 'noise', 'large']
)
def test_nyu_official_damaged_splits_are_an_error(content, tmp_path):
    pytest.importorskip('h5py')
    pytest.importorskip('scipy')
    made.make_nyu_depth_v2(tmp_path)
    (tmp_path / 'splits.mat').write_bytes(content)
    with pytest.raises(DatasetError, match=r"splits\.mat' (cannot be read|is too large)"):
        opened('nyu_official', tmp_path)


def test_nyu_official_without_scipy_names_the_extra(tmp_path, monkeypatch):
    pytest.importorskip('h5py')
    made.make_nyu_depth_v2(tmp_path)
    (tmp_path / 'splits.mat').write_bytes(b'x')
    monkeypatch.setitem(sys.modules, 'scipy.io', None)
    with pytest.raises(MissingDependencyError, match=r"'scipy' is not installed.*\[nyu\]"):
        opened('nyu_official', tmp_path)


@pytest.mark.parametrize(
    ('image', 'depth'),
    [
        ('test/bathroom/rgb_00045.jpg', 'test/bathroom/sync_depth_00045.png'),
        ('official_splits/test/bathroom/rgb_00045.jpg',
         'official_splits/test/bathroom/sync_depth_00045.png'),
        ('test/bathroom_0003/rgb_0045.png', 'test/bathroom_0003/depth_0045.png'),
        ('nyu2_test/00045_colors.png', 'nyu2_test/00045_depth.png'),
        ('bathroom/rgb_00045.jpg', 'bathroom/sync_depth_00045.png'),
    ],
)  # fmt: skip
def test_nyu_official_reads_exported_frames(image, depth, tmp_path):
    write_rgb(tmp_path / 'data' / image)
    made.write_steps(tmp_path / 'data' / depth, plane(1.0, at_1=0), 1000)
    dataset = opened('nyu_official', tmp_path / 'data')
    (sample,) = list(dataset)
    np.testing.assert_allclose(sample.depth_m, plane(1.0, at_1=NAN), rtol=1e-6)
    assert dataset.source(0) in ('bathroom', 'nyu2_test')
    assert "has 1 of the 654 frames of 'test'" in warning_of(dataset)


def test_eth3d_raw_floats_are_read_at_the_size_of_the_image(tmp_path):
    made.make_eth3d(tmp_path)
    for place in (tmp_path, tmp_path / 'courtyard'):
        dataset = opened('eth3d', place)
        np.testing.assert_array_equal(dataset[0].depth_m, plane(3.0, at_2=NAN))
        assert names(dataset) == ['courtyard/DSC_0286', 'courtyard/DSC_0287']


def test_eth3d_depth_of_the_camera_goes_with_a_smaller_image(tmp_path, monkeypatch):
    # Of its 24 megapixels a few stand for all.
    monkeypatch.setattr(eth3d, 'CAMERA_SIZE', (8, 12))
    for name, size in (('wide', (4, 6)), ('tall', (6, 4))):
        write_rgb(tmp_path / 'c' / 'images' / 'dslr_images' / f'{name}.JPG', 0, *size)
        depth = tmp_path / 'c' / 'ground_truth_depth' / 'dslr_images' / f'{name}.JPG'
        made.write_bytes(depth, np.arange(1, 97, dtype='<f4').tobytes())
    tall, wide = opened('eth3d', tmp_path)
    np.testing.assert_array_equal(wide.depth_m[0], [14, 16, 18, 20, 22, 24])
    np.testing.assert_array_equal(tall.depth_m[0], [10, 12, 14, 16])


def test_eth3d_depth_of_another_size_is_an_error(tmp_path):
    made.make_eth3d(tmp_path)
    folder = tmp_path / 'courtyard' / 'ground_truth_depth' / 'dslr_images'
    (folder / 'DSC_0286.JPG').write_bytes(bytes(44))
    with pytest.raises(DatasetError, match='has 44 bytes; 48 are needed .* 4x3, or 97542144 at'):
        opened('eth3d', tmp_path)[0]


def test_scannet_depth_comes_to_the_size_of_the_colours_in_order(tmp_path):
    made.make_scannet(tmp_path)
    dataset = opened('scannet', tmp_path)
    assert names(dataset) == ['scene0000_00/2', 'scene0000_00/10']
    sample = dataset[0]
    expected = plane(1.0, at_1=NAN).repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_allclose(sample.depth_m, expected, rtol=1e-6)
    assert sample.camera == Camera(8, 6, 5.0, 6.0, 3.5, 2.5)
    assert names(opened('scannet', tmp_path, every='2')) == ['scene0000_00/2']


def test_scannet_split_is_that_of_the_list_where_there_is_one(tmp_path):
    made.make_scannet(tmp_path)
    made.write_text(tmp_path / 'scannetv2_test.txt', 'scene0707_00\r\n')
    assert len(opened('scannet', tmp_path, 'val')) == 2
    with pytest.raises(DatasetError, match='no samples'):
        opened('scannet', tmp_path)


@pytest.mark.parametrize('every', ['0', '-1', 'a', '1.5'])
def test_scannet_every_is_a_number_of_frames(every, tmp_path):
    with pytest.raises(DatasetError, match=f'every={every} is not a number of frames'):
        opened('scannet', tmp_path, every=every)


def test_scannet_damaged_camera_is_an_error(tmp_path):
    made.make_scannet(tmp_path)
    made.write_text(tmp_path / 'scans/scene0000_00/intrinsic/intrinsic_color.txt', '1 2\n3\n')
    with pytest.raises(DatasetError, match=r"intrinsic_color\.txt' is not a camera matrix"):
        opened('scannet', tmp_path)


def test_diode_depth_is_known_where_the_mask_says_so(tmp_path):
    made.make_diode(tmp_path)
    dataset = opened('diode', tmp_path)
    np.testing.assert_array_equal(dataset[0].depth_m, plane(2.0, at_1=NAN))
    assert dataset.source(0) == 'indoors/scene_00019'
    assert len(opened('diode', tmp_path, part='indoors')) == 2
    with pytest.raises(DatasetError, match='no samples'):
        opened('diode', tmp_path, part='outdoor')
    with pytest.raises(DatasetError, match="no part 'garden'; known: indoors, outdoor"):
        opened('diode', tmp_path, part='garden')


def test_diode_mask_may_hold_truth_values(tmp_path):
    made.make_diode(tmp_path)
    for file in tmp_path.rglob('*_mask.npy'):
        np.save(file, np.load(file) > 0)
    np.testing.assert_array_equal(opened('diode', tmp_path)[0].depth_m, plane(2.0, at_1=NAN))


def test_diode_has_the_splits_that_are_there(tmp_path):
    made.make_diode(tmp_path)
    assert [len(opened('diode', tmp_path, split)) for split in ('val', 'test', 'all')] == [2] * 3
    assert len(opened('diode', tmp_path / 'val' / 'indoors', 'test')) == 2
    with pytest.raises(DatasetError, match='no samples'):
        opened('diode', tmp_path, 'train')


def test_diode_mask_of_another_shape_is_an_error(tmp_path):
    made.make_diode(tmp_path)
    (mask, *_) = sorted(tmp_path.rglob('*_mask.npy'))
    np.save(mask, np.ones((2, 2)))
    with pytest.raises(DatasetError, match=r"_mask\.npy' is \(2, 2\), its depth \(3, 4\)"):
        opened('diode', tmp_path)[0]


def test_tum_images_have_the_depth_nearest_in_time(tmp_path):
    made.make_tum_rgbd(tmp_path)
    dataset = opened('tum_rgbd', tmp_path)
    assert names(dataset) == [f'rgbd_dataset_freiburg1_xyz/{stamp}' for stamp in ('1.00', '1.05')]
    np.testing.assert_allclose(dataset[1].depth_m, plane(2.0, at_1=NAN), rtol=1e-6)
    assert warning_of(dataset) == ''


def test_tum_images_without_depth_in_time_are_counted(tmp_path):
    made.make_tum_rgbd(tmp_path)
    dataset = opened('tum_rgbd', tmp_path, within='0.012')
    assert names(dataset) == ['rgbd_dataset_freiburg1_xyz/1.05']
    assert '1 of 2 images' in warning_of(dataset)
    assert 'have no depth within 0.012 s' in warning_of(dataset)


@pytest.mark.parametrize(
    'line',
    ['1 rgb/1.05.png 1 depth/1.04.png', '0 depth/1.04.png 0 rgb/1.05.png'],
)
def test_tum_associations_are_read_in_either_order(line, tmp_path):
    made.make_tum_rgbd(tmp_path)
    made.write_text(tmp_path / 'rgbd_dataset_freiburg1_xyz' / 'associations.txt', f'{line}\n')
    dataset = opened('tum_rgbd', tmp_path)
    assert len(dataset) == 1
    np.testing.assert_allclose(dataset[0].depth_m, plane(2.0, at_1=NAN), rtol=1e-6)
    np.testing.assert_array_equal(dataset[0].rgb, rgb(1))


def test_tum_associations_may_have_another_name(tmp_path):
    made.make_tum_rgbd(tmp_path)
    folder = tmp_path / 'rgbd_dataset_freiburg1_xyz'
    made.write_text(folder / 'fr1_xyz.txt', '1 rgb/1.05.png 1 depth/1.04.png\n')
    assert len(opened('tum_rgbd', tmp_path, associations='fr1_xyz.txt')) == 1
    assert len(opened('tum_rgbd', tmp_path)) == 2


@pytest.mark.parametrize(
    ('name', 'text', 'words'),
    [
        ('rgb.txt', '1.0\n', "line 1 of '.*rgb.txt' is not a time and a file"),
        ('rgb.txt', '# x\nnow rgb/a.png\n', "line 2 of '.*': 'now' is not a time in seconds"),
        ('rgb.txt', '1.0 ../../secret.png\n', "line 1 of '.*rgb.txt' points outside of"),
        ('rgb.txt', '1e999999 rgb/a.png\n', "line 1 of '.*': '1e999999' is not a time in seconds"),
        (
            'rgb.txt',
            '1305031102175304000 rgb/a.png\n',
            'is not a time in seconds; of nanoseconds, write 1305031102.175304',
        ),
        (
            'rgb.txt',
            '901.0 rgb/a.png\n901.9 rgb/b.png\n',
            "no image of '.*' has depth of its time: the nearest are 899.96 s .* ',within=899.96'",
        ),
        ('depth.txt', '# depth maps\n', "depth.txt' lists no files"),
        ('rgb.txt', "1.0 rgb/it's.png\n", "line 1 of '.*rgb.txt': No closing quotation"),
        ('associations.txt', '1 a.png 2\n', 'is not a time, a file, a time and a file'),
    ],
)
def test_tum_damaged_list_is_an_error(name, text, words, tmp_path):
    made.make_tum_rgbd(tmp_path)
    made.write_text(tmp_path / 'rgbd_dataset_freiburg1_xyz' / name, text)
    with pytest.raises(DatasetError, match=words):
        opened('tum_rgbd', tmp_path)


@pytest.mark.parametrize('name', ['/abs/a.txt', 'sub/a.txt'])
def test_tum_associations_are_named_as_a_file_of_the_sequence(name, tmp_path):
    made.make_tum_rgbd(tmp_path)
    with pytest.raises(DatasetError, match='is not the name of a file in each sequence'):
        opened('tum_rgbd', tmp_path, associations=name)


def test_tum_no_time_is_nearer_than_none(tmp_path):
    made.make_tum_rgbd(tmp_path)
    with pytest.raises(DatasetError, match='within=-0.1 is negative; allowed: 0 s or more'):
        opened('tum_rgbd', tmp_path, within='-0.1')


@pytest.mark.parametrize('name', ['tum_rgbd', 'da2k', 'kitti', 'diode'])
def test_a_file_where_a_folder_is_meant_is_told(name, tmp_path):
    file = tmp_path / 'annotations.json'
    file.touch()
    with pytest.raises(DatasetError, match=r"annotations.json' is a file; give the folder of"):
        opened(name, file)


def test_da2k_reads_paths_that_windows_wrote(tmp_path):
    made.make_da2k(tmp_path)
    text = (tmp_path / 'annotations.json').read_text()
    made.write_text(tmp_path / 'annotations.json', text.replace('/', r'\\'))
    dataset = opened('da2k', tmp_path)
    assert names(dataset) == ['images/indoor/a.png', 'images/aerial/b.jpg']
    assert dataset[0].rgb.shape[2] == 3


def test_da2k_tells_which_point_is_nearer(tmp_path):
    made.make_da2k(tmp_path)
    dataset = opened('da2k', tmp_path)
    assert names(dataset) == ['images/indoor/a.png', 'images/aerial/b.jpg']
    assert dataset.source(0) == 'indoor'
    np.testing.assert_array_equal(dataset[0].pairs, [[2, 3, 0, 1], [2, 2, 1, 0]])
    assert not dataset[0].valid.any()
    assert truth_of(dataset) is Truth.ORDER


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('[]', 'is damaged: its parts are of another form'),
        ('{"images/indoor/a.png": []}', "no points for 'images/indoor/a.png'"),
        ('{"../a.png": [{"point1": [0, 0], "point2": [1, 1], "closer_point": "point1"}]}',
         'points outside of'),
        ('{"images/indoor/a.png": [{"point1": [0, 0], "point2": [1, 1], "closer_point": "x"}]}',
         "in 'images/indoor/a.png': closer_point 'x' is none of point1, point2"),
        ('{"images/indoor/a.png": [{"point1": [0, 0]}]}', "in 'images/indoor/a.png': it has no"),
        ('{"images/indoor/a.png": [{"point1": [0], "point2": [1, 1], "closer_point": "point1"}]}',
         'is damaged'),
        ('{"images/indoor/a.png": [{"point1": [-1, 0], "point2": [1, 1], "closer_point": '
         '"point1"}]}', r'point \[-1, 0\]'),
        ('{"images/indoor/a.png": [{"point1": [1e999, 0], "point2": [1, 1], "closer_point": '
         '"point1"}]}', 'is damaged'),
        ('{"images/indoor/a.png": [{"point1": [1e30, 0], "point2": [1, 1], "closer_point": '
         '"point1"}]}', 'is damaged'),
    ],
)  # fmt: skip
def test_da2k_damaged_annotations_are_an_error(text, words, tmp_path):
    made.make_da2k(tmp_path)
    (tmp_path / 'annotations.json').write_text(text)
    with pytest.raises(DatasetError, match=words):
        opened('da2k', tmp_path)


def test_da2k_point_outside_of_its_picture_is_an_error(tmp_path):
    made.make_da2k(tmp_path)
    write_rgb(tmp_path / 'images' / 'indoor' / 'a.png', 0, 2, 2)
    with pytest.raises(DatasetError, match=r"a\.png' is 2x2, and a point of it lies outside"):
        opened('da2k', tmp_path)[0]


def test_images_are_read_from_all_folders_without_truth(tmp_path):
    made.make_images(tmp_path / 'mine')
    made.write_text(tmp_path / 'mine' / 'notes.txt', 'x')
    dataset = opened('images', tmp_path / 'mine')
    assert names(dataset) == ['a.png', 'desk/b.jpg']
    assert [dataset.source(index) for index in (0, 1)] == ['mine', 'desk']
    assert not dataset[0].valid.any()
    assert truth_of(dataset) is Truth.NONE


def test_an_unexpected_folder_shows_what_is_expected_and_what_is_there(tmp_path):
    for name in ('zeta', 'alpha'):
        (tmp_path / name).mkdir()
    cv2.imwrite(str(tmp_path / 'x.png'), rgb())
    with pytest.raises(
        DatasetError, match=r'expected: SCENE/ground_truth_depth/.*; found: alpha/, x\.png, zeta/$'
    ):
        opened('eth3d', tmp_path)


def test_a_unit_that_cannot_be_right_is_warned_of(tmp_path):
    made.make_scannet(tmp_path)
    for depth in tmp_path.rglob('depth/*.png'):
        made.write_steps(depth, np.full((3, 4), 0.02), 1000)
    assert 'median depth' in warning_of(opened('scannet', tmp_path))
