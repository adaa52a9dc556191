"""KITTI: lists, places of files, and points of the scanner as a camera sees them."""

import made_published as made
import numpy as np
import pytest
from made_datasets import plane, write_rgb

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.datasets import DATASETS, warning_of
from depth_anything_ros.lab.datasets.kitti_frames import KittiFrame, listed_frames
from depth_anything_ros.lab.datasets.velodyne import CameraCalibration, project, read_calibration
from depth_anything_ros.types import Camera

NAN = np.nan
DRIVE = made.DRIVE
FIRST = KittiFrame('2011_09_26', DRIVE, '02', '0000000000')
IMAGE = f'2011_09_26/{DRIVE}/image_02/data/0000000000.png'


def opened(root, split='all', **options):
    return DATASETS['kitti'](root, split, **options)


def write_annotated(root, number=0, depth_m=None):
    place = root / DRIVE / 'proj_depth' / 'groundtruth' / 'image_02' / f'{number:010d}.png'
    made.write_steps(place, plane(5.0, at_1=0) if depth_m is None else depth_m, 256)


def test_points_are_seen_where_the_calibration_says(tmp_path):
    made.make_kitti(tmp_path)
    expected = np.full((3, 4), NAN, np.float32)
    # Two points fall into the first pixel, 4 and 8 m ahead of the camera: the nearer counts. One
    # is 2 m to the right at 2 m; one lies behind.
    expected[0, 0], expected[0, 2] = 4.0, 2.0
    sample = opened(tmp_path)[0]
    np.testing.assert_allclose(sample.depth_m, expected, rtol=1e-6)
    assert sample.camera == Camera(4, 3, *made.KITTI_CAMERA)
    np.testing.assert_allclose(opened(tmp_path, axis='scanner')[0].depth_m, expected + 0.3, 1e-6)


def test_projection_agrees_with_the_formula_point_by_point():
    rng = np.random.default_rng(0)
    points = rng.uniform((-10, -20, -3, 0), (60, 20, 3, 1), (4000, 4)).astype(np.float32)
    projection = np.array([[30.0, 0, 20, 1], [0, 30, 10, -1], [0, 0, 1, 0.1]]) @ np.array(
        [[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, -0.3], [0, 0, 0, 1.0]]
    )
    expected = np.full((20, 40), np.inf)
    for x, y, z, _ in points.astype(float):
        if x < 0:
            continue
        u, v, depth_m = projection @ (x, y, z, 1)
        column, row = round(u / depth_m) - 1, round(v / depth_m) - 1
        if 0 <= column < 40 and 0 <= row < 20:
            expected[row, column] = min(expected[row, column], depth_m)
    expected[~np.isfinite(expected) | (expected <= 0)] = NAN
    found = project(points, CameraCalibration((20, 40), projection, ()))
    assert np.isfinite(found).sum() > 200
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    'line',
    [
        f'2011_09_26/{DRIVE} 0000000000 l',
        f'2011_09_26/{DRIVE} 0',
        f'{IMAGE} {DRIVE}/proj_depth/groundtruth/image_02/0000000000.png 721.5377',
        f'{IMAGE} None 721.5377',
        f'/mnt/disk/raw_data/{IMAGE} /mnt/disk/val/{DRIVE}/proj_depth/x.png\r',
    ],
)
def test_lists_of_all_publishers_name_the_same_frame(line, tmp_path):
    made.write_text(tmp_path / 'list.txt', f'{line}\n\n')
    assert listed_frames(tmp_path / 'list.txt') == [FIRST]


def test_the_right_camera_is_another_frame(tmp_path):
    made.write_text(tmp_path / 'list.txt', f'2011_09_26/{DRIVE} 12 r\n')
    assert listed_frames(tmp_path / 'list.txt') == [
        KittiFrame('2011_09_26', DRIVE, '03', '0000000012')
    ]


def test_a_line_that_names_no_frame_is_an_error(tmp_path):
    made.write_text(tmp_path / 'list.txt', 'rgb/1.png depth/1.png\n')
    with pytest.raises(DatasetError, match=r"line 1 of '.*list.txt' names no frame; write DATE/"):
        listed_frames(tmp_path / 'list.txt')


def test_the_test_split_is_that_of_the_list(tmp_path):
    made.make_kitti(tmp_path)
    with pytest.raises(
        DatasetError, match=r"no list of the frames of 'test'; put eigen_test.*fra"
    ):
        opened(tmp_path, 'test')
    made.write_text(tmp_path / 'test_files.txt', f'2011_09_26/{DRIVE} 0000000005 l\n')
    for options in ({}, {'frames': str(tmp_path / 'test_files.txt')}):
        dataset = opened(tmp_path, 'test', **options)
        assert len(dataset) == 1
        assert dataset.sample_name(0) == f'{DRIVE}/image_02/0000000005'
        assert dataset.source(0) == DRIVE


def test_a_frame_that_the_list_gives_no_depth_is_left_out_where_annotated_depth_counts(tmp_path):
    made.make_kitti(tmp_path)
    write_annotated(tmp_path)
    listed = tmp_path / 'test_files.txt'
    made.write_text(listed, f'{IMAGE} None 721.5\n2011_09_26/{DRIVE} 5 l\n')
    with pytest.raises(DatasetError, match='no frame of .* has an image and depth'):
        opened(tmp_path, 'test', truth='annotated')
    assert len(opened(tmp_path, 'test', truth='scanner')) == 2


@pytest.mark.parametrize(
    'place', ['.', 'val', 'data_depth_annotated/val', 'data_depth_annotated/train', '2011_09_26']
)
def test_annotated_depth_is_taken_before_the_scanner(place, tmp_path):
    made.make_kitti(tmp_path)
    write_annotated(tmp_path / place)
    dataset = opened(tmp_path)
    assert len(dataset) == 1
    assert "1 of 2 frames of '" in warning_of(dataset)
    np.testing.assert_allclose(dataset[0].depth_m, plane(5.0, at_1=NAN), rtol=1e-6)
    assert len(opened(tmp_path, truth='scanner')) == 2


def test_annotated_depth_may_lie_elsewhere_without_calibration(tmp_path):
    write_rgb(tmp_path / 'raw' / IMAGE)
    write_annotated(tmp_path / 'other')
    dataset = opened(tmp_path / 'raw', annotated=str(tmp_path / 'other'))
    np.testing.assert_allclose(dataset[0].depth_m, plane(5.0, at_1=NAN), rtol=1e-6)
    assert dataset[0].camera is None


def test_images_may_be_jpeg(tmp_path):
    made.make_kitti(tmp_path)
    for image in tmp_path.rglob('*.png'):
        image.unlink()
        write_rgb(image.with_suffix('.jpg'))
    assert opened(tmp_path)[1].valid.any()


def test_frames_without_any_depth_say_where_it_was_looked_for(tmp_path):
    write_rgb(tmp_path / IMAGE)
    with pytest.raises(DatasetError, match=r'no frame .* looked for .*velodyne_points.*expected'):
        opened(tmp_path)
    with pytest.raises(DatasetError, match=r'looked for .*proj_depth.*expected'):
        opened(tmp_path, truth='annotated')


def test_scanner_without_calibration_is_an_error(tmp_path):
    made.make_kitti(tmp_path)
    (tmp_path / '2011_09_26' / 'calib_cam_to_cam.txt').unlink()
    with pytest.raises(DatasetError, match=r'0000000000\.bin. has no calib_cam_to_cam\.txt'):
        opened(tmp_path)[0]


@pytest.mark.parametrize('text', ['', 'S_rect_02: 4 3\nP_rect_02: 1 2 3\n'])
def test_damaged_calibration_is_an_error(text, tmp_path):
    made.make_kitti(tmp_path)
    day = tmp_path / '2011_09_26'
    (day / 'calib_cam_to_cam.txt').write_text(text)
    with pytest.raises(DatasetError, match=r"the calibration in '.*2011_09_26' is damaged"):
        read_calibration(day, '02')


def test_the_selection_needs_no_raw_data(tmp_path):
    root = tmp_path / 'depth_selection' / 'val_selection_cropped'
    tail = '0000000005_image_02'
    write_rgb(root / 'image' / f'{DRIVE}_image_{tail}.png')
    made.write_steps(
        root / 'groundtruth_depth' / f'{DRIVE}_groundtruth_depth_{tail}.png', plane(5.0), 256
    )
    made.write_text(root / 'intrinsics' / f'{DRIVE}_image_{tail}.txt', '7 0 5 0 8 6 0 0 1\n')
    for place in (tmp_path, root.parent, root):
        dataset = opened(place, 'selection')
        sample = dataset[0]
        np.testing.assert_allclose(sample.depth_m, plane(5.0), rtol=1e-6)
        assert sample.camera == Camera(4, 3, 7.0, 8.0, 5.0, 6.0)
        assert dataset.sample_name(0) == f'{DRIVE}/image_02/0000000005'


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'truth': 'lidar'}, "truth 'lidar' is unknown; known: auto, annotated, scanner"),
        ({'axis': 'z'}, "axis 'z' is unknown; known: camera, scanner"),
        ({'axis': 'scanner', 'truth': 'annotated'}, 'say truth=scanner too'),
        ({'axis': 'scanner', 'split': 'selection'}, "split 'selection' has depth and frames of"),
    ],
)
def test_an_unknown_option_is_an_error_with_the_known_ones(options, words, tmp_path):
    with pytest.raises(DatasetError, match=words):
        opened(tmp_path, **options)
