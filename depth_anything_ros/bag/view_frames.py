"""Thinning of a stream of messages to whole frames at a rate, and their way between processes."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from rosbags.typesys import Stores, get_typestore

from depth_anything_ros.bag.view_topics import Role
from depth_anything_ros.errors import DatasetError, MessageError

# The best of those that come leads: what goes with it is shown with it.
_LEADERS = (Role.DEPTH, Role.RELATIVE, Role.IMAGE)
_FOLLOWERS = (Role.IMAGE, Role.SCALE, Role.SIGMA, Role.CONFIDENCE)
_ALONE = (Role.SCAN, Role.POINTS)
_TOLERANCE_NS = 20_000_000
# Of what waits for a leader: frames of a camera while the network is busy.
_WAITING = 60
_WAITING_BYTES = 256_000_000


@dataclass(frozen=True)
class ViewMessage:
    """A message to show: what it is, when it was taken, where it came, serialised."""

    role: Role
    time_ns: int
    topic: str
    type_name: str
    cdr: bytes


class FrameGate:
    """
    Let through one frame in each 1 / `rate_hz` seconds of message time, whole.

    A frame is a depth image with the image, the scale and the uncertainty of its time; without
    depth, relative depth leads, then the image. Scans and clouds have the same rate on their own;
    calibration and TF all pass. Message time is compared, so a bag gives the same frames however
    fast it is read.

    :param rate_hz: 0 lets everything through.
    :param roles: of the topics that there are, image or depth among them.
    """

    def __init__(self, rate_hz: float, roles: Collection[Role]) -> None:
        self._period_ns = round(1e9 / rate_hz) if rate_hz else 1
        self._leader = next(role for role in _LEADERS if role in roles)
        self._slots: dict[Role, int] = {}
        self._shown_ns: int | None = None
        self._sent: set[Role] = set()
        self._waiting: deque[ViewMessage] = deque()
        self.frames = 0

    def add(self, message: ViewMessage) -> list[ViewMessage]:
        """Take in a message and return what is to be shown now, in order."""
        if message.role not in (*_LEADERS, *_FOLLOWERS):
            return [message] if message.role not in _ALONE or self._is_due(message) else []
        self._choose_leader(message.role)
        if message.role is self._leader:
            return self._lead(message) if self._is_due(message) else []
        if self._belongs(message) and message.role not in self._sent:
            self._sent.add(message.role)
            return [message]
        self._waiting.append(message)
        self._forget()
        return []

    def _choose_leader(self, role: Role) -> None:
        """Let a better one lead as soon as it comes, a worse one when it has come often alone."""
        if role not in _LEADERS or role is self._leader:
            return
        alone = sum(message.role is role for message in self._waiting)
        if _LEADERS.index(role) < _LEADERS.index(self._leader) or alone >= _WAITING // 2:
            self._leader = role

    def _is_due(self, message: ViewMessage) -> bool:
        slot = message.time_ns // self._period_ns
        due = self._slots.get(message.role) != slot
        self._slots[message.role] = slot
        return due

    def _belongs(self, message: ViewMessage) -> bool:
        return (
            message.role in _FOLLOWERS
            and self._shown_ns is not None
            and abs(message.time_ns - self._shown_ns) <= _TOLERANCE_NS
        )

    def _lead(self, leader: ViewMessage) -> list[ViewMessage]:
        self.frames += 1
        self._shown_ns = leader.time_ns
        partners: dict[Role, ViewMessage] = {}
        for message in sorted(
            filter(self._belongs, self._waiting),
            key=lambda item: -abs(item.time_ns - leader.time_ns),
        ):
            partners[message.role] = message
        self._sent = set(partners)
        self._waiting = deque(item for item in self._waiting if item.time_ns > leader.time_ns)
        return [*partners.values(), leader]

    def _forget(self) -> None:
        size = sum(len(message.cdr) for message in self._waiting)
        while len(self._waiting) > _WAITING or (size > _WAITING_BYTES and len(self._waiting) > 1):
            size -= len(self._waiting.popleft().cdr)


def deserialize(message: ViewMessage) -> Any:
    """
    Return a message that somebody publishes as an object with the fields of its type.

    :raises MessageError: if the bytes do not fit the type.
    """
    try:
        return get_typestore(Stores.ROS2_HUMBLE).deserialize_cdr(message.cdr, message.type_name)
    except Exception as error:
        # rosbags raises whatever the bytes lead to.
        raise MessageError(f'message on {message.topic} cannot be read: {error}') from error


def write_message(stream: IO[bytes], message: ViewMessage) -> None:
    """Write a message for `read_messages` of another process."""
    head = [message.role.value, message.time_ns, message.topic, message.type_name]
    write_news(stream, [*head, len(message.cdr)])
    stream.write(message.cdr)
    stream.flush()


def write_news(stream: IO[bytes], news: Mapping[str, Role] | str | list[Any]) -> None:
    """Write topic → role of what is shown from now on, or as the last thing why nothing is."""
    stream.write(json.dumps(news).encode() + b'\n')
    stream.flush()


def read_messages(
    stream: IO[bytes], on_topics: Callable[[dict[str, Role]], None]
) -> Iterator[ViewMessage]:
    """
    Read what `write_message` wrote, until the stream ends.

    :param on_topics: told what topics are shown, whenever that changes.
    :raises DatasetError: where nothing is shown; it says why.
    """
    for line in iter(stream.readline, b''):
        if not line.endswith(b'\n'):
            return
        news = json.loads(line)
        if isinstance(news, str):
            raise DatasetError(news)
        if isinstance(news, dict):
            on_topics({topic: Role(role) for topic, role in news.items()})
            continue
        role, time_ns, topic, type_name, size = news
        cdr = stream.read(size)
        if len(cdr) == size:
            yield ViewMessage(Role(role), time_ns, topic, type_name, cdr)
