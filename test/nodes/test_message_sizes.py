import numpy as np
import pytest

from depth_anything_ros.bag import RgbdFrame, write_rgbd_bag
from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.nodes.cameras_node import largest_of_cameras
from depth_anything_ros.nodes.message_sizes import (
    largest_message,
    largest_of_bag,
    message_bytes,
    oversized,
)
from depth_anything_ros.stream.encoders import (
    CONFIDENCE,
    DEPTH,
    FUSED,
    FUSED_SOURCE,
    POINTS,
    PREVIEW,
    RELATIVE,
    SIGMA,
)
from depth_anything_ros.types import Frame

SEGMENT = 1 << 24


def test_sizes_are_those_of_the_messages():
    assert message_bytes(480, 640, DepthNodeConfig()) == {
        RELATIVE: 1_228_800,
        DEPTH: 1_228_800,
        FUSED: 1_228_800,
        FUSED_SOURCE: 307_200,
        SIGMA: 1_228_800,
        CONFIDENCE: 1_228_800,
        PREVIEW: 921_600,
        POINTS: 4_915_200,
    }
    sparse = DepthNodeConfig(cloud_stride=7, depth_encoding='16UC1')
    found = message_bytes(480, 640, sparse)
    assert (found[DEPTH], found[POINTS]) == (614_400, 69 * 92 * 16)


@pytest.mark.parametrize(
    ('words', 'size'),
    [
        ([], 640 * 480 * 16),
        (['-p', 'warmup_width:=1920', '-p', 'warmup_height:=1080'], 1920 * 1080 * 16),
        (['-p', 'cloud_stride:=4'], 640 * 480 * 4),
        (['-p', 'other:warmup_width:=1920'], 640 * 480 * 16),
        (['-p', 'warmup_width:=wide'], 0),
    ],
)
def test_the_largest_message_follows_from_the_command_line(words, size):
    assert largest_message(['depth_node', '--ros-args', *words]) == size


def test_cameras_of_one_process_share_its_segment(tmp_path):
    file = tmp_path / 'cameras.yaml'
    file.write_text('/front/depth_node: {ros__parameters: {cloud_stride: 2}}\n')
    words = ['cameras_node', 'front', 'rear', '--ros-args', '--params-file', str(file)]
    assert largest_of_cameras(words) == 640 * 480 * 16 * 5 // 4
    assert largest_of_cameras(['cameras_node', '--ros-args', *words[4:]]) == 0


def test_messages_beyond_the_segment_are_named_with_the_parameter_that_helps():
    config = DepthNodeConfig()
    text = oversized((1080, 1920), SEGMENT, {POINTS, DEPTH}, config)
    assert text == (
        '~/points of 33.2 MB may get lost, as they go through 16 MiB of shared memory: start with '
        'warmup_width:=1920 warmup_height:=1080'
    )
    assert oversized((1080, 1920), SEGMENT, {DEPTH}, config) == ''
    assert oversized((480, 640), SEGMENT, {POINTS}, config) == ''
    # 11.1 MB arrive; 14.7 MB, of 16.8, do not all.
    assert oversized((720, 960), SEGMENT, {POINTS}, config) == ''
    assert '14.7 MB' in oversized((720, 1280), SEGMENT, {POINTS}, config)
    known = DepthNodeConfig(warmup_width=1920, warmup_height=1080)
    assert '--shm-size' in oversized((1080, 1920), SEGMENT, {POINTS}, known)


def test_the_largest_message_of_a_bag_is_found_before_it_is_played(tmp_path):
    frame = Frame(np.zeros((48, 64, 3), np.uint8), 1_000_000_000, 'camera')
    path = tmp_path / 'bag'
    write_rgbd_bag(path, [RgbdFrame(frame, np.ones((48, 64), np.float32))])
    words = ['bag_player', '--ros-args', '-p', f'bag:={path}']
    assert 48 * 64 * 3 < largest_of_bag('bag_player', words) < 48 * 64 * 3 + 200
    assert largest_of_bag('bag_player', ['bag_player', '--ros-args', '-p', 'bag:=/nowhere']) == 0
    assert largest_of_bag('bag_player', ['bag_player']) == 0
