"""Writing of ROS 2 bags."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from rosbags.interfaces import (
    Nodetype,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, TypesysError, get_typestore

from depth_anything_ros.bag.qos import STATIC_TF_QOS, TopicQos, is_static_tf
from depth_anything_ros.errors import DatasetError
from depth_anything_ros.files import output_error, writing_folder

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

STORAGES = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}

# The newest version of the bag format that Humble reads too.
_BAG_VERSION: Literal[8] = 8

_FOREVER = QosTime(2147483647, 4294967295)
_QUEUE_DEPTH = 10
_DEEPEST = 1000

_ORDINARY = TopicQos()

_DEFAULTS: dict[str, Any] = {'string': '', 'bool': False, 'float32': 0.0, 'float64': 0.0}


class BagWriter:
    """
    Write a ROS 2 bag; use it as a context manager.

    The folder appears when the block ends; after an error or an interrupt there is none.

    :param path: the folder to make.
    :param storage: one of `STORAGES`.
    :param replace: take the place of a folder that exists.
    :raises DatasetError: if the folder exists and may not be replaced, or the storage is unknown.
    :raises OutputError: from the block, if the bag cannot be written.
    """

    def __init__(self, path: Path | str, storage: str = 'mcap', *, replace: bool = False) -> None:
        self.path = Path(path)
        if storage not in STORAGES:
            raise DatasetError(f"unknown storage '{storage}'; known: {', '.join(STORAGES)}")
        if self.path.exists() and not replace:
            raise DatasetError(f"'{self.path}' exists; bags are not written over")
        self._types = get_typestore(Stores.ROS2_HUMBLE)
        self._connections: dict[str, Any] = {}
        self._storage = STORAGES[storage]
        self._replace = replace
        self._stack = ExitStack()

    def __enter__(self) -> BagWriter:
        """Begin the bag, beside its place."""
        with ExitStack() as stack:
            folder = stack.enter_context(writing_folder(self.path, replace=self._replace))
            folder.rmdir()  # the library makes it, and none that is there
            self._writer = Writer(folder, version=_BAG_VERSION, storage_plugin=self._storage)
            with self._told():
                self._writer.open()
            stack.push(self._finish)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the bag into its place, or remove it after an error."""
        self._stack.__exit__(kind, error, trace)

    def _finish(self, kind: type[BaseException] | None, *_: object) -> None:
        # After an error, that the bag cannot be finished is no news.
        with self._told(), suppress(Exception) if kind else nullcontext():
            self._writer.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell what sqlite makes of a full disk as what it is."""
        try:
            yield
        except sqlite3.Error as error:
            raise output_error(self.path, OSError(error)) from error

    def note(self, name: str, text: str) -> None:
        """Write down something about the bag itself, beside its messages."""
        self._writer.set_custom_data(name, text)

    def add_topic(
        self,
        topic: str,
        type_name: str,
        types: Typestore | None = None,
        qos: TopicQos = _ORDINARY,
        depth: int = _QUEUE_DEPTH,
    ) -> None:
        """
        Say what is on a topic and what its publisher offers, before its first message.

        :param types: describes the type; None is ROS 2 Humble.
        :param depth: how many messages late subscribers get of a latched topic.
        :raises DatasetError: if the type is unknown.
        """
        if types is None:
            self._require_type(type_name)
        offered = STATIC_TF_QOS if is_static_tf(topic) else qos
        self._connect(topic, type_name, types or self._types, (_offer(offered, depth),))

    def write(self, topic: str, type_name: str, fields: Any, log_time_ns: int) -> None:
        """
        Write a message given by its fields.

        :param topic: the topic's full name.
        :param type_name: `sensor_msgs/msg/Image` and the like.
        :param fields: name → value; nested messages are mappings or messages, what is missing is
            zero; or the message itself.
        :param log_time_ns: the time of recording.
        :raises DatasetError: if the type is unknown or a field is not of the type.
        """
        cdr = self._types.serialize_cdr(self._build(type_name, fields), type_name)
        self.write_cdr(topic, type_name, cdr, log_time_ns)

    def write_cdr(
        self, topic: str, type_name: str, cdr: bytes | memoryview, log_time_ns: int
    ) -> None:
        """
        Write a serialised message, as rclpy's `serialize_message` returns it.

        :raises DatasetError: if the type is unknown.
        """
        if topic not in self._connections:
            self._require_type(type_name)
            static = (_offer(STATIC_TF_QOS, 1),) if is_static_tf(topic) else ()
            self._connect(topic, type_name, self._types, static)
        with self._told():
            self._writer.write(self._connections[topic], log_time_ns, cdr)

    def _connect(
        self, topic: str, type_name: str, types: Typestore, offers: tuple[Qos, ...]
    ) -> None:
        try:
            self._connections[topic] = self._writer.add_connection(
                topic, type_name, typestore=types, offered_qos_profiles=offers
            )
        except (TypesysError, KeyError) as error:
            raise DatasetError(
                f"topic '{topic}': {type_name} is not described: {error}"
            ) from error

    def _build(self, type_name: str, fields: Any) -> Any:
        self._require_type(type_name)
        if not isinstance(fields, Mapping):
            return fields
        described = dict(self._types.fielddefs[type_name][1])
        for name in fields:
            if name not in described:
                raise DatasetError(
                    f"{type_name} has no field '{name}'; known: {', '.join(described)}"
                )
        values = {name: self._value(kind, fields.get(name)) for name, kind in described.items()}
        return self._types.types[type_name](**values)

    def _value(self, described: Any, value: Any) -> Any:
        """Return the value of a field, or zero for None, as the serialiser takes it."""
        node, details = described
        if node == Nodetype.NAME:
            return self._build(details, {} if value is None else value)
        if node == Nodetype.BASE:
            return _DEFAULTS.get(details[0], 0) if value is None else value
        (element_node, element), length = details
        values = [] if value is None else value
        if element_node == Nodetype.NAME:
            return [self._build(element, item) for item in values]
        if element[0] == 'string':
            return list(values)
        if value is None and node == Nodetype.ARRAY:
            return np.zeros(length, element[0])
        return np.asarray(values, element[0])

    def _require_type(self, type_name: str) -> None:
        if type_name not in self._types.fielddefs:
            raise DatasetError(
                f"unknown message type '{type_name}'; the types of ROS 2 Humble are known"
            )


def _offer(qos: TopicQos, depth: int) -> Qos:
    reliability, durability = QosReliability, QosDurability
    return Qos(
        QosHistory.KEEP_LAST,
        min(max(depth, 1), _DEEPEST),
        reliability.RELIABLE if qos.reliable else reliability.BEST_EFFORT,
        durability.TRANSIENT_LOCAL if qos.transient_local else durability.VOLATILE,
        _FOREVER,
        _FOREVER,
        QosLiveliness.AUTOMATIC,
        _FOREVER,
        False,
    )
