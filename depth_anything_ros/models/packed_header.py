"""What a packed checkpoint says of itself, read without torch; :mod:`packed` reads its tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.json_text import parse_json
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.activation import DYNAMIC, ActivationRange
from depth_anything_ros.models.metadata import damaged
from depth_anything_ros.models.spec import is_range

FORMAT = 2
# It does not say the range: that is the one of the model's row.
_FIRST_FORMAT = 1
# Names, and letters of each, that a message shows of what stands in a file.
_SHOWN = 20
_GREATEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class PackedHeader:
    """
    What a packed file was made of, and how.

    `max_depth_m` is the largest depth in metres that it gives, None for relative inverse depth.
    `parent_sha256` is that of the file the weights came from, empty for random weights;
    `parent_origin` is the origin of these: pretrained, checkpoint or random. `calibration` names
    the images that the recipe looked at, None if it needs none. `shapes` are those of the tensors
    stored with a mask. `inputs` are the activation ranges of the layers that round what they read
    to 8 bits, by the layers' names.
    """

    model: str
    max_depth_m: float | None
    recipe: str
    parent_sha256: str
    parent_origin: str
    calibration: str | None
    versions: dict[str, str]
    shapes: dict[str, tuple[int, ...]]
    inputs: dict[str, ActivationRange]

    def to_json(self) -> str:
        """Return the header as the text of the metadata entry."""
        return json.dumps({'format': FORMAT, **vars(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, path: Path) -> PackedHeader:
        """
        Return the header that a text holds.

        :param text: of the metadata entry.
        :param path: of the file, for messages.
        :raises CheckpointError: if it is damaged, or of a format that is not known.
        """
        try:
            content = parse_json(text)
            number = content.pop('format')
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise damaged(path, 'its header cannot be read') from error
        if number == _FIRST_FORMAT:
            content['max_depth_m'] = _range_of_row(content.get('model'))
        elif number != FORMAT:
            raise CheckpointError(
                f"checkpoint '{path}' is packed in format {number!r}; known: {_FIRST_FORMAT}, "
                f'{FORMAT}'
            )
        wanted, given = set(cls.__dataclass_fields__), set(content)
        if wanted != given:
            names = ', '.join(name[:_SHOWN] for name in sorted(wanted ^ given)[:_SHOWN])
            raise damaged(path, f'its header has not the entries of its format: {names}')
        _check_types(content, path)
        content['shapes'] = {name: tuple(shape) for name, shape in content['shapes'].items()}
        content['inputs'] = {
            name: numbers if numbers == DYNAMIC else tuple(numbers)
            for name, numbers in content['inputs'].items()
        }
        return cls(**content)


def _check_types(content: Mapping[str, Any], path: Path) -> None:
    words = ('model', 'recipe', 'parent_sha256', 'parent_origin')
    versions, shapes, inputs = content['versions'], content['shapes'], content['inputs']
    right = (
        all(isinstance(content[word], str) for word in words)
        and (content['max_depth_m'] is None or is_range(content['max_depth_m']))
        and isinstance(content['calibration'], str | None)
        and isinstance(versions, dict)
        and all(isinstance(version, str) for version in versions.values())
        and isinstance(shapes, dict)
        and all(isinstance(shape, list) for shape in shapes.values())
        and all(type(side) is int and side > 0 for shape in shapes.values() for side in shape)
        and isinstance(inputs, dict)
        and all(_is_inputs(numbers) for numbers in inputs.values())
    )
    if not right:
        raise damaged(path, 'an entry of its header has the wrong type')


def _range_of_row(model: Any) -> float | None:
    return MODELS[model].max_depth_m if isinstance(model, str) and model in MODELS else None


def _is_inputs(content: Any) -> bool:
    if isinstance(content, list) and len(content) == 2:
        low, high = content
        right = all(type(number) is float and abs(number) <= _GREATEST for number in content)
        return right and low <= high
    return bool(content == DYNAMIC)
