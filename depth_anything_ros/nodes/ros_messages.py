"""Messages of ROS from their fields."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from depth_anything_ros.nodes.topics import find_message_type

_SEQUENCE = 'sequence<'


def make_message(type_name: str, fields: Mapping[str, Any]) -> Any:
    """
    Return a message of a type, as 'sensor_msgs/msg/Image', whose package is installed.

    :param fields: name → value; what is missing keeps its default. A mapping stands for a message,
        an array of numpy for one of numbers, whose memory is copied.
    """
    message = message_class(type_name)()
    kinds = message.get_fields_and_field_types()
    for name, value in fields.items():
        setattr(message, name, _converted(kinds[name], value))
    return message


@cache
def message_class(type_name: str) -> Any:
    """Return the class of a type whose package is installed."""
    found = find_message_type(type_name)
    assert found is not None, f'{type_name} is not installed'
    return found


def _converted(kind: str, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        # The only type that the message classes take without a loop.
        data: array[Any] = array(value.dtype.char)
        data.frombytes(value.reshape(-1).view(np.uint8).data)
        return data
    if isinstance(value, Mapping):
        return make_message(kind.replace('/', '/msg/'), value)
    if kind.startswith(_SEQUENCE) and value and isinstance(value[0], Mapping):
        element = kind[len(_SEQUENCE) : -1]
        return [_converted(element, item) for item in value]
    return bytes([value]) if kind == 'octet' else value
