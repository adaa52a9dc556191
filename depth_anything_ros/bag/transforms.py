"""Where frames lie in each other by TF messages, of a bag or as they come, without ROS."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from depth_anything_ros.bag.pairing import nearest
from depth_anything_ros.bag.reader import BagReader
from depth_anything_ros.errors import AlignmentError, ConfigError
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.messages import stamp_ns

TF_TYPES = ('tf2_msgs/msg/TFMessage', 'tf/msg/tfMessage')
STATIC_TF = 'tf_static'
_CURE = 'record /tf_static with the images'
# Of the frames that TF has, so many are named.
_NAMED = 8

# x, y, z, then the quaternion's x, y, z, w, as messages have them.
_Numbers = tuple[float, float, float, float, float, float, float]


@dataclass
class _Edge:
    """What is known of a frame: its parents, and its place in them over time."""

    parents: set[str] = field(default_factory=set)
    static: _Numbers | None = None
    stamps_ns: list[int] = field(default_factory=list)
    moving: list[_Numbers] = field(default_factory=list)

    def at(self, time_ns: int) -> _Numbers:
        """Return the place nearest in time; one that is fixed holds always."""
        if self.static is not None:
            return self.static
        return self.moving[nearest(self.stamps_ns, time_ns)]


class TransformTree:
    """
    Keep what TF messages say and look transforms up in it.

    :param origin: where the messages come from, for errors.
    :param cure: what helps where frames are not connected.
    :param kept: how many places of a moving frame are kept, the newest; None keeps all.
    """

    def __init__(self, origin: str, cure: str, kept: int | None = None) -> None:
        self._origin = origin
        self._cure = cure
        self._kept = kept
        self._edges: dict[str, _Edge] = {}

    def add(self, topic: str, message: Any) -> None:
        """Take in a TFMessage; what comes on a topic of static transforms holds always."""
        for item in message.transforms:
            edge = self._edges.setdefault(_name(item.child_frame_id), _Edge())
            edge.parents.add(_name(item.header.frame_id))
            move, turn = item.transform.translation, item.transform.rotation
            numbers = (move.x, move.y, move.z, turn.x, turn.y, turn.z, turn.w)
            if topic.endswith(STATIC_TF):
                edge.static = numbers
                continue
            time_ns = stamp_ns(item.header)
            place = bisect(edge.stamps_ns, time_ns)
            if self._kept is not None and place == 0:
                # Time has gone back, as in a bag that is played again.
                edge.stamps_ns.clear()
                edge.moving.clear()
            edge.stamps_ns.insert(place, time_ns)
            edge.moving.insert(place, numbers)
            if self._kept is not None and len(edge.moving) > self._kept:
                del edge.stamps_ns[0], edge.moving[0]

    def frames(self) -> set[str]:
        """Return the names of all frames."""
        return set(self._edges).union(*(edge.parents for edge in self._edges.values()))

    def root(self, frame: str) -> str:
        """Return the frame that a frame hangs from in the end: itself, if TF does not know it."""
        return self._ancestors(frame)[-1]

    def lookup(self, target: str, source: str, time_ns: int) -> RigidTransform:
        """
        Return the source frame in the target frame, as of the transforms nearest in time.

        :raises AlignmentError: if the transforms do not connect the frames, name more than one
            parent of a frame on the way, or hold numbers that are no transform.
        """
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

        A loop ends the list, and a frame with more than one parent.
        """
        chain = [_name(frame)]
        while (edge := self._edges.get(chain[-1])) is not None and len(edge.parents) == 1:
            (parent,) = edge.parents
            if parent in chain:
                break
            chain.append(parent)
        return chain

    def _unconnected(self, source: str, target: str, ends: tuple[str, str]) -> str:
        conflicts = [
            f"; frame '{end}' has more than one parent: "
            f'{", ".join(sorted(self._edges[end].parents))}'
            for end in dict.fromkeys(ends)
            if end in self._edges and len(self._edges[end].parents) > 1
        ]
        known = sorted(self.frames())
        more = f' and {len(known) - _NAMED} more' if len(known) > _NAMED else ''
        frames = f'it has {", ".join(known[:_NAMED])}{more}; ' if known else ''
        return (
            f"{self._origin} does not connect '{source}' with '{target}'{''.join(conflicts)}; "
            f'{frames}{self._cure}'
        )

    def _to_ancestor(self, chain: list[str], ancestor: str, time_ns: int) -> RigidTransform:
        """Return the first frame of a chain in one of the others."""
        place = RigidTransform(np.eye(3), np.zeros(3))
        for frame in chain[: chain.index(ancestor)]:
            x, y, z, qx, qy, qz, qw = self._edges[frame].at(time_ns)
            try:
                step = RigidTransform.from_quaternion((x, y, z), (qx, qy, qz, qw))
            except ConfigError as error:
                raise AlignmentError(f"transform of frame '{frame}': {error}") from error
            place = step @ place
        return place


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
        self._tree: TransformTree | None = None

    def frames(self) -> set[str]:
        """
        Return the names of all frames.

        :raises DatasetError: if the bag is damaged.
        """
        return self._read().frames()

    def root(self, frame: str) -> str:
        """
        Return the frame that a frame hangs from in the end; see :meth:`TransformTree.root`.

        :raises DatasetError: if the bag is damaged.
        """
        return self._read().root(frame)

    def lookup(self, target: str, source: str, time_ns: int) -> RigidTransform:
        """
        Return the source frame in the target frame; see :meth:`TransformTree.lookup`.

        :raises AlignmentError: as there.
        :raises DatasetError: if the bag is damaged.
        """
        return self._read().lookup(target, source, time_ns)

    def _read(self) -> TransformTree:
        if self._tree is None:
            topics = ' and '.join(self._topics) or 'without TF'
            tree = TransformTree(f"bag '{self._reader.path}' ({topics})", _CURE)
            # By a reader of its own: the other one may be in the middle of the images.
            with BagReader(self._reader.path) as reader:
                for message in reader.messages(self._topics) if self._topics else ():
                    tree.add(message.topic, message.deserialize())
            self._tree = tree
        return self._tree


def _name(frame: str) -> str:
    """Return a frame's name without the slash that ROS 1 put before it."""
    return frame.removeprefix('/')
