"""Where sensors lie in each other's frames, from TF where tf2 is installed."""

from __future__ import annotations

from typing import Any

from rclpy.node import Node
from rclpy.time import Time

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.transform import RigidTransform


class TransformLookup:
    """
    Look up transforms between sensors that do not move against each other.

    TF is listened to from the first lookup on, on the node's own executor.

    :param node: the node that listens.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._buffer: Any = None
        self._listener: Any = None

    def lookup(self, target: str, source: str) -> RigidTransform:
        """
        Return the source frame in the target frame, as of the newest transforms.

        :raises AlignmentError: if tf2 is not installed or TF does not connect the frames.
        """
        if self._buffer is None:
            self._listen()
        try:
            found = self._buffer.lookup_transform(target, source, Time()).transform
        except Exception as error:
            raise AlignmentError(
                f"TF does not connect '{source}' with '{target}': {error}"
            ) from error
        move, turn = found.translation, found.rotation
        return RigidTransform.from_quaternion(
            (move.x, move.y, move.z), (turn.x, turn.y, turn.z, turn.w)
        )

    def _listen(self) -> None:
        try:
            from tf2_ros import Buffer, TransformListener
        except ImportError as error:
            raise AlignmentError(
                'tf2_ros is not installed, so nothing is known of TF; give the pose as a parameter'
            ) from error
        self._buffer = Buffer()
        self._listener = TransformListener(self._buffer, self._node, spin_thread=False)
