"""Odometry and TF messages become poses of the camera."""

from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest

from depth_anything_ros.errors import AlignmentError, ConfigError, MessageError
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY, RigidTransform
from depth_anything_ros.motion import MotionConfig, PoseHistory
from depth_anything_ros.motion.topics import MOTION_TOPICS, OdometryIntake, TransformIntake

S = 1_000_000_000
LENS_AHEAD_M, LENS_UP_M = 0.12, 0.15
# The body lies behind and below the lens.
BODY_IN_CAMERA = OPTICAL_FROM_BODY @ RigidTransform.from_pose(
    -LENS_AHEAD_M, 0.0, -LENS_UP_M, 0.0, 0.0, 0.0
)


class Around:
    def __init__(self):
        self.asked = []

    def place(self, frame_id, pose, cure):
        self.asked.append((frame_id, pose))
        if frame_id == 'lost':
            raise AlignmentError("TF does not connect 'lost' with 'camera'")
        return BODY_IN_CAMERA


def xyz(x, y, z):
    return SimpleNamespace(x=x, y=y, z=z)


def turned(yaw):
    return SimpleNamespace(x=0.0, y=0.0, z=np.sin(yaw / 2), w=np.cos(yaw / 2))


def header(seconds, frame_id):
    stamp = SimpleNamespace(sec=int(seconds), nanosec=round(seconds % 1 * S))
    return SimpleNamespace(stamp=stamp, frame_id=frame_id)


def odometry(seconds, x_m, yaw=0.0, body='base_link', speed_m_s=0.0):
    pose = SimpleNamespace(position=xyz(x_m, 0.0, 0.0), orientation=turned(yaw))
    twist = SimpleNamespace(linear=xyz(speed_m_s, 0.0, 0.0))
    return SimpleNamespace(
        header=header(seconds, 'odom'),
        child_frame_id=body,
        pose=SimpleNamespace(pose=pose),
        twist=SimpleNamespace(twist=twist),
    )


def transforms(*moved):
    return SimpleNamespace(
        transforms=[
            SimpleNamespace(
                header=header(seconds, parent),
                child_frame_id='base_link',
                transform=SimpleNamespace(translation=xyz(x_m, 0.0, 0.0), rotation=turned(0.0)),
            )
            for seconds, parent, x_m in moved
        ]
    )


def test_odometry_gives_the_pose_of_the_lens():
    poses, around = PoseHistory(), Around()
    assert OdometryIntake().take(poses, odometry(2.0, 1.0), MotionConfig(), around) == ''
    found = poses.at(2 * S)
    np.testing.assert_allclose(found.translation_m, [1.0 + LENS_AHEAD_M, 0.0, LENS_UP_M])
    # The optical axis points ahead.
    np.testing.assert_allclose(found.rotation[:, 2], [1.0, 0.0, 0.0], atol=1e-12)
    assert around.asked == [('base_link', '')]


def test_a_turn_on_the_spot_swings_the_lens():
    poses, around = PoseHistory(), Around()
    for seconds, yaw in ((1.0, 0.0), (1.1, np.pi / 2)):
        OdometryIntake().take(poses, odometry(seconds, 0.0, yaw), MotionConfig(), around)
    moved = poses.between(S, round(1.1 * S))
    # What was one metre ahead of the lens lies to the right of it now.
    (point,) = moved.apply(np.array([[0.0, 0.0, 1.0]]))
    np.testing.assert_allclose(point, [1.0 + LENS_AHEAD_M, 0.0, -LENS_AHEAD_M], atol=1e-9)


def test_of_tf_what_moves_in_the_odometry_frame_counts():
    poses, around = PoseHistory(), Around()
    own = MotionConfig(motion_source='tf', odometry_frame='/odom')
    message = transforms((1.0, 'map', 7.0), (1.0, '/odom', 0.5), (1.1, 'odom', 0.6))
    TransformIntake().take(poses, message, own, around)
    assert len(poses) == 2
    np.testing.assert_allclose(poses.at(round(1.1 * S)).translation_m[0], 0.6 + LENS_AHEAD_M)


def test_what_cannot_be_used_is_refused():
    poses, intake, around = PoseHistory(), OdometryIntake(), Around()
    with pytest.raises(MessageError, match='child_frame_id.*set odometry_pose'):
        intake.take(poses, odometry(1.0, 0.0, body=''), MotionConfig(), around)
    with pytest.raises(AlignmentError, match="'lost'"):
        intake.take(poses, odometry(1.0, 0.0, body='lost'), MotionConfig(), around)
    with pytest.raises(ConfigError, match='finite numbers'):
        intake.take(poses, odometry(1.0, float('nan')), MotionConfig(), around)
    assert len(poses) == 0


def test_odometry_that_tells_speeds_alone_is_refused_with_the_cure():
    poses, intake, around = PoseHistory(), OdometryIntake(), Around()
    for number in range(4):
        intake.take(poses, odometry(1 + 0.1 * number, 0.0, speed_m_s=0.3), MotionConfig(), around)
    told = r'its pose stays at 0 0 0 while its twist tells of 0\.3 m/s.*set motion_source to tf'
    with pytest.raises(MessageError, match=told):
        intake.take(poses, odometry(1.4, 0.0, speed_m_s=0.3), MotionConfig(), around)
    # A pose that moves is believed again; so is a robot that stands.
    for number in range(10):
        intake.take(poses, odometry(2 + number, 0.5), MotionConfig(), around)
    assert poses.at(11 * S).translation_m[0] == 0.5 + LENS_AHEAD_M


@pytest.mark.parametrize('speed_m_s', [0.02, float('nan')])
def test_noise_of_speed_is_no_way(speed_m_s):
    poses, intake, around = PoseHistory(), OdometryIntake(), Around()
    for number in range(40):
        message = odometry(1 + 0.4 * number, 0.0, speed_m_s=speed_m_s)
        intake.take(poses, message, MotionConfig(), around)
    assert len(poses) == 40


def test_with_auto_tf_tells_until_odometry_comes():
    poses, around, own = PoseHistory(), Around(), MotionConfig()
    tf, odom = TransformIntake(), OdometryIntake()
    tf.take(poses, transforms((1.0, 'odom', 0.5)), own, around)
    assert (len(poses), poses.teller) == (1, 'tf')
    odom.take(poses, odometry(1.02, 7.0), own, around)
    tf.take(poses, transforms((1.04, 'odom', 0.6)), own, around)
    odom.take(poses, odometry(1.06, 7.1), own, around)
    assert (len(poses), poses.teller) == (2, 'odom')
    assert poses.at(round(1.04 * S)).translation_m[0] == pytest.approx(7.05 + LENS_AHEAD_M)
    tf.take(poses, transforms((1.08, 'odom', 0.6)), MotionConfig(motion_source='tf'), around)
    assert (len(poses), poses.teller) == (1, 'tf')


def test_with_auto_tf_tells_beside_odometry_of_speeds_alone():
    poses, around, own = PoseHistory(), Around(), MotionConfig()
    tf, odom = TransformIntake(), OdometryIntake()
    for number in range(12):
        seconds = 1 + 0.1 * number
        with suppress(MessageError):
            odom.take(poses, odometry(seconds, 0.0, speed_m_s=0.3), own, around)
        tf.take(poses, transforms((seconds + 0.02, 'odom', 0.03 * number)), own, around)
    # The fifth of them showed that its poses stay.
    assert (len(poses), poses.teller) == (8, 'tf')
    way = poses.between(round(1.52 * S), round(2.02 * S))
    assert np.linalg.norm(way.translation_m) == pytest.approx(0.15)


def test_a_pose_by_parameter_needs_no_name_of_the_body():
    poses, around = PoseHistory(), Around()
    own = MotionConfig(odometry_pose='-0.12 0 -0.15 0 0 0')
    OdometryIntake().take(poses, odometry(1.0, 0.0, body=''), own, around)
    assert around.asked == [('', '-0.12 0 -0.15 0 0 0')]
    assert len(poses) == 1


@pytest.mark.parametrize(
    ('source', 'heard'),
    [('auto', ['odom', '/tf']), ('odom', ['odom']), ('tf', ['/tf']), ('off', [])],
)
def test_the_parameter_says_which_topic_is_heard(source, heard):
    own = MotionConfig(motion_source=source)
    assert [topic.name for topic in MOTION_TOPICS if topic.needed(own)] == heard
    # Where TF's messages are not installed, auto does without.
    optional = [topic.name for topic in MOTION_TOPICS if topic.optional(own)]
    assert optional == (['/tf'] if source == 'auto' else [])
    assert own.required == (source in ('odom', 'tf'))
    assert own.wanted == (source != 'off')


def test_tf_is_asked_unless_the_pose_is_given():
    (odom, tf) = MOTION_TOPICS
    assert odom.needs_tf(MotionConfig()) and tf.needs_tf(MotionConfig())
    assert not odom.needs_tf(MotionConfig(odometry_pose='0 0 0 0 0 0'))


def test_a_pose_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="'odometry_pose'"):
        MotionConfig(odometry_pose='1 2 3')
