"""What is published of a camera and a depth node, thinned, as bytes on the standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from time import monotonic
from typing import IO

from rclpy.clock import Clock, ClockType  # type: ignore[attr-defined]  # Humble's place
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from depth_anything_ros.bag import header_stamp_ns
from depth_anything_ros.bag.qos import TopicQos
from depth_anything_ros.bag.reader import BagTopic
from depth_anything_ros.bag.transforms import STATIC_TF
from depth_anything_ros.bag.view_frames import FrameGate, ViewMessage, write_message, write_news
from depth_anything_ros.bag.view_topics import TOLD_TYPES, Role, TopicList, find_view_topics
from depth_anything_ros.errors import DatasetError
from depth_anything_ros.nodes.process import run_process, spin
from depth_anything_ros.nodes.subscription import SensorSubscription
from depth_anything_ros.nodes.topics import find_message_type

_LOOK_PERIOD_S = 0.5
# So often the same is found before it is believed: nodes become known one after the other.
_SETTLED = 2
# Messages that wait: of images the newest, of TF, which comes in many small ones, all.
_QUEUE_DEPTH = 2
_DEPTHS = {Role.TF: 100, Role.IMAGE: 5}


class ViewRelay(Node):
    """
    Look for topics, subscribe to what is found, pass whole frames on at a rate.

    The newest frame is passed on when the reader has taken the last one: while it is busy, the
    middleware drops what is older.

    :param stream: where to.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__('view_relay')
        self._stream = stream
        self._told = {
            role: name
            for role in TOLD_TYPES
            if (name := str(self.declare_parameter(role.value, '').value))
        }
        self._rate_hz = float(self.declare_parameter('rate', 10.0).value)
        self._frames = int(self.declare_parameter('frames', 0).value)
        self._end_s = monotonic() + float(self.declare_parameter('wait', 10.0).value)
        self._gate = FrameGate(self._rate_hz, TOLD_TYPES)
        self._inputs: dict[str, SensorSubscription] = {}
        self._found: dict[str, Role] = {}
        self._settled = 0
        self.create_timer(
            _LOOK_PERIOD_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def run(self) -> None:
        """Serve until ROS shuts down, the reader ends or all frames are passed on."""
        try:
            spin(self)
        except DatasetError as error:
            write_news(self._stream, str(error))
        except BrokenPipeError:
            # The reader has ended; nothing is left to be flushed.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def close(self) -> None:
        """Do nothing: there is nothing to save."""

    def _look(self) -> None:
        """Look what is published, and subscribe to it once that has not changed for a while."""
        source = self._published()
        try:
            found = find_view_topics(source, self._told)
        except DatasetError as error:
            if not self._inputs and monotonic() > self._end_s:
                raise DatasetError(f'nothing to show: {error}') from error
            return
        self._settled = self._settled + 1 if found == self._found else 0
        self._found = found
        if self._settled == _SETTLED and found.keys() - self._inputs:
            self._subscribe(source, found)

    def _published(self) -> TopicList:
        names = [
            (name, types[0])
            for name, types in self.get_topic_names_and_types()
            if self.count_publishers(name)
        ]
        return TopicList(
            f'ROS domain {self.context.get_domain_id()}',
            {name: BagTopic(name, kind, 0, TopicQos()) for name, kind in names},
            costly=True,
        )

    def _subscribe(self, source: TopicList, found: Mapping[str, Role]) -> None:
        for topic in self._inputs.keys() - found:
            self._inputs.pop(topic).destroy()
        for topic in found.keys() - self._inputs:
            kind = source.topics[topic].type_name
            message_type = find_message_type(kind)
            if message_type is None:
                self.get_logger().warning(f'{topic} is left out: {kind} is not installed')
                continue
            self._inputs[topic] = SensorSubscription(
                self,
                message_type,
                topic,
                partial(self._pass_on, found[topic], topic, kind),
                'auto',
                depth=_DEPTHS.get(found[topic], _QUEUE_DEPTH),
                raw=True,
                transient_local=topic.endswith(STATIC_TF),
            )
        self._gate = FrameGate(self._rate_hz, found.values())
        write_news(self._stream, found)

    def _pass_on(self, role: Role, topic: str, kind: str, cdr: bytes) -> None:
        time_ns = 0 if role is Role.TF else header_stamp_ns(cdr)
        message = ViewMessage(
            role, time_ns or self.get_clock().now().nanoseconds, topic, kind, cdr
        )
        due = self._gate.add(message)
        if self._frames and self._gate.frames > self._frames:
            raise ExternalShutdownException
        for item in due:
            write_message(self._stream, item)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node; see :func:`process.run_process` for the exit code."""
    stream = os.fdopen(os.dup(sys.stdout.fileno()), 'wb')
    # What else is written to the standard output, as logs may be, would be taken for messages.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return run_process('view_relay', lambda: ViewRelay(stream), argv)
