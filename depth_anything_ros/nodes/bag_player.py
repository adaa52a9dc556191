"""The bag player: ROS 1 and ROS 2 bags as live topics, in real time or in lockstep."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count, islice
from pathlib import Path
from time import monotonic, time_ns
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.exceptions import InvalidTopicNameException
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSHistoryPolicy, QoSProfile, QoSReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image

from depth_anything_ros.bag import (
    BagReader,
    BagTopic,
    Group,
    Lockstep,
    Pace,
    Recorded,
    group_by_image,
    header_stamp_ns,
)
from depth_anything_ros.config import BagPlayerConfig
from depth_anything_ros.errors import DatasetError, MessageError
from depth_anything_ros.escape import one_line
from depth_anything_ros.messages import stamp_fields
from depth_anything_ros.nodes.message_sizes import largest_of_bag
from depth_anything_ros.nodes.parameters import declare_parameters
from depth_anything_ros.nodes.process import run_process
from depth_anything_ros.nodes.topics import find_message_type
from depth_anything_ros.nodes.waiting import Waiting
from depth_anything_ros.progress import Progress

QUEUE_DEPTH = 10
# Latched messages of one topic that late subscribers get, at most.
LATCHED_DEPTH = 1000
LOG_PERIOD_S = 5.0


@dataclass
class PlayCounts:
    """Count images: sent, answered by a prediction in lockstep, and timed out waiting for it."""

    sent: int = 0
    answered: int = 0
    timed_out: int = 0


class BagPlayer(Node):
    """
    Publish the messages of a bag as the bytes they were recorded in.

    Publishers offer the durability and reliability that was recorded. A latched topic keeps all
    its messages for late subscribers, since here one publisher stands for those of the robot. In
    lockstep all are reliable, so that no frame gets lost.

    A message without stamp gets the time at which it was recorded, as bags are read elsewhere.

    In real time each goes out at its recorded time. In lockstep they go out in groups around the
    images, stamped ones by their stamps, and the next group waits for a message on `prediction`
    with the stamp of the image. The image is the last of its group, so that its camera_info and
    reference depth, however late they were recorded, are there when it is processed.
    """

    def __init__(self) -> None:
        super().__init__('bag_player')
        self._config, _ = declare_parameters(self, BagPlayerConfig)
        self._counts = PlayCounts()
        self._predicted: set[int] = set()
        self._told_ns = -1
        self._logged_s = monotonic()
        self._outlets: dict[str, Any] = {}
        self._waiting = Waiting(self)
        self._lockstep = self._config.mode == 'lockstep'
        self._predictions = (
            self.create_subscription(Image, 'prediction', self._on_prediction, _qos(), raw=True)
            if self._lockstep
            else None
        )
        tells_time = self._config.publish_clock and not self._config.restamp
        self._clock_publisher = (
            self.create_publisher(Clock, '/clock', _qos()) if tells_time else None
        )

    def run(self) -> None:
        """
        Play the bag to its end.

        :raises DatasetError: if the bag cannot be read, nobody answers in lockstep, or images
            were left without a prediction.
        """
        if not self._config.bag:
            raise DatasetError("parameter 'bag' is empty; give a ROS 1 or ROS 2 bag")
        with BagReader(Path(self._config.bag)) as reader:
            self._advertise(reader)
            self._wait_for_subscribers()
            self._waiting.for_s(self._config.settle_s)
            self._play(reader, 'playing')
            for number in count(2) if self._config.loop else ():
                self._play(reader, f'pass {number}')
            self._waiting.for_s(self._config.settle_s)
        if self._counts.timed_out:
            raise DatasetError(
                f'{self._counts.timed_out} of {self._counts.sent} images got no prediction within '
                f'{self._config.lockstep_timeout_s:g} s'
            )

    def close(self) -> None:
        """Write in one line of JSON what was sent."""
        self._waiting.close()
        sys.stdout.write(f'{json.dumps(asdict(self._counts))}\n')
        sys.stdout.flush()

    # Before playing

    def _advertise(self, reader: BagReader) -> None:
        if reader.require_topic(self._config.image_topic).count == 0:
            raise DatasetError(
                f"topic '{self._config.image_topic}' of bag '{reader.path}' holds no messages"
            )
        for topic in reader.topics.values():
            try:
                self._outlets[topic.name] = self._make_outlet(reader, topic)
            except DatasetError as error:
                if topic.name == self._config.image_topic:
                    raise
                self.get_logger().warning(one_line(f'topic left out: {error}'))

    def _make_outlet(self, reader: BagReader, topic: BagTopic) -> Any:
        type_name = reader.ros2_name(topic.name)
        message_type = find_message_type(type_name)
        if message_type is None:
            raise DatasetError(f"{topic.name}: no message type '{type_name}' here")
        try:
            return self.create_publisher(message_type, topic.name, self._offer(topic))
        except InvalidTopicNameException as error:
            # ROS 1 allowed more.
            reason = ' '.join(str(error).split())
            raise DatasetError(
                f'topic {topic.name} cannot be played in ROS 2: {reason}'
            ) from error

    def _offer(self, topic: BagTopic) -> QoSProfile:
        reliable = topic.qos.reliable or self._lockstep
        if not topic.qos.transient_local:
            return _qos(reliable=reliable)
        if topic.count > LATCHED_DEPTH:
            self.get_logger().warning(
                f'{topic.name} holds {topic.count} latched messages; who subscribes late gets the '
                f'last {LATCHED_DEPTH}'
            )
        depth = min(max(topic.count, 1), LATCHED_DEPTH)
        return _qos(reliable=reliable, latched=True, depth=depth)

    def _wait_for_subscribers(self) -> None:
        wanted = self._config.subscribers
        image = self._outlets[self._config.image_topic]
        self.get_logger().info(f'waiting for {wanted} subscribers of {image.topic_name}')
        limit_s = self._config.wait_for_subscribers_s
        if not self._waiting.until(lambda: image.get_subscription_count() >= wanted, limit_s):
            text = (
                f'{image.get_subscription_count()} of {wanted} subscribers of '
                f'{image.topic_name} within {limit_s:g} s'
            )
            if self._lockstep:
                raise DatasetError(text)
            self.get_logger().warning(f'{text}; playing all the same')
        if self._predictions is None:
            return
        topic = self._predictions.topic_name
        if not self._waiting.until(lambda: self.count_publishers(topic) > 0, limit_s):
            raise DatasetError(f'nobody publishes {topic} within {limit_s:g} s')

    # Playing

    def _play(self, reader: BagReader, name: str) -> None:
        topic, frames = self._config.image_topic, self._config.frames
        known = reader.topics[topic].count
        total = min(frames or known, known)  # to be shown: what a bag says of itself may be wrong
        pace = Pace(self._config.rate)
        self._told_ns = -1
        with Progress(name, total) as shown, ExitStack() as stack:
            for group in islice(self._groups(reader, stack), frames or None):
                if self._lockstep:
                    self._play_in_lockstep(group)
                else:
                    self._play_in_time(group, pace)
                self._counts.sent += 1
                shown.update()
                if not sys.stderr.isatty() and monotonic() - self._logged_s > LOG_PERIOD_S:
                    self._logged_s = monotonic()
                    self.get_logger().info(shown.text())

    def _groups(self, reader: BagReader, stack: ExitStack) -> Iterator[Group]:
        image, topics = self._config.image_topic, tuple(self._outlets)
        if not self._lockstep:
            return group_by_image(map(Recorded.of, reader.messages(topics)), image)
        stamped = [name for name in topics if reader.has_header(reader.topics[name].type_name)]
        lockstep = Lockstep(reader, image, stamped, topics, Recorded.of)
        return stack.enter_context(lockstep).groups()

    def _play_in_lockstep(self, group: Group) -> None:
        shift_ns = self._shift_ns(group.image, 0.0)
        self._tell_time(group.image.time_ns)
        for message in (*group.others, group.image):
            self._publish(message, shift_ns)
        self._await_prediction(group.image.taken_ns + shift_ns)

    def _play_in_time(self, group: Group, pace: Pace) -> None:
        messages = group.in_time()
        self._waiting.for_s(pace.wait_s(messages[0].time_ns))
        shift_ns = self._shift_ns(group.image, pace.wait_s(group.image.time_ns))
        for message in messages:
            self._waiting.for_s(pace.wait_s(message.time_ns))
            self._tell_time(message.time_ns)
            self._publish(message, shift_ns)

    def _shift_ns(self, image: Recorded, wait_s: float) -> int:
        """Return what to add to the stamps of an image's group; it goes out in `wait_s`."""
        if not self._config.restamp:
            return 0
        return time_ns() + round(wait_s * 1e9) - image.taken_ns

    def _tell_time(self, recorded_ns: int) -> None:
        # Never backwards: groups may overlap by some messages.
        if self._clock_publisher is not None and recorded_ns > self._told_ns:
            self._told_ns = recorded_ns
            self._clock_publisher.publish(Clock(clock=Time(**stamp_fields(recorded_ns))))

    def _publish(self, message: Recorded, shift_ns: int) -> None:
        try:
            cdr = message.stamped(shift_ns)
        except MessageError as error:
            # Stamped by another clock than the images.
            text = one_line(f'message of {message.topic} left out: {error}')
            self.get_logger().warning(text, throttle_duration_sec=LOG_PERIOD_S)
            return
        self._outlets[message.topic].publish(cdr)

    def _await_prediction(self, stamp_ns: int) -> None:
        limit_s = self._config.lockstep_timeout_s
        if self._waiting.until(lambda: stamp_ns in self._predicted, limit_s):
            self._counts.answered += 1
        else:
            self._counts.timed_out += 1
            self.get_logger().warning(f'no prediction for the image of stamp {stamp_ns}')
        self._predicted.clear()

    def _on_prediction(self, cdr: bytes) -> None:
        try:
            self._predicted.add(header_stamp_ns(cdr))
        except MessageError as error:
            self.get_logger().warning(f'prediction left out: {error}')


def _qos(*, reliable: bool = True, latched: bool = False, depth: int = QUEUE_DEPTH) -> QoSProfile:
    reliability, durability = QoSReliabilityPolicy, QoSDurabilityPolicy
    return QoSProfile(
        history=QoSHistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=reliability.RELIABLE if reliable else reliability.BEST_EFFORT,
        durability=durability.TRANSIENT_LOCAL if latched else durability.VOLATILE,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Play a bag; see :func:`process.run_process` for the exit code."""
    return run_process('bag_player', BagPlayer, argv, partial(largest_of_bag, 'bag_player'))
