"""What the verb `view` writes of a bag, read back by the viewer's own reader."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import view_bag
from view_bag import CAMERA, CAMERA_PLACE, DEPTH, IMAGE, INFO, base_place, depth_m, rgb, stamp_ns

from depth_anything_ros.bag import BagWriter
from depth_anything_ros.cli import view
from depth_anything_ros.cli.main import main
from depth_anything_ros.geometry.point_cloud import build_point_cloud
from depth_anything_ros.messages import depth_image_fields, image_fields, stamp_fields
from depth_anything_ros.types import MetricDepth

rr = pytest.importorskip('rerun', reason='rerun is not installed; it comes with the extra view')

CLOUD, LENS = '/world/depth_camera/points', '/world/depth_camera/lens'


class Recording:
    """What a file holds: (entity, component) → time on `stamp_ns` → value."""

    def __init__(self, path):
        self._recording = rr.dataframe.load_recording(path)
        self.columns = {
            (column.entity_path, column.component_name.rpartition('.')[2])
            for column in self._recording.schema().component_columns()
        }

    def of(self, entity, component):
        view = self._recording.view(index='stamp_ns', contents=entity)
        table = view.select('stamp_ns', f'{entity}:{component}').read_all()
        times, values = table.column(0).cast('int64').to_pylist(), table.column(1).to_pylist()
        return {time: value for time, value in zip(times, values, strict=True) if value}

    def static(self, entity, component):
        view = self._recording.view(index='stamp_ns', contents=entity)
        return view.select_static(f'{entity}:{component}').read_all().column(0).to_pylist()


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    return view_bag.write_view_bag(tmp_path_factory.mktemp('view') / 'bag')


@pytest.fixture(scope='module')
def recording(bag):
    path = bag.parent / 'a.rrd'
    assert main(['view', str(bag), '--save', str(path), '--rate', '0', '--stride', '1']) == 0
    return Recording(path)


STAMPS = [stamp_ns(index) for index in range(3)]


def test_depth_is_there_at_its_time_in_millimetres(recording):
    buffers = recording.of(f'{LENS}/depth', 'ImageBuffer')
    assert list(buffers) == STAMPS
    assert list(recording.of(f'{LENS}/depth', 'DepthMeter').values()) == [[1000.0]] * 3
    for index, buffer in enumerate(buffers.values()):
        shown_mm = np.array(buffer[0], np.uint8).view(np.uint16).reshape(24, 32)
        truth_mm = np.nan_to_num(depth_m(index)) * 1000
        assert np.abs(shown_mm - truth_mm).max() <= 0.5


def test_the_points_are_those_of_the_cloud_in_the_colours_of_the_image(recording):
    positions, colours = (recording.of(CLOUD, name) for name in ('Position3D', 'Color'))
    assert list(positions) == STAMPS
    for index, stamp in enumerate(STAMPS):
        cloud = build_point_cloud(MetricDepth(depth_m(index)), rgb(index), CAMERA)
        known = np.isfinite(cloud.xyz_m).all(axis=-1)
        assert np.array_equal(np.array(positions[stamp], np.float32), cloud.xyz_m[known])
        packed = np.array(colours[stamp], np.uint32)[:, None] >> np.array([24, 16, 8]) & 255
        assert np.array_equal(packed, cloud.rgb[known])


def test_cloud_and_uncertainty_of_the_bag_are_shown_and_no_cloud_is_made_of_depth(tmp_path):
    topics = (
        *view_bag.EVERYTHING, view_bag.POINTS, view_bag.SIGMA, view_bag.CONFIDENCE,
    )  # fmt: skip
    bag = view_bag.write_view_bag(tmp_path / 'bag', topics=topics)
    path = tmp_path / 'a.rrd'
    assert main(['view', str(bag), '--save', str(path), '--rate', '0', '--stride', '1']) == 0
    recording = Recording(path)
    shown = recording.of('/world/cloud/points', 'Position3D')
    assert list(shown) == STAMPS
    expected = view_bag.cloud(1).xyz_m.reshape(-1, 3)
    known = np.isfinite(expected).all(axis=1)
    assert np.array_equal(np.array(shown[STAMPS[1]], np.float32), expected[known])
    assert CLOUD not in {entity for entity, _ in recording.columns}
    shown_mm = recording.of('/sigma', 'ImageBuffer')
    assert list(shown_mm) == STAMPS
    found_mm = np.array(shown_mm[STAMPS[1]][0], np.uint8).view(np.uint16).reshape(24, 32)
    assert np.abs(found_mm - np.nan_to_num(100 * depth_m(1))).max() <= 0.5
    sure = recording.of('/confidence', 'Blob')
    assert list(sure) == STAMPS
    grey = cv2.imdecode(np.array(sure[STAMPS[1]][0], np.uint8), cv2.IMREAD_GRAYSCALE)
    expected = np.nan_to_num(255 * view_bag.sure(1))
    assert np.abs(grey - expected).max() <= 8  # of a JPEG
    place = base_place(1) @ CAMERA_PLACE
    moved = recording.of('/world/cloud', 'Translation3D')[STAMPS[1]][0]
    assert np.allclose(moved, place.translation_m, atol=1e-6)


def test_a_file_that_the_viewer_would_not_open_is_refused(bag, tmp_path, capsys):
    assert main(['view', str(bag), '--save', str(tmp_path / 'a.bin')]) == 1
    assert "a.bin': the viewer opens files named *.rrd only" in capsys.readouterr().err


@pytest.mark.skipif(not Path('/dev/full').exists(), reason='no full disk to write to')
def test_a_full_disk_is_told_in_one_line(bag, capsys):
    assert main(['view', str(bag), '--save', '/dev/full']) == 1
    told = capsys.readouterr().err
    assert "cannot write '/dev/full': " in told and 'Traceback' not in told


def test_the_camera_stands_where_tf_has_it(recording):
    moves = recording.of('/world/camera', 'Translation3D')
    turns = recording.of('/world/camera', 'TransformMat3x3')
    assert list(moves) == STAMPS
    for index, stamp in enumerate(STAMPS):
        place = base_place(index) @ CAMERA_PLACE
        assert np.allclose(moves[stamp][0], place.translation_m, atol=1e-6)
        # Columns one after the other.
        assert np.allclose(np.reshape(turns[stamp][0], (3, 3)).T, place.rotation, atol=1e-6)
    # x ahead, y left, z up, as REP 103 has the odometry.
    (axes,) = recording.static('/world', 'ViewCoordinates')
    assert axes == [list(rr.ViewCoordinates.RIGHT_HAND_Z_UP.as_arrow_array().to_pylist()[0])]


def test_the_frustum_is_that_of_the_calibration(recording):
    (matrix,) = recording.of('/world/camera/lens', 'PinholeProjection')[STAMPS[0]]
    expected = [[CAMERA.fx_px, 0, CAMERA.cx_px], [0, CAMERA.fy_px, CAMERA.cy_px], [0, 0, 1]]
    assert np.allclose(np.reshape(matrix, (3, 3)).T, expected)
    assert recording.of('/world/camera/lens', 'Resolution')[STAMPS[0]] == [[32.0, 24.0]]


def test_the_scan_shows_what_it_met_where_the_laser_is(recording):
    (first, second) = recording.of('/world/laser/scan', 'Position3D')[STAMPS[1]]
    assert np.allclose([first, second], [[1, 0, 0], [-2, 0, 0]], atol=1e-6)
    assert np.allclose(recording.of('/world/laser', 'Translation3D')[STAMPS[1]][0], [1, 0, 0.3])


def test_scale_and_shift_are_plotted(recording):
    assert list(recording.of('/scale/scale', 'Scalar').values()) == [[0.5], [1.5], [2.5]]
    assert list(recording.of('/scale/shift', 'Scalar').values()) == [[0.25]] * 3
    assert not [entity for entity, _ in recording.columns if entity == '/scale/points']


def test_the_image_is_there_and_relative_depth_is_not_beside_metres(recording):
    (blob,) = recording.of('/world/camera/lens/image', 'Blob')[STAMPS[2]]
    assert bytes(blob[:2]) == b'\xff\xd8'
    assert not [entity for entity, _ in recording.columns if entity.endswith('relative')]


def saved(tmp_path, topics, *options, frames=6):
    bag = view_bag.write_view_bag(tmp_path / 'bag', frames, topics)
    assert (
        main(['view', str(bag), '--save', str(tmp_path / 'a.rrd'), '--rate', '0', *options]) == 0
    )
    return Recording(tmp_path / 'a.rrd')


def test_depth_without_calibration_gives_images_only_and_says_why(tmp_path, capsys):
    shown = saved(tmp_path, (IMAGE, DEPTH))
    entities = {entity for entity, _ in shown.columns}
    assert {'/world/camera/lens/image', f'{LENS}/depth'} <= entities
    assert CLOUD not in entities
    warnings = capsys.readouterr().err.splitlines()
    assert [line for line in warnings if 'no cloud, images only: no camera_info received' in line]
    assert len(warnings) == 1


def test_without_tf_the_camera_is_the_origin(tmp_path):
    shown = saved(tmp_path, (IMAGE, INFO, DEPTH), frames=1)
    assert shown.of('/world/camera', 'Translation3D')[STAMPS[0]] == [[0.0, 0.0, 0.0]]
    assert CLOUD in {entity for entity, _ in shown.columns}


def test_a_laser_that_tf_does_not_know_is_left_out_and_told(tmp_path, capsys):
    shown = saved(tmp_path, (IMAGE, INFO, '/scan'))
    assert '/world/laser/scan' not in {entity for entity, _ in shown.columns}
    assert "does not connect 'laser' with 'camera_optical_frame'" in capsys.readouterr().err


def test_relative_depth_is_shown_where_there_are_no_metres(tmp_path, capsys):
    shown = saved(tmp_path, (f'{IMAGE}/compressed', INFO, view_bag.RELATIVE))
    assert len(shown.of(f'{LENS}/relative', 'Blob')) == 6
    assert 'depth is relative so far' in capsys.readouterr().err


def test_rate_and_frames_bound_what_is_shown(tmp_path):
    shown = saved(tmp_path, (IMAGE, INFO, DEPTH), '--rate', '5', '--frames', '2')
    assert list(shown.of(f'{LENS}/depth', 'ImageBuffer')) == [stamp_ns(0), stamp_ns(2)]


def test_another_frame_can_stand_still(tmp_path):
    shown = saved(tmp_path, view_bag.EVERYTHING, '--frame', 'base', frames=2)
    moves = shown.of('/world/camera', 'Translation3D')
    assert np.allclose([value[0] for value in moves.values()], [view_bag.LENS_M] * 2)


def failed(capsys, *words):
    assert main(['view', *words]) == 1
    return capsys.readouterr().err


def test_without_the_library_the_extra_is_named(bag, monkeypatch, capsys):
    monkeypatch.setattr('depth_anything_ros.lab.viewing.find_spec', lambda _: None)
    assert "pip install 'depth_anything_ros[view]'" in failed(capsys, str(bag))


def test_without_a_display_web_and_save_are_named(bag, monkeypatch, capsys):
    for name in ('DISPLAY', 'WAYLAND_DISPLAY'):
        monkeypatch.delenv(name, raising=False)
    error = failed(capsys, str(bag))
    assert 'no display' in error and '--web' in error and '--save FILE.rrd' in error


def test_a_file_has_no_memory_to_bound(bag, tmp_path, capsys):
    error = failed(capsys, str(bag), '--save', str(tmp_path / 'a.rrd'), '--memory', '1GB')
    assert '--memory bounds a viewer' in error
    assert not (tmp_path / 'a.rrd').exists()


def test_a_topic_that_is_not_there_is_told_with_those_that_are(bag, tmp_path, capsys):
    error = failed(capsys, str(bag), '--save', str(tmp_path / 'a.rrd'), '--depth', '/none')
    assert "no topic '/none' that can be the depth" in error and DEPTH in error


def viewer(given, folder):
    """Return what takes a view as a viewer does, and keeps what it was told."""

    def show(recording, **options):
        rr.save(folder / 'shown.rrd', recording=recording)
        given.update(options)

    return show


def test_a_frame_that_is_not_there_is_told_with_those_that_are(bag, tmp_path, capsys):
    error = failed(capsys, str(bag), '--save', str(tmp_path / 'a.rrd'), '--frame', 'nope')
    known = 'base, camera_optical_frame, laser, odom'
    assert f"--frame 'nope' is no frame of bag '{bag}'; known: {known}" in error


def test_the_frame_of_the_camera_needs_no_tf(tmp_path):
    shown = saved(tmp_path, (IMAGE, INFO, DEPTH), '--frame', view_bag.OPTICAL, frames=1)
    assert CLOUD in {entity for entity, _ in shown.columns}


def written(path, depth_fields, frames=5):
    with BagWriter(path) as writer:
        for index in range(frames):
            stamp = {'stamp': stamp_fields(stamp_ns(index)), 'frame_id': view_bag.OPTICAL}
            kind = 'sensor_msgs/msg/Image'
            image = image_fields(rgb(index), 'rgb8')
            writer.write(IMAGE, kind, {'header': stamp, **image}, stamp_ns(index))
            writer.write(DEPTH, kind, {'header': stamp, **depth_fields}, stamp_ns(index))
    return str(path)


def test_depth_that_cannot_be_read_makes_the_exit_code_1(tmp_path, capsys):
    fields = {**depth_image_fields(depth_m(0), '32FC1'), 'encoding': '64FC1'}
    bag = written(tmp_path / 'bag', fields)
    error = failed(capsys, bag, '--save', str(tmp_path / 'a.rrd'), '--rate', '0')
    assert "unknown depth encoding '64FC1'" in error
    assert 'not one message of the depth could be shown' in error
    assert (tmp_path / 'a.rrd').is_file()


def test_depth_in_another_unit_is_told_with_the_option_that_sets_it(tmp_path, capsys):
    bag = written(tmp_path / 'bag', depth_image_fields(depth_m(0) / 10, '16UC1'))
    assert main(['view', bag, '--save', str(tmp_path / 'a.rrd'), '--rate', '0']) == 0
    assert "set the unit, as '--unit cm'" in capsys.readouterr().err


def test_a_device_without_room_is_told_in_one_line(bag, capsys):
    error = failed(capsys, str(bag), '--save', '/dev/full')
    assert "error: cannot write '/dev/full': No space left on device" in error
    assert error.count('\n') == 1


def test_a_file_that_cannot_hold_it_is_told_and_leaves_nothing(tmp_path):
    bag = view_bag.write_view_bag(tmp_path / 'bag', 6, view_bag.EVERYTHING)
    # Python would cut the caches of modules as well (-B), and trust them ever after.
    run = f'{sys.executable} -B -m depth_anything_ros.cli.main'
    command = f'ulimit -f 20; exec {run} view "$0" --save "$1" --rate 0'
    words = ['bash', '-c', command, str(bag), str(tmp_path / 'a.rrd')]
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (told.returncode, (tmp_path / 'a.rrd').exists()) == (1, False)
    assert 'File too large; raise the limit of file sizes' in told.stderr
    assert ' re_log' not in told.stderr


def test_the_window_gets_the_limit_of_memory(bag, tmp_path, monkeypatch):
    given = {}
    monkeypatch.setenv('DISPLAY', ':0')
    monkeypatch.setattr(rr, 'spawn', viewer(given, tmp_path))
    assert main(['view', str(bag), '--memory', '500MB']) == 0
    assert given['memory_limit'] == '500MB'
    assert list(Recording(tmp_path / 'shown.rrd').of(f'{LENS}/depth', 'ImageBuffer')) == STAMPS


def test_a_window_that_does_not_open_is_told(bag, monkeypatch, capsys):
    def spawn(**_):
        raise RuntimeError('no viewer here')

    monkeypatch.setenv('DISPLAY', ':0')
    monkeypatch.setattr(rr, 'spawn', spawn)
    error = failed(capsys, str(bag))
    assert 'cannot be opened: no viewer here; use --web' in error


def test_browsers_are_served_until_the_end_is_asked_for(bag, tmp_path, monkeypatch, capsys):
    given = {}
    monkeypatch.setattr(rr, 'serve_web', viewer(given, tmp_path))
    monkeypatch.setattr(view, '_serve', lambda: None)
    assert main(['view', str(bag), '--web']) == 0
    assert given['server_memory_limit'] == '2GB'
    assert f':{given["web_port"]}?url=ws://' in capsys.readouterr().out


@pytest.mark.parametrize('words', [['--rate', '-1'], ['--rate', 'fast'], ['--memory', '2'],
                                   ['--stride', '0'], ['--frames', '-2']])  # fmt: skip
def test_options_out_of_range_are_usage_errors(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(['view', 'bag', *words])
    assert ended.value.code == 2
