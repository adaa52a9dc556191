"""What the depth node listens to: the image, its calibration and the references of its config."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.nodes.arrival import ArrivalStamps
from depth_anything_ros.nodes.subscription import SensorSubscription
from depth_anything_ros.nodes.topics import has_header, image_type, input_hint, topics_of
from depth_anything_ros.stream.camera_input import CameraInput
from depth_anything_ros.stream.references import References


class DepthInputs:
    """
    Hold the subscriptions of a depth node.

    :param node: that listens.
    :param names: base topic → name to subscribe with.
    :param camera: takes the calibration of the image.
    :param references: take the messages of scale sources and of odometry.
    """

    def __init__(
        self, node: Node, names: Mapping[str, str], camera: CameraInput, references: References
    ) -> None:
        self._node = node
        self._names = names
        self._camera = camera
        self._references = references
        self._arrivals = ArrivalStamps(
            lambda: int(node.get_clock().now().nanoseconds), node.get_logger().warning
        )
        self._subscriptions: dict[str, SensorSubscription] = {}

    def subscribe(
        self,
        config: DepthNodeConfig,
        take_image: Callable[[Any], None],
        refuse_image: Callable[[str], None],
    ) -> None:
        """
        Listen to what a config needs.

        :param take_image: given each image, stamped.
        :param refuse_image: given why an image is left out.
        :raises ConfigError: if the package of a message is not installed.
        """
        # In the order in which the executor serves what has arrived together.
        taken: list[tuple[str, type, Callable[[Any], None]]] = [
            *(
                (topic, message_type, partial(self._references.add, topic))
                for topic, message_type in topics_of(config).items()
            ),
            ('camera_info', CameraInfo, self._camera.update),
            ('image', image_type(config.image_transport), take_image),
        ]
        for topic, message_type, take in taken:
            # Of camera_info the stamp is never asked for; TF has one for each transform.
            if message_type is not CameraInfo and has_header(message_type):
                refuse = refuse_image if topic == 'image' else self._references.refuse
                take = self._arrivals.stamping(topic, take, refuse)
            self._subscriptions[topic] = SensorSubscription(
                self._node, message_type, self._names[topic], take, config.image_reliability
            )

    def unsubscribe(self) -> None:
        """Listen to nothing."""
        for subscription in self._subscriptions.values():
            subscription.destroy()
        self._subscriptions.clear()

    def traps(self, config: DepthNodeConfig) -> tuple[str, ...]:
        """Return what is odd about stamps, and where no reference can come from."""
        traps = tuple(self._arrivals.traps)
        for base in self._subscriptions.keys() - {'image'}:
            hint = input_hint(self._node, base, config)
            topic = self._node.resolve_topic_name(self._names[base])
            traps += (f'no depth on {topic}: {hint}',) if hint else ()
        return traps
