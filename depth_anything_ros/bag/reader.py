"""Reading of ROS 1 bag files and ROS 2 bags, folders or single files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader as Ros2Reader
from rosbags.typesys import Stores, get_typestore

from depth_anything_ros.bag.cdr import header_stamp_ns
from depth_anything_ros.bag.layout import same_layout
from depth_anything_ros.bag.qos import TopicQos, recorded_qos
from depth_anything_ros.bag.storage import repair_of, require_bag
from depth_anything_ros.errors import DatasetError

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

_HEADER = 'std_msgs/msg/Header'
_ROS2_NAMES = {'tf/msg/tfMessage': 'tf2_msgs/msg/TFMessage'}


@dataclass(frozen=True)
class BagTopic:
    """Describe one topic of a bag; `type_name` has the form `sensor_msgs/msg/Image`."""

    name: str
    type_name: str
    count: int
    qos: TopicQos


class Serialised(Protocol):
    """A message as ROS 2 sends it."""

    @property
    def topic(self) -> str:
        """Return the topic that it came on."""

    @property
    def type_name(self) -> str:
        """Return its type, as `sensor_msgs/msg/Image`."""

    @property
    def cdr(self) -> bytes:
        """Return its bytes."""


@dataclass(frozen=True)
class BagMessage:
    """
    One message of a bag; it is converted only as far as it is asked for.

    `log_time_ns` is when it was recorded, `raw` the bytes as the bag has them.
    """

    topic: str
    type_name: str
    log_time_ns: int
    raw: bytes
    reader: BagReader

    @cached_property
    def cdr(self) -> bytes:
        """
        Return the bytes as ROS 2 sends them, whatever the bag.

        :raises DatasetError: if the bytes do not fit the type.
        """
        return self.reader.to_cdr(self)

    @cached_property
    def stamp_ns(self) -> int | None:
        """
        Return the acquisition time of the header, or None for a type without header.

        :raises DatasetError: if the bytes do not fit the type.
        :raises MessageError: if the bytes are fewer than a header.
        """
        return header_stamp_ns(self.cdr) if self.reader.has_header(self.type_name) else None

    def deserialize(self) -> Any:
        """
        Return the message as an object with the fields of its type.

        ROS 1 types keep their field names, as K of camera_info.

        :raises DatasetError: if the bytes do not fit the type.
        """
        return self.reader.deserialize(self)


class BagReader:
    """
    Read a bag; use it as a context manager or call `close`.

    :param path: a ROS 1 `.bag` file, a ROS 2 bag folder (sqlite3 or mcap, also compressed), or
        one `.mcap` or `.db3` file.
    :raises DatasetError: if there is no bag, or it is damaged or empty.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        place = require_bag(self.path)
        with self._damage_reported():
            # Bags of Humble and before, recorded as sqlite3, hold no type definitions.
            self._reader = AnyReader([place], default_typestore=get_typestore(Stores.ROS2_HUMBLE))
            self._reader.open()
        try:
            if self._reader.message_count == 0:
                raise DatasetError(f"bag '{self.path}' holds no messages")
            with self._damage_reported():
                self._types = self._cdr_types()
        except DatasetError:
            self.close()
            raise
        self.start_ns = int(self._reader.start_time)
        # Of most types, names of fields differ in ROS 1, not what is in them.
        humble = () if self._reader.is2 else (get_typestore(Stores.ROS2_HUMBLE),)
        self._ros2_types = (*humble, self._types)
        self._alike: dict[str, bool] = {}
        # rosbags ends a bag one nanosecond after its last message.
        self.duration_ns = max(0, int(self._reader.duration) - 1)
        self.topics = self._summarise_topics()

    def __enter__(self) -> BagReader:
        """Return the reader itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the bag."""
        self.close()

    def close(self) -> None:
        """Close the files of the bag."""
        self._reader.close()

    def messages(self, topics: Collection[str] = ()) -> Iterator[BagMessage]:
        """
        Iterate over the messages in the order of recording.

        :param topics: only these; none means all.
        :raises DatasetError: if a topic is not in the bag (at the call, with the topics that
            are), or the bag is damaged (where the damage is met).
        """
        for topic in topics:
            self.require_topic(topic)
        wanted = [
            connection
            for connection in self._reader.connections
            if not topics or connection.topic in topics
        ]
        return self._iterate(wanted)

    def require_topic(self, name: str) -> BagTopic:
        """
        Return the description of a topic.

        :raises DatasetError: if it is not in the bag; the message lists those that are.
        """
        if name not in self.topics:
            raise DatasetError(
                f"no topic '{name}' in bag '{self.path}'; known: {', '.join(self.topics)}"
            )
        return self.topics[name]

    def has_header(self, type_name: str) -> bool:
        """
        Return whether messages of that type start with a std_msgs/Header.

        A type that neither the bag nor ROS 2 Humble describes has none, as far as one can tell.
        """
        if type_name not in self._types.fielddefs:
            return False
        fields = self._types.fielddefs[type_name][1]
        return bool(fields) and fields[0][1][1] == _HEADER

    def to_cdr(self, message: BagMessage) -> bytes:
        """
        Return the bytes of a message of this bag as ROS 2 sends them.

        :raises DatasetError: if the bytes do not fit the type.
        """
        if self._reader.is2:
            return bytes(message.raw)
        with self._damage_reported(message.topic):
            return bytes(self._types.ros1_to_cdr(message.raw, message.type_name))

    def deserialize(self, message: Serialised) -> Any:
        """
        Return a message of this bag as an object.

        :raises DatasetError: if the bytes do not fit the type.
        """
        with self._damage_reported(message.topic):
            return self._types.deserialize_cdr(message.cdr, message.type_name)

    @property
    def notes(self) -> Mapping[str, str]:
        """Return what was written down about the bag itself, as by `BagWriter.note`."""
        readers = (each for each in self._reader.readers if isinstance(each, Ros2Reader))
        notes = [reader.storage.metadata.custom for reader in readers]
        return {
            str(name): str(text)
            for each in notes
            if isinstance(each, dict)
            for name, text in each.items()
        }

    @property
    def is_ros2(self) -> bool:
        """Return whether it is a bag of ROS 2."""
        return bool(self._reader.is2)

    def ros2_name(self, topic: str) -> str:
        """
        Return the type of a topic as ROS 2 names it.

        :raises DatasetError: if ROS 1 has other fields under that name, so that a node of ROS 2
            would read something else.
        """
        name = self.topics[topic].type_name
        ros2 = _ROS2_NAMES.get(name, name)
        if topic not in self._alike:
            humble = get_typestore(Stores.ROS2_HUMBLE)
            known = not self.is_ros2 and ros2 in humble.fielddefs
            self._alike[topic] = not known or same_layout(self._types, humble, name, ros2)
        if not self._alike[topic]:
            raise DatasetError(
                f"topic '{topic}' is {name} of ROS 1, which has other fields than that of ROS 2"
            )
        return ros2

    def ros2_type(self, topic: str) -> tuple[str, Typestore]:
        """
        Return the type of a topic as ROS 2 names it, and what describes it.

        :raises DatasetError: as `ros2_name`, or if neither the bag nor ROS 2 Humble describes it.
        """
        name = self.ros2_name(topic)
        for types in self._ros2_types:
            if name in types.fielddefs:
                return name, types
        raise DatasetError(f"bag '{self.path}' does not describe '{name}' of topic '{topic}'")

    def read_cdr(self, topic: str, cdr: bytes) -> Any:
        """
        Return a message of a topic as an object with the fields of ROS 2, whatever the bag.

        :param cdr: as `BagMessage.cdr`.
        :raises DatasetError: if the bytes do not fit the type.
        """
        name, types = self.ros2_type(topic)
        with self._damage_reported(topic):
            return types.deserialize_cdr(cdr, name)

    def _iterate(self, connections: list[Any]) -> Iterator[BagMessage]:
        with self._damage_reported():
            for connection, log_time_ns, raw in self._reader.messages(connections):
                yield BagMessage(connection.topic, connection.msgtype, int(log_time_ns), raw, self)

    def _cdr_types(self) -> Typestore:
        """Return the types of the bag; those of ROS 1 with the header of ROS 2, without seq."""
        types = self._reader.typestore
        if self._reader.is2:
            return types
        header = get_typestore(Stores.ROS2_HUMBLE).fielddefs[_HEADER]
        converted = get_typestore(Stores.EMPTY)
        converted.register({**types.fielddefs, _HEADER: header})
        return converted

    def _summarise_topics(self) -> dict[str, BagTopic]:
        connections: dict[str, list[Any]] = {}
        for connection in self._reader.connections:
            connections.setdefault(connection.topic, []).append(connection)
        return {
            name: BagTopic(
                name,
                of_topic[-1].msgtype,
                sum(connection.msgcount for connection in of_topic),
                recorded_qos(name, of_topic),
            )
            for name, of_topic in sorted(connections.items())
        }

    @contextmanager
    def _damage_reported(self, topic: str = '') -> Iterator[None]:
        """Turn what the storage libraries raise on damaged data into a DatasetError."""
        try:
            yield
        except DatasetError:
            raise
        except Exception as error:
            # sqlite3, mcap, compression and CDR code each raise kinds of their own.
            where = f", topic '{topic}'," if topic else ''
            repair = '' if topic else repair_of(self.path)
            raise DatasetError(
                f"bag '{self.path}'{where} cannot be read: {error or type(error).__name__}"
                f'{"; repair it: " if repair else ""}{repair}'
            ) from error
