"""The publishers of the depth node: what is wanted, and what goes out when."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from rclpy.qos import QoSHistoryPolicy, QoSPolicyKind, QoSProfile, QoSReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from depth_anything_ros.errors import reason_of
from depth_anything_ros.nodes.managed import ManagedNode
from depth_anything_ros.nodes.ros_messages import make_message, message_class
from depth_anything_ros.nodes.worker import LatestItemWorker
from depth_anything_ros.stream.encoders import (
    COMPRESSED_OUTPUTS,
    OUTPUTS,
    Finished,
    Output,
    Published,
    send_outputs,
)
from depth_anything_ros.stream.run_statistics import RunStatistics

# Enough for a subscriber that pauses for two frames; more would only deliver old depth.
QUEUE_DEPTH = 3
STOP_TIMEOUT_S = 10.0


class DepthOutputs:
    """
    Publish the results of the pipeline, each only while somebody subscribes to it.

    What is compressed is encoded in a thread of its own, after all else of its frame and beside
    the next one; of frames that come faster than that it takes the newest.

    `problem` says why the last frame could not be compressed, '' if it could or need not be.

    :param node: the lifecycle node that owns the publishers.
    :param statistics: told what is published compressed, and how long that takes.
    """

    def __init__(self, node: ManagedNode, statistics: RunStatistics) -> None:
        self._node = node
        self._statistics = statistics
        self.problem = ''
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
            for topic, output in {**OUTPUTS, **COMPRESSED_OUTPUTS}.items()
        }
        self._compressor: LatestItemWorker[tuple[Finished, dict[str, Output]]] = LatestItemWorker(
            self._compress, 'compression'
        )

    def close(self) -> None:
        """End the thread."""
        self._compressor.stop(STOP_TIMEOUT_S)

    def destroy(self) -> None:
        """End the thread and the publishers."""
        self.close()
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)

    def wanted(self) -> frozenset[str]:
        """Return the outputs that somebody subscribes to."""
        return frozenset(
            topic
            for topic, publisher in self._publishers.items()
            if publisher.get_subscription_count() > 0
        )

    def publish(
        self, frame: Finished, wanted: Collection[str], stages_ms: dict[str, float]
    ) -> Published:
        """
        Encode and publish what is wanted and there; what is compressed follows.

        :param wanted: topics.
        :param stages_ms: `cloud`, `encode` and `publish` are added to it.
        """
        outputs = {topic: output for topic, output in OUTPUTS.items() if topic in wanted}
        published = send_outputs(frame, outputs, make_message, self._send, stages_ms)
        later = {topic: output for topic, output in COMPRESSED_OUTPUTS.items() if topic in wanted}
        if later:
            self._compressor.submit((frame, later))
        else:
            self.problem = ''
        return published

    def _compress(self, item: tuple[Finished, dict[str, Output]]) -> None:
        frame, outputs = item
        stages_ms: dict[str, float] = {}
        try:
            published = send_outputs(frame, outputs, make_message, self._send, stages_ms)
        except Exception as error:  # noqa: BLE001 - the next frame must be compressed
            self.problem = f'not compressed: {reason_of(error)}'
            return
        self.problem = ''
        compress_ms = {'compress': sum(stages_ms.values())} if stages_ms else {}
        topics = (topic.removeprefix('~/') for topic in published.topics)
        self._statistics.followed(compress_ms, topics)

    def _send(self, topic: str, message: Any) -> None:
        self._publishers[topic].publish(message)
