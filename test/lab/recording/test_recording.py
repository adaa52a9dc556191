"""Bags through the pipeline of the depth node: topics, stamps, order, what is wrong with them."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import small_drive
from rosbags.rosbag1 import Writer as Rosbag1Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from small_drive import DEPTH, IMAGE, INFO, OPTICAL, Network, stamp_of, write_drive

from depth_anything_ros.bag import BagReader, BagWriter, TopicQos
from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import ConfigError, DatasetError
from depth_anything_ros.lab.recording.bag import record_bag
from depth_anything_ros.lab.recording.results import RecordJob
from depth_anything_ros.messages import (
    decode_any_depth,
    decode_compressed,
    decode_confidence,
    decode_inverse_depth,
)
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.stream.camera_input import CameraInput
from depth_anything_ros.types import MetricDepth, OutputKind

ALL = (
    '~/relative/image_raw', '~/depth/image_raw', '~/preview/image_raw', '~/scale', '~/points',
    '~/scan',
)  # fmt: skip
QUICK = {'scale_source': 'depth_image', 'smoothing_time_s': 0.0}


def job(bag, out, outputs=ALL, config=None, **fields):
    parameters = from_mapping(DepthNodeConfig, {**QUICK, **(config or {})})
    return RecordJob(bag, out, parameters, outputs, **fields)


def record(bag, out, *given, **fields):
    return record_bag(job(bag, out, *given, **fields), Network())


def messages(path, topic):
    with BagReader(path) as reader:
        return [(found.log_time_ns, found.deserialize()) for found in reader.messages([topic])]


@pytest.fixture(scope='module')
def drive(tmp_path_factory):
    return write_drive(tmp_path_factory.mktemp('drive') / 'drive')


@pytest.fixture(scope='module')
def recorded(drive, tmp_path_factory):
    out = tmp_path_factory.mktemp('recorded') / 'out'
    return record(drive, out), out


def test_all_topics_of_the_node_are_there_in_their_types(recorded):
    with BagReader(recorded[1]) as reader:
        found = {name: (topic.type_name, topic.count) for name, topic in reader.topics.items()}
        qos = {name: topic.qos for name, topic in reader.topics.items()}
    image, info = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CameraInfo'
    assert found == {
        '/depth_node/relative/image_raw': (image, 6),
        '/depth_node/depth/image_raw': (image, 6),
        '/depth_node/depth/camera_info': (info, 6),
        '/depth_node/points': ('sensor_msgs/msg/PointCloud2', 6),
        '/depth_node/preview/image_raw/compressed': ('sensor_msgs/msg/CompressedImage', 6),
        '/depth_node/scan': ('sensor_msgs/msg/LaserScan', 6),
        '/depth_node/scale': ('diagnostic_msgs/msg/DiagnosticArray', 6),
        '/tf_static': ('tf2_msgs/msg/TFMessage', 1),
    }
    assert qos.pop('/tf_static') == TopicQos(reliable=True, transient_local=True)
    assert set(qos.values()) == {TopicQos(reliable=True, transient_local=False)}


def test_what_came_of_the_bag_is_counted(recorded):
    result = recorded[0]
    assert (result.images, result.written, result.metric, result.complete) == (6, 6, 6, True)
    assert result.references == {'received': 6, 'rejected': 0}
    assert (result.no_metric, result.doubts, result.warnings) == ({}, {}, {})
    assert result.messages['/depth_node/depth/image_raw'] == 6


def test_depth_is_that_of_the_reference_under_stamp_and_frame_of_the_image(recorded):
    for topic in ('depth/image_raw', 'depth/camera_info', 'relative/image_raw', 'points', 'scale'):
        for number, (time_ns, message) in enumerate(messages(recorded[1], f'/depth_node/{topic}')):
            stamp = message.header.stamp
            assert stamp.sec * 10**9 + stamp.nanosec == stamp_of(number) == time_ns
            assert message.header.frame_id == OPTICAL
    for number, (_, message) in enumerate(messages(recorded[1], '/depth_node/depth/image_raw')):
        depth_m = decode_any_depth(message)
        np.testing.assert_allclose(depth_m, small_drive.depth_of(number), rtol=1e-5)
    ((_, first), *_) = messages(recorded[1], '/depth_node/relative/image_raw')
    values = small_drive.picture(0)[..., 0] / np.float32(255)
    np.testing.assert_array_equal(decode_inverse_depth(first), values)


def test_the_other_outputs_say_what_they_say_live(recorded):
    (_, info), *_ = messages(recorded[1], '/depth_node/depth/camera_info')
    assert (info.width, info.height, info.p[0], info.k[4]) == (64, 48, 60.0, 60.0)
    (_, cloud), *_ = messages(recorded[1], '/depth_node/points')
    points = np.frombuffer(cloud.data, np.float32).reshape(48, 64, 4)
    np.testing.assert_allclose(points[..., 2], small_drive.depth_of(0), rtol=1e-5)
    assert [field.name for field in cloud.fields] == ['x', 'y', 'z', 'rgb']
    (_, preview), *_ = messages(recorded[1], '/depth_node/preview/image_raw/compressed')
    assert decode_compressed(preview).shape == (48, 64, 3)
    (_, scan), *_ = messages(recorded[1], '/depth_node/scan')
    assert (scan.header.frame_id, len(scan.ranges)) == ('camera_color_frame', 64)
    (_, scale), *_ = messages(recorded[1], '/depth_node/scale')
    (status,) = scale.status
    pairs = {pair.key: pair.value for pair in status.values}
    assert (status.level, status.message, pairs['source']) == (0, 'fitted', 'depth_image')
    assert float(pairs['scale']) == pytest.approx(small_drive.SCALE, rel=1e-4)


def test_clouds_are_thinned_and_no_more_than_are_asked_for_as_live(drive, tmp_path):
    options = {'cloud_voxel_m': 0.5, 'cloud_max_hz': 0.5e9 / small_drive.PERIOD_NS}
    found = record(drive, tmp_path / 'out', ('~/points', '~/depth/image_raw'), options)
    assert found.messages['/depth_node/depth/image_raw'] == 6
    clouds = [cloud for _, cloud in messages(tmp_path / 'out', '/depth_node/points')]
    assert [stamp_of(number) for number in (0, 2, 4)] == [
        cloud.header.stamp.sec * 10**9 + cloud.header.stamp.nanosec for cloud in clouds
    ]
    assert all(cloud.is_dense and cloud.height == 1 < cloud.width < 800 for cloud in clouds)


def test_fused_depth_is_what_was_measured(drive, tmp_path):
    found = record(drive, tmp_path / 'out', ('~/fused/image_raw', '~/fused/source'))
    assert found.warnings == {}
    with BagReader(tmp_path / 'out') as reader:
        counts = {name: topic.count for name, topic in reader.topics.items()}
    assert [counts[f'/depth_node/fused/{name}'] for name in ('image_raw', 'source', 'camera_info')]
    assert counts['/depth_node/fused/camera_info'] == 6
    pairs = zip(
        messages(tmp_path / 'out', '/depth_node/fused/image_raw'),
        messages(tmp_path / 'out', '/depth_node/fused/source'),
        messages(drive, DEPTH),
        strict=True,
    )
    for (_, fused), (_, origin), (_, measured) in pairs:
        known = np.frombuffer(origin.data, np.uint8).reshape(48, 64) == 1
        sensor = decode_any_depth(measured)
        assert origin.encoding == 'mono8' and known.mean() > 0.9
        assert np.array_equal(decode_any_depth(fused)[known], sensor[known])


def test_without_reference_depth_the_record_says_why_nothing_is_fused(drive, tmp_path):
    config = {'scale_source': 'fixed', 'fixed_scale': 1.0}
    found = record(drive, tmp_path / 'out', ('~/relative/image_raw', '~/fused/source'), config)
    ((reason, count),) = found.doubts.items()
    assert count == 6 and reason.startswith('no fused depth: fused depth needs the depth of a ')


def test_sigma_is_recorded_and_max_sigma_leaves_points_out(drive, tmp_path):
    found = record(drive, tmp_path / 'out', ('~/depth/image_raw', '~/sigma/image_raw'))
    ((warning, count),) = found.doubts.items()
    assert count == 6 and warning.startswith('sigma goes by a generic table')
    (_, depth), *_ = messages(tmp_path / 'out', '/depth_node/depth/image_raw')
    (_, sigma), *_ = messages(tmp_path / 'out', '/depth_node/sigma/image_raw')
    assert sigma.encoding == '32FC1'
    share = decode_any_depth(sigma) / decode_any_depth(depth)
    most = float(np.median(share))
    record(drive, tmp_path / 'limited', ('~/points',), {'max_sigma': most})
    (_, points), *_ = messages(tmp_path / 'limited', '/depth_node/points')
    z_m = np.frombuffer(points.data, np.float32).reshape(48, 64, 4)[..., 2]
    clear = np.abs(share - most) > 1e-4
    assert 0.3 < np.isfinite(z_m).mean() < 0.7
    np.testing.assert_array_equal(np.isfinite(z_m)[clear], (share < most)[clear])


def test_confidence_by_the_mirrored_image_is_recorded_and_without_it_the_reason(drive, tmp_path):
    topics = ('~/relative/image_raw', '~/confidence/image_raw')
    found = record(drive, tmp_path / 'flip', topics, {'confidence': 'flip'})
    assert not found.doubts
    (_, relative), *_ = messages(tmp_path / 'flip', '/depth_node/relative/image_raw')
    (_, sure), *others = messages(tmp_path / 'flip', '/depth_node/confidence/image_raw')
    assert len(others) == 5 and sure.encoding == '32FC1'
    assert sure.header.stamp == relative.header.stamp
    # The stand-in gives the red of the image, of the mirrored one the same mirrored.
    expected = np.where(decode_inverse_depth(relative) > 0, 1.0, np.nan)
    np.testing.assert_array_equal(decode_confidence(sure), expected)
    found = record(drive, tmp_path / 'model', topics)
    ((reason, count),) = found.doubts.items()
    assert count == 6 and reason.startswith('no confidence: the model tells no confidence of its')


def test_clouds_without_camera_info_go_by_the_view_that_the_network_finds(
    drive, tmp_path, monkeypatch
):
    monkeypatch.setattr(CameraInput, 'update', lambda *_: None)
    topics = ('~/depth/image_raw', '~/points')
    config = {'scale_source': 'fixed', 'predicted_camera': True}
    found = record(drive, tmp_path / 'none', topics, config)
    assert any("'red' does not find the field of view" in text for text in found.doubts)
    right_angle = math.pi / 2
    monkeypatch.setattr(
        Network, 'field_of_view', lambda self, rgb: (right_angle, right_angle), raising=False
    )
    found = record(drive, tmp_path / 'seen', topics, config)
    ((doubt, count),) = found.doubts.items()
    assert count == 6 and doubt.startswith(
        'clouds and scans go by a field of view that the network'
    )
    (_, depth), *_ = messages(tmp_path / 'seen', '/depth_node/depth/image_raw')
    (_, points), *_ = messages(tmp_path / 'seen', '/depth_node/points')
    cloud, depth_m = (
        np.frombuffer(points.data, np.float32).reshape(48, 64, 4),
        decode_any_depth(depth),
    )
    x = (np.arange(64) - 31.5) / 32 * depth_m
    np.testing.assert_allclose(cloud[..., 0], x, rtol=1e-4, atol=1e-5)


def test_two_runs_write_the_same_bytes(drive, recorded, tmp_path):
    record(drive, tmp_path / 'out')
    for path in sorted(recorded[1].iterdir()):
        assert (tmp_path / 'out' / path.name).read_bytes() == path.read_bytes()


def test_merged_with_the_bag_all_its_messages_are_there_as_they_were(drive, tmp_path):
    record(drive, tmp_path / 'out', ('~/depth/image_raw',), merge=True)

    def contents(path):
        with BagReader(path) as reader:
            return Counter(
                (found.topic, found.log_time_ns, found.cdr) for found in reader.messages()
            )

    old, new = contents(drive), contents(tmp_path / 'out')
    assert old <= new
    assert {topic for topic, *_ in new - old} == {
        '/depth_node/depth/image_raw', '/depth_node/depth/camera_info',
    }  # fmt: skip


def test_a_recorded_bag_is_recorded_anew_without_the_old_outputs(drive, tmp_path):
    record(drive, tmp_path / 'first', ('~/depth/image_raw',), merge=True)
    result = record(tmp_path / 'first', tmp_path / 'second', ('~/depth/image_raw',), merge=True)
    assert list(result.warnings) == [
        '/depth_node/depth/camera_info of the bag is not copied but made anew',
        '/depth_node/depth/image_raw of the bag is not copied but made anew',
    ]
    assert len(messages(tmp_path / 'second', '/depth_node/depth/image_raw')) == 6


@pytest.mark.parametrize('late_ms', [-250, 40, 130, 500])
def test_a_frame_has_the_depth_of_its_stamp_however_late_that_was_recorded(
    recorded, tmp_path, late_ms
):
    """As the player sends a group before its image, so that nothing depends on who is faster."""
    late = write_drive(tmp_path / 'late', depth_delay_ns=late_ms * 1_000_000)
    outputs = ('~/scale', '~/depth/image_raw')
    assert record(late, tmp_path / 'out', outputs).metric == 6
    topic = '/depth_node/depth/image_raw'
    pairs = zip(messages(tmp_path / 'out', topic), messages(recorded[1], topic), strict=True)
    for (_, found), (_, expected) in pairs:
        np.testing.assert_array_equal(found.data, expected.data)


@pytest.mark.parametrize('compressed', [False, True])
def test_camera_info_of_another_size_than_the_image_does_not_move_its_depth(
    recorded, tmp_path, compressed
):
    bag = write_drive(tmp_path / 'bag', info_size=(128, 96), compressed=compressed)
    result = record(bag, tmp_path / 'out', ('~/depth/image_raw',))
    topic = '/depth_node/depth/image_raw'
    pairs = zip(messages(tmp_path / 'out', topic), messages(recorded[1], topic), strict=True)
    for (_, found), (_, expected) in pairs:
        depth_m, expected_m = (decode_any_depth(message) for message in (found, expected))
        np.testing.assert_allclose(depth_m, expected_m, rtol=0.05 if compressed else 1e-6)
    reason = 'camera_info is for 128x96, the image is 64x48; the sizes must be equal'
    assert any(reason in text for text in result.doubts)


def test_depth_comes_after_its_calibration_whatever_the_order_in_the_bag(tmp_path):
    """The executor of the node serves camera_info of what has arrived together first."""
    bag = write_drive(tmp_path / 'bag')
    with BagReader(bag) as reader:
        found = list(reader.messages())
    assert [message.topic for message in found][:2] == ['/tf_static', INFO]
    result = record(
        bag, tmp_path / 'out', ('~/scale',), {'reference_registration': 'unregistered'}
    )
    assert (result.metric, result.references['rejected']) == (6, 0)


def test_a_cut_image_is_named_and_the_rest_goes_on(tmp_path):
    bag = write_drive(tmp_path / 'bag', broken=(0, 3))
    result = record(bag, tmp_path / 'out')
    assert (result.images, result.written, result.complete) == (6, 4, False)
    assert [item.number for item in result.rejected] == [0, 3]
    assert [item.stamp_ns for item in result.rejected] == [stamp_of(0), stamp_of(3)]
    assert '100 bytes' in result.rejected[0].reason
    assert len(messages(tmp_path / 'out', '/depth_node/depth/image_raw')) == 4


def test_a_message_that_is_no_image_at_all_is_named(tmp_path):
    def cut(writer):
        writer.write_cdr(IMAGE, 'sensor_msgs/msg/Image', b'\0\1', stamp_of(6))

    bag = write_drive(tmp_path / 'bag', more=cut)
    result = record(bag, tmp_path / 'out')
    ((number, stamp_ns, reason),) = [
        (item.number, item.stamp_ns, item.reason) for item in result.rejected
    ]
    assert (number, stamp_ns, result.written) == (6, stamp_of(6), 6)
    assert f"topic '{IMAGE}'" in reason


def test_a_bag_without_a_usable_image_leaves_nothing(tmp_path):
    bag = write_drive(tmp_path / 'bag', 2, broken=(0, 1))
    with pytest.raises(DatasetError, match=f"no image on '{IMAGE}'.*can be used: .*100 bytes"):
        record(bag, tmp_path / 'out')
    assert [path.name for path in tmp_path.iterdir()] == ['bag']


def test_what_ends_the_work_leaves_nothing(drive, tmp_path):
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record_bag(job(drive, tmp_path / 'out'), Network(), stop)
    assert list(tmp_path.iterdir()) == []


def test_references_that_cannot_be_used_are_counted_with_the_reason(drive, tmp_path):
    config = {'reference_registration': 'unregistered', 'reference_pose': '0 0 0 0 0 nan'}
    with pytest.raises(ConfigError):
        record(drive, tmp_path / 'out', config=config)


def test_frames_without_a_scale_have_no_depth_and_a_reason(drive, tmp_path):
    result = record(drive, tmp_path / 'out', config={'scale_source': 'none'})
    assert (result.written, result.metric) == (6, 0)
    assert list(result.no_metric.values()) == [6]
    assert 'relative model and no scale source' in next(iter(result.no_metric))
    assert '/depth_node/depth/image_raw' not in result.messages
    assert result.messages['/depth_node/relative/image_raw'] == 6


def test_metres_of_a_model_that_are_unknown_everywhere_are_none(drive, tmp_path):
    class Millimetres(Network):
        output_kind = OutputKind.METRIC_DEPTH

        def postprocess(self, raw, source_size):
            return MetricDepth(np.full(source_size, 1500.0, np.float32))

    config = from_mapping(DepthNodeConfig, {'scale_source': 'none'})
    outputs = ('~/depth/image_raw',)
    found = record_bag(RecordJob(drive, tmp_path / 'out', config, outputs), Millimetres())
    assert (found.written, found.metric, found.lacks_metres, found.as_asked) == (6, 0, True, False)
    ((reason, count),) = found.no_metric.items()
    assert (count, 'the network gives 1500 to 1500 m' in reason) == (6, True)


def test_the_first_images_of_sqlite3(drive, tmp_path):
    result = record(drive, tmp_path / 'out', frames=2, storage='sqlite3')
    assert result.images == 2
    assert (tmp_path / 'out' / 'out.db3').is_file()
    assert len(messages(tmp_path / 'out', '/depth_node/scale')) == 2


def test_another_node_writes_under_its_name(drive, tmp_path):
    result = record(drive, tmp_path / 'out', ('~/scale',), node='/front/depth')
    assert set(result.messages) == {'/front/depth/scale', '/tf_static'}


def test_images_without_stamp_get_the_time_of_recording(tmp_path):
    bag = tmp_path / 'bag'
    write_drive(tmp_path / 'stamped', 3)
    with BagReader(tmp_path / 'stamped') as reader, small_drive.BagWriter(bag) as writer:
        for message in reader.messages():
            cdr = message.cdr
            if message.topic in (IMAGE, DEPTH):
                cdr = cdr[:4] + bytes(8) + cdr[12:]
            writer.write_cdr(message.topic, message.type_name, cdr, message.log_time_ns)
    assert record(bag, tmp_path / 'out').metric == 3
    for number, (_, message) in enumerate(messages(tmp_path / 'out', '/depth_node/scale')):
        stamp = message.header.stamp
        assert stamp.sec * 10**9 + stamp.nanosec == stamp_of(number)


def write_ros1(path, source, more=lambda writer: None):
    """Write the messages of a bag of ROS 2 as a bag of ROS 1; `more` gets the writer at last."""
    types, ros2 = get_typestore(Stores.ROS1_NOETIC), get_typestore(Stores.ROS2_HUMBLE)
    names = {'tf2_msgs/msg/TFMessage': 'tf/msg/tfMessage'}
    tf = 'geometry_msgs/TransformStamped[] transforms'
    types.register(get_types_from_msg(tf, 'tf/msg/tfMessage'))
    connections = {}
    with BagReader(source) as reader, Rosbag1Writer(path) as writer:
        for message in reader.messages():
            name = names.get(message.type_name, message.type_name)
            if message.topic not in connections:
                connections[message.topic] = writer.add_connection(
                    message.topic, name, typestore=types
                )
            raw = ros2.cdr_to_ros1(message.cdr, message.type_name)
            writer.write(connections[message.topic], message.log_time_ns, raw)
        more(writer)
    return path


def test_a_bag_of_ros1_gives_the_same_and_becomes_one_of_ros2(drive, recorded, tmp_path):
    bag = write_ros1(tmp_path / 'drive.bag', drive)
    result = record(bag, tmp_path / 'out', merge=True)
    assert (result.metric, result.references, result.warnings) == (
        6,
        {'received': 6, 'rejected': 0},
        {},
    )
    for topic, count in recorded[0].messages.items():
        found = [message.cdr for message in raw(tmp_path / 'out', topic)]
        assert found == [message.cdr for message in raw(recorded[1], topic)], topic
        assert len(found) == count
    with BagReader(tmp_path / 'out') as reader:
        types = {topic.name: topic.type_name for topic in reader.topics.values()}
        assert hasattr(next(reader.messages([INFO])).deserialize(), 'k')
    assert types['/tf_static'] == 'tf2_msgs/msg/TFMessage'


def test_a_topic_whose_fields_or_name_ros2_does_not_have_is_left_out_and_named(drive, tmp_path):
    types = get_typestore(Stores.ROS1_NOETIC)
    made = types.types
    time, point = made['builtin_interfaces/msg/Time'](1, 0), made['geometry_msgs/msg/Point']
    marker = made['visualization_msgs/msg/Marker'](
        made['std_msgs/msg/Header'](1, time, 'map'), 'ns', 7, 0, 0,
        made['geometry_msgs/msg/Pose'](point(1, 2, 3),
                                       made['geometry_msgs/msg/Quaternion'](0, 0, 0, 1)),
        made['geometry_msgs/msg/Vector3'](1, 1, 1), made['std_msgs/msg/ColorRGBA'](1, 0, 0, 1),
        made['builtin_interfaces/msg/Duration'](0, 0), False, [], [], 'text', '', False,
    )  # fmt: skip
    told = made['std_msgs/msg/String']('a')

    def more(writer):
        odd = [(topic, told) for topic in ('/told', '/my option/value', '/tf/0')]
        for topic, message in [('/marks', marker), *odd]:
            kind = message.__msgtype__
            connection = writer.add_connection(topic, kind, typestore=types)
            writer.write(connection, stamp_of(0), types.serialize_ros1(message, kind))

    bag = write_ros1(tmp_path / 'drive.bag', drive, more)
    result = record(bag, tmp_path / 'out', merge=True)
    assert list(result.warnings) == [
        "topic left out: topic '/marks' is visualization_msgs/msg/Marker of ROS 1, which has "
        'other fields than that of ROS 2',
        "topics left out whose names ROS 2 does not take, as '/my option/value'",
    ]
    assert list(result.warnings.values()) == [1, 2]
    with BagReader(tmp_path / 'out') as reader:
        assert not {'/marks', '/my option/value', '/tf/0'} & reader.topics.keys()
        assert reader.topics['/told'].count == 1


def raw(path, topic):
    with BagReader(path) as reader:
        yield from reader.messages([topic])


def two_cameras(path):
    def second(writer):
        for topic in ('/rear/color/image_raw', '/rear/depth/image_raw'):
            fields = {'height': 1, 'width': 1, 'encoding': 'mono8', 'step': 1, 'data': [0]}
            writer.write(topic, 'sensor_msgs/msg/Image', fields, stamp_of(0))

    return write_drive(path, 1, more=second)


def test_of_two_cameras_one_is_to_be_named_by_options(tmp_path):
    bag = two_cameras(tmp_path / 'bag')
    with pytest.raises(DatasetError, match='2 cameras; name one by options: .-r image:=/camera/'):
        record(bag, tmp_path / 'out')
    assert record(bag, tmp_path / 'out', remaps={'image': IMAGE}).metric == 1


def test_of_two_images_without_depth_one_is_to_be_named_by_an_option(tmp_path):
    with BagWriter(tmp_path / 'bag') as writer:
        for topic in ('/front/image_raw', '/rear/image_raw'):
            fields = {'height': 1, 'width': 1, 'encoding': 'mono8', 'step': 1, 'data': [0]}
            writer.write(topic, 'sensor_msgs/msg/Image', fields, stamp_of(0))
    words = "name one by options: '-r image:=/front/image_raw' or '-r image:=/rear/image_raw'"
    with pytest.raises(DatasetError, match=words):
        record(tmp_path / 'bag', tmp_path / 'out')


def test_a_bag_without_images_shows_what_it_has(tmp_path):
    with BagWriter(tmp_path / 'bag') as writer:
        writer.write('/odom', 'nav_msgs/msg/Odometry', {}, stamp_of(0))
    with pytest.raises(DatasetError, match=r'no topic of images; its topics: /odom \(nav_msgs/'):
        record(tmp_path / 'bag', tmp_path / 'out')


def test_a_result_can_be_sent_to_a_worker_and_back(drive, tmp_path):
    import pickle

    asked = job(drive, tmp_path / 'out')
    assert pickle.loads(pickle.dumps(asked)) == asked
    assert replace(asked, replace=True) != asked
