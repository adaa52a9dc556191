"""Videos in, videos out: their frames, stamps, sizes, and what players can show."""

import os
import signal
import stat
import sys

import cv2
import numpy as np
import pytest

from depth_anything_ros.errors import DatasetError, OutputError
from depth_anything_ros.lab.prediction import video_output
from depth_anything_ros.lab.prediction.sources import Kind, Source
from depth_anything_ros.lab.prediction.stopping import until_interrupted
from depth_anything_ros.lab.prediction.video_input import VideoInput
from depth_anything_ros.lab.prediction.video_output import ENCODERS, find_encoder, writing_video

PYAV, FFMPEG, OPENCV = ENCODERS
HZ = 10.0
# A grey level each, far enough apart to be told after a lossy codec.
LEVELS = (20, 80, 140, 200, 250)


def grey(level, height=48, width=64):
    return np.full((height, width, 3), level, np.uint8)


def write(encoder, path, frames, stamps_s=None):
    stamps_s = stamps_s or [index / HZ for index in range(len(frames))]
    with writing_video(encoder, path, frames[0].shape[:2], HZ) as add:
        for frame, stamp_s in zip(frames, stamps_s, strict=True):
            add(frame, round(stamp_s * 1e9))


def read(path, kind=Kind.VIDEO):
    with VideoInput(Source(str(path), kind, 'x')) as video:
        return video, list(video)


@pytest.fixture(params=ENCODERS, ids=('pyav', 'ffmpeg', 'opencv'))
def encoder(request):
    if not request.param.is_there():
        pytest.skip(f'not here: {request.param.words}')
    return request.param


def test_a_video_is_read_as_it_was_written(encoder, tmp_path):
    path = tmp_path / 'ä b.mp4'
    write(encoder, path, [grey(level) for level in LEVELS])
    video, frames = read(path)
    assert (video.count, video.rate_hz) == (5, HZ)
    assert [round(frame.stamp_ns * 1e-9, 2) for frame in frames] == [0.0, 0.1, 0.2, 0.3, 0.4]
    for frame, level in zip(frames, LEVELS, strict=True):
        assert frame.rgb.shape == (48, 64, 3)
        assert abs(int(np.median(frame.rgb)) - level) <= 4
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_colours_keep_their_order(encoder, tmp_path):
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 230
    write(encoder, tmp_path / 'a.mp4', [red, red])
    _, frames = read(tmp_path / 'a.mp4')
    assert np.abs(np.median(frames[1].rgb, axis=(0, 1)) - (230, 0, 0)).max() < 12


def test_odd_sides_become_even_and_frames_of_another_size_are_resized(encoder, tmp_path):
    write(encoder, tmp_path / 'a.mp4', [grey(100, 47, 63), grey(200, 96, 20)])
    _, frames = read(tmp_path / 'a.mp4')
    assert [frame.rgb.shape for frame in frames] == [(48, 64, 3)] * 2
    assert abs(int(np.median(frames[1].rgb)) - 200) <= 4


def test_what_fails_leaves_nothing_and_what_was_there(encoder, tmp_path):
    path = tmp_path / 'a.mp4'
    path.write_text('old')
    with pytest.raises(RuntimeError), writing_video(encoder, path, (48, 64), HZ) as add:
        add(grey(1), 0)
        raise RuntimeError
    assert path.read_text() == 'old'
    assert [file.name for file in tmp_path.iterdir()] == ['a.mp4']


def test_a_full_disk_is_told(encoder, tmp_path, small_files):
    noise = np.random.default_rng(0)
    with pytest.raises(OutputError, match="cannot write '.*a.mp4'|ffmpeg has ended"):
        write(
            encoder, tmp_path / 'a.mp4',
            [noise.integers(0, 256, (240, 320, 3), np.uint8) for _ in range(12)],
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_pyav_keeps_the_stamps_of_frames(tmp_path):
    if not PYAV.is_there():
        pytest.skip('PyAV is not installed')
    write(PYAV, tmp_path / 'a.mp4', [grey(level) for level in LEVELS], [0, 0.1, 0.5, 0.6, 2.0])
    _, frames = read(tmp_path / 'a.mp4')
    assert [round(frame.stamp_ns * 1e-9, 3) for frame in frames] == [0, 0.1, 0.5, 0.6, 2.0]


def test_the_codec_is_the_one_that_is_told(encoder, tmp_path):
    write(encoder, tmp_path / 'a.mp4', [grey(9)] * 2)
    capture = cv2.VideoCapture(str(tmp_path / 'a.mp4'))
    code = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, 'little').decode()
    assert (code in ('h264', 'avc1')) == encoder.words.startswith('H.264')


def test_the_best_encoder_that_is_here_is_taken(monkeypatch, tmp_path):
    monkeypatch.setattr(video_output, 'find_spec', lambda name: None)
    monkeypatch.setenv('PATH', str(tmp_path))
    assert find_encoder() is OPENCV and 'browsers do not play' in OPENCV.words
    program = tmp_path / 'ffmpeg'
    program.write_text(f'#!{sys.executable}\nprint(" V..... libx264 ")\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    assert find_encoder() is FFMPEG
    program.write_text(f'#!{sys.executable}\nprint(" V..... mpeg4 ")\n')
    assert find_encoder() is OPENCV


def test_ffmpeg_that_fails_is_told_with_its_words(monkeypatch, tmp_path):
    program = tmp_path / 'bin' / 'ffmpeg'
    program.parent.mkdir()
    program.write_text(f'#!{sys.executable}\nimport sys\nsys.exit("no such muxer")\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv('PATH', str(program.parent))
    with pytest.raises(OutputError, match='no such muxer'):
        write(FFMPEG, tmp_path / 'a.mp4', [grey(9)] * 40)
    assert not (tmp_path / 'a.mp4').exists()


@pytest.mark.parametrize('content', [b'', b'no video', b'GIF89a' + bytes(30)])
def test_what_is_not_a_video_is_told(tmp_path, content, capfd):
    path = tmp_path / 'a.mp4'
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"a\.mp4' (is not a video|cannot be decoded)"):
        read(path)


def test_a_camera_that_is_not_there_is_told_with_what_to_look_for():
    with pytest.raises(DatasetError, match="camera '63' cannot be opened: .* /dev/video63"):
        read('63', Kind.CAMERA)


class Capture:
    """Stands in for OpenCV's reader: a container that tells nonsense of itself."""

    def __init__(self, frames, told, stamps_ms):
        self.frames, self.told, self.stamps_ms = list(frames), told, list(stamps_ms)

    def isOpened(self):
        return True

    def get(self, name):
        return self.stamps_ms.pop(0) if name == cv2.CAP_PROP_POS_MSEC else self.told[name]

    def read(self):
        return (True, self.frames.pop(0)) if self.frames else (False, None)

    def set(self, name, value):
        self.told[name] = value

    def release(self):
        pass


def told(rate=0.0, count=-1.0, width=64, height=48):
    return {
        cv2.CAP_PROP_FPS: rate, cv2.CAP_PROP_FRAME_COUNT: count,
        cv2.CAP_PROP_FRAME_WIDTH: width, cv2.CAP_PROP_FRAME_HEIGHT: height,
    }  # fmt: skip


def test_a_container_that_tells_no_rate_count_or_stamps_is_read_all_the_same(monkeypatch):
    frames = [grey(level, 48, 64 + level) for level in LEVELS[:4]]
    stamps_ms = [0.0, float('nan'), 0.0, 500.0]
    capture = Capture(frames, told(rate=float('nan')), stamps_ms)
    monkeypatch.setattr(cv2, 'VideoCapture', lambda place: capture)
    video, found = read('a.mp4')
    assert (video.rate_hz, video.count) == (30.0, None)
    # Two without a stamp of their own follow at the usual rate.
    assert [frame.stamp_ns for frame in found] == [0, 33_333_333, 66_666_666, 500_000_000]


def test_a_video_is_turned_as_its_metadata_say(tmp_path):
    path, frame = tmp_path / 'a.mp4', grey(20)
    frame[:, :32] = 230
    write(OPENCV, path, [frame] * 2)
    data = bytearray(path.read_bytes())
    place = data.index(b'tkhd') + 44  # of its matrix
    quarter = np.array([0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30], '>i4').tobytes()
    data[place : place + len(quarter)] = quarter
    path.write_bytes(data)
    _, frames = read(path)
    assert frames[0].rgb.shape == (64, 48, 3)
    assert frames[0].rgb[:28].min() > 200 and frames[0].rgb[36:].max() < 60


def test_only_a_container_that_lists_its_frames_counts_them(tmp_path):
    write(OPENCV, tmp_path / 'a.mp4', [grey(9)] * 2)
    assert read(tmp_path / 'a.mp4')[0].is_counted
    for ending, code in (('avi', 'MJPG'), ('mkv', 'mp4v')):
        path = tmp_path / f'a.{ending}'
        video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), HZ, (64, 48))
        video.write(grey(9))
        video.release()
        assert read(path)[0].is_counted == (ending == 'avi')


def test_a_video_that_says_it_is_huge_is_not_decoded(monkeypatch):
    capture = Capture([], told(width=100_000, height=100_000), [])
    monkeypatch.setattr(cv2, 'VideoCapture', lambda place: capture)
    with pytest.raises(DatasetError, match='100000x100000'):
        read('a.mp4')


def test_termination_ends_a_camera_too():
    before = signal.getsignal(signal.SIGTERM)
    with until_interrupted() as stopped:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopped()
    assert signal.getsignal(signal.SIGTERM) is before


def test_ctrl_c_ends_a_camera_once_and_interrupts_the_second_time():
    with pytest.raises(KeyboardInterrupt), until_interrupted() as stopped:
        assert not stopped()
        os.kill(os.getpid(), signal.SIGINT)
        assert stopped()
        os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
