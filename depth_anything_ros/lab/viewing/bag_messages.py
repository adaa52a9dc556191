"""The messages of a bag that a view shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from depth_anything_ros.bag import BagReader, time_ns
from depth_anything_ros.bag.view_frames import ViewMessage
from depth_anything_ros.bag.view_topics import Role

_CALIBRATIONS = (Role.CAMERA_INFO, Role.DEPTH_CAMERA_INFO)


def bag_messages(reader: BagReader, topics: Mapping[str, Role]) -> Iterator[ViewMessage]:
    """
    Iterate over the messages of some topics, but for TF, in the order of recording.

    The first calibration of each kind comes ahead: recorders and nodes write it after the image.

    :param topics: topic → role.
    :raises DatasetError: if the bag is damaged.
    """
    for topic, role in topics.items():
        if role in _CALIBRATIONS:
            yield from _shown(reader, {topic: role}, 1)
    yield from _shown(reader, {name: role for name, role in topics.items() if role is not Role.TF})


def _shown(
    reader: BagReader, topics: Mapping[str, Role], limit: int | None = None
) -> Iterator[ViewMessage]:
    for message in islice(reader.messages(topics), limit):
        yield ViewMessage(
            topics[message.topic], time_ns(message), message.topic, message.type_name, message.cdr
        )
