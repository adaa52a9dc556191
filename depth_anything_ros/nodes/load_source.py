"""Frames of a bag, over and over, stamped as they go out: a load to measure nodes under."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import monotonic, time_ns
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile

from depth_anything_ros.bag import BagReader, Group, Recorded, group_by_image, header_stamp_ns
from depth_anything_ros.bag.load import SentImage, SentLoad
from depth_anything_ros.errors import DatasetError, MessageError
from depth_anything_ros.files import write_json
from depth_anything_ros.nodes.message_sizes import largest_of_bag
from depth_anything_ros.nodes.process import run_process
from depth_anything_ros.nodes.topics import find_message_type
from depth_anything_ros.nodes.waiting import Waiting

# While a node starts, so long after each image for the answer.
_START_PERIOD_S = 0.1
# How often each picture is sent alone, and how long the answer may take.
_TURNS_ALONE, _LIMIT_ALONE_S = 2, 10.0
_SETTLE_S = 1.0


class LoadSource(Node):
    """
    Send the images of a bag with all that belongs to them, in three parts.

    Until the first answer, ten a second, to see when the node is up. Then each picture alone,
    twice, the next when the answer is there, to see what comes of it. Then at an even rate.

    Parameters: `bag` and its `image_topic`; `answer` and `answer_type`, the output that says that
    an image is done; `listeners`, how many others subscribe to it; `rate_hz` and `seconds`;
    `start_s`, the longest wait for the first answer; `out`, the file for :class:`SentLoad`.
    """

    def __init__(self) -> None:
        super().__init__('load_source')
        self._bag = Path(self._told('bag', ''))
        self._image_topic = self._told('image_topic', '/camera/color/image_raw')
        self._listeners = self._told('listeners', 1)
        self._rate_hz = self._told('rate_hz', 10.0)
        self._seconds = self._told('seconds', 10.0)
        self._start_s = self._told('start_s', 600.0)
        self._out = Path(self._told('out', ''))
        self._answered: dict[int, int] = {}
        self._sent: list[SentImage] = []
        self._outlets: dict[str, Any] = {}
        self._waiting = Waiting(self)
        self._answers = self.create_subscription(
            _message_type(self._told('answer_type', 'sensor_msgs/msg/Image')),
            self._told('answer', 'answer'),
            self._on_answer,
            QoSProfile(depth=10),
            raw=True,
        )

    def run(self) -> None:
        """
        Send all three parts and write what was sent.

        :raises DatasetError: if the bag cannot be read, or nothing answers.
        """
        groups = self._read()
        first_answer_ns = self._start(groups)
        for number in _TURNS_ALONE * list(range(len(groups))):
            stamp_ns = self._send(groups, number, alone=True)
            self._waiting.until(partial(self._answered.__contains__, stamp_ns), _LIMIT_ALONE_S)
        self._waiting.for_s(_SETTLE_S)
        begin_ns = time_ns()
        self._stream(groups)
        end_ns = time_ns()
        self._waiting.for_s(_SETTLE_S)
        write_json(self._out, SentLoad(first_answer_ns, begin_ns, end_ns, self._sent))

    def close(self) -> None:
        """End what serves callbacks."""
        self._waiting.close()

    def _told(self, name: str, default: Any) -> Any:
        return self.declare_parameter(name, default).value

    def _read(self) -> list[Group]:
        with BagReader(self._bag) as reader:
            for topic in reader.topics.values():
                kind = _message_type(reader.ros2_name(topic.name))
                self._outlets[topic.name] = self.create_publisher(
                    kind, topic.name, QoSProfile(depth=5)
                )
            messages = map(Recorded.of, reader.messages(tuple(self._outlets)))
            groups = list(group_by_image(messages, self._image_topic))
        if not groups:
            raise DatasetError(f"bag '{self._bag}' has no images on {self._image_topic}")
        return groups

    def _start(self, groups: Sequence[Group]) -> int:
        """Send images until one is answered, and return when that was."""
        end_s = monotonic() + self._start_s
        number = 0
        while not self._answered:
            if monotonic() > end_s:
                raise DatasetError(
                    f'no answer on {self._answers.topic_name} within {self._start_s:g} s'
                )
            self._send(groups, number % len(groups), alone=True)
            self._waiting.until(lambda: bool(self._answered), _START_PERIOD_S)
            number += 1
        first_ns = min(self._answered.values())
        topic = self._answers.topic_name
        if not self._waiting.until(
            lambda: self.count_subscribers(topic) > self._listeners, self._start_s
        ):
            raise DatasetError(f'{topic} has fewer than {self._listeners} other subscribers')
        self._waiting.for_s(_SETTLE_S)
        return first_ns

    def _stream(self, groups: Sequence[Group]) -> None:
        start_s = monotonic()
        for index in range(max(1, round(self._seconds * self._rate_hz))):
            self._waiting.for_s(start_s + index / self._rate_hz - monotonic())
            self._send(groups, index % len(groups), alone=False)

    def _send(self, groups: Sequence[Group], number: int, *, alone: bool) -> int:
        """Send a picture with what belongs to it, the image last, and return its stamp."""
        group = groups[number]
        stamp_ns = time_ns()
        shift_ns = stamp_ns - group.image.taken_ns
        for message in group.others:
            self._outlets[message.topic].publish(message.stamped(shift_ns))
        image = group.image.stamped(shift_ns)
        sent = SentImage(stamp_ns, time_ns(), number, alone)
        self._outlets[group.image.topic].publish(image)
        self._sent.append(sent)
        return stamp_ns

    def _on_answer(self, cdr: bytes) -> None:
        arrival_ns = time_ns()
        try:
            self._answered.setdefault(header_stamp_ns(cdr), arrival_ns)
        except MessageError as error:
            self.get_logger().warning(f'answer left out: {error}')


def _message_type(name: str) -> type:
    found = find_message_type(name)
    if found is None:
        raise DatasetError(f"message type '{name}' is not installed")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node; see :func:`process.run_process` for the exit code."""
    return run_process('load_source', LoadSource, argv, partial(largest_of_bag, 'load_source'))
