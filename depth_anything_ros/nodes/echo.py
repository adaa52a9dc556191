"""A node that answers every image at once with depth of its size: what messages alone cost."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from depth_anything_ros.nodes.process import run_process, spin
from depth_anything_ros.nodes.subscription import SensorSubscription


class Echo(Node):
    """Publish on `~/depth/image_raw` for each message on `image`, with its stamp and frame."""

    def __init__(self) -> None:
        super().__init__('echo')
        self._publisher = self.create_publisher(Image, '~/depth/image_raw', QoSProfile(depth=5))
        self._answer = Image(encoding='32FC1')
        self._input = SensorSubscription(self, Image, 'image', self._on_image, 'auto')

    def run(self) -> None:
        """Serve until ROS shuts down."""
        spin(self)

    def close(self) -> None:
        """Do nothing: there is nothing to save."""

    def _on_image(self, message: Image) -> None:
        answer, pixels = self._answer, message.data
        step = 4 * message.width
        if (answer.height, answer.step) != (message.height, step):
            answer.height, answer.width, answer.step = message.height, message.width, step
            answer.data = array('B', bytes(message.height * step))
        answer.header = message.header
        # Pixels for depth, by which the content is known again.
        answer.data[: len(pixels)] = pixels[: len(answer.data)]
        self._publisher.publish(answer)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node; see :func:`process.run_process` for the exit code."""
    return run_process('echo', Echo, argv)
