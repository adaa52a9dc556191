"""The order of lockstep: image after image, each with what was taken nearest to it."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from types import TracebackType

from depth_anything_ros.bag.reader import BagMessage, BagReader
from depth_anything_ros.bag.schedule import Group, Recorded, is_nearer

# What of a bag waits in memory for something that is recorded later, at most.
_WAITING_BYTES = 128 * 2**20
# Stamps that are further ahead of an image are of another clock, or of an image far from it.
_FAR_NS = 10 * 10**9


@dataclass
class _Waiting:
    """Messages of a topic that have been read and not taken; `left` is how many are to come."""

    left: int
    messages: deque[Recorded] = field(default_factory=deque)
    size_bytes: int = 0
    taken: int = 0
    own: Iterator[Recorded] | None = None

    def add(self, message: Recorded) -> None:
        self.messages.append(message)
        self.size_bytes += len(message.cdr)
        self.left -= 1

    def take(self) -> Recorded:
        message = self.messages.popleft()
        self.size_bytes -= len(message.cdr)
        self.taken += 1
        return message


class Lockstep:
    """
    Group the messages of a bag around its images; use it as a context manager.

    A stamped message goes with the image of the nearest stamp, however late either was recorded;
    one without stamp with the image that was recorded nearest. Of a topic, none overtakes another.

    The bag is read once, ahead as far as it takes. Where too much would wait in memory, as in a
    bag that has one topic after the other, the topic of which most waits is read once more.

    :param reader: an open bag.
    :param image_topic: of the images.
    :param paired: topics that go by stamp.
    :param others: topics that go by the time of recording.
    :param recorded: brings a message into the form of a group.
    :param waiting_bytes: what may wait in memory.
    """

    def __init__(
        self,
        reader: BagReader,
        image_topic: str,
        paired: Collection[str],
        others: Collection[str],
        recorded: Callable[[BagMessage], Recorded],
        waiting_bytes: int = _WAITING_BYTES,
    ) -> None:
        self._path = reader.path
        self._image_topic = image_topic
        self._paired = [topic for topic in paired if topic != image_topic]
        self._others = [topic for topic in others if topic not in {image_topic, *paired}]
        self._recorded = recorded
        self._waiting_bytes = waiting_bytes
        topics = (image_topic, *self._paired, *self._others)
        # What a bag says of its counts may be wrong; of the images, none is to be missed.
        self._topics = {topic: _Waiting(reader.topics[topic].count) for topic in topics}
        self._topics[image_topic].left = sys.maxsize
        self._messages = map(recorded, reader.messages(topics))
        self._ended = False
        self._read_ns = -sys.maxsize
        self._stack = ExitStack()

    def __enter__(self) -> Lockstep:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close what was opened to read topics once more."""
        self._stack.close()

    def groups(self) -> Iterator[Group]:
        """
        Yield the images in recorded order, each with what goes with it, in recorded order.

        What is around no image is not in any.

        :raises DatasetError: if the bag is damaged.
        """
        while self._first(self._image_topic) is not None:
            image = self._topics[self._image_topic].take()
            following = self._first(self._image_topic)
            others = [other for topic in self._paired for other in self._of(topic, image)]
            while not self._ended and (following is None or self._read_ns <= following.time_ns):
                self._read_on()
            others += [other for topic in self._others for other in self._of(topic, image)]
            yield Group(image, tuple(sorted(others, key=lambda other: other.time_ns)))

    def _of(self, topic: str, image: Recorded) -> Iterator[Recorded]:
        """Take the messages of a topic that go with an image which was just taken."""
        following = self._first(self._image_topic)
        early_bytes = 0
        while early_bytes <= self._waiting_bytes:
            # The next one of the others is there, or was recorded after the following image.
            message = self._first(topic, read_on=topic in self._paired)
            if message is None or not (following is None or _goes(message, image, following)):
                return
            yield self._topics[topic].take()
            # Of those that are of another clock, not all at once.
            if message.taken_ns < image.taken_ns - _FAR_NS:
                early_bytes += len(message.cdr)

    def _first(self, topic: str, *, read_on: bool = True) -> Recorded | None:
        """
        Return the first message of a topic that is not taken, or None where all are.

        :param read_on: read the bag until there is one.
        """
        # What waits of a topic may be put elsewhere while the bag is read on.
        while not (waiting := self._topics[topic]).messages:
            if waiting.own is not None:
                message = next(waiting.own, None)
                if message is None:
                    return None
                waiting.add(message)
            elif not read_on or self._ended or waiting.left <= 0:
                return None
            else:
                self._read_on()
        return waiting.messages[0]

    def _read_on(self) -> None:
        message = next(self._messages, None)
        if message is None:
            self._ended = True
            return
        self._read_ns = message.time_ns
        waiting = self._topics[message.topic]
        if waiting.own is not None:
            return
        waiting.add(message)
        shared = {name: topic for name, topic in self._topics.items() if topic.own is None}
        if sum(topic.size_bytes for topic in shared.values()) > self._waiting_bytes:
            self._read_apart(max(shared, key=lambda name: shared[name].size_bytes))

    def _read_apart(self, topic: str) -> None:
        """Drop what waits of a topic, and read it again when it is asked for."""
        again = self._stack.enter_context(BagReader(self._path))
        taken = self._topics[topic].taken
        messages = map(self._recorded, islice(again.messages([topic]), taken, None))
        self._topics[topic] = _Waiting(sys.maxsize, taken=taken, own=messages)


def _goes(other: Recorded, image: Recorded, following: Recorded) -> bool:
    """Return whether a message goes with an image, not with one after it."""
    ahead_ns = (other.stamp_ns or 0) - (image.stamp_ns or 0)
    return is_nearer(other, image, following, by_stamp=ahead_ns <= _FAR_NS)
