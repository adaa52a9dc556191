"""Subscriptions to sensor topics that find the reliability their publisher offers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import (
    QoSDurabilityPolicy,
    QoSHistoryPolicy,
    QoSPolicyKind,
    QoSProfile,
    QoSReliabilityPolicy,
)
from rclpy.qos_overriding_options import QoSOverridingOptions

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

# A callback only hands the message over, so a few places cover the longest pause of the executor.
QUEUE_DEPTH = 5


class SensorSubscription:
    """
    Subscribe to a sensor topic, by `auto` reliable first and best effort where need be.

    History, depth and reliability can be overridden by the parameters
    `qos_overrides.TOPIC.subscription.*`.

    :param node: the node that subscribes.
    :param message_type: message class of the topic.
    :param topic: name that is not resolved yet; `topic` is the full name that it stands for.
    :param callback: called with each message.
    :param reliability: `auto`, `reliable` or `best_effort`.
    :param depth: messages that wait for the callback.
    :param raw: hand over serialised messages.
    :param transient_local: ask for what was published before, as of static transforms.
    """

    def __init__(
        self,
        node: Node,
        message_type: type,
        topic: str,
        callback: Callable[[Any], None],
        reliability: str,
        *,
        depth: int = QUEUE_DEPTH,
        raw: bool = False,
        transient_local: bool = False,
    ) -> None:
        self._node = node
        self._message_type = message_type
        self._callback = callback
        self._depth = depth
        self._raw = raw
        self._durability = (
            QoSDurabilityPolicy.TRANSIENT_LOCAL
            if transient_local
            else QoSDurabilityPolicy.VOLATILE
        )
        self._name = topic
        self.topic = node.resolve_topic_name(topic)
        self._fall_back = reliability == 'auto'
        self._subscription = self._subscribe(
            QoSReliabilityPolicy.BEST_EFFORT
            if reliability == 'best_effort'
            else QoSReliabilityPolicy.RELIABLE,
            (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY),
        )

    def destroy(self) -> None:
        """End the subscription."""
        self._fall_back = False
        self._node.destroy_subscription(self._subscription)

    def _subscribe(
        self, reliability: QoSReliabilityPolicy, overridable: tuple[QoSPolicyKind, ...]
    ) -> Any:
        return self._node.create_subscription(
            self._message_type,
            self._name,
            self._callback,
            QoSProfile(
                history=QoSHistoryPolicy.KEEP_LAST,
                depth=self._depth,
                reliability=reliability,
                durability=self._durability,
            ),
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=self._on_incompatible_qos),
            qos_overriding_options=QoSOverridingOptions(overridable),
            raw=self._raw,
        )

    def _on_incompatible_qos(self, _event: object) -> None:
        logger = self._node.get_logger()
        if not self._fall_back:
            logger.error(
                f'a publisher of {self.topic} offers less than is asked for; nothing arrives '
                'from it: set image_reliability to auto or best_effort'
            )
            return
        self._fall_back = False
        logger.warning(f'{self.topic} is offered as best effort only; frames may get lost')
        self._node.destroy_subscription(self._subscription)
        # Without the reliability override: it would ask for reliable again.
        self._subscription = self._subscribe(
            QoSReliabilityPolicy.BEST_EFFORT, (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH)
        )
