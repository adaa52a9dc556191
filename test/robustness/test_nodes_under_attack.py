"""Running nodes under hostile messages: they go on, count each, and answer the next good frame."""

import array
from types import SimpleNamespace

import numpy as np
import pytest
from node_world import QUICK

pytest.importorskip('rclpy', reason='no ROS 2 is installed')

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from hostile_messages import (
    SCANS,
    STATUSES,
    camera_infos,
    compressed_depths,
    compressed_images,
    images,
)
from hypothesis import HealthCheck, given, settings
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan
from std_srvs.srv import Trigger

from depth_anything_ros.nodes.diagnostics import to_dict

LARGEST_FLOAT32 = 3.0e38
CASES = 600
# So many messages wait for the node; more would be lost on a busy machine.
QUEUE_DEPTH = 5

pytestmark = pytest.mark.slow


def drawn(strategy, count):
    """Return cases of a strategy, the same in every run."""
    cases = []

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def collect(case):
        cases.append(case)

    collect()
    return cases


def filled(message, case):
    """Return a ROS message with the fields of a case, as far as its type can carry them."""
    for name, value in vars(case).items():
        if not hasattr(message, name):
            continue
        if isinstance(value, SimpleNamespace):
            filled(getattr(message, name), value)
            continue
        kept = getattr(message, name)
        try:
            setattr(message, name, carried(value, kept))
        except (AssertionError, OverflowError, ValueError, TypeError, UnicodeEncodeError):
            setattr(message, name, kept)
    return message


def carried(value, kept):
    if isinstance(kept, array.array):
        if kept.typecode == 'f':
            limited = np.clip(np.array(value, np.float64), -LARGEST_FLOAT32, LARGEST_FLOAT32)
            return array.array('f', limited.astype(np.float32).tolist())
        if kept.typecode == 'B':
            return array.array('B', bytes(value))
        return array.array(kept.typecode, value)
    if isinstance(kept, float) and np.isfinite(value):
        return float(np.clip(value, -LARGEST_FLOAT32, LARGEST_FLOAT32))
    if isinstance(value, str):
        return value.replace('\x00', '').encode('utf-8', 'ignore').decode()
    return type(kept)(value)


def diagnostics_of(cases):
    for case in cases:
        status = filled(DiagnosticStatus(), SimpleNamespace(name=case.name, message=case.message))
        for pair in case.values:
            status.values.append(filled(KeyValue(), pair))
        yield DiagnosticArray(status=[status])


def flood(probe, topic, messages, count_cases, taken=None):
    """Send all of them, with time for the node to take each or until `taken` tells that it has."""
    sent = 0
    for message in messages:
        probe.publish(topic, message)
        sent += 1
        if taken is None:
            probe.spin(0.004)
        elif sent % QUEUE_DEPTH == 0:
            probe.spin_until(lambda: taken() == sent)  # noqa: B023
    count_cases(f'live {topic}', sent)
    return sent


def frames(status):
    return {name: int(value) for name, value in status['frames'].items()}


@pytest.mark.parametrize('transport', ['raw', 'compressed'])
def test_the_depth_node_survives_and_counts_every_image(world, camera, transport, count_cases):
    parameters = {**QUICK, 'image_transport': transport, 'diagnostics_period_s': 0.1}
    node = world.start('depth_node', parameters)
    probe = world.probe()
    compressed = transport == 'compressed'
    topic, kind = ('image/compressed', CompressedImage) if compressed else ('image', Image)
    probe.publisher(kind, topic)
    probe.publisher(CameraInfo, 'camera_info')
    probe.await_subscribers(topic, 'camera_info')
    relative = probe.listen(Image, '/depth_node/relative/image_raw')
    probe.await_publisher('/depth_node/relative/image_raw')
    strategy = compressed_images() if compressed else images()
    plain_s = answer_s(node, probe, topic, good_image(camera, compressed), relative)
    infos = (filled(CameraInfo(), case) for case in drawn(camera_infos(), 100))
    flood(probe, 'camera_info', infos, count_cases)
    hostile = (filled(kind(), case) for case in drawn(strategy, CASES))

    told = probe.listen(DiagnosticArray, '/diagnostics')
    probe.spin_until(lambda: told)

    def taken():
        return frames(to_dict(told[-1].status[0]))['received'] - 1

    sent = flood(probe, topic, hostile, count_cases, taken)
    probe.spin_until(lambda: taken() == sent)
    took_s = answer_s(node, probe, topic, good_image(camera, compressed), relative)
    assert took_s < plain_s + 1.0
    probe.spin_until(lambda: frames(probe.diagnostics())['received'] == sent + 2)
    counts = frames(probe.diagnostics())
    assert counts['received'] == sum(counts.values()) - counts['received']
    assert counts['rejected'] > 0
    assert node.running(), node.output()


def answer_s(node, probe, topic, image, answers):
    """Return how long the node computes until it answers an image."""
    begin_s = node.processor_s()
    probe.publish(topic, image)
    probe.spin_until(lambda: any(it.header.stamp == image.header.stamp for it in answers))
    return node.processor_s() - begin_s


def good_image(camera, compressed):
    import cv2

    image = camera.image()
    if not compressed:
        return image
    pixels = np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3)
    data = cv2.imencode('.png', pixels)[1]
    return CompressedImage(
        header=image.header, format='png', data=array.array('B', data.tobytes())
    )


def test_references_that_lie_give_no_metres(world, camera, count_cases):
    node = world.start(
        'depth_node',
        {
            **QUICK,
            'scale_source': 'depth_image',
            'scale_fallbacks': 'laser_scan',
            'laser_pose': '0 0 0 0 0 0',
        },
    )
    probe = world.probe()
    topics = {
        'reference/depth': Image,
        'scan': LaserScan,
        'image': Image,
        'camera_info': CameraInfo,
    }
    for topic, kind in topics.items():
        probe.publisher(kind, topic)
    probe.await_subscribers(*topics)
    depth = probe.listen(Image, '/depth_node/depth/image_raw')
    probe.await_publisher('/depth_node/depth/image_raw')
    probe.publish('camera_info', camera.info())
    probe.publish('image', camera.image())
    hostile = (filled(Image(), case) for case in drawn(images(), CASES))
    flood(probe, 'reference/depth', hostile, count_cases)
    scans = (filled(LaserScan(), case) for case in drawn(SCANS, CASES))
    flood(probe, 'scan', scans, count_cases)
    for _ in range(3):
        probe.publish('image', camera.image())
        probe.spin(0.2)
    status = probe.diagnostics()
    assert int(status['references']['rejected']) > 0
    assert not depth
    assert node.running(), node.output()


def test_the_evaluator_survives_and_saves(world, camera, count_cases, tmp_path):
    node = world.start('evaluator_node', {'output_dir': tmp_path / 'out', 'picture_every': 0})
    probe = world.probe()
    kinds = {
        'image': Image,
        'relative': Image,
        'ground_truth': Image,
        '/diagnostics': DiagnosticArray,
    }
    for topic, kind in kinds.items():
        probe.publisher(kind, topic)
    probe.await_subscribers(*kinds)
    for topic in ('image', 'relative', 'ground_truth'):
        flood(probe, topic, (filled(Image(), it) for it in drawn(images(), 300)), count_cases)
    flood(probe, '/diagnostics', diagnostics_of(drawn(STATUSES, CASES)), count_cases)
    answer = probe.call(Trigger, '/evaluator_node/save')
    assert answer.success, answer.message
    assert (tmp_path / 'out' / 'summary.json').is_file()
    assert node.running(), node.output()


def test_compressed_depth_that_lies_is_refused(world, camera, count_cases):
    """The reference comes as compressedDepth; nothing of it may become metres."""
    node = world.start(
        'depth_node',
        {
            **QUICK,
            'scale_source': 'depth_image',
            'reference_transport': 'compressedDepth',
            'reference_registration': 'registered',
        },
    )
    probe = world.probe()
    topic = 'reference/depth/compressedDepth'
    probe.publisher(CompressedImage, topic)
    probe.publisher(Image, 'image')
    probe.await_subscribers(topic, 'image')
    depth = probe.listen(Image, '/depth_node/depth/image_raw')
    probe.await_publisher('/depth_node/depth/image_raw')
    hostile = (filled(CompressedImage(), case) for case in drawn(compressed_depths(), CASES))
    flood(probe, topic, hostile, count_cases)
    probe.publish('image', camera.image())
    probe.spin(1.0)
    assert int(probe.diagnostics()['references']['rejected']) > 0
    assert not depth
    assert node.running(), node.output()
