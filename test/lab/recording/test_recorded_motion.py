"""The motion of the camera out of a bag: from odometry, from TF, and what is told without."""

import re

import numpy as np
import pytest
from small_drive import INFO, OPTICAL, Network, header, stamp_of, transform, write_drive

from depth_anything_ros.bag import BagReader
from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.recording.bag import record_bag
from depth_anything_ros.lab.recording.results import RecordJob
from depth_anything_ros.messages import decode_any_depth
from depth_anything_ros.parameters import from_mapping

FRAMES, STEP_M = 6, 0.02
CONFIG = {'scale_source': 'depth_image', 'smoothing_time_s': 0.0, 'temporal_smoothing_s': 0.3}


def ways(topic='/odom', frames=FRAMES, turns=({'w': 1.0},), body='base_link'):
    """
    Return what writes the way of the base, to its left at each frame, as odometry and TF.

    :param topic: of odometry; '' writes none.
    :param turns: quaternions that odometry tells in turn, of the frame `body`.
    """

    def write(writer):
        for number in range(frames):
            stamp_ns, move = stamp_of(number), (0.0, 0.0, STEP_M * number)
            turn = turns[number % len(turns)]
            place = {'position': dict(zip('xyz', move, strict=True)), 'orientation': turn}
            moved = {
                **header(stamp_ns, 'odom'),
                'child_frame_id': body,
                'pose': {'pose': place},
            }
            if topic:
                writer.write(topic, 'nav_msgs/msg/Odometry', moved, stamp_ns)
            tf = {'transforms': [transform('odom', 'base_link', move, stamp_ns)]}
            writer.write('/tf', 'tf2_msgs/msg/TFMessage', tf, stamp_ns)

    return write


def recorded(bag, out, remaps=None, **config):
    parameters = from_mapping(DepthNodeConfig, {**CONFIG, **config})
    outputs = ('~/depth/image_raw',)
    result = record_bag(RecordJob(bag, out, parameters, outputs, remaps or {}), Network())
    with BagReader(out) as reader:
        depth = [
            decode_any_depth(message.deserialize())
            for message in reader.messages(['/depth_node/depth/image_raw'])
        ]
    return result, np.array(depth)


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    return write_drive(tmp_path_factory.mktemp('moved') / 'drive', FRAMES, more=ways())


def test_odometry_and_tf_of_one_way_give_the_same_depth(bag, tmp_path):
    _, still = recorded(bag, tmp_path / 'still', motion_source='off')
    result, by_odometry = recorded(bag, tmp_path / 'odom')
    assert result.warnings == {}
    assert result.references['rejected'] == 0
    assert result.references['received'] == 2 * FRAMES
    _, by_tf = recorded(bag, tmp_path / 'tf', motion_source='tf')
    np.testing.assert_allclose(by_tf, by_odometry, rtol=1e-6)
    assert np.abs(by_odometry[-1] / still[-1] - 1).max() > 1e-3


def test_without_odometry_in_the_bag_auto_goes_by_tf(bag, tmp_path):
    silent = write_drive(tmp_path / 'drive', FRAMES, more=ways(topic=''))
    result, depth = recorded(silent, tmp_path / 'auto')
    assert result.warnings == {}
    assert result.references == {'received': 2 * FRAMES, 'rejected': 0}
    _, by_odometry = recorded(bag, tmp_path / 'odom')
    np.testing.assert_allclose(depth, by_odometry, rtol=1e-6)
    with pytest.raises(DatasetError, match="motion_source 'tf' goes by TF instead"):
        recorded(silent, tmp_path / 'asked', scale_source='motion', motion_source='odom')


def test_a_bag_without_odometry_is_told_only_if_it_was_asked_for(tmp_path):
    bag = write_drive(tmp_path / 'drive', 2)
    result, depth = recorded(bag, tmp_path / 'auto')
    assert result.warnings == {}
    result, still = recorded(bag, tmp_path / 'odom', motion_source='odom')
    words = '\n'.join(result.warnings)
    assert "the motion of the camera is not known: bag '" in words
    assert "has no nav_msgs/msg/Odometry for 'odom'" in words
    assert result.doubts == {
        'depth is smoothed as if the camera stood still: no pose has come yet': 1
    }
    np.testing.assert_array_equal(depth, still)


def test_odometry_that_stops_is_told(tmp_path):
    bag = write_drive(tmp_path / 'drive', FRAMES, more=ways(frames=2))
    result, _ = recorded(bag, tmp_path / 'out')
    ((doubt, count),) = result.doubts.items()
    assert 'the newest pose is more than 0.1 s older than the image' in doubt
    assert count == FRAMES - 3


@pytest.mark.parametrize(
    ('base', 'motion_source', 'wanted'),
    [('odom', 'auto', 'nav_msgs/msg/Odometry, as /odom'), ('/tf', 'tf', 'tf2_msgs/msg/TFMessage')],
)
def test_a_topic_of_another_type_is_refused_before_the_start(
    bag, tmp_path, base, motion_source, wanted
):
    told = f"topic '{INFO}' in bag '{bag}' is sensor_msgs/msg/CameraInfo; allowed: {wanted}"
    with pytest.raises(DatasetError, match=re.escape(told)):
        recorded(bag, tmp_path / 'out', {base: INFO}, motion_source=motion_source)
    assert not (tmp_path / 'out').exists()


def test_odd_odometry_is_told_once_a_kind_with_its_count(tmp_path):
    odd = [{'z': np.nan}, {'w': 0.0}, {'z': 0.3, 'w': 0.8}, {'z': 0.2, 'w': 0.8}]
    bag = write_drive(tmp_path / 'drive', 8, more=ways(frames=8, turns=odd))
    result, _ = recorded(bag, tmp_path / 'out')
    told = 'reference rejected: odom: '
    assert result.warnings == {
        f'{told}translation (0, 0, 0), quaternion (0, 0, nan, 0): finite numbers are needed': 2,
        f'{told}the quaternion is not set: all of it is 0 (no turn is 0 0 0 1)': 2,
        f'{told}the quaternion (0, 0, 0.3, 0.8) is of length 0.8544; a length of 1 is needed': 4,
    }


def test_frames_that_tf_does_not_know_are_named_with_those_that_it_knows(tmp_path):
    bag = write_drive(tmp_path / 'drive', 2, more=ways(frames=2, body='wheel'))
    result, _ = recorded(bag, tmp_path / 'out')
    ((warning, count),) = result.warnings.items()
    assert count == 2
    assert f"does not connect 'wheel' with '{OPTICAL}'; it has base_link, {OPTICAL}" in warning
    assert warning.endswith('; or set odometry_pose')
    result, _ = recorded(bag, tmp_path / 'tf', motion_source='tf', odometry_frame='world')
    (doubt,) = result.doubts
    assert doubt.endswith(
        "TF tells of nothing that moves in 'world' (odometry_frame), only of 'base_link' in 'odom'"
    )


def test_of_several_odometries_one_is_to_be_named(tmp_path):
    def more(writer):
        ways('/wheels')(writer)
        ways('/fused')(writer)

    bag = write_drive(tmp_path / 'drive', FRAMES, more=more)
    result, _ = recorded(bag, tmp_path / 'several')
    (warning,) = result.warnings
    assert "say which is 'odom': -r odom:=/fused or -r odom:=/wheels" in warning
    result, _ = recorded(bag, tmp_path / 'named', {'odom': '/wheels'})
    assert result.warnings == {}
    assert result.references['received'] == 2 * FRAMES


def test_the_scale_source_motion_hears_odometry_and_cannot_do_without(bag, tmp_path):
    own = {'scale_source': 'motion', 'temporal_smoothing_s': 0.0}
    result, _ = recorded(bag, tmp_path / 'heard', **own)
    assert result.references == {'received': FRAMES, 'rejected': 0}
    silent = write_drive(tmp_path / 'drive', 2)
    with pytest.raises(DatasetError, match="no nav_msgs/msg/Odometry for 'odom'") as refused:
        recorded(silent, tmp_path / 'silent', **own)
    assert 'as /tf_static does not: record odometry or /tf beside' in str(refused.value)
    own = {'scale_fallbacks': 'motion', 'temporal_smoothing_s': 0.0}
    result, depth = recorded(silent, tmp_path / 'fallback', **own)
    assert len(depth) == 2
    assert "the motion of the camera is not known: bag '" in '\n'.join(result.warnings)
