import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from depth_anything_ros.bag import BagReader, RgbdFrames, find_topics
from depth_anything_ros.cli.main import main

SMALL = ['--frames', '2', '--size', '64x48']


def topic_counts(path):
    with BagReader(path) as reader:
        return {name: topic.count for name, topic in reader.topics.items()}


def counts(told, odom):
    """Return how many messages two frames have on each topic; odometry comes 50 times a second."""
    return {**dict.fromkeys(told['topics'].values(), 2), '/tf_static': 1, '/odom': odom}


def test_bag_and_answer_are_written(tmp_path, capsys):
    out, answer = tmp_path / 'room', tmp_path / 'answer.json'
    assert main(['simulate', str(out), *SMALL, '--rate', '5', '--json', str(answer)]) == 0
    told = json.loads(answer.read_text())
    assert told['bags'] == [str(out)]
    assert (told['frames'], told['rate_hz'], told['width'], told['height']) == (2, 5.0, 64, 48)
    assert (told['room'], told['seed']) == ('random', 0)
    assert topic_counts(out) == counts(told, odom=11)
    assert f'{out}: 2 frames of 64x48' in capsys.readouterr().out


def test_both_storages_hold_the_same_messages(tmp_path):
    assert main(['simulate', str(tmp_path / 'room'), *SMALL, '--storage', 'both']) == 0
    bags = []
    for storage in ('mcap', 'sqlite3'):
        with BagReader(tmp_path / 'room' / storage) as reader:
            bags.append(sorted((item.topic, item.cdr) for item in reader.messages()))
    assert bags[0] == bags[1]
    assert len(bags[0]) == 19


def test_compressed_bag_holds_jpeg_and_the_same_depth(tmp_path):
    frames = []
    for name, options in (('raw', []), ('compressed', ['--compressed'])):
        answer = tmp_path / f'{name}.json'
        call = ['simulate', str(tmp_path / name), *SMALL, *options, '--json', str(answer)]
        assert main(call) == 0
        topics = json.loads(answer.read_text())['topics']
        with BagReader(tmp_path / name) as reader:
            assert vars(find_topics(reader)).items() <= topics.items()
            frames.append(list(RgbdFrames(reader, find_topics(reader))))
    assert topics['image'] == '/camera/color/image_raw/compressed'
    assert topics['depth'] == '/camera/depth/image_raw/compressedDepth'
    for raw, packed in zip(*frames, strict=True):
        np.testing.assert_array_equal(packed.depth_m, raw.depth_m)
        error = np.abs(packed.frame.rgb.astype(int) - raw.frame.rgb)
        assert 0 < error.mean() < 8  # of 255; tiny pictures of noise
        assert packed.frame.camera == raw.frame.camera


@pytest.mark.parametrize('storage', ['mcap', 'both'])
def test_force_replaces_a_bag_made_before(tmp_path, storage, capsys):
    out = str(tmp_path / 'room')
    call = ['simulate', out, *SMALL, '--storage', storage]
    assert main(call) == 0
    assert main(call) == 1
    assert 'exists; --force replaces a bag' in capsys.readouterr().err
    assert main([*call, '--force']) == 0


@pytest.mark.parametrize('beside', [[], ['metadata.yaml', 'a.mcap']])
def test_force_removes_nothing_but_bags(tmp_path, beside, capsys):
    for name in ('thesis.txt', *beside):
        (tmp_path / name).write_text('years of work')
    assert main(['simulate', str(tmp_path), *SMALL, '--force']) == 1
    assert 'is not only a bag' in capsys.readouterr().err
    assert (tmp_path / 'thesis.txt').exists()


def test_impossible_option_is_one_line_and_leaves_the_old_bag(tmp_path, capsys):
    out = str(tmp_path / 'room')
    assert main(['simulate', out, *SMALL]) == 0
    assert main(['simulate', out, '--frames', '0', '--force']) == 1
    assert '0 frames cannot be made' in capsys.readouterr().err
    assert topic_counts(out)


@pytest.mark.parametrize('size', ['640', '640x', 'ax4', '640*480'])
def test_size_in_another_form_is_wrong_usage(tmp_path, size, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(['simulate', str(tmp_path / 'room'), '--size', size])
    assert exit_.value.code == 2
    assert f"'{size}' is not a size; write it as 640x480" in capsys.readouterr().err


def test_room_and_mount_are_those_asked_for(tmp_path):
    out, answer = tmp_path / 'room', tmp_path / 'answer.json'
    call = ['simulate', str(out), *SMALL, '--world', '3', '--camera-height', '0.115']
    assert main([*call, '--camera-pitch', '5', '--json', str(answer)]) == 0
    told = json.loads(answer.read_text())
    assert (told['room'], told['seed']) == ('random', 3)
    assert topic_counts(out) == counts(told, odom=6)
    assert told['topics']['scan'] == '/scan'
    with BagReader(out) as reader:
        message = next(iter(reader.messages(['/tf_static']))).deserialize()
    heights = {item.child_frame_id: item.transform.translation.z for item in message.transforms}
    assert heights['camera_color_frame'] == 0.115


def test_camera_out_of_range_is_one_line(tmp_path, capsys):
    call = ['simulate', str(tmp_path / 'room'), *SMALL, '--world', '3']
    assert main([*call, '--camera-height', '5']) == 1
    assert 'camera height 5 m; allowed: above 0 to 2' in capsys.readouterr().err


def test_a_size_that_no_memory_holds_is_refused_with_the_limit(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(['simulate', str(tmp_path / 'bag'), '--size', '99999x99999'])
    assert "'99999x99999' is too large; at most 50 megapixels" in capsys.readouterr().err


def test_sigterm_leaves_nothing_behind(tmp_path):
    command = [sys.executable, '-m', 'depth_anything_ros.cli.main', 'simulate']
    process = subprocess.Popen([*command, str(tmp_path / 'bag'), '--frames', '10000'])
    deadline = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(tmp_path.iterdir())
    process.terminate()
    assert process.wait(30) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
