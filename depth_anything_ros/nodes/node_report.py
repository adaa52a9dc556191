"""What the status of a depth node tells of a run, read from a message that anybody may send."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from depth_anything_ros.errors import MessageError
from depth_anything_ros.evaluation.latency import PERCENTILES
from depth_anything_ros.nodes.diagnostics import Nested
from depth_anything_ros.types import ModelIdentity

_MOST_STAGES = 100
_SIZE = re.compile('[0-9]{1,6}x[0-9]{1,6}')


@dataclass(frozen=True)
class NodeReport:
    """What a report on a run needs of the depth node."""

    model: ModelIdentity | None
    stages_ms: Mapping[str, Mapping[str, float | None]]
    rejected: int
    received: int


def read_report(nested: Nested) -> NodeReport:
    """
    Return what a report needs of a status, from what :func:`diagnostics.to_dict` made of it.

    :raises MessageError: if a number is none, or there are more stages than a node has.
    """
    stages = _section(nested.get('stages_ms'))
    if len(stages) > _MOST_STAGES:
        raise MessageError(f'stages_ms has {len(stages)} stages; {_MOST_STAGES} at most')
    stages_ms = {
        stage: {
            name: _number(f'stages_ms.{stage}.{name}', _section(values).get(name))
            for name in PERCENTILES
        }
        for stage, values in stages.items()
    }
    frames = _section(nested.get('frames'))
    rejected, received = (
        int(_number(f'frames.{name}', frames.get(name)) or 0) for name in ('rejected', 'received')
    )
    return NodeReport(_identity(_section(nested.get('model'))), stages_ms, rejected, received)


def read_scale(nested: Nested) -> tuple[float, float] | None:
    """
    Return scale and shift of a status of `~/scale`, None where the frame had none.

    :raises MessageError: if one of them is not a finite number.
    """
    if 'scale' not in nested:
        return None
    return _finite('scale', nested['scale']), _finite('shift', nested.get('shift'))


def _finite(name: str, value: str | Nested | None) -> float:
    number = math.nan
    with suppress(ValueError):
        number = float(value) if isinstance(value, str) else math.nan
    if not math.isfinite(number):
        raise MessageError(f'{name} is {str(value)[:40]!r}; a finite number is allowed')
    return number


def _identity(section: Nested) -> ModelIdentity | None:
    if 'name' not in section:
        return None
    fields = {name: section.get(name, '') for name in ModelIdentity.__dataclass_fields__}
    for name, value in fields.items():
        if not isinstance(value, str):
            raise MessageError(f'model.{name} is a section; a text is allowed')
    size = str(fields.pop('input_size'))
    if not _SIZE.fullmatch(size):
        raise MessageError(f"model.input_size is '{size[:40]}'; HEIGHTxWIDTH is allowed")
    height, width = map(int, size.split('x'))
    texts = {name: str(value) for name, value in fields.items()}
    return ModelIdentity(**texts, input_size=(height, width))


def _section(value: str | Nested | None) -> Nested:
    return value if isinstance(value, dict) else {}


def _number(name: str, value: str | Nested | None) -> float | None:
    """Return a duration or a count, or None where the node had none to tell."""
    if value is None or value == '':
        return None
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        number = math.nan
    if not 0.0 <= number < math.inf:
        shown = value[:40] if isinstance(value, str) else 'a section'
        raise MessageError(f"{name} is '{shown}'; a number of at least 0 is allowed")
    return number
