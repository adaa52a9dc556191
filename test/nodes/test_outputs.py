from dataclasses import replace

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from made_states import RELATIVE, held_result
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import CameraError
from depth_anything_ros.nodes.outputs import DepthOutputs
from depth_anything_ros.nodes.ros_messages import make_message, message_class
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.result import DepthResult, FusedDepth
from depth_anything_ros.stream.encoders import (
    DEPTH,
    OUTPUTS,
    POINTS,
    SCALE,
    SCAN,
    Finished,
    Published,
)
from depth_anything_ros.stream.encoders import (
    RELATIVE as RELATIVE_TOPIC,
)
from depth_anything_ros.types import Camera, Frame, MetricDepth, ScaleState


def scale_status(result):
    (status,) = OUTPUTS[SCALE].encode(finished(result), make_message).status
    return status


@pytest.mark.parametrize(
    ('state', 'level'),
    [
        (ScaleState.FITTED, DiagnosticStatus.OK),
        (ScaleState.HELD, DiagnosticStatus.WARN),
        (ScaleState.STALE, DiagnosticStatus.WARN),
    ],
)
def test_the_scale_message_warns_unless_it_is_of_its_frame(state, level):
    status = scale_status(held_result(state))
    assert (status.level, status.message) == (level, state.value)
    assert status.values[-1].value == 'no laser scan received yet'


def test_without_a_scale_the_message_is_an_error_and_says_why():
    frame = Frame(np.zeros((2, 2, 3), np.uint8), 0, 'camera')
    result = DepthResult(frame, RELATIVE, None, None, 'nothing', no_fit_reason='nothing')
    status = scale_status(result)
    assert (status.level, status.message) == (DiagnosticStatus.ERROR, 'no scale')
    assert [(pair.key, pair.value) for pair in status.values] == [('no_fit_reason', 'nothing')]


def finished(result):
    return Finished(result, Header(), None, DepthNodeConfig())


def test_every_output_has_a_message_of_its_type():
    camera = Camera(2, 2, 1.0, 1.0, 0.5, 0.5)
    frame = Frame(np.zeros((2, 2, 3), np.uint8), 0, 'camera_optical_frame', camera)
    metric = MetricDepth(np.ones((2, 2), np.float32))
    fused = FusedDepth(np.full((2, 2), 2.0, np.float32), np.ones((2, 2), np.uint8))
    sigma = np.full((2, 2), 0.1, np.float32)
    result = DepthResult(
        frame, RELATIVE, None, metric, fused=fused, sigma=sigma, confidence=1 - sigma
    )
    header = Header(frame_id=frame.frame_id)
    complete = Finished(result, header, CameraInfo(), DepthNodeConfig())
    for topic, output in OUTPUTS.items():
        assert isinstance(
            output.encode(complete, make_message), message_class(output.type_name)
        ), topic


def test_clouds_are_of_the_depth_that_cloud_from_names():
    camera = Camera(2, 2, 1.0, 1.0, 0.5, 0.5)
    frame = Frame(np.zeros((2, 2, 3), np.uint8), 0, 'camera_optical_frame', camera)
    fused = FusedDepth(np.full((2, 2), 2.0, np.float32), np.ones((2, 2), np.uint8))
    result = DepthResult(frame, None, None, MetricDepth(fused.depth_m / 2), fused=fused)
    for cloud_from, depth_m in (('depth', 1.0), ('fused', 2.0)):
        config = DepthNodeConfig(cloud_from=cloud_from)
        cloud = OUTPUTS[POINTS].encode(Finished(result, Header(), None, config), make_message)
        assert set(np.frombuffer(cloud.data, np.float32).reshape(-1, 4)[:, 2]) == {depth_m}
    nothing = replace(result, fused=None)
    assert OUTPUTS[POINTS].encode(Finished(nothing, Header(), None, config), make_message) is None


@pytest.mark.parametrize('stride', [1, 2])
def test_max_sigma_leaves_uncertain_points_unknown_in_an_organised_cloud(stride):
    camera = Camera(4, 2, 4.0, 4.0, 1.5, 0.5)
    frame = Frame(np.zeros((2, 4, 3), np.uint8), 0, 'camera_optical_frame', camera)
    depth_m = np.array([[1, 2, 3, np.nan]] * 2, np.float32)
    sigma = np.float32([0.1, 0.5, 0.6, np.nan]) * np.ones_like(depth_m)
    result = DepthResult(frame, None, None, MetricDepth(depth_m), sigma=sigma)
    config = from_mapping(DepthNodeConfig, {'max_sigma': 0.2, 'cloud_stride': stride})
    cloud = OUTPUTS[POINTS].encode(Finished(result, Header(), None, config), make_message)
    points = np.frombuffer(cloud.data, np.float32).reshape(cloud.height, cloud.width, 4)
    expected = np.array([[1, np.nan, 3, np.nan]] * 2, np.float32)
    np.testing.assert_array_equal(points[..., 2], expected[::stride, ::stride])
    assert np.isnan(points[np.isnan(points[..., 2]), :3]).all() and not cloud.is_dense


def test_ground_sigmas_leaves_out_what_may_be_the_ground_of_the_camera_that_is_told():
    # The lower row looks 0.5 m down for each metre ahead.
    camera = Camera(4, 2, 4.0, 4.0, 1.5, -1.0)
    frame = Frame(np.zeros((2, 4, 3), np.uint8), 0, 'camera_optical_frame', camera)
    depth_m = np.array([[3.0] * 4, [1.8, 1.8, 1.0, 1.95]], np.float32)
    sigma = np.array([[0.1] * 4, [0.1, 0.4, 0.4, 0.4]], np.float32)
    result = DepthResult(frame, None, None, MetricDepth(depth_m), sigma=sigma)
    told = {'ground_sigmas': 0.5, 'camera_height_m': 1.0}
    for changes, last_row in (
        (told, [1.8, np.nan, 1.0, 1.95]),
        # As if the ground were farther down, they are 1.1 m high and more.
        ({**told, 'camera_height_m': 2.0}, [1.8, 1.8, 1.0, 1.95]),
    ):
        config = from_mapping(DepthNodeConfig, changes)
        cloud = OUTPUTS[POINTS].encode(Finished(result, Header(), None, config), make_message)
        points = np.frombuffer(cloud.data, np.float32).reshape(2, 4, 4)
        np.testing.assert_array_equal(points[1, :, 2], np.float32(last_row))


def test_with_max_sigma_there_is_no_cloud_or_scan_whose_uncertainty_is_unknown():
    camera = Camera(4, 2, 4.0, 4.0, 1.5, 0.5)
    frame = Frame(np.zeros((2, 4, 3), np.uint8), 0, 'camera_optical_frame', camera)
    result = DepthResult(frame, None, None, MetricDepth(np.ones((2, 4), np.float32)))
    config = from_mapping(DepthNodeConfig, {'max_sigma': 0.2})
    header = Header(frame_id=frame.frame_id)
    for topic in (POINTS, SCAN):
        assert OUTPUTS[topic].encode(Finished(result, header, None, config), make_message) is None
        without = Finished(result, header, None, DepthNodeConfig())
        assert OUTPUTS[topic].encode(without, make_message) is not None


def test_the_scan_leaves_out_what_max_sigma_does():
    camera = Camera(4, 2, 4.0, 4.0, 1.5, 0.5)
    frame = Frame(np.zeros((2, 4, 3), np.uint8), 0, 'camera_optical_frame', camera)
    depth_m = np.ones((2, 4), np.float32)
    sigma = np.array([[0.1, 0.1, 0.5, 0.1]] * 2, np.float32)
    result = DepthResult(frame, None, None, MetricDepth(depth_m), sigma=sigma)
    config = from_mapping(
        DepthNodeConfig,
        {'max_sigma': 0.2, 'scan_min_height_m': -1.0, 'scan_max_height_m': 1.0},
    )
    header = Header(frame_id=frame.frame_id)
    scan = OUTPUTS[SCAN].encode(Finished(result, header, None, config), make_message)
    # Beams go from right to left.
    assert list(np.isnan(scan.ranges)) == [False, True, False, False]


def test_a_frame_without_depth_has_no_message_for_any_topic():
    frame = Frame(np.zeros((2, 2, 3), np.uint8), 0, 'camera')
    nothing = finished(DepthResult(frame, None, None, None))
    assert [output.encode(nothing, make_message) for output in OUTPUTS.values()] == [None] * len(
        OUTPUTS
    )


class Publisher:
    def __init__(self, watched):
        self.watched = watched
        self.sent = []

    def get_subscription_count(self):
        return int(self.watched)

    def publish(self, message):
        self.sent.append(message)


class Owner:
    """Stand in for the node; somebody subscribes to the topics given."""

    def __init__(self, *watched):
        self.watched = watched
        self.publishers = {}

    def create_lifecycle_publisher(self, message_type, topic, *_, **__):
        return self.publishers.setdefault(topic, Publisher(topic in self.watched))


def test_nothing_is_made_for_an_output_that_nobody_wants(monkeypatch):
    owner, stages_ms = Owner(RELATIVE_TOPIC, DEPTH), {}
    outputs = DepthOutputs(owner)
    for topic, output in list(OUTPUTS.items()):
        if topic not in owner.watched:
            monkeypatch.setitem(OUTPUTS, topic, replace(output, encode=None))
    published = outputs.publish(finished(held_result(ScaleState.FITTED)), stages_ms)
    assert published == Published((RELATIVE_TOPIC,), (DEPTH,), {})
    assert set(stages_ms) == {'encode', 'publish'}
    assert [topic for topic, made in owner.publishers.items() if made.sent] == [RELATIVE_TOPIC]


def test_what_is_wanted_and_not_there_takes_no_time():
    stages_ms = {}
    outputs = DepthOutputs(Owner(DEPTH, POINTS))
    published = outputs.publish(finished(held_result(ScaleState.FITTED)), stages_ms)
    assert (published.topics, published.missing) == ((), (DEPTH, POINTS))
    assert stages_ms == {}


def test_a_camera_that_gives_no_scan_is_told_with_the_reason(monkeypatch):
    def refuse(_frame, _make):
        raise CameraError('K[0] = 0')

    monkeypatch.setitem(OUTPUTS, SCAN, replace(OUTPUTS[SCAN], encode=refuse))
    published = DepthOutputs(Owner(SCAN)).publish(finished(held_result(ScaleState.FITTED)), {})
    assert published == Published((), (SCAN,), {SCAN: 'K[0] = 0'})
