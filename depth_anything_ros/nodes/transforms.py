"""Where sensors lie in each other's frames, from TF where tf2 is installed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from rclpy.time import Time

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.stream.references import TransformMissingError


class TransformLookup:
    """
    Look up transforms between sensors that do not move against each other.

    TF is listened to from :meth:`listen`, or the first lookup, on the node's own executor. Static
    transforms are watched for frames with more than one parent, of which tf2 keeps whichever came
    last.

    :param node: the node that listens.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._buffer: Any = None
        self._listener: Any = None
        self._parents: dict[str, set[str]] = {}
        self._connected: set[tuple[str, str]] = set()

    def lookup(self, target: str, source: str) -> RigidTransform:
        """
        Return the source frame in the target frame, as of the newest transforms.

        :raises TransformMissingError: if TF has never connected the frames yet.
        :raises AlignmentError: if tf2 is not installed or TF does not connect them any more.
        """
        if self._buffer is None:
            self._listen()
        try:
            found = self._buffer.lookup_transform(target, source, Time()).transform
        except Exception as error:
            kind = AlignmentError if (target, source) in self._connected else TransformMissingError
            raise kind(f"TF does not connect '{source}' with '{target}': {error}") from error
        self._connected.add((target, source))
        move, turn = found.translation, found.rotation
        return RigidTransform.from_quaternion(
            (move.x, move.y, move.z), (turn.x, turn.y, turn.z, turn.w)
        )

    def listen(self) -> None:
        """Listen to TF from now on, where tf2 is installed; a lookup says so where it is not."""
        if self._buffer is None:
            with suppress(AlignmentError):
                self._listen()

    def conflicts(self) -> tuple[str, ...]:
        """Return a sentence for each frame that static transforms give more than one parent."""
        return tuple(
            f"frame '{child}' has more than one parent in TF: {', '.join(sorted(parents))}; "
            'where it lies changes with the order of messages'
            for child, parents in list(self._parents.items())
            if len(parents) > 1
        )

    def watch(self, message: Any) -> None:
        """Note the parents in a tf2_msgs/TFMessage of static transforms."""
        for transform in message.transforms:
            parents = self._parents.setdefault(transform.child_frame_id, set())
            parents.add(transform.header.frame_id)

    def _listen(self) -> None:
        try:
            from tf2_msgs.msg import TFMessage
            from tf2_ros import Buffer, TransformListener
        except ImportError as error:
            raise AlignmentError(
                'tf2_ros is not installed, so nothing is known of TF; run this in a ROS '
                'installation that has it'
            ) from error
        self._buffer = Buffer()
        self._listener = TransformListener(self._buffer, self._node, spin_thread=False)
        self._node.create_subscription(
            TFMessage,
            '/tf_static',
            self.watch,
            QoSProfile(depth=100, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL),
        )
