"""What each reader makes of the numbers in its files."""

import csv
import sys

import hostile
import made_datasets as made
import numpy as np
import pytest

from depth_anything_ros.bag import BagWriter, RgbdTopics
from depth_anything_ros.errors import DatasetError, MissingDependencyError
from depth_anything_ros.lab.datasets import DATASETS
from depth_anything_ros.lab.datasets.files import (
    read_exr,
    read_hdf5,
    read_npy,
    read_pfm,
    read_png_depth,
    read_rgb,
)
from depth_anything_ros.lab.datasets.hypersim import planar_depth, usual_camera
from depth_anything_ros.lab.datasets.nyu_depth_v2 import open_nyu_depth_v2

NAN = np.nan


def test_nyu_axes_are_turned_and_zero_is_unknown(tmp_path):
    pytest.importorskip('h5py')
    path = made.make_nyu_depth_v2(tmp_path)
    dataset = open_nyu_depth_v2(path, 'all')
    sample = dataset[5]
    np.testing.assert_array_equal(sample.depth_m, made.plane(6.0, at_1=NAN))
    np.testing.assert_array_equal(sample.rgb, made.rgb(5))
    assert sample.name == 'kitchen_0001/0005'
    assert dataset.source(5) == 'kitchen'


def test_nyu_split_has_500_and_100_samples_of_other_scenes(tmp_path):
    pytest.importorskip('h5py')
    path = made.make_nyu_depth_v2(tmp_path, samples=640)
    train, test = (open_nyu_depth_v2(path, split) for split in ('train', 'test'))
    assert (len(train), len(test)) == (500, 100)
    assert not set(train.scenes) & set(test.scenes)
    assert len({*train.frames, *test.frames}) == 600
    assert open_nyu_depth_v2(path, 'train') == train


def test_nyu_numbers_choose_samples(tmp_path):
    pytest.importorskip('h5py')
    path = made.make_nyu_depth_v2(tmp_path)
    assert open_nyu_depth_v2(path, '2-4').frames == (2, 3, 4)
    for wrong in ('5-8', '4-2'):
        with pytest.raises(DatasetError, match=f'has samples 0 to 7, not {wrong}'):
            open_nyu_depth_v2(path, wrong)


def test_nyu_file_too_small_for_the_split_is_an_error(tmp_path):
    pytest.importorskip('h5py')
    path = made.make_nyu_depth_v2(tmp_path)
    with pytest.raises(DatasetError, match='has 8 samples; 500 and, of other scenes, 100'):
        open_nyu_depth_v2(path, 'test')


def test_missing_h5py_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'h5py', None)
    with pytest.raises(MissingDependencyError, match=r"'h5py' is not installed.*\[nyu\]"):
        open_nyu_depth_v2(tmp_path, 'all')


def test_hypersim_without_h5py_is_told_when_it_is_opened(tmp_path, monkeypatch):
    place = tmp_path / 'ai_001_002' / 'images' / 'scene_cam_00_geometry_hdf5'
    made.write_bytes(place / 'frame.0000.depth_meters.hdf5', b'')
    monkeypatch.setitem(sys.modules, 'h5py', None)
    with pytest.raises(MissingDependencyError, match=r"'h5py' is not installed.*\[nyu\]"):
        DATASETS['hypersim'](tmp_path, 'all')


def test_hypersim_distance_becomes_depth_along_the_axis():
    # A wall 2 m ahead, seen by the usual camera of 886.81 px at 1024x768.
    columns, rows = np.meshgrid(np.arange(1024) - 511.5, np.arange(768) - 383.5)
    distance_m = 2 * np.sqrt(1 + (columns**2 + rows**2) / 886.81**2)
    depth_m = planar_depth(distance_m.astype(np.float32), usual_camera(768, 1024))
    np.testing.assert_allclose(depth_m, 2.0, rtol=1e-5)


def test_hypersim_distance_follows_a_camera_with_a_shifted_axis():
    matrix = np.array([[0.5, 0, 0.2], [0, 0.4, -0.1], [0, 0, -1.0]])
    u, v = np.meshgrid([-0.75, -0.25, 0.25, 0.75], [2 / 3, 0, -2 / 3])
    distance_m = 3 * np.sqrt(1 + (0.5 * u + 0.2) ** 2 + (0.4 * v - 0.1) ** 2)
    depth_m = planar_depth(distance_m.astype(np.float32), matrix)
    np.testing.assert_allclose(depth_m, 3.0, rtol=1e-6)


def write_table(path, rows):
    with path.open('w', newline='') as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_hypersim_reads_the_published_tables(tmp_path):
    pytest.importorskip('h5py')
    made.make_hypersim(tmp_path)
    row = {'scene_name': 'ai_001_002', 'camera_name': 'cam_00'}
    write_table(
        tmp_path / 'metadata_images_split_scene_v1.csv',
        [
            {**row, 'frame_id': 0, 'included_in_public_release': 'True',
             'split_partition_name': 'test'},
            {**row, 'frame_id': 7, 'included_in_public_release': 'False',
             'split_partition_name': 'test'},
        ],
    )  # fmt: skip
    # A camera of nearly no width sees distance and depth as the same.
    matrix = np.diag([1e-6, 1e-6, -1.0])
    cells = {f'M_cam_from_uv_{i}{j}': matrix[i, j] for i in range(3) for j in range(3)}
    write_table(
        tmp_path / 'metadata_camera_parameters.csv', [{'scene_name': 'ai_001_002', **cells}]
    )
    dataset = DATASETS['hypersim'](tmp_path, 'test')
    assert [dataset.sample_name(k) for k in range(len(dataset))] == ['ai_001_002/cam_00/0000']
    assert dataset.source(0) == 'ai_001_002'
    np.testing.assert_allclose(dataset[0].depth_m, made.plane(1.0, at_2=NAN), rtol=1e-6)


def test_hypersim_split_needs_its_table(tmp_path):
    made.write_rgb(tmp_path / 'ai_001_001' / 'x.png')
    with pytest.raises(DatasetError, match=r"table '.*split_scene_v1.csv' cannot be read"):
        DATASETS['hypersim'](tmp_path, 'train')


@pytest.mark.parametrize(
    ('table', 'split'),
    [('metadata_images_split_scene_v1.csv', 'train'), ('metadata_camera_parameters.csv', 'all')],
)
def test_hypersim_damaged_table_is_an_error(table, split, tmp_path):
    pytest.importorskip('h5py')
    made.make_hypersim(tmp_path)
    (tmp_path / table).write_text('scene_name,other\nai_001_002,1\n')
    with pytest.raises(DatasetError, match=f"table '.*{table}' is damaged"):
        DATASETS['hypersim'](tmp_path, split)


def test_vkitti_centimetres_become_metres_and_sky_is_unknown(tmp_path):
    made.make_vkitti2(tmp_path)
    dataset = DATASETS['vkitti2'](tmp_path, 'train')
    np.testing.assert_allclose(dataset[1].depth_m, [[0.01, 12.34, 655.34, NAN]] * 3, rtol=1e-6)
    assert dataset.sample_name(1) == 'Scene01/clone/Camera_0/00001'
    assert dataset.source(1) == 'Scene01/clone'


def test_vkitti_archives_may_be_unpacked_into_one_folder(tmp_path):
    made.make_vkitti2(tmp_path / 'apart')
    for archive in ('vkitti_2.0.3_rgb', 'vkitti_2.0.3_depth'):
        frames = tmp_path / 'apart' / archive / 'Scene01' / 'clone' / 'frames'
        (together := tmp_path / 'one' / 'Scene01' / 'clone' / 'frames').mkdir(
            parents=True, exist_ok=True
        )
        for part in frames.iterdir():
            part.rename(together / part.name)
    assert DATASETS['vkitti2'](tmp_path / 'one', 'all')[0].valid.any()


def test_blendedmvs_zero_is_unknown_and_rows_start_on_top(tmp_path):
    made.make_blendedmvs(tmp_path)
    dataset = DATASETS['blendedmvs'](tmp_path, 'train')
    np.testing.assert_array_equal(dataset[0].depth_m, made.plane(0.5, at_3=NAN))
    assert len(dataset) == 2


def test_irs_disparity_becomes_depth(tmp_path):
    made.make_irs(tmp_path)
    dataset = DATASETS['irs'](tmp_path, 'train')
    expected = 0.1 * 480 / made.plane(48.0, at_1=NAN, at_2=NAN)
    np.testing.assert_allclose(dataset[0].depth_m, expected, rtol=1e-6)
    assert dataset[0].depth_m[0, 0] == pytest.approx(1.0)
    assert dataset.source(0) == 'Home/DinerEnvironment_Dark'


def test_irs_disparity_in_three_equal_channels_is_read_too(tmp_path):
    made.make_irs(tmp_path)
    channels = np.repeat(made.plane(24.0)[..., None], 3, axis=2)
    folder = tmp_path / 'Home' / 'DinerEnvironment_Dark'
    made.write_bytes(folder / 'd_1.exr', made.exr(channels))
    assert DATASETS['irs'](tmp_path, 'all')[0].depth_m[0, 0] == pytest.approx(2.0)


def test_irs_disparity_in_a_channel_named_green_is_read_too(tmp_path):
    # As published: one channel named G, which OpenCV gives with blue and red of zeros.
    made.make_irs(tmp_path)
    named_y = made.exr(made.plane(24.0))
    place = named_y.index(b'Y\0', named_y.index(b'chlist\0'))
    folder = tmp_path / 'Home' / 'DinerEnvironment_Dark'
    made.write_bytes(folder / 'd_1.exr', named_y[:place] + b'G' + named_y[place + 1 :])
    np.testing.assert_allclose(
        DATASETS['irs'](tmp_path, 'all')[0].depth_m, 48 / made.plane(24.0), rtol=1e-6
    )


def test_tartanair_sky_is_unknown(tmp_path):
    made.make_tartanair(tmp_path)
    dataset = DATASETS['tartanair'](tmp_path, 'train')
    np.testing.assert_array_equal(dataset[0].depth_m, made.plane(2.0, at_0=NAN))
    assert dataset.source(0) == 'office/Easy/P001'


def test_bag_gives_the_frames_that_have_depth(tmp_path):
    made.make_bag(tmp_path / 'drive')
    dataset = DATASETS['bag'](tmp_path / 'drive', 'all')
    assert len(dataset) == 2
    np.testing.assert_allclose(dataset[1].depth_m, made.plane(2.0), atol=5e-4)
    np.testing.assert_allclose(dataset[0].depth_m, made.plane(1.0, at_1=NAN), atol=5e-4)
    np.testing.assert_array_equal(dataset[1].rgb, made.rgb(2))
    assert dataset[1].camera == made.CAMERA
    assert dataset.sample_name(1) == 'drive/1000000000200000000'


def test_bag_with_depth_of_another_time_is_an_error(rgbd):
    # A real ROS 1 bag: its topics are found by their names, its stamps are far apart.
    with pytest.raises(DatasetError, match='has no image with a depth image of its time'):
        DATASETS['bag'](rgbd / 'bags' / 'single_depth_color_640x480.bag', 'all')


def test_bag_without_depth_topic_is_an_error(tmp_path):
    fields = {'header': {'stamp': {'sec': 1, 'nanosec': 0}, 'frame_id': ''}, 'data': 'x'}
    with BagWriter(tmp_path / 'bag') as writer:
        writer.write('/words', 'std_msgs/msg/String', {'data': fields['data']}, 1)
    with pytest.raises(DatasetError, match='shows no camera with image and depth'):
        DATASETS['bag'](tmp_path / 'bag', 'all')


def test_bag_with_a_damaged_image_fails_there_only(tmp_path):
    topics = RgbdTopics()
    whole = {
        'height': 2, 'width': 2, 'encoding': 'mono8', 'is_bigendian': 0, 'step': 2,
        'data': np.arange(4, dtype=np.uint8),
    }  # fmt: skip
    depth = {**whole, 'encoding': '16UC1', 'step': 4, 'data': np.ones(8, np.uint8)}
    with BagWriter(tmp_path / 'bag') as writer:
        for index in range(4):
            header = {'stamp': {'sec': 1 + index, 'nanosec': 0}, 'frame_id': ''}
            for topic, fields in ((topics.image, whole), (topics.depth, depth)):
                damaged = {'step': 1} if (topic, index) == (topics.image, 1) else {}
                damaged |= {'encoding': 'nonsense'} if (topic, index) == (topics.depth, 2) else {}
                writer.write(
                    topic,
                    'sensor_msgs/msg/Image',
                    {'header': header, **fields, **damaged},
                    (1 + index) * 10**9,
                )
    dataset = DATASETS['bag'](tmp_path / 'bag', 'all')
    assert len(dataset) == 4
    for index in (0, 3, 0):
        np.testing.assert_allclose(dataset[index].depth_m, 0.257)
    with pytest.raises(DatasetError, match='sample bag/2000000000: .*step is 1'):
        dataset[1]
    with pytest.raises(DatasetError, match='sample bag/3000000000: .*nonsense'):
        dataset[2]
    np.testing.assert_allclose(dataset[3].depth_m, 0.257)


@pytest.mark.parametrize('little', [True, False])
def test_pfm_is_read_in_both_byte_orders(little, tmp_path):
    made.write_bytes(tmp_path / 'x.pfm', made.pfm(made.plane(1.0), little))
    np.testing.assert_array_equal(read_pfm(tmp_path / 'x.pfm'), made.plane(1.0))


def test_pfm_of_three_channels_is_an_error(tmp_path):
    made.write_bytes(tmp_path / 'x.pfm', b'PF\n1 1\n-1.0\n' + bytes(12))
    with pytest.raises(DatasetError, match=r"x.pfm' is not a portable float map of one channel"):
        read_pfm(tmp_path / 'x.pfm')


def test_depth_of_8_bits_is_an_error(tmp_path):
    made.write_rgb(tmp_path / 'x.png')
    with pytest.raises(DatasetError, match=r"x.png' is uint8 .*; one channel of uint16 needed"):
        read_png_depth(tmp_path / 'x.png', 1000)


@pytest.mark.parametrize(
    ('read', 'content', 'words'),
    [
        (read_rgb, hostile.jpeg(), 'says it is 30000x30000; at most 50 megapixels'),
        (read_rgb, hostile.webp(), 'says it is 16383x16383'),
        (read_rgb, hostile.bmp(), 'says it is 30000x30000'),
        (read_rgb, hostile.encoded('.jpg')[:600], 'ends early'),
        (lambda path: read_png_depth(path, 1000), hostile.png(), 'says it is 30000x30000'),
        (read_exr, hostile.exr(), 'says it is 30000x30000'),
        (read_npy, hostile.npy(), r'the array \(30000, 30000\) of float32 has 3600 MB'),
        (read_pfm, b'Pf\n30000 30000\n-1.0\nabcd', '30000x30000 need 3600000000'),
        (read_pfm, b'Pf\n' + 5000 * b'9' + b' 1\n-1.0\n', 'is not a portable float map'),
        (read_pfm, b'Pf\n0 0\n-1.0\n', 'holds 0 bytes of pixels, 0x0'),
    ],
)
def test_a_file_that_says_it_is_huge_is_refused(read, content, words, tmp_path):
    path = tmp_path / 'a'
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=f"'{path}' .*{words}"):
        read(path)


def test_a_file_that_is_huge_is_not_read(tmp_path):
    path = tmp_path / 'a'
    with path.open('wb') as file:
        file.write(b'Pf\n1 1\n-1.0\n')
        file.truncate(10_000_000_000)  # holes take no room on the disk
    for read in (read_rgb, read_pfm, read_exr):
        with pytest.raises(DatasetError, match='the file has 10000 MB; at most 180 MB'):
            read(path)


def test_a_huge_array_of_hdf5_is_not_read(tmp_path):
    h5py = pytest.importorskip('h5py')
    with h5py.File(tmp_path / 'a.h5', 'w') as file:
        file.create_dataset('dataset', (30_000, 30_000), 'f4', chunks=(100, 100))
        file.create_group('group')
    with pytest.raises(DatasetError, match="'dataset' has 3600 MB; at most 180 MB"):
        read_hdf5(tmp_path / 'a.h5', 'dataset')
    with pytest.raises(DatasetError, match='cannot be read'):
        read_hdf5(tmp_path / 'a.h5', 'group')


def test_a_sample_of_nyu_that_says_it_is_huge_is_not_read(tmp_path):
    h5py = pytest.importorskip('h5py')
    path = made.make_nyu_depth_v2(tmp_path)
    with h5py.File(path, 'a') as file:
        del file['images']
        file.create_dataset('images', (8, 3, 30_000, 30_000), 'u1', chunks=(1, 1, 100, 100))
    with pytest.raises(DatasetError, match='sample 2 .*at most 180 MB'):
        open_nyu_depth_v2(path, 'all')[2]


def test_names_of_nyu_scenes_that_say_they_are_huge_are_not_read(tmp_path):
    h5py = pytest.importorskip('h5py')
    path = made.make_nyu_depth_v2(tmp_path)
    with h5py.File(path, 'a') as file:
        name = file.create_dataset('huge', (200_000_000,), 'u2', chunks=(1000,))
        file['scenes'][0, 3] = name.ref
    with pytest.raises(DatasetError, match='the name of a scene has 400 MB; at most 180 MB'):
        open_nyu_depth_v2(path, 'all')
