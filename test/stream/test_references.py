"""What becomes of reference messages, without a network or a ROS graph."""

import math

import numpy as np
import pytest
from made_references import OPTICAL, World, camera_info, depth, depth_world, kept
from nav_msgs.msg import Odometry
from sensor_msgs.msg import Imu, LaserScan

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.transform import optical_pose
from depth_anything_ros.nodes.topics import find_message_type, needs_tf, topics_of
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.scale import PrioritySources
from depth_anything_ros.scale.camera_height import CameraHeightScale
from depth_anything_ros.scale.depth_image import DepthImageScale
from depth_anything_ros.scale.laser_scan import LaserScanScale
from depth_anything_ros.stream.references import TransformMissingError
from depth_anything_ros.types import RelativeInverseDepth


def odometry(x_m):
    message = Odometry(child_frame_id='base_link')
    message.header.frame_id = 'odom'
    message.header.stamp.sec = 0 if math.isnan(x_m) else x_m
    message.pose.pose.position.x = float(x_m)
    return message


def scan(step=0.1):
    message = LaserScan(
        angle_min=-1.0, angle_max=1.0, angle_increment=step, range_min=0.05, range_max=12.0
    )
    message.ranges = [2.0] * 21
    message.header.frame_id = 'laser'
    return message


def laser_world(**config):
    return World(LaserScanScale(0.2, 8.0, 0.1), **config)


@pytest.mark.parametrize(
    ('config', 'topics'),
    [
        ({}, set()),
        ({'scale_fallbacks': 'laser_scan'}, set()),
        ({'scale_source': 'fixed', 'scale_fallbacks': 'laser_scan'}, {'scan'}),
        ({'scale_source': 'depth_image'}, {'reference/depth', 'reference/camera_info'}),
        ({'scale_source': 'camera_height'}, set()),
        ({'scale_source': 'camera_height', 'camera_tilt_source': 'imu'}, {'imu'}),
        ({'scale_source': 'motion'}, {'odom'}),
        ({'scale_source': 'fixed', 'scale_fallbacks': 'motion'}, {'odom'}),
        ({'motion_source': 'odom'}, set()),
        ({'temporal_smoothing_s': 0.3}, {'odom'}),
        ({'temporal_smoothing_s': 0.3, 'motion_source': 'off'}, set()),
    ],
)
def test_topics_are_those_that_are_needed(config, topics):
    # With odometry TF is heard as well, where its messages are installed.
    tf = {'/tf'} if 'odom' in topics and find_message_type('tf2_msgs/msg/TFMessage') else set()
    assert set(topics_of(from_mapping(DepthNodeConfig, config))) == topics | tf


def test_odometry_waits_for_the_first_image_and_becomes_a_pose_of_the_camera():
    world = World(None, temporal_smoothing_s=0.3, odometry_pose='')
    world.lookup_answer = optical_pose('-0.12 0 -0.15 0 0 0')
    world.references.add('odom', odometry(1))
    assert len(world.poses) == 0
    world.references.see_image(OPTICAL)
    assert len(world.poses) == 1
    assert world.lookups == [(OPTICAL, 'base_link')]
    world.references.add('odom', odometry(2))
    np.testing.assert_allclose(world.poses.at(2 * 10**9).translation_m, [2.12, 0.0, 0.15])
    assert world.counts() == {'received': 2, 'rejected': 0}


def test_odometry_that_is_no_pose_is_counted_and_told():
    world = World(None, temporal_smoothing_s=0.3, odometry_pose='0 0 0 0 0 0')
    world.references.add('odom', odometry(math.nan))
    assert world.counts() == {'received': 1, 'rejected': 1}
    assert 'odom: translation' in world.warnings[0]


def test_a_source_among_several_gets_its_references():
    depth_source = DepthImageScale(0.2, 8.0, 0.05)
    world = World(PrioritySources([depth_source, LaserScanScale(0.2, 8.0, 0.1)]))
    world.references.see_image(OPTICAL)
    world.references.add('reference/depth', depth())
    assert len(depth_source) == 1


def test_a_frame_without_any_reference_is_told_why_they_were_rejected():
    world = depth_world()
    source = world.source
    values = RelativeInverseDepth(np.ones((48, 64), np.float32))
    with pytest.raises(AlignmentError, match='no reference depth received yet'):
        source.align(values, 0)
    world.references.add('reference/depth', depth('nv99'))
    told = "every reference depth so far was rejected, the last one: unknown depth encoding 'nv99'"
    with pytest.raises(AlignmentError, match=told):
        source.align(values, 0)


def test_a_reference_of_unknown_encoding_is_counted_and_the_next_taken():
    world = depth_world()
    world.references.add('reference/depth', depth('nv99'))
    world.references.add('reference/depth', depth())
    assert world.counts() == {'received': 2, 'rejected': 1}
    error = world.statistics.snapshot().reference_error.text
    assert error.startswith("reference/depth: unknown depth encoding 'nv99'")
    assert world.warnings == [f'reference rejected: {error}']
    assert len(world.source) == 1


def test_a_scale_source_that_takes_no_references_is_given_none():
    world = World(None)
    for topic, message in (('reference/depth', depth('nv99')), ('scan', scan(0.0))):
        world.references.add(topic, message)
    assert world.counts() == {'received': 0, 'rejected': 0}


def test_what_came_while_nobody_watched_is_used_when_it_is_asked_for():
    world = depth_world()
    world.watched = False
    for _ in range(3):
        world.references.add('reference/depth', depth())
    assert world.counts()['received'] == 0
    world.references.catch_up()
    assert (world.counts()['received'], len(world.source)) == (1, 1)


def test_forgotten_references_are_not_used():
    world = depth_world()
    world.watched = False
    world.references.add('reference/depth', depth())
    world.references.forget()
    world.references.catch_up()
    assert world.counts()['received'] == 0


def test_the_pose_of_the_laser_is_the_parameter():
    world = laser_world(laser_pose='-0.04 0 0.02 0 0 0')
    world.references.add('scan', scan())
    _, kept = world.source._scans.nearest(0)
    ahead = kept.camera_from_laser.apply(np.array([[2.0, 0.5, 0.0]]))
    np.testing.assert_allclose(ahead, [[-0.5, -0.02, 1.96]], atol=1e-12)
    assert world.lookups == []


def test_without_a_parameter_tf_is_asked_by_the_frames_of_scan_and_image():
    world = laser_world()
    world.references.add('scan', scan())
    assert world.counts() == {'received': 0, 'rejected': 0}
    world.references.see_image(OPTICAL)
    assert world.lookups == [(OPTICAL, 'laser')]
    assert world.counts() == {'received': 1, 'rejected': 1}
    assert "TF does not connect 'laser'" in world.warnings[0]


@pytest.mark.parametrize('frame_id', ['', OPTICAL, 'camera_depth_optical_frame'])
def test_depth_that_comes_before_the_first_image_waits_for_it(frame_id):
    world = World(DepthImageScale(0.2, 8.0, 0.05), reference_pose='0 0.025 0 0 0 0')
    message = depth()
    message.header.frame_id = frame_id
    registered = frame_id == OPTICAL
    info = camera_info(60.0 if registered else 120.0, frame_id)
    world.references.add('reference/camera_info', info)
    world.references.add('reference/depth', message)
    assert (world.counts()['received'], len(world.source)) == (0, 0)
    world.references.see_image(OPTICAL)
    assert world.counts() == {'received': 1, 'rejected': 0}
    # All but depth in the frame of the image is brought there: twice the focal length shows half.
    assert (len(np.unique(kept(world).indices)) == 48 * 64) == registered
    world.references.see_image(OPTICAL)
    assert world.counts()['received'] == 1


def test_depth_that_is_said_to_be_registered_waits_for_no_image():
    world = World(DepthImageScale(0.2, 8.0, 0.05), reference_registration='registered')
    world.references.add('reference/depth', depth())
    assert len(world.source) == 1


def test_a_scan_that_waits_for_the_first_image_is_forgotten_with_the_others():
    world = laser_world()
    world.references.add('scan', scan())
    world.references.forget()
    world.references.see_image(OPTICAL)
    assert world.lookups == []


def test_a_scan_without_angles_is_rejected():
    world = laser_world(laser_pose='0 0 0 0 0 0')
    world.references.add('scan', scan(0.0))
    assert world.counts() == {'received': 1, 'rejected': 1}


def test_a_reference_that_comes_before_tf_waits_and_is_not_rejected():
    world = laser_world()
    places = []

    def lookup(target, source):
        if not places:
            raise TransformMissingError(f"TF does not connect '{source}' with '{target}'")
        return places[0]

    world.references._lookup = lookup
    world.references.see_image(OPTICAL)
    world.references.add('scan', scan())
    for _ in range(3):
        world.references.see_image(OPTICAL)
    snapshot = world.statistics.snapshot()
    assert world.counts() == {'received': 0, 'rejected': 0}
    assert snapshot.early_references == 1
    told = f"scan: TF does not connect 'laser' with '{OPTICAL}'; or set laser_pose"
    assert snapshot.early.text == told
    assert world.warnings == [f'reference waits for TF: {snapshot.early.text}']
    places.append(optical_pose('0 0 0 0 0 0'))
    world.references.see_image(OPTICAL)
    assert world.counts() == {'received': 1, 'rejected': 0}
    assert len(world.source) == 1
    assert world.statistics.snapshot().early.ago_s is None


@pytest.mark.parametrize(
    ('config', 'needed'),
    [
        ({}, False),
        ({'scale_source': 'camera_height'}, False),
        ({'scale_source': 'depth_image'}, True),
        ({'scale_source': 'depth_image', 'reference_registration': 'registered'}, False),
        ({'scale_source': 'depth_image', 'reference_pose': '0 0 0 0 0 0'}, False),
        ({'scale_source': 'fixed', 'scale_fallbacks': 'laser_scan'}, True),
        ({'scale_source': 'laser_scan', 'laser_pose': '0 0 0 0 0 0'}, False),
    ],
)
def test_tf_is_needed_where_no_pose_is_given(config, needed):
    assert needs_tf(from_mapping(DepthNodeConfig, config)) is needed


def test_ranges_keep_their_marks():
    world = laser_world(laser_pose='0 0 0 0 0 0')
    message = scan()
    message.ranges = [math.inf, math.nan, -math.inf, 0.0, 2.0, 20.0] + [2.0] * 15
    world.references.add('scan', message)
    _, kept = world.source._scans.nearest(0)
    assert kept.beams.tolist() == [4, *range(6, 21)]


def imu(x=0.0, z=9.81, time_ns=0):
    message = Imu()
    message.linear_acceleration.x, message.linear_acceleration.z = x, z
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(time_ns, 10**9)
    return message


def test_gravity_tilts_the_camera_of_known_height():
    source = CameraHeightScale(0.149, 0.1, 0.0, 8.0)
    source.await_tilt()
    world = World(source, camera_tilt_source='imu')
    nod = 0.05
    world.references.add('imu', imu(-9.81 * math.sin(nod), 9.81 * math.cos(nod)))
    assert source._tilt == pytest.approx((0.1 + nod, 0.0))
    # A bump of 10 ms hardly changes the mean over half a second.
    world.references.add('imu', imu(-2.0, 9.6, time_ns=10_000_000))
    assert source._tilt[0] == pytest.approx(0.1 + nod, abs=0.01)


def test_gravity_tilts_no_camera_whose_body_counts_as_level():
    source = CameraHeightScale(0.149, 0.1, 0.0, 8.0)
    world = World(source, camera_tilt_source='parameters')
    world.references.add('imu', imu(-1.0, 9.7))
    assert source._tilt == (0.1, 0.0)


def test_an_imu_without_gravity_is_rejected():
    world = World(CameraHeightScale(0.149, 0.0, 0.0, 8.0), camera_tilt_source='imu')
    world.references.add('imu', imu(0.0, 0.0))
    assert world.counts() == {'received': 1, 'rejected': 1}


def test_one_bad_reading_of_the_imu_is_refused_and_the_next_taken():
    world = World(CameraHeightScale(0.149, 0.0, 0.0, 8.0), camera_tilt_source='imu')
    world.references.add('imu', imu(x=float('nan'), time_ns=10**9))
    assert 'not finite' in world.warnings[0]
    world.references.add('imu', imu(time_ns=2 * 10**9))
    assert world.counts() == {'received': 2, 'rejected': 1}


def test_scan_for_images_without_a_frame_is_refused_with_the_cure():
    world = laser_world()
    world.references.add('scan', scan())
    assert world.counts() == {'received': 0, 'rejected': 0}
    world.references.image_frame_id = ''
    world.references.add('scan', scan())
    assert world.counts() == {'received': 1, 'rejected': 1}
    assert 'set laser_pose' in world.warnings[0]
