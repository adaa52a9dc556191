"""The publishers of the depth node: what is wanted, and what goes out when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any

from rclpy.qos import QoSHistoryPolicy, QoSPolicyKind, QoSProfile, QoSReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from depth_anything_ros.errors import CameraError
from depth_anything_ros.nodes.encoders import DEPTH, OUTPUTS, POINTS, SCAN, Finished
from depth_anything_ros.nodes.managed import ManagedNode

# Enough for a subscriber that pauses for two frames; more would only deliver old depth.
QUEUE_DEPTH = 3


@dataclass(frozen=True)
class Published:
    """
    Which outputs went out for a frame, and which were wanted and could not be made.

    `failures` says why the camera gives no point cloud or no scan, where that was found out only
    now: topic → reason.
    """

    topics: tuple[str, ...]
    missing: tuple[str, ...]
    failures: Mapping[str, str] = field(default_factory=dict)


class DepthOutputs:
    """
    Publish the results of the pipeline, each only while somebody subscribes to it.

    :param node: the lifecycle node that owns the publishers.
    """

    def __init__(self, node: ManagedNode) -> None:
        self._node = node
        self._publishers: dict[str, Any] = {
            topic: node.create_lifecycle_publisher(
                output.message_type,
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
        wanted, sent = self.wanted(), []
        failures: dict[str, str] = {}
        for topic, output in OUTPUTS.items():
            if topic not in wanted:
                continue
            start_ns = perf_counter_ns()
            try:
                message = output.encode(frame)
            except CameraError as error:
                failures[topic] = str(error)
                continue
            if message is None:
                continue
            encoded_ns = perf_counter_ns()
            self._publishers[topic].publish(message)
            sent.append(topic)
            for stage, duration_ns in (
                (output.stage, encoded_ns - start_ns),
                ('publish', perf_counter_ns() - encoded_ns),
            ):
                stages_ms[stage] = stages_ms.get(stage, 0.0) + duration_ns * 1e-6
        missing = tuple(topic for topic in (DEPTH, POINTS, SCAN) if topic in wanted - set(sent))
        return Published(tuple(sent), missing, failures)
