"""What becomes of reference messages, without a network or a ROS graph."""

import math
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, Image, Imu, LaserScan

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import AlignmentError, ConfigError
from depth_anything_ros.geometry.plausibility import FRAMES
from depth_anything_ros.geometry.transform import optical_pose
from depth_anything_ros.messages import camera_info_fields
from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.nodes.topics import needs_tf, topics_of
from depth_anything_ros.nodes.transforms import TransformLookup
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.scale import PrioritySources
from depth_anything_ros.scale.camera_height import CameraHeightScale
from depth_anything_ros.scale.depth_image import DepthImageConfig, DepthImageScale
from depth_anything_ros.scale.laser_scan import LaserScanScale
from depth_anything_ros.stream.camera_input import CameraInput
from depth_anything_ros.stream.references import References, TransformMissingError
from depth_anything_ros.stream.registration import DepthRegistration
from depth_anything_ros.stream.run_statistics import RunStatistics
from depth_anything_ros.types import Camera, RelativeInverseDepth

OPTICAL = 'camera_color_optical_frame'


def camera_info(focal_px=60.0, frame_id=OPTICAL):
    fields = camera_info_fields(Camera(64, 48, focal_px, focal_px, 31.5, 23.5))
    info = CameraInfo(**{name: value for name, value in fields.items() if name != 'd'})
    info.header.frame_id = frame_id
    return info


class World:
    """Hold what stands round the references: a scale source, a config, who watches."""

    def __init__(self, source, **config):
        self.source = source
        self.warnings = []
        self.watched = True
        self.statistics = RunStatistics()
        self.lookups = []
        self.lookup_answer = None
        self.poses = PoseHistory()
        color = CameraInput('/color/camera_info')
        color.update(camera_info())
        self.references = References(
            SimpleNamespace(pipeline=SimpleNamespace(scale_source=source, poses=self.poses)),
            self.lookup,
            {
                'reference/depth': DepthRegistration(
                    color, CameraInput('/depth/camera_info'), self.lookup
                )
            },
            self.statistics,
            lambda: from_mapping(DepthNodeConfig, config),
            lambda: self.watched,
            self.warnings.append,
        )

    def lookup(self, target, source):
        self.lookups.append((target, source))
        if self.lookup_answer is not None:
            return self.lookup_answer
        raise AlignmentError(f"TF does not connect '{source}' with '{target}'")

    def counts(self):
        return self.statistics.snapshot().references


def odometry(x_m):
    message = Odometry(child_frame_id='base_link')
    message.header.frame_id = 'odom'
    message.header.stamp.sec = 0 if math.isnan(x_m) else x_m
    message.pose.pose.position.x = float(x_m)
    return message


def depth(encoding='16UC1'):
    values = np.full((48, 64), 1500, np.uint16)
    return Image(height=48, width=64, step=128, encoding=encoding, data=values.tobytes())


def scan(step=0.1):
    message = LaserScan(
        angle_min=-1.0, angle_max=1.0, angle_increment=step, range_min=0.05, range_max=12.0
    )
    message.ranges = [2.0] * 21
    message.header.frame_id = 'laser'
    return message


def depth_world(**config):
    world = World(DepthImageScale(0.2, 8.0, 0.05), **config)
    world.references.see_image(OPTICAL)
    return world


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
        ({'motion_source': 'odom'}, set()),
        ({'temporal_smoothing_s': 0.3}, {'odom'}),
        ({'temporal_smoothing_s': 0.3, 'motion_source': 'off'}, set()),
    ],
)
def test_topics_are_those_that_are_needed(config, topics):
    assert set(topics_of(from_mapping(DepthNodeConfig, config))) == topics


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


class Buffer:
    """Stand in for tf2_ros.Buffer: the laser is turned by half a turn about z."""

    def lookup_transform(self, target, source, time):
        if source != 'laser':
            raise KeyError(source)
        assert (target, time.nanoseconds) == (OPTICAL, 0)
        vector = SimpleNamespace(x=0.1, y=0.2, z=0.3)
        turn = SimpleNamespace(x=0.0, y=0.0, z=1.0, w=0.0)
        return SimpleNamespace(transform=SimpleNamespace(translation=vector, rotation=turn))


@pytest.fixture
def tf2(monkeypatch):
    listeners = []
    module = ModuleType('tf2_ros')
    module.Buffer = Buffer
    module.TransformListener = lambda *given, **options: listeners.append((given, options))
    monkeypatch.setitem(sys.modules, 'tf2_ros', module)
    messages, package = ModuleType('tf2_msgs.msg'), ModuleType('tf2_msgs')
    messages.TFMessage = object
    monkeypatch.setitem(sys.modules, 'tf2_msgs', package)
    monkeypatch.setitem(sys.modules, 'tf2_msgs.msg', messages)
    return listeners


class Node:
    """Stand in for the node: keeps what subscribes."""

    def __init__(self):
        self.subscriptions = {}

    def create_subscription(self, message_type, topic, callback, qos):
        self.subscriptions[topic] = callback


def static_transforms(*edges):
    return SimpleNamespace(
        transforms=[
            SimpleNamespace(header=SimpleNamespace(frame_id=parent), child_frame_id=child)
            for parent, child in edges
        ]
    )


def test_a_transform_of_tf_becomes_ours(tf2):
    node = Node()
    lookup = TransformLookup(node)
    found = lookup.lookup(OPTICAL, 'laser')
    lookup.lookup(OPTICAL, 'laser')
    np.testing.assert_allclose(found.translation_m, (0.1, 0.2, 0.3))
    np.testing.assert_allclose(found.rotation, np.diag([-1, -1, 1]), atol=1e-12)
    ((given, options),) = tf2
    assert (given[1], options) == (node, {'spin_thread': False})


def test_tf_is_listened_to_before_the_first_lookup(tf2):
    node = Node()
    lookup = TransformLookup(node)
    lookup.listen()
    lookup.listen()
    assert len(tf2) == 1
    assert list(node.subscriptions) == ['/tf_static']


def test_frames_that_tf_has_connected_once_are_missed_otherwise(tf2, monkeypatch):
    lookup = TransformLookup(Node())
    with pytest.raises(TransformMissingError, match="'sonar'"):
        lookup.lookup(OPTICAL, 'sonar')
    lookup.lookup(OPTICAL, 'laser')

    def fail(*_):
        raise KeyError('laser')

    monkeypatch.setattr(Buffer, 'lookup_transform', fail)
    with pytest.raises(AlignmentError) as caught:
        lookup.lookup(OPTICAL, 'laser')
    assert caught.type is AlignmentError


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
    assert snapshot.early.text == f"scan: TF does not connect 'laser' with '{OPTICAL}'"
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


@pytest.mark.parametrize(('unit', 'depth_m'), [('mm', 1.5), ('0.1mm', 0.15), ('tum', 0.3)])
def test_reference_depth_is_read_in_its_unit(unit, depth_m):
    world = depth_world(reference_depth_unit=unit, reference_min_depth_m=0.1)
    world.references.add('reference/depth', depth())
    np.testing.assert_allclose(kept(world).depth_m, depth_m, rtol=1e-6)
    assert world.references.doubt == ''


def see_depth(world, depth_mm, count=FRAMES):
    for _ in range(count):
        message = depth()
        message.data = np.full((48, 64), depth_mm, np.uint16).tobytes()
        world.references.add('reference/depth', message)


def test_a_road_is_wondered_at_once_and_a_room_not_at_all():
    world = depth_world()
    see_depth(world, 1500, 3 * FRAMES)
    assert (world.warnings, world.references.doubt) == ([], '')
    world = depth_world()
    see_depth(world, 12_000, FRAMES - 1)
    assert world.warnings == []
    see_depth(world, 12_000, 20)
    (warning,) = world.warnings
    assert warning.startswith(
        "median depth of 'reference/depth' is 12 m, at 1000 steps a metre; usual are 0.25 to "
        "3.5 m; set the unit, as 'reference_depth_unit:=0.1mm' (1.2 m) or "
        "'reference_depth_unit:=tum' (2.4 m)"
    )
    assert world.references.doubt == ''


def test_a_road_in_a_unit_that_was_told_is_no_reason_to_warn():
    world = depth_world(reference_depth_unit='cm')
    see_depth(world, 1200, 2 * FRAMES)
    assert (world.warnings, world.references.doubt) == ([], '')


def test_an_impossible_median_of_reference_depth_casts_doubt_on_the_unit():
    world = depth_world(reference_depth_unit='cm')
    see_depth(world, 30_000, 2 * FRAMES)
    doubt = world.references.doubt
    assert doubt.startswith(
        "median depth of 'reference/depth' is 300 m, at 100 steps a metre; possible are 0.05 to "
        "200 m; set the unit, as 'reference_depth_unit:=0.1mm' (3 m)"
    )
    assert world.warnings == [doubt]
    world.references.forget()
    assert world.references.doubt == ''


def test_another_unit_is_looked_at_anew():
    units = {'reference_depth_unit': 'cm'}
    world = depth_world()
    world.references._config = lambda: from_mapping(DepthNodeConfig, units)
    see_depth(world, 30_000)
    assert world.references.doubt != ''
    units['reference_depth_unit'] = '0.1mm'
    see_depth(world, 30_000)
    assert world.references.doubt == ''


def test_a_wrong_unit_of_reference_depth_is_refused_with_the_known():
    with pytest.raises(ConfigError, match="'reference_depth_unit': 'inch' is not a unit"):
        DepthImageConfig(reference_depth_unit='inch')


def test_a_frame_with_two_parents_is_named(tf2):
    node = Node()
    lookup = TransformLookup(node)
    lookup.lookup(OPTICAL, 'laser')
    take = node.subscriptions['/tf_static']
    take(static_transforms(('base_link', 'camera_link'), ('base_link', 'laser')))
    take(static_transforms(('base_link', 'camera_link')))
    assert lookup.conflicts() == ()
    take(static_transforms(('base_footprint', 'camera_link')))
    (sentence,) = lookup.conflicts()
    assert "'camera_link' has more than one parent in TF: base_footprint, base_link" in sentence


def test_frames_that_tf_does_not_connect_raise(tf2):
    with pytest.raises(AlignmentError, match="does not connect 'sonar'"):
        TransformLookup(Node()).lookup(OPTICAL, 'sonar')


def test_without_tf2_the_parameter_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'tf2_ros', None)
    with pytest.raises(AlignmentError, match='tf2_ros is not installed.*parameter'):
        TransformLookup(Node()).lookup(OPTICAL, 'laser')


def test_ranges_keep_their_marks():
    world = laser_world(laser_pose='0 0 0 0 0 0')
    message = scan()
    message.ranges = [math.inf, math.nan, -math.inf, 0.0, 2.0, 20.0] + [2.0] * 15
    world.references.add('scan', message)
    _, kept = world.source._scans.nearest(0)
    assert kept.beams.tolist() == [4, *range(6, 21)]


DEPTH_FRAME = 'camera_depth_optical_frame'


def unregistered():
    message = depth()
    message.header.frame_id = DEPTH_FRAME
    return message


def kept(world):
    return world.source._references.nearest(0)[1]


def test_depth_of_another_frame_is_refused_until_its_calibration_comes():
    world = depth_world(reference_pose='0 0.025 0 0 0 0')
    world.references.image_frame_id = OPTICAL
    world.references.add('reference/depth', unregistered())
    assert len(world.source) == 0
    words = world.warnings[0]
    assert 'not registered' in words and '/depth/camera_info' in words
    assert 'depth_registration' in words
    world.references.add('reference/camera_info', camera_info(frame_id=DEPTH_FRAME))
    world.references.add('reference/depth', unregistered())
    assert world.counts() == {'received': 2, 'rejected': 1}
    # 2.5 cm to the left at 1.5 m moves the view by 60 · 0.025 / 1.5 = 1 px to the left.
    columns = kept(world).indices % 64
    assert (columns.min(), columns.max()) == (0, 62)
    np.testing.assert_allclose(kept(world).depth_m, 1.5)


def test_depth_of_the_frame_of_the_image_needs_no_calibration():
    world = depth_world()
    message = depth()
    message.header.frame_id = world.references.image_frame_id = OPTICAL
    world.references.add('reference/depth', message)
    assert world.counts() == {'received': 1, 'rejected': 0}
    assert len(kept(world).indices) == 48 * 64


def test_depth_in_the_frame_of_the_image_is_registered_where_its_calibration_tells_nothing():
    uncalibrated = camera_info()
    uncalibrated.k[0] = 0.0
    world = in_the_frame_of_the_image(depth_world(), uncalibrated)
    assert len(kept(world).indices) == 48 * 64


def test_depth_of_another_calibration_is_refused_though_it_names_the_frame_of_the_image():
    world = in_the_frame_of_the_image(depth_world(), camera_info(focal_px=120.0))
    assert world.counts() == {'received': 1, 'rejected': 1}
    assert 'has fx 120, fy 120, cx 31.5, cy 23.5 px at 64x48' in world.warnings[0]
    assert 'set reference_pose, or set reference_registration to registered' in world.warnings[0]


def in_the_frame_of_the_image(world, info):
    world.references.image_frame_id = OPTICAL
    message = depth()
    message.header.frame_id = OPTICAL
    world.references.add('reference/camera_info', info)
    world.references.add('reference/depth', message)
    return world


def test_depth_of_another_calibration_without_a_frame_is_refused_without_a_pose():
    world = depth_world()
    world.references.add('reference/camera_info', camera_info(focal_px=120.0, frame_id=''))
    world.references.add('reference/depth', depth())
    assert world.counts() == {'received': 1, 'rejected': 1}
    assert 'set reference_pose, or set reference_registration to registered' in world.warnings[0]


def test_depth_of_another_calibration_without_a_frame_is_reprojected_with_a_pose():
    world = depth_world(reference_pose='0 0 0 0 0 0')
    world.references.add('reference/camera_info', camera_info(focal_px=120.0, frame_id=''))
    world.references.add('reference/depth', depth())
    rows, columns = np.divmod(kept(world).indices, 64)
    # Twice the focal length shows the inner half.
    assert rows.min() >= 11 and rows.max() <= 36
    assert columns.min() >= 15 and columns.max() <= 48


def test_depth_without_a_frame_is_in_that_of_its_calibration():
    world = depth_world()
    world.references.add('reference/camera_info', camera_info(frame_id=DEPTH_FRAME))
    world.references.add('reference/depth', depth())
    assert world.lookups == [(OPTICAL, DEPTH_FRAME)]


def test_without_a_pose_tf_is_asked_for_the_depth_camera():
    world = depth_world()
    world.references.image_frame_id = OPTICAL
    world.references.add('reference/camera_info', camera_info(frame_id=DEPTH_FRAME))
    world.references.add('reference/depth', unregistered())
    assert world.lookups == [(OPTICAL, DEPTH_FRAME)]
    assert world.counts() == {'received': 1, 'rejected': 1}


def test_depth_said_to_be_registered_is_taken_as_it_is():
    world = depth_world(reference_registration='registered')
    world.references.image_frame_id = OPTICAL
    world.references.add('reference/depth', unregistered())
    assert len(kept(world).indices) == 48 * 64


def test_depth_said_to_be_unregistered_is_reprojected_always():
    world = depth_world(reference_registration='unregistered', reference_pose='0 0.025 0 0 0 0')
    world.references.add('reference/camera_info', camera_info())
    world.references.add('reference/depth', depth())
    assert (kept(world).indices % 64).max() == 62


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
