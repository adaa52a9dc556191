"""A node that answers images as none should: with the picture before, twice, or out of order."""

import math

import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image

STALE_EACH, DOUBLED_EACH, SWAPPED_EACH = 5, 7, 9
# Eight pictures that are sent alone, twice, are answered well; a pause of a second comes before.
PAUSE_S, ALONE = 0.95, 16


class FaultyNode(Node):
    def __init__(self):
        super().__init__('faulty')
        self.publisher = self.create_publisher(Image, '~/depth', 10)
        self.create_subscription(Image, 'image', self.answer, 10)
        self.last_s, self.paused, self.count = math.inf, False, -ALONE
        self.pixels = self.waiting = None

    def answer(self, message):
        stamp = message.header.stamp
        stamp_s = stamp.sec + 1e-9 * stamp.nanosec
        self.paused |= stamp_s - self.last_s > PAUSE_S
        self.last_s = stamp_s
        self.count += self.paused
        before, self.pixels = self.pixels, message.data
        if self.is_each(STALE_EACH):
            message.data = before
        if self.is_each(SWAPPED_EACH):
            self.waiting = message
            return
        self.publisher.publish(message)
        if self.waiting is not None or self.is_each(DOUBLED_EACH):
            self.publisher.publish(self.waiting or message)
            self.waiting = None

    def is_each(self, period):
        return self.count > 0 and self.count % period == 0


def main():
    rclpy.init()
    rclpy.spin(FaultyNode())


if __name__ == '__main__':
    main()
