"""`predict` on what people have: odd pictures, folders, videos, and what goes wrong."""

import json
import os
import re
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_pictures import jpeg, scene, write_odd_pictures

import depth_anything_ros as dar
from depth_anything_ros import models
from depth_anything_ros.cli.main import main
from depth_anything_ros.geometry.point_cloud import build_point_cloud
from depth_anything_ros.inference.backends.torch_backend import TorchBackend
from depth_anything_ros.lab.prediction import video_input
from depth_anything_ros.lab.prediction.networks import Network
from depth_anything_ros.messages.depth import millimetres
from depth_anything_ros.messages.picture_file import read_picture
from depth_anything_ros.scale.camera_height import CameraHeightScale
from depth_anything_ros.scale.fixed import FixedScale

FAST = ['--backend', 'torch', '--precision', 'fp32', '--threads', '1', '--input-size', '32']
SCALE = ['--scale', '0.5,0.2']
MJPG = cv2.VideoWriter.fourcc(*'MJPG')


@pytest.fixture(scope='module')
def model():
    """Return what `predict` runs here, through the library."""
    return dar.load('tiny', backend='torch', precision='fp32', threads=1, input_size=32)


@pytest.fixture(scope='module')
def odd(tmp_path_factory):
    """Return the folder of eight odd pictures, and the sizes of those that can be predicted."""
    pytest.importorskip('PIL', reason='Pillow makes the picture of four inks')
    folder = tmp_path_factory.mktemp('odd') / 'my pictures'
    return folder, write_odd_pictures(folder)


def predict(*words):
    return main(['predict', *map(str, words), *FAST])


def answer(path: Path):
    return json.loads(path.read_text(encoding='utf-8'))


def names(folder: Path):
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob('*') if path.is_file()
    )


def read_ply(path: Path):
    """Return points and colours of a PLY file, by its own header."""
    header, _, body = path.read_bytes().partition(b'end_header\n')
    fields = [('xyz', '<f4', 3), ('rgb', 'u1', 3)]
    vertices = np.frombuffer(body, np.dtype(fields))
    assert f'element vertex {len(vertices)}'.encode() in header
    return vertices['xyz'], vertices['rgb']


def test_of_eight_odd_pictures_six_are_right_and_two_are_named(odd, model, tmp_path, capsys):
    folder, sizes = odd
    out = tmp_path / 'depth'
    status = predict(folder, '--out', out, '--depth', 'npy', '--json', tmp_path / 'a.json')
    told = capsys.readouterr()
    assert status == 1
    found = answer(tmp_path / 'a.json')
    failed = {Path(one['input']).name: one['failure'] for one in found['inputs'] if one['failure']}
    assert set(failed) == {'broken.jpg', 'thread.png'} and found['failed'] == 2
    assert 'ends early' in failed['broken.jpg']
    assert 'at most 8000000 pixels' in failed['thread.png']
    assert all(name in told.err for name in failed)
    assert '6 of 8 inputs' in told.out
    stems = [Path(name).stem for name in sizes]
    assert names(out) == sorted(
        [
            'predict.jsonl',
            *(stem + end for stem in stems for end in ('_depth.png', '_inverse_depth.npy')),
        ]
    )
    for name, size in sizes.items():
        values = np.load(out / f'{Path(name).stem}_inverse_depth.npy')
        assert values.shape == size and values.dtype == np.float32
        np.testing.assert_array_equal(values, model.predict(folder / name).values)
        shown = cv2.imread(str(out / f'{Path(name).stem}_depth.png'))[..., ::-1]
        np.testing.assert_array_equal(shown, dar.colorize(model.predict(folder / name)))


def test_what_people_see_is_predicted(odd):
    folder, _ = odd
    plain = scene(48, 64)
    np.testing.assert_array_equal(read_picture(folder / 'wide.png'), plain)
    np.testing.assert_array_equal(read_picture(folder / 'alpha.png'), plain)
    turned = read_picture(folder / 'turned.jpg')
    assert np.abs(turned.astype(int) - np.rot90(plain, -1)).mean() < 6
    inks = read_picture(folder / 'inks.jpg')
    assert np.abs(inks.astype(int) - plain).mean() < 6


def test_metres_are_those_of_the_library_in_every_form(model, tmp_path):
    picture = tmp_path / 'robot.png'
    cv2.imwrite(str(picture), scene(48, 64)[..., ::-1])
    out = tmp_path / 'out'
    words = [*SCALE, '--depth', 'png', '--depth', 'npy', '--ply', '--camera', '50,52,31,23.5']
    assert predict(picture, '--out', out, *words) == 0
    metric = model.metric(picture, scale=dar.fixed_scale(0.5, 0.2))
    np.testing.assert_array_equal(np.load(out / 'robot_depth_m.npy'), metric.depth_m)
    steps = cv2.imread(str(out / 'robot_depth_mm.png'), cv2.IMREAD_UNCHANGED)
    assert steps.dtype == np.uint16
    np.testing.assert_array_equal(steps, millimetres(metric.depth_m))
    np.testing.assert_allclose(steps / 1000, metric.depth_m, atol=0.00051)
    camera = dar.Camera(64, 48, 50.0, 52.0, 31.0, 23.5)
    cloud = build_point_cloud(metric, read_picture(picture), camera, edge_jump=0.02)
    known = np.isfinite(cloud.xyz_m).all(axis=-1)
    points, colours = read_ply(out / 'robot_cloud.ply')
    np.testing.assert_array_equal(points, cloud.xyz_m[known])
    np.testing.assert_array_equal(colours, cloud.rgb[known])


@pytest.fixture
def photo(tmp_path):
    """Return a picture of 64×48."""
    path = tmp_path / 'photo.jpg'
    path.write_bytes(jpeg(scene(48, 64)))
    return path


def test_a_relative_model_has_no_millimetres_and_says_what_helps(photo, tmp_path, capsys):
    assert predict(photo, '--out', tmp_path / 'out', '--depth', 'png') == 1
    told = capsys.readouterr().err
    assert "--depth png needs metres, and model 'tiny' is relative" in told
    assert '--camera-height' in told and '--depth npy' in told
    assert not list((tmp_path / 'out').glob('*.png'))


@pytest.mark.parametrize(
    ('words', 'told'),
    [
        (['--ply'], '--ply needs the camera'),
        (['--camera-height', '0.1'], '--camera-height needs the camera'),
        (['--rectified'], '--rectified has no meaning without --camera'),
        (['--camera', 'none.yaml'], "none.yaml': it cannot be read"),
        (['--camera', '1,2,3'], "'1,2,3' is not a camera"),
        (['--ply', '--fov', '60'], '--ply needs metres'),
        (['--reference', 'depth,step=1'], "--reference has no option 'step'; known: unit"),
        (
            ['--camera-height', '99', '--fov', '60'],
            '--camera-height 99.0 is out of range; allowed: ',
        ),
    ],
)
def test_options_that_do_not_go_together_are_told(photo, tmp_path, capsys, words, told):
    assert predict(photo, '--out', tmp_path / 'out', *words) == 1
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ('words', 'told'),
    [
        ('--input-size 150 --model tiny --model tiny_sdt_lite', '--input-size 150 is not'),
        ('--model tiny --checkpoint photo.png', "photo.png' ends in '.png'; known: .pth"),
        (
            '--model depth_anything_3_small --input-size 56 --scale 1,0.2',
            "--scale 1,0.2: model 'depth_anything_3_small' gives inverse depth up to a scale",
        ),
    ],
)
def test_what_a_network_cannot_take_is_told_before_any_is_loaded(
    photo, tmp_path, monkeypatch, capsys, words, told
):
    def load(options):
        raise AssertionError(f'{options.model} was loaded')

    monkeypatch.setattr('depth_anything_ros.inference.opening.create_predictor', load)
    monkeypatch.chdir(photo.parent)
    photo.with_name('photo.png').write_bytes(photo.read_bytes())
    assert main(['predict', str(photo), '--out', str(tmp_path / 'out'), *words.split()]) == 1
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    'words',
    [
        '--scale a', '--scale 1,2,3', '--fov 0', '--max-depth 0', '--frames 0', '--range 3:1',
        '--scale 1 --camera-height 1', '--camera a --fov 60',
    ],
)  # fmt: skip
def test_wrong_numbers_are_wrong_usage(photo, tmp_path, words):
    with pytest.raises(SystemExit) as stopped:
        predict(photo, '--out', tmp_path, *words.split())
    assert stopped.value.code == 2


def test_results_of_one_input_are_new_as_a_whole_or_not_at_all(photo, tmp_path, capsys):
    out = tmp_path / 'out'
    out.mkdir()
    for old in ('photo_depth.png', 'photo_depth_mm.png', 'photo_cloud.ply'):
        (out / old).write_text('old')
    calibration = tmp_path / 'lens.yaml'
    calibration.write_text(
        'height: 48\nwidth: 64\ndistortion_model: unheard_of\nd: [0.1, 0.2]\n'
        'k: [60, 0, 32, 0, 60, 24, 0, 0, 1]\nr: [1, 0, 0, 0, 1, 0, 0, 0, 1]\n'
        'p: [60, 0, 32, 0, 0, 60, 24, 0, 0, 0, 1, 0]\n'
    )
    words = ['--depth', 'png', '--ply', '--scale', '0.5,0.1', '--camera', calibration]
    assert predict(photo, '--out', out, *words) == 1
    assert 'without results' in capsys.readouterr().err
    assert {path.read_text() for path in out.glob('photo*')} == {'old'}


def test_an_input_whose_results_get_too_long_a_name_is_left_out(photo, tmp_path, capsys):
    out, longer = tmp_path / 'out', photo.with_name(f'{"a" * 240}.jpg')
    longer.write_bytes(photo.read_bytes())
    assert predict(longer, photo, '--out', out, '--depth', 'npy') == 1
    assert "inverse_depth.npy' is too long; give the input a shorter" in capsys.readouterr().err
    assert names(out) == ['photo_depth.png', 'photo_inverse_depth.npy', 'predict.jsonl']


def test_only_a_video_that_lists_its_frames_is_said_to_lack_some(tmp_path, monkeypatch, capsys):
    for name in ('whole.mkv', 'short.avi'):
        video = cv2.VideoWriter(str(tmp_path / name), MJPG, 10.0, (64, 48))
        for _ in range(2):
            video.write(scene(48, 64))
        video.release()
    monkeypatch.setattr(video_input.VideoInput, '_count', lambda _: 19)
    assert predict(tmp_path, '--out', tmp_path / 'out') == 0
    told = capsys.readouterr().err
    assert "short.avi' ended after 2 of 19 frames" in told and 'whole' not in told


def test_what_cannot_be_read_is_told_without_names_of_classes(photo, tmp_path, capsys):
    folder = tmp_path / 'in'
    folder.mkdir()
    (folder / 'gone.png').symlink_to('nowhere.png')
    assert predict(photo, folder, '--out', tmp_path / 'out') == 1
    told = capsys.readouterr().err
    assert "gone.png' cannot be read: No such file or directory" in told and 'Errno' not in told


def test_a_full_disk_ends_the_run_and_leaves_finished_files_whole(
    photo, tmp_path, small_files, capsys
):
    out = tmp_path / 'out'
    large = tmp_path / 'z.jpg'
    large.write_bytes(jpeg(np.zeros((300, 400, 3), np.uint8)))
    assert predict(photo, large, '--out', out, '--depth', 'npy') == 1
    assert re.search("cannot write '.*z_depth.png': File too large", capsys.readouterr().err)
    assert names(out) == ['photo_depth.png', 'photo_inverse_depth.npy', 'predict.jsonl']
    assert np.load(out / 'photo_inverse_depth.npy').shape == (48, 64)


def test_a_folder_that_may_not_be_written_to_is_told_before_the_work(photo, monkeypatch, capsys):
    monkeypatch.setattr(Network, '__init__', lambda *_: pytest.fail('too late'))
    assert predict(photo, '--out', '/proc/none') == 1
    assert "cannot write '/proc/none" in capsys.readouterr().err


def test_a_few_pictures_go_to_the_device_asked_for(photo, tmp_path, capsys):
    words = ['predict', str(photo), '--out', str(tmp_path / 'out'), '--model', 'tiny']
    assert main([*words, '--device', 'tensorrt']) == 1
    told = capsys.readouterr().err
    assert 'onnxruntime' in told
    assert 'torch' not in told


def test_a_few_pictures_do_not_wait_for_an_export(photo, tmp_path, capsys):
    assert main(['predict', str(photo), '--out', str(tmp_path / 'out'), '--input-size', '32']) == 0
    assert capsys.readouterr().out.startswith('tiny: tiny (pretrained), torch ')


def test_a_result_never_takes_the_place_of_an_input(photo, tmp_path, capsys):
    other = tmp_path / 'photo_depth.png'
    cv2.imwrite(str(other), scene(48, 64))
    before = other.read_bytes()
    assert predict(photo, other, '--out', tmp_path) == 1
    assert 'would take the place of the input' in capsys.readouterr().err
    assert other.read_bytes() == before


def test_a_folder_of_frames_never_takes_the_place_of_inputs(tmp_path, capsys):
    frames = tmp_path / 'clip_frames'
    frames.mkdir()
    own = frames / 'own.png'
    cv2.imwrite(str(own), scene(48, 64))
    (tmp_path / 'clip.mp4').write_bytes(b'')
    assert predict(tmp_path / 'clip.mp4', frames, '--out', tmp_path, '--depth', 'npy') == 1
    assert 'would take the place of the input' in capsys.readouterr().err
    assert own.exists()


def test_a_run_goes_on_where_it_was_stopped(photo, tmp_path, monkeypatch, capsys):
    out, second = tmp_path / 'out', tmp_path / 'second.jpg'
    second.write_bytes(photo.read_bytes())
    real = Network.estimate

    def stop(self, rgb, stamp_ns):
        if (out / 'photo_depth.png').exists():
            raise KeyboardInterrupt
        return real(self, rgb, stamp_ns)

    monkeypatch.setattr(Network, 'estimate', stop)
    assert predict(photo, second, '--out', out) == 130
    assert 'the same call with --resume goes on' in capsys.readouterr().err
    assert names(out) == ['photo_depth.png', 'predict.jsonl']
    done = (out / 'photo_depth.png').stat().st_mtime_ns
    monkeypatch.setattr(Network, 'estimate', real)
    assert predict(photo, second, '--out', out, '--resume') == 0
    assert '1 of 1 inputs' in (told := capsys.readouterr().out) and '1 were done before' in told
    assert (out / 'photo_depth.png').stat().st_mtime_ns == done
    # Another picture of that name is another picture.
    photo.write_bytes(jpeg(scene(48, 64, seed=1)))
    assert predict(photo, second, '--out', out, '--resume') == 0
    assert '1 of 1 inputs' in capsys.readouterr().out
    assert predict(photo, '--out', out, '--resume', '--beside') == 1
    told = capsys.readouterr().err
    assert 'was begun with' in told
    assert 'begin anew without --resume' in told
    assert predict(photo, '--out', out, '--beside') == 0


def test_several_networks_share_one_picture_and_have_their_own_numbers(photo, model, tmp_path):
    mine, out = tmp_path / 'mine.safetensors', tmp_path / 'out'
    mine.write_bytes((Path(models.__file__).parent / 'weights' / 'tiny.safetensors').read_bytes())
    words = ['--model', 'tiny', '--model', 'tiny', '--checkpoint', mine, '--depth', 'npy']
    assert predict(photo, '--out', out, *words) == 0
    found = {path.name: np.load(path) for path in out.glob('*.npy')}
    assert set(found) == {f'photo_{name}_inverse_depth.npy' for name in ('tiny', 'mine')}
    for values in found.values():
        np.testing.assert_array_equal(values, model.predict(photo).values)
    picture = cv2.imread(str(out / 'photo_depth.png'))[..., ::-1]
    # Three panels of 320×240 with margins: the image, then the same depth twice.
    image, *depth = (picture[26:266, left + 6 : left + 326] for left in (0, 332, 664))
    np.testing.assert_array_equal(image[::5, ::5], read_picture(photo))
    np.testing.assert_array_equal(depth[0], depth[1])
    np.testing.assert_array_equal(depth[0][::5, ::5], dar.colorize(model.predict(photo)))


def grey(level, height=48, width=64):
    return np.full((height, width, 3), level, np.uint8)


@pytest.fixture
def clip(tmp_path):
    """Return a video of six frames at 10 Hz, the last three of another scene."""
    path = tmp_path / 'clip.avi'
    video = cv2.VideoWriter(str(path), MJPG, 10.0, (64, 48))
    for index in range(6):
        video.write(scene(48, 64, seed=index // 3)[..., ::-1].copy())
    video.release()
    return path


def test_a_video_becomes_a_video_with_the_numbers_of_its_frames(clip, model, tmp_path, capsys):
    out = tmp_path / 'out'
    assert (
        predict(clip, '--out', out, *SCALE, '--depth', 'npy', '--json', tmp_path / 'a.json') == 0
    )
    assert 'videos: ' in capsys.readouterr().out
    (record,) = answer(tmp_path / 'a.json')['inputs']
    assert (record['frames'], record['results']) == (6, ['clip_depth.mp4', 'clip_frames'])
    frames = [f'clip_frames/{index:06d}_depth_m.npy' for index in range(6)]
    assert names(out) == sorted(['clip_depth.mp4', 'predict.jsonl', *frames])
    capture, shown = cv2.VideoCapture(str(clip)), cv2.VideoCapture(str(out / 'clip_depth.mp4'))
    for name in frames:
        rgb = capture.read()[1][..., ::-1]
        metric = model.metric(rgb, scale=dar.fixed_scale(0.5, 0.2))
        np.testing.assert_allclose(np.load(out / name), metric.depth_m, rtol=1e-5)
        found, picture = shown.read()
        assert found and picture.shape == (48, 64, 3)
        if name in (frames[0], frames[3]):  # the first of each scene has colours of its own
            assert np.abs(picture[..., ::-1].astype(int) - dar.colorize(metric)).mean() < 12
    assert not shown.read()[0]


def test_only_the_first_frames_are_taken_where_a_number_is_given(clip, tmp_path):
    assert predict(clip, '--out', tmp_path, '--frames', '2', '--json', tmp_path / 'a.json') == 0
    (record,) = answer(tmp_path / 'a.json')['inputs']
    assert record['frames'] == 2


def test_a_video_that_is_stopped_leaves_what_an_earlier_run_made(clip, tmp_path, monkeypatch):
    out = tmp_path / 'out'
    assert predict(clip, '--out', out, '--depth', 'npy', '--frames', '3') == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob('*.npy')}
    assert len(before) == 3
    real = Network.estimate

    def stop(self, rgb, stamp_ns):
        if stamp_ns > 0.35e9:
            raise KeyboardInterrupt
        return real(self, rgb, stamp_ns)

    monkeypatch.setattr(Network, 'estimate', stop)
    assert predict(clip, '--out', out, '--depth', 'npy') == 130
    assert {path: path.stat().st_mtime_ns for path in out.rglob('*.npy')} == before
    assert not [name for name in names(out) if 'part' in name]


class Camera:
    """Stands in for a camera: frames without end, until somebody presses Ctrl-C."""

    def __init__(self, place):
        assert place == 7
        self.frames = 0

    def isOpened(self):
        return True

    def get(self, name):
        return {cv2.CAP_PROP_FRAME_WIDTH: 64, cv2.CAP_PROP_FRAME_HEIGHT: 48}.get(name, 0.0)

    def read(self):
        self.frames += 1
        if self.frames == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return True, grey(50 * (self.frames % 5))

    def release(self):
        pass


def test_a_camera_is_recorded_until_ctrl_c_which_is_no_failure(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(video_input, 'open_capture', Camera)
    assert predict('7', '--out', 'out', '--json', 'a.json') == 0
    (record,) = answer(tmp_path / 'a.json')['inputs']
    assert (record['kind'], record['frames']) == ('camera', 4)
    assert names(tmp_path / 'out') == ['camera7_depth.mp4', 'predict.jsonl']


def test_a_video_of_odd_sides_has_its_last_row_and_column_twice_and_says_so(
    tmp_path, monkeypatch, capsys
):
    class Odd(Camera):
        def read(self):
            return True, grey(90, 49, 65)

    monkeypatch.setattr(video_input, 'open_capture', Odd)
    assert predict('7', '--out', tmp_path / 'out', '--frames', '2') == 0
    told = "'camera7_depth.mp4' has the last row and column twice"
    assert capsys.readouterr().err.count(told) == 1
    shown = cv2.VideoCapture(str(tmp_path / 'out' / 'camera7_depth.mp4')).read()[1]
    assert shown.shape == (50, 66, 3)


def test_pictures_of_other_kinds_are_read_or_named_as_what_they_are(model, tmp_path, capsys):
    folder, out = tmp_path / 'in', tmp_path / 'out'
    folder.mkdir()
    rgb = scene(48, 64)
    Image = pytest.importorskip('PIL.Image', reason='Pillow writes what moves')  # noqa: N806
    pages = [Image.fromarray(picture) for picture in (rgb, scene(48, 64, seed=1))]
    pages[0].save(folder / 'still.gif')
    pages[0].save(folder / 'moving.gif', save_all=True, append_images=pages[1:], duration=100)
    pages[0].save(folder / 'moving.webp', save_all=True, append_images=pages[1:], lossless=True)
    pages[0].save(folder / 'scan.tif')
    (folder / 'phone.jpg').write_bytes(b'\0\0\0\x18ftypheic' + bytes(30))
    (folder / 'photo.heic').write_bytes(b'\0\0\0\x18ftypmif1' + bytes(30))
    assert predict(folder, '--out', out) == 1
    told = capsys.readouterr().err
    assert told.count('it is HEIC, which is not decoded here; convert it to JPEG or PNG') == 2
    assert names(out) == sorted(
        [
            'moving_gif_depth.mp4', 'moving_webp_depth.png', 'scan_depth.png', 'still_depth.png',
            'predict.jsonl',
        ]
    )  # fmt: skip
    for name, ending in (('still', '.gif'), ('scan', '.tif'), ('moving_webp', '')):
        seen = np.asarray(Image.open(folder / f'{name}{ending}').convert('RGB')) if ending else rgb
        shown = cv2.imread(str(out / f'{name}_depth.png'))[..., ::-1]
        np.testing.assert_array_equal(shown, dar.colorize(model.predict(seen)))


def test_measured_depth_gives_the_scale_of_each_picture(model, tmp_path, capsys):
    folder, depth, out = (tmp_path / name for name in ('in', 'depth', 'out'))
    folder.mkdir()
    depth.mkdir()
    for index in range(2):
        path = folder / f'{index}.png'
        cv2.imwrite(str(path), scene(48, 64, seed=index)[..., ::-1])
        relative = model.predict(path).values
        truth_m = 1 / (relative * (0.4 + index) + 0.3)
        cv2.imwrite(str(depth / f'{index}.png'), np.rint(truth_m * 5000).astype(np.uint16))
    cv2.imwrite(str(folder / 'alone.png'), scene(48, 64))
    words = ['--reference', f'{depth},unit=5000/m', '--depth', 'npy']
    assert predict(folder, '--out', out, *words) == 1
    assert "no depth was measured for '" in capsys.readouterr().err
    for index in range(2):
        relative = model.predict(folder / f'{index}.png').values
        truth_m = 1 / (relative * (0.4 + index) + 0.3)
        np.testing.assert_allclose(np.load(out / f'{index}_depth_m.npy'), truth_m, rtol=0.01)
    assert not (out / 'alone_depth.png').exists()


def test_a_calibration_of_another_shape_is_named_for_each_picture(photo, tmp_path, capsys):
    assert predict(photo, '--out', tmp_path, *SCALE, '--ply', '--camera', '50,50,99,20') == 1
    assert 'photo.jpg' in (told := capsys.readouterr().err)
    assert 'the principal point 99, 20 lies outside of the picture of 64x48' in told


def test_dark_pictures_of_16_bits_are_told(tmp_path, capsys):
    cv2.imwrite(str(tmp_path / 'a.png'), scene(48, 64).astype(np.uint16) * 16)
    assert predict(tmp_path / 'a.png', '--out', tmp_path / 'out') == 0
    assert 'almost black: their brightest pixel is 15 of 255' in capsys.readouterr().err


def test_batches_give_what_single_pictures_give(odd, clip, tmp_path, monkeypatch):
    folder, _ = odd
    sizes = []
    real = TorchBackend.infer_batch

    def infer_batch(self, pixels):
        sizes.append(len(pixels))
        return real(self, pixels)

    monkeypatch.setattr(TorchBackend, 'infer_batch', infer_batch)
    words = [folder, clip, '--depth', 'npy']
    assert predict(*words, '--out', tmp_path / 'one') == 1
    assert set(sizes) == {1}
    assert predict(*words, '--out', tmp_path / 'four', '--batch', '4') == 1
    assert max(sizes) == 4
    assert names(tmp_path / 'one') == names(tmp_path / 'four')
    for path in (tmp_path / 'one').rglob('*.npy'):
        other = np.load(tmp_path / 'four' / path.relative_to(tmp_path / 'one'))
        np.testing.assert_allclose(other, np.load(path), atol=1e-5)


def test_the_height_of_the_camera_reaches_the_scale_with_the_camera(photo, tmp_path, monkeypatch):
    asked = []

    def align(self, relative, stamp_ns, camera=None):
        asked.append((self._height_m, self._mounted, camera))
        return FixedScale(0.5, 0.2).align(relative, stamp_ns)

    monkeypatch.setattr(CameraHeightScale, 'align', align)
    words = ['--camera-height', '0.149,2', '--fov', '90', '--depth', 'npy']
    assert predict(photo, '--out', tmp_path / 'out', *words) == 0
    camera = dar.Camera(64, 48, pytest.approx(32.0), pytest.approx(32.0), 31.5, 23.5)
    assert asked == [(0.149, (pytest.approx(np.radians(2.0)), 0.0), camera)]
    assert (tmp_path / 'out' / 'photo_depth_m.npy').exists()


def test_a_scale_that_cannot_be_trusted_leaves_a_picture_out_and_names_it(photo, tmp_path, capsys):
    out = tmp_path / 'out'
    assert predict(photo, '--out', out, '--camera-height', '0.149', '--fov', '90') == 1
    told = capsys.readouterr().err
    assert re.search(r"photo\.jpg': no metres: camera height: .*; let the camera see more", told)
    assert names(out) == ['predict.jsonl']
