import struct
import threading
from dataclasses import replace

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from made_states import RELATIVE, held_result
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import CameraError
from depth_anything_ros.messages import decode_any_depth, decode_any_image
from depth_anything_ros.nodes.outputs import DepthOutputs
from depth_anything_ros.nodes.ros_messages import make_message, message_class
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.result import DepthResult, FusedDepth
from depth_anything_ros.stream.encoders import (
    COMPRESSED_DEPTH,
    COMPRESSED_FUSED,
    COMPRESSED_OUTPUTS,
    COMPRESSED_PREVIEW,
    DEPTH,
    FUSED,
    OUTPUTS,
    POINTS,
    SCALE,
    SCAN,
    Finished,
    Output,
    Published,
)
from depth_anything_ros.stream.encoders import (
    RELATIVE as RELATIVE_TOPIC,
)
from depth_anything_ros.types import (
    Camera,
    Frame,
    MetricDepth,
    OutputKind,
    RelativeInverseDepth,
    ScaleState,
)


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
    for topic, output in {**OUTPUTS, **COMPRESSED_OUTPUTS}.items():
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
    outputs = [*OUTPUTS.values(), *COMPRESSED_OUTPUTS.values()]
    assert [output.encode(nothing, make_message) for output in outputs] == [None] * len(outputs)


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


@pytest.fixture
def made_outputs(statistics):
    made = []

    def make(owner):
        made.append(DepthOutputs(owner, statistics))
        return made[-1]

    yield make
    for outputs in made:
        outputs.close()


def publish(outputs, result, stages_ms):
    return outputs.publish(finished(result), outputs.wanted(), stages_ms)


def test_nothing_is_made_for_an_output_that_nobody_wants(monkeypatch, made_outputs):
    owner, stages_ms = Owner(RELATIVE_TOPIC, DEPTH), {}
    outputs = made_outputs(owner)
    for table in (OUTPUTS, COMPRESSED_OUTPUTS):
        for topic, output in list(table.items()):
            if topic not in owner.watched:
                monkeypatch.setitem(table, topic, replace(output, encode=None))
    published = publish(outputs, held_result(ScaleState.FITTED), stages_ms)
    assert published == Published((RELATIVE_TOPIC,), (DEPTH,), {})
    assert set(stages_ms) == {'encode', 'publish'}
    assert [topic for topic, made in owner.publishers.items() if made.sent] == [RELATIVE_TOPIC]


def test_what_is_wanted_and_not_there_takes_no_time(made_outputs):
    stages_ms = {}
    outputs = made_outputs(Owner(DEPTH, POINTS))
    published = publish(outputs, held_result(ScaleState.FITTED), stages_ms)
    assert (published.topics, published.missing) == ((), (DEPTH, POINTS))
    assert stages_ms == {}


def test_a_camera_that_gives_no_scan_is_told_with_the_reason(monkeypatch, made_outputs):
    def refuse(_frame, _make):
        raise CameraError('K[0] = 0')

    monkeypatch.setitem(OUTPUTS, SCAN, replace(OUTPUTS[SCAN], encode=refuse))
    published = publish(made_outputs(Owner(SCAN)), held_result(ScaleState.FITTED), {})
    assert published == Published((), (SCAN,), {SCAN: 'K[0] = 0'})


def metric_result(depth_m, **fields):
    """Return a result of a network that sees sky where depth is not known."""
    frame = Frame(np.zeros((*depth_m.shape, 3), np.uint8), 0, 'camera')
    values = np.nan_to_num(1 / depth_m)
    relative = RelativeInverseDepth(values, kind=OutputKind.INVERSE_DEPTH_UP_TO_SCALE)
    return DepthResult(frame, relative, None, MetricDepth(depth_m), **fields)


@pytest.mark.parametrize('encoding', ['32FC1', '16UC1'])
def test_compressed_depth_says_what_the_image_says(encoding):
    depth_m = np.linspace(0.2, 5.0, 48, dtype=np.float32).reshape(6, 8)
    depth_m[1, 2] = np.nan
    fused = FusedDepth(depth_m / 2 + 0.1, np.ones((6, 8), np.uint8))
    result = metric_result(depth_m, fused=fused)
    config = DepthNodeConfig(depth_encoding=encoding)
    frame = Finished(result, Header(frame_id='camera'), None, config)
    for raw, compressed in ((DEPTH, COMPRESSED_DEPTH), (FUSED, COMPRESSED_FUSED)):
        image = OUTPUTS[raw].encode(frame, make_message)
        message = COMPRESSED_OUTPUTS[compressed].encode(frame, make_message)
        assert (message.header, message.format) == (
            image.header, f'{encoding}; compressedDepth png',
        )  # fmt: skip
        tolerance_m = 5**2 / 20200 if encoding == '32FC1' else 0
        np.testing.assert_allclose(
            decode_any_depth(message), decode_any_depth(image), rtol=0, atol=tolerance_m
        )


def test_the_sky_is_infinite_in_compressed_depth_too():
    frame = finished(metric_result(np.array([[np.nan, 2.0]], np.float32)))
    image = OUTPUTS[DEPTH].encode(frame, make_message)
    np.testing.assert_array_equal(np.frombuffer(image.data, np.float32), [np.inf, 2.0])
    message = COMPRESSED_OUTPUTS[COMPRESSED_DEPTH].encode(frame, make_message)
    stored = cv2.imdecode(np.frombuffer(message.data, np.uint8)[12:], cv2.IMREAD_UNCHANGED)
    _, a_m, b = struct.unpack('<iff', bytes(message.data[:12]))
    np.testing.assert_array_equal(stored, [[b, 5051]])
    assert a_m / (5051 - b) == 2.0  # and a / (b − b) is infinite


def test_the_quality_of_the_preview_is_a_parameter():
    values = np.random.default_rng(4).random((32, 40), np.float32)
    result = DepthResult(
        Frame(np.zeros((32, 40, 3), np.uint8), 0, 'camera'), RelativeInverseDepth(values), None,
        None,
    )  # fmt: skip
    sizes = []
    for quality in (95, 40):
        config = DepthNodeConfig(preview_jpeg_quality=quality)
        frame = Finished(result, Header(), None, config)
        message = COMPRESSED_OUTPUTS[COMPRESSED_PREVIEW].encode(frame, make_message)
        assert decode_any_image(message).shape == (32, 40, 3)
        sizes.append(len(message.data))
    assert sizes[1] < sizes[0] / 2


def test_a_cloud_is_thinned_where_that_is_asked_for():
    camera = Camera(4, 2, 4.0, 4.0, 1.5, 0.5)
    frame = Frame(np.zeros((2, 4, 3), np.uint8), 0, 'camera_optical_frame', camera)
    depth_m = np.array([[1, 1, 3, np.nan]] * 2, np.float32)
    result = DepthResult(frame, None, None, MetricDepth(depth_m))
    config = DepthNodeConfig(cloud_voxel_m=10.0)
    cloud = OUTPUTS[POINTS].encode(Finished(result, Header(), None, config), make_message)
    points = np.frombuffer(cloud.data, np.float32).reshape(-1, 4)
    # The cubes meet at the optical axis.
    assert (cloud.height, cloud.width, cloud.is_dense) == (1, 4, True)
    np.testing.assert_allclose(points[:, 2], [1, 3, 1, 3])
    assert not OUTPUTS[POINTS].encode(finished(result), make_message).is_dense


def test_what_is_compressed_follows_without_the_frame_waiting_for_it(
    monkeypatch, made_outputs, statistics
):
    begin, began = threading.Event(), threading.Event()
    encode = COMPRESSED_OUTPUTS[COMPRESSED_DEPTH].encode

    def slow(frame, make):
        began.set()
        assert begin.wait(10)
        return encode(frame, make)

    monkeypatch.setitem(COMPRESSED_OUTPUTS, COMPRESSED_DEPTH, Output(
        COMPRESSED_OUTPUTS[COMPRESSED_DEPTH].type_name, slow, stage='compress'))  # fmt: skip
    owner = Owner(DEPTH, COMPRESSED_DEPTH)
    outputs, stages_ms = made_outputs(owner), {}
    results = [metric_result(np.full((2, 2), depth_m, np.float32)) for depth_m in (1, 2, 3)]
    publish(outputs, results[0], stages_ms)
    assert began.wait(10)
    # Both come while the first is encoded; the newer takes the place of the other.
    for result in results[1:]:
        published = publish(outputs, result, stages_ms)
    assert published == Published((DEPTH,), (), {})
    assert len(owner.publishers[DEPTH].sent) == 3
    assert owner.publishers[COMPRESSED_DEPTH].sent == []
    assert set(stages_ms) == {'encode', 'publish'}
    begin.set()
    assert outputs._compressor.wait_idle(10)
    depths_m = [decode_any_depth(each)[0, 0] for each in owner.publishers[COMPRESSED_DEPTH].sent]
    np.testing.assert_allclose(depths_m, [1, 3], rtol=1e-3)
    snapshot = statistics.snapshot()
    assert snapshot.published == {'depth/image_raw/compressedDepth': 2}
    assert snapshot.frames['processed'] == 0
    assert set(snapshot.stages_ms) == {'compress'} and outputs.problem == ''


def test_a_frame_that_cannot_be_compressed_is_told_and_the_next_one_goes_out(
    monkeypatch, made_outputs
):
    owner = Owner(COMPRESSED_DEPTH)
    outputs = made_outputs(owner)
    good = COMPRESSED_OUTPUTS[COMPRESSED_DEPTH]

    def fail(_frame, _make):
        raise ValueError('too wide')

    result = metric_result(np.ones((2, 2), np.float32))
    monkeypatch.setitem(COMPRESSED_OUTPUTS, COMPRESSED_DEPTH, replace(good, encode=fail))
    publish(outputs, result, {})
    assert outputs._compressor.wait_idle(10)
    assert outputs.problem == 'not compressed: ValueError: too wide'
    outputs.publish(finished(result), (), {})
    assert outputs.problem == ''
    publish(outputs, result, {})
    assert outputs._compressor.wait_idle(10)
    assert outputs.problem == 'not compressed: ValueError: too wide'
    monkeypatch.setitem(COMPRESSED_OUTPUTS, COMPRESSED_DEPTH, good)
    publish(outputs, result, {})
    assert outputs._compressor.wait_idle(10)
    assert outputs.problem == '' and len(owner.publishers[COMPRESSED_DEPTH].sent) == 1
