"""The quality of service that the publishers of a topic offered while it was recorded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rosbags.interfaces import ConnectionExtRosbag1, Qos, QosDurability, QosReliability


@dataclass(frozen=True)
class TopicQos:
    """
    What the publishers of a topic offered.

    With several publishers it is the most that any of them offered, so that whoever could
    listen to one of them can listen to all. A bag that says nothing stands for ROS 2's default.
    `transient_local` keeps messages for late subscribers (`latched` in ROS 1).
    """

    reliable: bool = True
    transient_local: bool = False


# What every listener to static transforms asks for, whatever a bag says of those who sent them.
STATIC_TF_QOS = TopicQos(transient_local=True)


def is_static_tf(topic: str) -> bool:
    """Return whether a topic is that of static transforms, of any robot."""
    return topic.rpartition('/')[2] == 'tf_static'


def recorded_qos(topic: str, connections: Iterable[Any]) -> TopicQos:
    """
    Return what the publishers of one topic offered; of static transforms, what they must offer.

    :param topic: its name.
    :param connections: the topic's connections of rosbags, of ROS 1 and ROS 2 bags.
    """
    if is_static_tf(topic):
        return STATIC_TF_QOS
    latched, offers = False, list[Qos]()
    for connection in connections:
        if isinstance(connection.ext, ConnectionExtRosbag1):
            latched |= bool(connection.ext.latching)
        else:
            offers += connection.ext.offered_qos_profiles
    return TopicQos(
        reliable=not offers
        or any(offer.reliability is not QosReliability.BEST_EFFORT for offer in offers),
        transient_local=latched
        or any(offer.durability is QosDurability.TRANSIENT_LOCAL for offer in offers),
    )
