"""Publish numbered images and clouds, at 30 Hz by default: what a camera and a depth node do."""

import sys
import time
from array import array

import rclpy
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import Image, PointCloud2

from depth_anything_ros.nodes.transport import prepare_transport

WIDTH, HEIGHT, POINT_BYTES, RATE_HZ = 640, 480, 16, 30.0
SUBSCRIBE_TIMEOUT_S, LINGER_S = 60.0, 3.0


def make_messages(width: int, height: int) -> tuple[Image, PointCloud2]:
    image = Image(height=height, width=width, step=3 * width, encoding='rgb8')
    image.data = array('B', bytes(3 * width * height))
    cloud = PointCloud2(height=height, width=width, point_step=POINT_BYTES)
    cloud.row_step = POINT_BYTES * width
    cloud.data = array('B', bytes(POINT_BYTES * width * height))
    return image, cloud


def main(
    reliability: str,
    count: int,
    width: int = WIDTH,
    height: int = HEIGHT,
    rate_hz: float = RATE_HZ,
) -> None:
    prepare_transport(largest_bytes=POINT_BYTES * width * height)
    rclpy.init()
    node = rclpy.create_node('stream_publisher')
    qos = QoSProfile(depth=5, reliability=QoSReliabilityPolicy[reliability])
    messages = make_messages(width, height)
    publishers = [
        node.create_publisher(type(message), topic, qos)
        for message, topic in zip(messages, ('image', 'points'), strict=True)
    ]
    end_s = time.monotonic() + SUBSCRIBE_TIMEOUT_S
    while min(publisher.get_subscription_count() for publisher in publishers) < 1:
        assert time.monotonic() < end_s
        time.sleep(0.05)
    time.sleep(0.5)
    start_s = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, start_s + number / rate_hz - time.monotonic()))
        for publisher, message in zip(publishers, messages, strict=True):
            message.header.stamp.sec = number
            publisher.publish(message)
    time.sleep(LINGER_S)
    node.destroy_node()
    rclpy.shutdown()


if __name__ == '__main__':
    main(sys.argv[1], *map(int, sys.argv[2:]))
