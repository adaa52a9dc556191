"""Messages without stamps: their time of arrival, and what dies with a sensor."""

from types import SimpleNamespace

import numpy as np
import pytest
from sensor_msgs.msg import Image, Imu, LaserScan

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY
from depth_anything_ros.messages import stamp_ns
from depth_anything_ros.nodes.arrival import STANDSTILL_MESSAGES, STANDSTILL_S, ArrivalStamps
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.pipeline import DepthPipeline
from depth_anything_ros.scale import AlignmentTracker
from depth_anything_ros.scale.camera_height import CameraHeightScale
from depth_anything_ros.scale.depth_image import DepthImageScale
from depth_anything_ros.scale.laser_scan import LaserScanScale
from depth_anything_ros.stream.camera_input import CameraInput
from depth_anything_ros.stream.references import References
from depth_anything_ros.stream.registration import DepthRegistration
from depth_anything_ros.stream.run_statistics import RunStatistics
from depth_anything_ros.types import Camera, Frame, RelativeInverseDepth, ScaleState

START_NS = 1_700_000_000_000_000_000
CAMERA = Camera(64, 48, 60.0, 60.0, 31.5, 23.5)
EXPIRY_S = 2.0


class Clock:
    """Count simulated time; `steady` goes on where the node's clock stands still."""

    def __init__(self, now_ns=START_NS):
        self.now_ns = now_ns
        self.steady = 0.0

    def wait(self, seconds):
        self.now_ns += round(seconds * 1e9)
        self.steady += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def arrivals(clock, warnings):
    return ArrivalStamps(lambda: clock.now_ns, warnings.append, lambda: clock.steady)


def receive(arrivals, message, topic='scan'):
    """Return the messages handed on and the reasons of refusals."""
    taken, refused = [], []
    arrivals.stamping(topic, taken.append, refused.append)(message)
    return taken, refused


def test_only_a_message_without_stamp_gets_its_time_of_arrival(arrivals, clock):
    clock.wait(0.25)
    (taken,), _ = receive(arrivals, LaserScan())
    assert stamp_ns(taken.header) == START_NS + 250_000_000
    stamped = LaserScan()
    stamped.header.stamp.nanosec = 1
    (taken,), _ = receive(arrivals, stamped)
    assert stamp_ns(taken.header) == 1


def test_a_topic_is_told_once_and_shown_as_long_as_it_has_no_stamps(arrivals, warnings):
    for topic in ('scan', 'image', 'scan'):
        receive(arrivals, LaserScan(), topic)
    assert [text.split(' has no')[0] for text in warnings] == ['scan', 'image']
    assert arrivals.traps == ('no stamps on image, scan: times of arrival count',)
    stamped = LaserScan()
    stamped.header.stamp.sec = 5
    receive(arrivals, stamped, 'scan')
    receive(arrivals, stamped, 'image')
    assert arrivals.traps == ()


def test_a_clock_that_has_not_started_gives_no_time(arrivals, clock):
    clock.now_ns = 0
    taken, (reason,) = receive(arrivals, LaserScan())
    assert not taken and 'use_sim_time set without /clock' in reason


def test_a_clock_that_stands_still_gives_no_time_until_it_goes_on(arrivals, clock):
    assert receive(arrivals, LaserScan())[0]
    clock.steady += STANDSTILL_S
    assert receive(arrivals, LaserScan())[0]
    clock.steady += 0.1
    taken, (reason,) = receive(arrivals, LaserScan())
    assert not taken and 'stands still' in reason
    clock.wait(0.1)
    assert receive(arrivals, LaserScan())[0]


def test_a_stamp_that_stands_still_is_refused_until_it_goes_on(arrivals, clock):
    """A camera of a dead clock and a laser that died would fit each other for ever."""
    stamped = LaserScan()
    stamped.header.stamp.sec = 5
    for _ in range(STANDSTILL_MESSAGES):
        clock.wait(STANDSTILL_S / 10)
        assert receive(arrivals, stamped)[0] == [stamped]
    taken, (reason,) = receive(arrivals, stamped)
    assert not taken and 'the stamp on scan stands still at 5.000 s' in reason
    assert receive(arrivals, stamped, 'image')[0] == [stamped]
    stamped.header.stamp.sec = 6
    assert receive(arrivals, stamped)[0] == [stamped]


def test_one_image_sent_some_times_by_hand_is_taken(arrivals, clock):
    image = Image()
    image.header.stamp.sec = 5
    for _ in range(STANDSTILL_MESSAGES):
        assert receive(arrivals, image, 'image')[0] == [image]
        clock.wait(60.0)


def network(inverse):
    """Return a stand-in for a predictor whose output is the inverse depth itself."""
    return SimpleNamespace(
        preprocess=lambda rgb: SimpleNamespace(source_size=rgb.shape[:2]),
        infer=lambda model_input: inverse,
        postprocess=lambda raw, size: RelativeInverseDepth(raw),
    )


def slanted():
    """Return the inverse depth of a wall that turns away to the right, (48, 64) in 1/m."""
    columns = (np.arange(64) - CAMERA.cx_px) / CAMERA.fx_px
    return np.broadcast_to(0.5 + 0.3 * columns, (48, 64)).astype(np.float32)


def depth_message():
    depth_mm = np.rint(1000 / slanted()).astype(np.uint16)
    return Image(height=48, width=64, step=128, encoding='16UC1', data=depth_mm.tobytes())


def scan_message():
    scan = LaserScan(angle_min=-0.45, angle_increment=0.005, range_min=0.05, range_max=12.0)
    angles = scan.angle_min + scan.angle_increment * np.arange(181)
    scan.ranges = (1 / (0.5 * np.cos(angles) - 0.3 * np.sin(angles))).tolist()
    return scan


class Robot:
    """A camera and one more sensor, joined as in the node but for ROS."""

    def __init__(self, topic, arrivals, clock):
        self.clock = clock
        source = {
            'scan': LaserScanScale(0.2, 8.0, 0.1),
            'reference/depth': DepthImageScale(0.2, 8.0, 0.05),
        }[topic]
        self.message = {'scan': scan_message, 'reference/depth': depth_message}[topic]
        self.pipeline = DepthPipeline(
            network(slanted()), source, AlignmentTracker(0.5, EXPIRY_S), 20.0
        )
        self.statistics = RunStatistics()
        given = {'laser_pose': '0 0 0 0 0 0', 'reference_registration': 'registered'}
        config = from_mapping(DepthNodeConfig, given)
        references = References(
            SimpleNamespace(pipeline=self.pipeline),
            lambda target, source: OPTICAL_FROM_BODY,
            {
                'reference/depth': DepthRegistration(
                    CameraInput('/info'), CameraInput('/depth_info'), None
                )
            },
            self.statistics,
            lambda: config,
            lambda: True,
            lambda text: None,
        )
        self._sense = arrivals.stamping(
            topic, lambda message: references.add(topic, message), references.refuse
        )
        self._see = arrivals.stamping('image', self._process, references.refuse)

    def drive(self, seconds, *, sensor, stamped=()):
        """Return the results of ten frames a second, and let the sensor speak before each."""
        self.results = []
        for _ in range(round(10 * seconds)):
            self.clock.wait(0.09)
            if sensor:
                self._sense(self._stamp(self.message(), 'sensor' in stamped))
            self.clock.wait(0.01)
            self._see(self._stamp(Image(), 'image' in stamped))
        return self.results

    def _stamp(self, message, stamped):
        if stamped:
            stamp = message.header.stamp
            stamp.sec, stamp.nanosec = divmod(self.clock.now_ns, 10**9)
        return message

    def _process(self, message):
        rgb = np.zeros((48, 64, 3), np.uint8)
        frame = Frame(rgb, stamp_ns(message.header), 'camera', CAMERA)
        self.results.append(self.pipeline.process(frame))


@pytest.mark.parametrize('stamped', [(), ('image',), ('sensor',), ('image', 'sensor')])
@pytest.mark.parametrize('topic', ['scan', 'reference/depth'])
def test_the_scale_of_a_sensor_that_died_expires(topic, stamped, arrivals, clock):
    robot = Robot(topic, arrivals, clock)
    for result in robot.drive(1.0, sensor=True, stamped=stamped):
        assert result.scale_state is ScaleState.FITTED
        assert result.alignment.age_s(result.frame.stamp_ns) == pytest.approx(0.01)
        np.testing.assert_allclose(result.metric.depth_m, 1 / slanted(), rtol=0.01)
    results = robot.drive(EXPIRY_S + 1.0, sensor=False, stamped=stamped)
    states = [result.scale_state for result in results]
    # One frame more is within the offset of the last reference.
    fitted = states.count(ScaleState.FITTED)
    assert fitted <= 1 and ScaleState.FITTED not in states[fitted:]
    held = states.count(ScaleState.HELD)
    assert held == 10 * EXPIRY_S and states[fitted:] == held * [ScaleState.HELD] + [None] * (
        len(states) - fitted - held
    )
    assert results[-1].metric is None and 'older than the image' in results[-1].no_metric_reason


def test_a_sensor_of_another_clock_than_the_unstamped_one_gives_no_scale(arrivals, clock):
    robot = Robot('scan', arrivals, clock)
    scan = scan_message()
    scan.header.stamp.sec = 12  # seconds since its own start
    robot._sense(scan)
    (result, *_) = robot.drive(0.1, sensor=False)
    assert result.metric is None
    assert result.no_metric_reason.startswith('the nearest laser scan is 1699999988.')


def test_the_tilt_of_an_imu_that_died_expires(arrivals, clock):
    source = CameraHeightScale(0.149, 0.1, 0.0, 8.0)
    source.await_tilt()
    references = References(
        SimpleNamespace(pipeline=SimpleNamespace(scale_source=source)),
        None,
        {'reference/depth': DepthRegistration(CameraInput(''), CameraInput(''), None)},
        RunStatistics(),
        lambda: from_mapping(DepthNodeConfig, {'camera_tilt_source': 'imu'}),
        lambda: True,
        lambda text: None,
    )
    sense = arrivals.stamping('imu', lambda message: references.add('imu', message), print)
    message = Imu()
    message.linear_acceleration.z = 9.81
    sense(message)
    assert source._tilt_at(clock.now_ns + 10**9) == pytest.approx((0.1, 0.0))
    with pytest.raises(AlignmentError, match='the last tilt from the IMU is 1.5 s older'):
        source.align(RelativeInverseDepth(slanted()), clock.now_ns + 1_500_000_000, CAMERA)
