"""Images and clouds of megabytes at 30 Hz arrive complete from one process to another."""

import sys
from pathlib import Path

import pytest
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import Image, PointCloud2

from depth_anything_ros.evaluation.bag import header_stamp_ns

COUNT = 60
# Another program that takes the processor away can cost a best-effort message.
ATTEMPTS = 3


def lost_messages(world, reliability):
    """Return how many of COUNT images and clouds did not arrive."""
    probe = world.probe()
    numbers = {'image': [], 'points': []}
    for message_type, topic in ((Image, 'image'), (PointCloud2, 'points')):

        def take(cdr, topic=topic):
            numbers[topic].append(header_stamp_ns(cdr) // 1_000_000_000)

        qos = QoSProfile(depth=5, reliability=QoSReliabilityPolicy[reliability])
        probe.node.create_subscription(message_type, topic, take, qos, raw=True)
    program = Path(__file__).with_name('stream_publisher.py')
    command = [sys.executable, str(program), reliability, str(COUNT)]
    process = world.run('stream_publisher', command)
    probe.spin_until(lambda: not process.running())
    assert process.wait() == 0, process.output()
    probe.close()
    assert all(sorted(set(found)) == found for found in numbers.values())
    return [COUNT - len(found) for found in numbers.values()]


@pytest.mark.parametrize('reliability', ['RELIABLE', 'BEST_EFFORT'])
def test_all_images_and_clouds_arrive(world, reliability):
    lost = []
    for _ in range(ATTEMPTS):
        lost.append(lost_messages(world, reliability))
        if lost[-1] == [0, 0]:
            return
    pytest.fail(f'lost images and clouds of {COUNT}: {lost}')
