"""Where frames lie in each other by the TF messages of a bag, without ROS."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from depth_anything_ros.bag.pairing import nearest
from depth_anything_ros.bag.reader import BagMessage, BagReader
from depth_anything_ros.errors import AlignmentError, ConfigError
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.messages import stamp_ns

TF_TYPES = ('tf2_msgs/msg/TFMessage', 'tf/msg/tfMessage')
_STATIC = 'tf_static'

# x, y, z, then the quaternion's x, y, z, w, as messages have them.
_Numbers = tuple[float, float, float, float, float, float, float]


@dataclass
class _Edge:
    """What a bag says of a frame: its parents, and its place in them over time."""

    parents: set[str] = field(default_factory=set)
    static: _Numbers | None = None
    stamps_ns: list[int] = field(default_factory=list)
    moving: list[_Numbers] = field(default_factory=list)

    def at(self, time_ns: int) -> _Numbers:
        """Return the place nearest in time; one that is fixed holds always."""
        if self.static is not None:
            return self.static
        return self.moving[nearest(self.stamps_ns, time_ns)]


class BagTransforms:
    """
    Look up transforms in the `/tf_static` and `/tf` of a bag, read at the first lookup.

    :param reader: an open bag.
    :param topic: of the images; TF of other namespaces than those it lies in belongs to others.
    """

    def __init__(self, reader: BagReader, topic: str) -> None:
        self._reader = reader
        self._topics = [
            item.name
            for item in reader.topics.values()
            if item.type_name in TF_TYPES and topic.startswith(item.name.rpartition('/')[0] + '/')
        ]
        self._edges: dict[str, _Edge] | None = None

    def lookup(self, target: str, source: str, time_ns: int) -> RigidTransform:
        """
        Return the source frame in the target frame, as of the transforms nearest in time.

        :raises AlignmentError: if the transforms do not connect the frames, name more than one
            parent of a frame on the way, or hold numbers that are no transform.
        :raises DatasetError: if the bag is damaged.
        """
        if self._edges is None:
            self._edges = self._read()
        up, down = self._ancestors(source), self._ancestors(target)
        common = next((frame for frame in up if frame in down), None)
        if common is None:
            raise AlignmentError(self._unconnected(source, target, (up[-1], down[-1])))
        return self._to_ancestor(down, common, time_ns).inverse() @ self._to_ancestor(
            up, common, time_ns
        )

    def _ancestors(self, frame: str) -> list[str]:
        """
        Return a frame and what it hangs from, the nearest first.

        A loop ends the list, and a frame of which the bag names more than one parent.
        """
        edges = self._edges or {}
        chain = [_name(frame)]
        while (edge := edges.get(chain[-1])) is not None and len(edge.parents) == 1:
            (parent,) = edge.parents
            if parent in chain:
                break
            chain.append(parent)
        return chain

    def _unconnected(self, source: str, target: str, ends: tuple[str, str]) -> str:
        edges = self._edges or {}
        topics = ' and '.join(self._topics) or 'without TF'
        conflicts = [
            f"; frame '{end}' has more than one parent: {', '.join(sorted(edges[end].parents))}"
            for end in dict.fromkeys(ends)
            if end in edges and len(edges[end].parents) > 1
        ]
        return (
            f"bag '{self._reader.path}' ({topics}) does not connect '{source}' with '{target}'"
            f'{"".join(conflicts)}; record /tf_static with the images'
        )

    def _to_ancestor(self, chain: list[str], ancestor: str, time_ns: int) -> RigidTransform:
        """Return the first frame of a chain in one of the others."""
        edges = self._edges or {}
        place = RigidTransform(np.eye(3), np.zeros(3))
        for frame in chain[: chain.index(ancestor)]:
            x, y, z, qx, qy, qz, qw = edges[frame].at(time_ns)
            try:
                step = RigidTransform.from_quaternion((x, y, z), (qx, qy, qz, qw))
            except ConfigError as error:
                raise AlignmentError(f"transform of frame '{frame}': {error}") from error
            place = step @ place
        return place

    def _read(self) -> dict[str, _Edge]:
        if not self._topics:
            return {}
        edges: dict[str, _Edge] = {}
        # By a reader of its own: the other one may be in the middle of the images.
        with BagReader(self._reader.path) as reader:
            for message in reader.messages(self._topics):
                _add(edges, message)
        for edge in edges.values():
            order = sorted(range(len(edge.stamps_ns)), key=edge.stamps_ns.__getitem__)
            edge.stamps_ns = [edge.stamps_ns[place] for place in order]
            edge.moving = [edge.moving[place] for place in order]
        return edges


def _add(edges: dict[str, _Edge], message: BagMessage) -> None:
    """Take in the transforms of a message."""
    for item in message.deserialize().transforms:
        edge = edges.setdefault(_name(item.child_frame_id), _Edge())
        edge.parents.add(_name(item.header.frame_id))
        move, turn = item.transform.translation, item.transform.rotation
        numbers = (move.x, move.y, move.z, turn.x, turn.y, turn.z, turn.w)
        if message.topic.endswith(_STATIC):
            edge.static = numbers
        else:
            edge.stamps_ns.append(stamp_ns(item.header))
            edge.moving.append(numbers)


def _name(frame: str) -> str:
    """Return a frame's name without the slash that ROS 1 put before it."""
    return frame.removeprefix('/')
