"""The order in which the messages of a bag are played: in groups around the images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import monotonic

from depth_anything_ros.bag.cdr import restamp
from depth_anything_ros.bag.reader import BagMessage


@dataclass(frozen=True)
class Recorded:
    """
    One message of a bag.

    `time_ns` is when it was recorded; `stamp_ns` is its header's, 0 where that was not set, or
    None where the type has no header; `cdr` is the message as it travels in ROS 2.
    """

    topic: str
    time_ns: int
    stamp_ns: int | None
    cdr: bytes

    @classmethod
    def of(cls, message: BagMessage) -> Recorded:
        """
        Return a message of a bag.

        :raises DatasetError: if its bytes do not fit its type.
        :raises MessageError: if they are fewer than a header.
        """
        return cls(message.topic, message.log_time_ns, message.stamp_ns, message.cdr)

    @property
    def taken_ns(self) -> int:
        """Return when it was taken: its stamp, or without one, when it was recorded."""
        return self.stamp_ns or self.time_ns

    def stamped(self, shift_ns: int) -> bytes:
        """
        Return the message with `taken_ns` as its stamp, shifted; the same bytes where it has none.

        :raises MessageError: if that time does not fit a stamp.
        """
        stamp_ns = max(0, self.taken_ns + shift_ns)
        return self.cdr if self.stamp_ns in (None, stamp_ns) else restamp(self.cdr, stamp_ns)


@dataclass(frozen=True)
class Group:
    """An image and the other messages nearest to it in time, in recorded order."""

    image: Recorded
    others: tuple[Recorded, ...]

    def in_time(self) -> list[Recorded]:
        """Return all messages in recorded order, the image last of those of one moment."""
        return sorted((*self.others, self.image), key=lambda message: message.time_ns)


class Pace:
    """
    Turn recorded times into waiting times; the first one asked for is due at once.

    :param rate: speed of playing, as a factor.
    :param clock: monotonic time in seconds.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._start: tuple[int, float] | None = None

    def wait_s(self, time_ns: int) -> float:
        """Return how long it is until a message recorded at `time_ns` is due; 0 if it is late."""
        if self._start is None:
            self._start = (time_ns, self._clock())
        first_ns, start_s = self._start
        return max(0.0, start_s + (time_ns - first_ns) * 1e-9 / self._rate - self._clock())


def group_by_image(messages: Iterable[Recorded], image_topic: str) -> Iterator[Group]:
    """
    Group messages with the nearest image of the two that they were recorded between.

    Messages around no image at all are not played.

    :param messages: in recorded order.
    """
    image: Recorded | None = None
    before: list[Recorded] = []
    between: list[Recorded] = []
    for message in messages:
        if message.topic != image_topic:
            between.append(message)
            continue
        if image is None:
            before = between
        else:
            nearer = [other for other in between if is_nearer(other, image, message)]
            yield Group(image, (*before, *nearer))
            before = [other for other in between if not is_nearer(other, image, message)]
        image, between = message, []
    if image is not None:
        yield Group(image, (*before, *between))


def is_nearer(
    other: Recorded, last: Recorded, following: Recorded, *, by_stamp: bool = True
) -> bool:
    """
    Return whether a message is nearer to the last image than to the following one.

    :param by_stamp: go by stamps where all have one, not by the times of recording.
    """
    if not (by_stamp and other.stamp_ns and last.stamp_ns and following.stamp_ns):
        to_last = abs(other.time_ns - last.time_ns)
        return to_last <= abs(other.time_ns - following.time_ns)
    to_last = abs(other.stamp_ns - last.stamp_ns)
    return to_last <= abs(other.stamp_ns - following.stamp_ns)
