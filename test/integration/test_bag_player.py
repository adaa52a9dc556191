"""The bag player as a process: order, stamps, lockstep, counts."""

import json
import re
import time

import numpy as np
import pytest
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from rclpy.serialization import serialize_message
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability
from rosbags.interfaces import QosTime as Time
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, Imu
from std_msgs.msg import String

from depth_anything_ros.bag import BagReader, BagWriter, RgbdFrame, write_rgbd_bag
from depth_anything_ros.messages import decode_image, stamp_fields, stamp_ns
from depth_anything_ros.nodes.bag_player import find_message_type
from depth_anything_ros.types import Camera, Frame

COLOR, DEPTH = '/camera/color/image_raw', '/camera/depth/image_raw'
INFO = '/camera/color/camera_info'
FRAMES, RATE_HZ = 6, 10.0
START_NS = 1_700_000_000_000_000_000
STAMPS_NS = [START_NS + round(index * 1e9 / RATE_HZ) for index in range(FRAMES)]


@pytest.fixture
def bag(tmp_path):
    camera = Camera(32, 24, 30.0, 30.0, 16.0, 12.0)
    write_rgbd_bag(
        tmp_path / 'bag',
        [
            RgbdFrame(
                Frame(np.full((24, 32, 3), index, np.uint8), stamp, 'optical', camera),
                np.full((24, 32), 1 + index, np.float32),
            )
            for index, stamp in enumerate(STAMPS_NS)
        ],
    )
    return tmp_path / 'bag'


@pytest.fixture
def probe(world):
    made = world.probe()
    for message_type, topic in ((Image, COLOR), (Image, DEPTH), (CameraInfo, INFO)):
        made.listen(message_type, topic)
    return made


RELIABLE, BEST_EFFORT = QoSReliabilityPolicy.RELIABLE, QoSReliabilityPolicy.BEST_EFFORT
TRANSIENT_LOCAL = QoSDurabilityPolicy.TRANSIENT_LOCAL


def recorded_offer(reliability, durability):
    """Return the QoS of one publisher as ROS 2 records it: depth and history are not known."""
    return Qos(
        QosHistory.UNKNOWN, 0, QosReliability(reliability), QosDurability(durability),
        Time(0, 0), Time(0, 0), QosLiveliness.AUTOMATIC, Time(0, 0), False,
    )  # fmt: skip


def offered(probe, topic):
    """Return reliability and durability that the player offers."""
    probe.spin_until(lambda: probe.node.get_publishers_info_by_topic(topic))
    (info,) = probe.node.get_publishers_info_by_topic(topic)
    return info.qos_profile.reliability, info.qos_profile.durability


def counts(process):
    return json.loads([line for line in process.output().splitlines() if line[:1] == '{'][-1])


def ended(probe, process):
    """Wait for the end of the player, take what it has sent, and return its exit code."""
    probe.spin_until(lambda: not process.running())
    probe.spin(0.3)
    return process.wait()


def stamps_of(probe, topic):
    return [stamp_ns(message.header) for message in probe.received[topic]]


def test_realtime_keeps_messages_stamps_and_pace(world, probe, bag):
    clock = probe.listen(Clock, '/clock')
    started_ns = time.time_ns()
    process = world.start('bag_player', {'bag': bag, 'rate': 0.5})
    assert ended(probe, process) == 0, process.output()
    assert counts(process) == {'sent': FRAMES, 'answered': 0, 'timed_out': 0}
    for topic in (COLOR, DEPTH, INFO):
        assert stamps_of(probe, topic) == STAMPS_NS
    assert [message.data[0] for message in probe.received[COLOR]] == list(range(FRAMES))
    assert [1 + message.data[0] + 256 * message.data[1] for message in probe.received[DEPTH]] == [
        1001 + 1000 * index for index in range(FRAMES)
    ]
    assert [message.clock.sec * 10**9 + message.clock.nanosec for message in clock] == STAMPS_NS
    # However busy the machine is, nothing comes before its time.
    assert (probe.arrivals_ns[COLOR][-1] - started_ns) * 1e-9 > (FRAMES - 1) / RATE_HZ / 0.5


@pytest.mark.parametrize('frames', [2, FRAMES + 1])
def test_first_frames_are_played_with_what_belongs_to_them(world, probe, bag, frames):
    process = world.start('bag_player', {'bag': bag, 'frames': frames})
    ended(probe, process)
    assert counts(process)['sent'] == min(frames, FRAMES)
    for topic in (COLOR, DEPTH, INFO):
        assert stamps_of(probe, topic) == STAMPS_NS[:frames]


def test_all_frames_are_played_though_the_bag_says_that_it_has_fewer(world, probe, bag, tmp_path):
    with BagReader(bag) as reader, BagWriter(tmp_path / 'wrong', 'sqlite3') as writer:
        for message in reader.messages():
            writer.write_cdr(message.topic, message.type_name, message.cdr, message.log_time_ns)
    metadata = tmp_path / 'wrong' / 'metadata.yaml'
    text = metadata.read_text(encoding='utf-8')
    metadata.write_text(text.replace(f'message_count: {FRAMES}', 'message_count: 2'))
    with BagReader(tmp_path / 'wrong') as reader:
        assert reader.topics[COLOR].count == 2
    process = world.start('bag_player', {'bag': tmp_path / 'wrong'})
    ended(probe, process)
    assert counts(process)['sent'] == FRAMES
    assert stamps_of(probe, COLOR) == STAMPS_NS


@pytest.mark.perf
@pytest.mark.parametrize('restamp', [False, True])
def test_realtime_keeps_the_pace(world, probe, bag, restamp):
    world.start('bag_player', {'bag': bag, 'rate': 0.5, 'restamp': restamp})
    probe.spin_until(lambda: len(probe.received[COLOR]) == FRAMES)
    arrivals_ns = np.array(probe.arrivals_ns[COLOR])
    assert np.diff(arrivals_ns).mean() * 1e-9 == pytest.approx(0.2, abs=0.05)
    if restamp:
        assert np.median(arrivals_ns - stamps_of(probe, COLOR)) * 1e-9 < 0.2


def test_restamped_messages_keep_their_differences_and_bear_the_time_of_playing(world, probe, bag):
    clock = probe.listen(Clock, '/clock')
    process = world.start('bag_player', {'bag': bag, 'restamp': True})
    ended(probe, process)
    color = stamps_of(probe, COLOR)
    assert color == stamps_of(probe, DEPTH) == stamps_of(probe, INFO)
    delays_s = (np.array(probe.arrivals_ns[COLOR]) - np.array(color)) * 1e-9
    assert (delays_s >= 0).all()
    assert clock == []


def write_fast_bag(path):
    """Write 21 messages of an IMU at 50 Hz, and an image with every tenth."""
    image = {'height': 1, 'width': 1, 'encoding': 'mono8', 'step': 1, 'data': [0]}
    with BagWriter(path) as writer:
        for tick in range(21):
            now_ns = START_NS + tick * 20_000_000
            stamp = {'stamp': {'sec': now_ns // 10**9, 'nanosec': now_ns % 10**9}}
            writer.write('/imu', 'sensor_msgs/msg/Imu', {'header': stamp}, now_ns)
            if tick % 10 == 5:
                writer.write(COLOR, 'sensor_msgs/msg/Image', {'header': stamp, **image}, now_ns)
    return path


@pytest.mark.perf
def test_realtime_keeps_the_pace_of_topics_faster_than_the_images(world, probe, tmp_path):
    imu = probe.listen(Imu, '/imu')
    world.start('bag_player', {'bag': write_fast_bag(tmp_path / 'fast')})
    probe.spin_until(lambda: len(imu) == 21)
    # Sent with the images, all but two steps would be nothing.
    assert np.median(np.diff(probe.arrivals_ns['/imu'])) * 1e-9 == pytest.approx(0.02, abs=0.01)


@pytest.mark.parametrize('restamp', [False, True])
@pytest.mark.slow
def test_realtime_keeps_topics_faster_than_the_images(world, probe, tmp_path, restamp):
    imu, clock = probe.listen(Imu, '/imu'), probe.listen(Clock, '/clock')
    bag = write_fast_bag(tmp_path / 'fast')
    process = world.start('bag_player', {'bag': bag, 'restamp': restamp})
    assert ended(probe, process) == 0, process.output()
    assert (len(imu), len(probe.received[COLOR])) == (21, 2)
    steps_s = np.diff([stamp_ns(message.header) for message in imu]) * 1e-9
    assert np.median(steps_s) == pytest.approx(0.02, abs=0.002)
    assert len(clock) == (0 if restamp else 21)


def test_a_bag_without_images_on_the_topic_is_told_and_not_played_in_a_loop(world, tmp_path):
    types = get_typestore(Stores.ROS2_HUMBLE)
    with Writer(tmp_path / 'empty', version=9, storage_plugin=StoragePlugin.SQLITE3) as writer:
        writer.add_connection(COLOR, 'sensor_msgs/msg/Image', typestore=types)
        other = writer.add_connection('/time', 'builtin_interfaces/msg/Time', typestore=types)
        writer.write(other, START_NS, bytes(12))
    process = world.start('bag_player', {'bag': tmp_path / 'empty', 'loop': True})
    assert process.wait() == 1
    assert f"topic '{COLOR}'" in process.output()
    assert 'holds no messages' in process.output()


def test_lockstep_sends_the_next_image_only_after_the_prediction(world, probe, bag):
    probe.publisher(Image, 'prediction')
    process = world.start('bag_player', {'bag': bag, 'mode': 'lockstep'})
    probe.await_subscribers('prediction')
    for number in range(FRAMES):
        for topic in (COLOR, DEPTH):
            probe.spin_until(lambda: len(probe.received[topic]) > number)  # noqa: B023
        probe.spin(0.3)
        assert len(probe.received[COLOR]) == number + 1
        assert len(probe.received[DEPTH]) == number + 1
        other = Image()
        other.header.stamp.sec = 5
        probe.publish('prediction', other)
        probe.publish('prediction', Image(header=probe.received[COLOR][-1].header))
    assert ended(probe, process) == 0, process.output()
    assert counts(process) == {'sent': FRAMES, 'answered': FRAMES, 'timed_out': 0}


def test_lockstep_sends_depth_with_the_image_of_its_stamp_though_recorded_later(
    world, probe, tmp_path
):
    image = {'height': 1, 'width': 1, 'encoding': 'mono8', 'step': 1, 'data': [0]}
    late_ns = 3 * (STAMPS_NS[1] - STAMPS_NS[0]) // 2
    messages = [(stamp, COLOR, stamp) for stamp in STAMPS_NS]
    messages += [(stamp + late_ns, DEPTH, stamp) for stamp in STAMPS_NS]
    with BagWriter(tmp_path / 'late') as writer:
        for recorded_ns, topic, stamp in sorted(messages):
            header = {'header': {'stamp': stamp_fields(stamp)}}
            writer.write(topic, 'sensor_msgs/msg/Image', {**image, **header}, recorded_ns)
    probe.publisher(Image, 'prediction')
    process = world.start('bag_player', {'bag': tmp_path / 'late', 'mode': 'lockstep'})
    probe.await_subscribers('prediction')
    for number, stamp in enumerate(STAMPS_NS):
        for topic in (COLOR, DEPTH):
            probe.spin_until(lambda: len(probe.received[topic]) > number)  # noqa: B023
        probe.spin(0.1)
        assert stamps_of(probe, DEPTH)[-1] == stamp
        probe.publish('prediction', Image(header=probe.received[COLOR][number].header))
    assert ended(probe, process) == 0, process.output()


def test_lockstep_goes_on_after_a_lost_prediction_and_ends_with_1(world, probe, bag):
    probe.publisher(Image, 'prediction')
    process = world.start(
        'bag_player', {'bag': bag, 'mode': 'lockstep', 'lockstep_timeout_s': 3.0}
    )
    probe.await_subscribers('prediction')
    for number in range(FRAMES):
        probe.spin_until(lambda: len(probe.received[COLOR]) > number)  # noqa: B023
        if number != 2:
            probe.publish('prediction', Image(header=probe.received[COLOR][number].header))
    assert ended(probe, process) == 1
    assert counts(process) == {'sent': FRAMES, 'answered': FRAMES - 1, 'timed_out': 1}
    assert f'1 of {FRAMES} images got no prediction' in process.output()


@pytest.mark.parametrize('restamp', [False, True])
def test_a_bag_without_stamps_is_played_in_lockstep(world, probe, tmp_path, restamp):
    image = {'height': 1, 'width': 1, 'encoding': 'mono8', 'step': 1, 'data': [0]}
    with BagWriter(tmp_path / 'unstamped') as writer:
        for recorded_ns in STAMPS_NS:
            writer.write(COLOR, 'sensor_msgs/msg/Image', image, recorded_ns)
            header = {'stamp': stamp_fields(recorded_ns + 5_000_000)} if restamp else {}
            depth = {**image, 'header': header}
            writer.write(DEPTH, 'sensor_msgs/msg/Image', depth, recorded_ns + 5_000_000)
    probe.publisher(Image, 'prediction')
    parameters = {'bag': tmp_path / 'unstamped', 'mode': 'lockstep', 'restamp': restamp}
    process = world.start('bag_player', parameters)
    probe.await_subscribers('prediction')
    for number in range(FRAMES):
        probe.spin_until(lambda: len(probe.received[COLOR]) > number)  # noqa: B023
        probe.publish('prediction', Image(header=probe.received[COLOR][number].header))
    assert ended(probe, process) == 0, process.output()
    assert counts(process) == {'sent': FRAMES, 'answered': FRAMES, 'timed_out': 0}
    color = stamps_of(probe, COLOR)
    assert stamps_of(probe, DEPTH) == [stamp + 5_000_000 for stamp in color]
    if restamp:
        assert 0 <= time.time_ns() - color[-1] < 600 * 10**9
    else:
        assert color == STAMPS_NS


@pytest.mark.parametrize(
    ('parameters', 'words'),
    [
        ({'image_topic': '/other'}, "no topic '/other'"),
        (
            {'mode': 'lockstep', 'wait_for_subscribers_s': 0.3, 'subscribers': 7},
            'of 7 subscribers',
        ),
        ({'mode': 'lockstep', 'wait_for_subscribers_s': 5}, 'nobody publishes /prediction'),
    ],
)
def test_what_cannot_be_played_is_told_in_one_line(world, probe, bag, parameters, words):
    process = world.start('bag_player', {'bag': bag, 'wait_for_subscribers_s': 3, **parameters})
    assert ended(probe, process) == 1
    assert words in process.output()
    assert 'Traceback' not in process.output()


def test_a_loop_plays_on_until_it_is_stopped(world, probe, bag):
    process = world.start('bag_player', {'bag': bag, 'rate': 10.0, 'loop': True})
    probe.spin_until(lambda: len(probe.received[COLOR]) > 2 * FRAMES)
    assert process.stop() == 0
    assert counts(process)['sent'] > 2 * FRAMES


def test_a_ros1_bag_is_played_with_its_pixels(world, probe, rgbd):
    bag = rgbd / 'bags' / 'single_depth_color_640x480.bag'
    with BagReader(bag) as reader:
        topics = [topic.name for topic in reader.topics.values() if 'Image' in topic.type_name]
        color = next(name for name in topics if 'olor' in name)
        expected = decode_image(next(reader.messages([color])).deserialize())
    images = probe.listen(Image, color)
    process = world.start('bag_player', {'bag': bag, 'image_topic': color, 'rate': 100.0})
    assert ended(probe, process) == 0, process.output()
    np.testing.assert_array_equal(decode_image(images[0]), expected)
    # Types that are not installed and names that ROS 2 does not allow.
    assert 'StreamInfo' in process.output()
    assert 'cannot be played in ROS 2' in process.output()
    assert time.time_ns() > stamp_ns(images[0].header) > 0


def test_message_types_are_found_by_name_and_unknown_ones_are_none():
    assert find_message_type('sensor_msgs/msg/Image') is Image
    assert find_message_type('sensor_msgs/msg/Nothing') is None
    assert find_message_type('nowhere_msgs/msg/Image') is None


def test_recorded_quality_of_service_is_offered_and_late_subscribers_get_all_that_is_latched(
    world, tmp_path
):
    names = [str(number) for number in range(12)]
    types = get_typestore(Stores.ROS2_HUMBLE)
    with Writer(tmp_path / 'offers', version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for topic, message_type, messages, offers in (
            # Four publishers of three messages each.
            ('/latched', String, [String(data=name) for name in names], [(1, 1)] * 4),
            ('/scan', String, [String()], [(2, 2)]),
            (COLOR, Image, [Image()], []),
        ):
            connection = writer.add_connection(
                topic, message_type.__module__.split('.')[0] + f'/msg/{message_type.__name__}',
                typestore=types, offered_qos_profiles=[recorded_offer(*offer) for offer in offers],
            )  # fmt: skip
            for number, message in enumerate(messages):
                writer.write(connection, START_NS + number, serialize_message(message))
    process = world.start(
        'bag_player', {'bag': tmp_path / 'offers', 'subscribers': 1, 'settle_s': 3.0}
    )
    probe = world.probe()
    assert offered(probe, '/latched') == (RELIABLE, TRANSIENT_LOCAL)
    assert offered(probe, '/scan') == (BEST_EFFORT, QoSDurabilityPolicy.VOLATILE)
    assert offered(probe, COLOR) == (RELIABLE, QoSDurabilityPolicy.VOLATILE)
    probe.listen(Image, COLOR)
    probe.spin_until(lambda: probe.received[COLOR])
    received: list = []
    probe.node.create_subscription(
        String, '/latched', received.append,
        QoSProfile(depth=100, durability=TRANSIENT_LOCAL, reliability=RELIABLE),
    )  # fmt: skip
    probe.spin_until(lambda: len(received) >= len(names) or not process.running())
    assert [message.data for message in received] == names


@pytest.mark.slow
def test_progress_of_a_loop_counts_the_images_of_each_pass(world, bag):
    process = world.start('bag_player', {'bag': bag, 'rate': 2.0, 'loop': True, 'subscribers': 0})
    world.probe().spin_until(lambda: ' a second' in process.output())
    told = re.search(r'pass (\d+): (\d+) of (\d+), ', process.output())
    number_of_pass, number, total = map(int, told.groups())
    assert number_of_pass > 1
    assert 1 <= number <= total == FRAMES
