"""When the outputs of a node arrive, of which stamp, and a few bytes of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import time_ns
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message

from depth_anything_ros.bag import header_stamp_ns
from depth_anything_ros.bag.content import sampled_words
from depth_anything_ros.bag.load import HeardOutput
from depth_anything_ros.errors import ConfigError, MessageError
from depth_anything_ros.files import write_json
from depth_anything_ros.nodes.diagnostics import to_dict
from depth_anything_ros.nodes.process import run_process, spin
from depth_anything_ros.nodes.subscription import SensorSubscription
from depth_anything_ros.nodes.topics import find_message_type
from depth_anything_ros.types import UInt8Array

# Nothing may be lost here that arrived.
_QUEUE_DEPTH = 100
# What words of 4 bytes are, by the encoding of an image or the type of another message.
_WORDS_ARE = {
    '32FC1': 'float32',
    '16UC1': 'uint16',
    'mono16': 'uint16',
    'rgb8': 'uint8',
    'bgr8': 'uint8',
    'mono8': 'uint8',
    'PointCloud2': 'float32',
    'LaserScan': 'float32',
}


@dataclass
class TopicArrivals:
    """Messages of one topic, the lists in the order of arrival."""

    topic: str
    words_are: str = ''
    stamp_ns: list[int] = field(default_factory=list)
    arrival_ns: list[int] = field(default_factory=list)
    words: list[UInt8Array] = field(default_factory=list)


class LoadProbe(Node):
    """
    Note what arrives; write it at the end.

    Parameters: `outputs`, each `TOPIC TYPE`; `out`, a folder, for `arrivals.npz` with
    `stamp_ns_K`, `arrival_ns_K` and, where all messages are of one length, `words_K` of the K-th
    topic, and for `probe.json`: topics, what their words are and the last status of each node.
    """

    def __init__(self) -> None:
        super().__init__('load_probe')
        outputs: list[str] = self.declare_parameter('outputs', ['']).value
        self._out = Path(str(self.declare_parameter('out', '').value))
        self._statuses: dict[str, Any] = {}
        self._found: list[TopicArrivals] = []
        self._inputs = [self._subscribe(output) for output in outputs]
        self.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, QoSProfile(depth=10)
        )

    def run(self) -> None:
        """Serve until ROS shuts down."""
        spin(self)

    def close(self) -> None:
        """Write what arrived."""
        arrays: dict[str, Any] = {}
        for number, found in enumerate(self._found):
            arrays[f'stamp_ns_{number}'] = np.array(found.stamp_ns, np.int64)
            arrays[f'arrival_ns_{number}'] = np.array(found.arrival_ns, np.int64)
            if found.words and len({words.shape for words in found.words}) == 1:
                arrays[f'words_{number}'] = np.stack(found.words)
        self._out.mkdir(parents=True, exist_ok=True)
        with (self._out / 'arrivals.npz').open('wb') as file:
            np.savez(file, **arrays)
        outputs = [HeardOutput(each.topic, each.words_are) for each in self._found]
        write_json(self._out / 'probe.json', {'outputs': outputs, 'statuses': self._statuses})

    def _subscribe(self, output: str) -> SensorSubscription:
        topic, _, type_name = output.partition(' ')
        kind = find_message_type(type_name)
        if kind is None:
            raise ConfigError(f"output '{output}': message type '{type_name}' is not installed")
        found = TopicArrivals(topic)
        self._found.append(found)
        take = partial(self._on_output, found, kind)
        return SensorSubscription(self, kind, topic, take, 'auto', depth=_QUEUE_DEPTH, raw=True)

    def _on_output(self, found: TopicArrivals, kind: type, cdr: bytes) -> None:
        arrival_ns = time_ns()
        try:
            stamp_ns = header_stamp_ns(cdr)
        except MessageError as error:
            self.get_logger().warning(f'{found.topic}: message left out: {error}')
            return
        if not found.stamp_ns:
            message: Any = deserialize_message(cdr, kind)
            found.words_are = _WORDS_ARE.get(getattr(message, 'encoding', kind.__name__), '')
        found.arrival_ns.append(arrival_ns)
        found.stamp_ns.append(stamp_ns)
        found.words.append(sampled_words(cdr))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self._statuses[status.name] = to_dict(status)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node; see :func:`process.run_process` for the exit code."""
    return run_process('load_probe', LoadProbe, argv)
