"""The publishers of the depth node: what is wanted, and what goes out when."""

from __future__ import annotations

from typing import Any

from rclpy.qos import QoSHistoryPolicy, QoSPolicyKind, QoSProfile, QoSReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from depth_anything_ros.nodes.managed import ManagedNode
from depth_anything_ros.nodes.ros_messages import make_message, message_class
from depth_anything_ros.stream.encoders import OUTPUTS, Finished, Published, send_outputs

# Enough for a subscriber that pauses for two frames; more would only deliver old depth.
QUEUE_DEPTH = 3


class DepthOutputs:
    """
    Publish the results of the pipeline, each only while somebody subscribes to it.

    :param node: the lifecycle node that owns the publishers.
    """

    def __init__(self, node: ManagedNode) -> None:
        self._node = node
        self._publishers: dict[str, Any] = {
            topic: node.create_lifecycle_publisher(
                message_class(output.type_name),
                topic,
                QoSProfile(
                    history=QoSHistoryPolicy.KEEP_LAST,
                    depth=QUEUE_DEPTH,
                    reliability=QoSReliabilityPolicy.RELIABLE,
                ),
                qos_overriding_options=QoSOverridingOptions(
                    (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY)
                ),
            )
            for topic, output in OUTPUTS.items()
        }

    def destroy(self) -> None:
        """End the publishers."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)

    def wanted(self) -> frozenset[str]:
        """Return the outputs that somebody subscribes to."""
        return frozenset(
            topic
            for topic, publisher in self._publishers.items()
            if publisher.get_subscription_count() > 0
        )

    def publish(self, frame: Finished, stages_ms: dict[str, float]) -> Published:
        """
        Encode and publish what is wanted and there.

        :param stages_ms: `cloud`, `encode` and `publish` are added to it.
        """
        wanted = self.wanted()
        outputs = {topic: output for topic, output in OUTPUTS.items() if topic in wanted}
        return send_outputs(frame, outputs, make_message, self._send, stages_ms)

    def _send(self, topic: str, message: Any) -> None:
        self._publishers[topic].publish(message)
