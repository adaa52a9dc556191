"""What a node parameter is: default, unit, range and help in one place."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import Field, dataclass
from enum import Enum
from typing import Any

from depth_anything_ros.errors import ConfigError

_INFO = 'parameter_info'
_NAMES = 'parameter_names'
# As YAML has them, which is what `-p name:=value` is read as.
_BOOLEANS = {'true': True, 'false': False, 'yes': True, 'no': False, 'on': True, 'off': False}


class Affects(str, Enum):
    """
    What a change of a parameter reaches.

    `model` is loaded anew, `scale` starts afresh, the steps of `refinement` are made anew. What
    affects a `reference` or a `frame` is read again for each message of references, or each
    frame. What affects the `start` is read then and never again.
    """

    MODEL = 'model'
    SCALE = 'scale'
    REFINEMENT = 'refinement'
    REFERENCE = 'reference'
    FRAME = 'frame'
    START = 'start'


@dataclass(frozen=True)
class ParameterInfo:
    """
    Describe one parameter.

    `minimum` and `maximum` are inclusive; `choices` lists the only values allowed;
    `read_only` parameters are set at start and never again. `affects` says what a change reaches;
    None is for settings that belong to no node.
    """

    help: str
    unit: str = ''
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    read_only: bool = False
    affects: Affects | None = None

    def range_text(self) -> str:
        """Return the allowed values in words: '1 … 16', 'raw, compressed' or ''."""
        if self.choices:
            return ', '.join(self.choices)
        if self.minimum is None and self.maximum is None:
            return ''
        return f'{_bound(self.minimum)} … {_bound(self.maximum)}'


def parameter(default: Any, help: str, *, names: Iterable[str] = (), **info: Any) -> Any:
    """
    Declare a dataclass field as a node parameter.

    :param default: the default; a tuple stands for an array of strings.
    :param help: one sentence for `ros2 param describe` and the tables of the documents.
    :param names: a table whose names are choices too, those that come later included.
    :param info: the other fields of :class:`ParameterInfo`.
    """
    if info.get('read_only'):
        info['affects'] = Affects.START
    metadata = {_INFO: ParameterInfo(help=help, **info), _NAMES: names}
    return dataclasses.field(default=default, metadata=metadata)


def declared(field: Field[Any]) -> tuple[Any, ParameterInfo] | None:
    """Return default and info of a dataclass field, or None if it is no parameter."""
    info: ParameterInfo | None = field.metadata.get(_INFO)
    if info is None:
        return None
    choices = (*info.choices, *field.metadata[_NAMES])
    return field.default, dataclasses.replace(info, choices=choices)


def check_type(name: str, value: Any, default: Any) -> Any:
    """
    Return the value in the type of its default.

    :raises ConfigError: if it is of another type.
    """
    kind = type(default)
    if kind is float and type(value) is int:
        value = float(value)
    if kind is tuple and isinstance(value, (list, tuple)):
        value = tuple(str(item) for item in value)
    if type(value) is not kind:
        raise ConfigError(
            f"parameter '{name}': {value!r} is of type {type(value).__name__}, "
            f'{kind.__name__} is needed'
        )
    return value


def check_value(name: str, value: Any, default: Any, info: ParameterInfo) -> Any:
    """
    Return the value in the type of its default.

    :raises ConfigError: if the type is wrong or the value out of range.
    """
    kind = type(default)
    value = check_type(name, value, default)
    members = value if kind is tuple else (value,)
    for member in members:
        if info.choices and member not in info.choices:
            raise ConfigError(
                f"parameter '{name}': unknown value '{member}'; known: {', '.join(info.choices)}"
            )
    too_small = info.minimum is not None and not value >= info.minimum
    too_large = info.maximum is not None and not value <= info.maximum
    if too_small or too_large:
        raise ConfigError(
            f"parameter '{name}': {value} is out of range; allowed: {info.range_text()}"
            + (f' {info.unit}' if info.unit else '')
        )
    return value


def parse_value(name: str, text: str, default: Any, info: ParameterInfo) -> Any:
    """
    Return the value that a text stands for, in the type of the default.

    :param name: of the parameter, for the error.
    :raises ConfigError: if the text is of another type or the value out of range.
    """
    kind = type(default)
    value: Any = text
    if kind is bool:
        value = _BOOLEANS.get(text.lower(), text)
    elif kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            wanted = 'number' if kind is float else 'whole number'
            raise ConfigError(f"parameter '{name}': '{text}' is not a {wanted}") from None
    if type(value) is not kind:
        raise ConfigError(f"parameter '{name}': '{text}' is not one of {', '.join(_BOOLEANS)}")
    return check_value(name, value, default, info)


def check_order(config: object, lower: str, upper: str) -> None:
    """
    Check that one parameter is below another.

    :param config: a config object.
    :param lower: name of the parameter that must be below.
    :param upper: name of the parameter that must be above.
    :raises ConfigError: if it is not; the message names both with their values.
    """
    below, above = getattr(config, lower), getattr(config, upper)
    if not below < above:
        raise ConfigError(
            f"parameters '{lower}' ({below:g}) and '{upper}' ({above:g}): the first must be "
            'below the second'
        )


def split_names(text: str) -> tuple[str, ...]:
    """Return the names that commas separate; '' holds none."""
    return tuple(name.strip() for name in text.split(',') if name.strip())


def check_names(config: object, name: str, known: tuple[str, ...]) -> None:
    """
    Check that a parameter holds known names separated by commas.

    :param config: a config object.
    :param name: name of the parameter.
    :param known: what it may hold.
    :raises ConfigError: if it holds another; the message lists the known.
    """
    for word in split_names(getattr(config, name)):
        if word not in known:
            raise ConfigError(
                f"parameter '{name}': unknown value '{word}'; known: {', '.join(known)}"
            )


def pose_numbers(text: str) -> tuple[float, ...]:
    """
    Return the six numbers of a pose, `x y z roll pitch yaw` in metres and radians.

    :raises ConfigError: if there are not six finite numbers.
    """
    try:
        numbers = tuple(float(word) for word in text.replace(',', ' ').split())
    except ValueError:
        numbers = ()
    if len(numbers) != 6 or not all(map(math.isfinite, numbers)):
        raise ConfigError(
            f"pose '{text}': six finite numbers are needed, x y z in metres and roll pitch yaw "
            'in radians'
        )
    return numbers


def check_pose(config: object, name: str) -> None:
    """
    Check that a parameter is empty or a pose.

    :param config: a config object.
    :param name: name of the parameter.
    :raises ConfigError: if it is neither; the message names it with its value.
    """
    text = getattr(config, name)
    if text:
        try:
            pose_numbers(text)
        except ConfigError as error:
            raise ConfigError(f"parameter '{name}': {error}") from error


def _bound(value: float | None) -> str:
    return '' if value is None else f'{value:g}'
