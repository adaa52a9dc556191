import pickle
from pathlib import Path

import numpy as np
import pytest
from made_datasets import MAKERS
from made_published import PUBLISHED

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.datasets import DATASETS, Dataset
from depth_anything_ros.lab.datasets.truth import Truth, truth_of

# The file of the first sample that is damaged, and what its message must name.
DEPTH_FILES = {
    'rgbd_folder': 'depth/a.png',
    'nyu_depth_v2': 'nyu_depth_v2_labeled.mat',
    'hypersim': 'frame.0000.depth_meters.hdf5',
    'vkitti2': 'depth_00000.png',
    'blendedmvs': '00000000.pfm',
    'irs': 'd_1.exr',
    'tartanair': '000000_left_depth.npy',
    'bag': '.mcap',
    'nyu_official': 'sync_depth_00000.png',
    'kitti': '0000000000.bin',
    'eth3d': 'ground_truth_depth/dslr_images/DSC_0286.JPG',
    'scannet': 'depth/2.png',
    'diode': '000_000_depth.npy',
    'tum_rgbd': 'depth/1.015.png',
    'pairs': 'depth/0.png',
}
# Numbers without any header: what is in them tells nothing.
RAW = {'kitti', 'eth3d'}
# Data sets that are no folder.
LISTS = {'pairs': 'list.txt'}
WITHOUT_DEPTH = {'images', 'da2k'}
WITH_DEPTH = [name for name in DATASETS if name not in WITHOUT_DEPTH]


def make(name: str, root: Path) -> Dataset:
    if name in ('nyu_depth_v2', 'hypersim'):
        pytest.importorskip('h5py')
    (MAKERS | PUBLISHED)[name](root)
    return opened(name, root)


def opened(name: str, root: Path, split: str = 'all') -> Dataset:
    return DATASETS[name](root / LISTS.get(name, '.'), split)


def test_every_data_set_is_made_here():
    assert set(MAKERS | PUBLISHED) == set(DATASETS) == set(DEPTH_FILES) | WITHOUT_DEPTH


@pytest.mark.parametrize('name', DATASETS)
def test_samples_keep_the_contract(name, tmp_path):
    dataset = make(name, tmp_path / 'data')
    assert dataset.name == name
    assert len(dataset) >= 2
    names = [dataset.sample_name(index) for index in range(len(dataset))]
    assert len(set(names)) == len(names)
    for index in range(len(dataset)):
        assert dataset.source(index)
        sample = dataset[index]
        assert sample.name == names[index]
        assert sample.rgb.dtype == np.uint8
        assert sample.depth_m.dtype == np.float32
        assert sample.rgb.shape == (*sample.depth_m.shape, 3)
        assert sample.rgb[..., 0].min() > 150 > sample.rgb[..., 2].max()  # red comes first
        assert sample.valid.any() == (truth_of(dataset) is Truth.DEPTH)
        assert (sample.depth_m[sample.valid] > 0).all()


@pytest.mark.parametrize('name', DATASETS)
def test_data_set_travels_to_another_process_and_back_in_any_order(name, tmp_path):
    dataset = make(name, tmp_path / 'data')
    last = dataset[len(dataset) - 1]
    copy = pickle.loads(pickle.dumps(dataset))
    np.testing.assert_array_equal(copy[len(copy) - 1].depth_m, last.depth_m)
    np.testing.assert_array_equal(copy[0].rgb, dataset[0].rgb)
    np.testing.assert_array_equal(copy[0].depth_m, dataset[0].depth_m)


@pytest.mark.parametrize('name', DATASETS)
def test_number_beyond_the_last_is_an_index_error(name, tmp_path):
    dataset = make(name, tmp_path / 'data')
    for ask in (dataset.sample_name, dataset.source, dataset.__getitem__):
        with pytest.raises(IndexError):
            ask(len(dataset))


@pytest.mark.parametrize('name', DATASETS)
def test_unknown_split_is_an_error_that_lists_the_known(name, tmp_path):
    make(name, tmp_path / 'data')
    with pytest.raises(DatasetError, match=f"'{name}' has no split 'tset'; known: .*all"):
        opened(name, tmp_path / 'data', 'tset')


@pytest.mark.parametrize('name', DATASETS)
def test_missing_place_is_an_error_that_names_it(name, tmp_path):
    if name == 'nyu_depth_v2':
        pytest.importorskip('h5py')
    with pytest.raises(DatasetError, match='nowhere'):
        DATASETS[name](tmp_path / 'nowhere', 'all')


@pytest.mark.parametrize('name', DATASETS)
def test_empty_folder_is_an_error(name, tmp_path):
    if name == 'nyu_depth_v2':
        pytest.importorskip('h5py')
    with pytest.raises(DatasetError, match=tmp_path.name):
        DATASETS[name](tmp_path, 'all')


@pytest.mark.parametrize('name', WITH_DEPTH)
@pytest.mark.parametrize('damage', ['empty', 'cut', 'noise'])
def test_damaged_depth_is_an_error_that_names_the_file(name, damage, tmp_path):
    if damage == 'noise' and name in RAW:
        pytest.skip('any numbers are depth')
    root = tmp_path / 'data'
    make(name, root)
    wanted = DEPTH_FILES[name]
    (path,) = [file for file in root.rglob('*') if file.as_posix().endswith(wanted)]
    data = path.read_bytes()
    noise = np.random.default_rng(0).bytes(len(data))
    path.write_bytes({'empty': b'', 'cut': data[: len(data) // 2], 'noise': noise}[damage])
    with pytest.raises(DatasetError, match='data' if name == 'bag' else Path(wanted).name):
        opened(name, root)[0]


@pytest.mark.parametrize('name', sorted(set(DATASETS) - {'nyu_depth_v2', 'bag'}))
def test_damaged_image_is_an_error_that_names_the_file(name, tmp_path):
    dataset = make(name, tmp_path / 'data')
    path = dataset.entries[0].rgb
    path.write_bytes(b'no image')
    with pytest.raises(DatasetError, match=f"'{path}' is not an image"):
        dataset[0]


def test_file_that_the_disk_does_not_give_is_an_error_that_names_it(tmp_path, monkeypatch):
    dataset = make('rgbd_folder', tmp_path / 'data')

    def fail(self):
        raise OSError('disk on fire')

    monkeypatch.setattr(Path, 'read_bytes', fail)
    with pytest.raises(DatasetError, match="a.png' cannot be read: disk on fire"):
        dataset[0]
