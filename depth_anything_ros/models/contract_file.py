"""The JSON file of a contract: its keys, what each may be, and what contradicts what."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.json_text import from_json, parse_json
from depth_anything_ros.models.contract import (
    Channels,
    Contract,
    MadeBy,
    Resize,
    Upsampling,
    Values,
)
from depth_anything_ros.models.spec import LARGEST_RANGE_M, Interpolation, is_range
from depth_anything_ros.types import OutputKind

FILE = 'network.json'
SUFFIXES = ('.onnx', '.xml')
LARGEST_SIDE = 4096
_LONGEST_TEXT = 200
_TEXT = f'a text in one line, to {_LONGEST_TEXT} characters'
_COMMENT = re.compile(rb'(^|[\s,{\[])(//|/\*|#)')
_ORIGINS = ('pretrained', 'checkpoint', 'random')
_SHA256 = re.compile('[0-9a-fA-F]{64}')


@dataclass(frozen=True)
class Key:
    """
    A key of the file: where it stands, what it may be, what it says, and whether it fits.

    One that is not `required` may be left out.
    """

    path: str
    allowed: str
    help: str
    fits: Callable[[Any], bool]
    required: bool = True


def _is_text(value: Any) -> bool:
    fits = isinstance(value, str) and value.isprintable() and len(value) <= _LONGEST_TEXT
    return fits and value.strip() != ''


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_above_0(value: Any) -> bool:
    return _is_number(value) and value > 0


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(map(_is_number, value))


def _are_above_0(value: Any) -> bool:
    return _are_numbers(value) and min(value) > 0


def _is_side(value: Any) -> bool:
    return type(value) is int and 1 <= value <= LARGEST_SIDE


def _is_size(value: Any) -> bool:
    pair = isinstance(value, list) and len(value) == 2 and all(map(_is_side, value))
    return pair or _is_side(value)


def _are_files(value: Any) -> bool:
    return _wrong_file(value) == ''


def _wrong_file(files: Any) -> str:
    """Return what is wrong with files and their sha256, '' if nothing is."""
    if not isinstance(files, dict):
        return 'it is no object'
    for name, sha256 in files.items():
        if Path(name).name != name:
            return f"'{name}' is no plain name of a file beside {FILE}"
        if sha256 is not None and not _is_sha256(sha256):
            return f"{_shown(sha256)} of '{name}' is no sha256, which has 64 hex digits, nor null"
    if not any(Path(name).suffix in SUFFIXES for name in files):
        return f'none of them ends in {" or ".join(SUFFIXES)}, in small letters'
    return ''


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and len(value) <= _LONGEST_TEXT


def _is_made_by(value: Any) -> bool:
    try:
        made = from_json(MadeBy, value)
    except ValueError:
        return False
    return all(map(_is_word, (made.model, made.recipe, made.precision, made.integers))) and (
        made.weights in _ORIGINS and (_is_sha256(made.sha256) or made.sha256 == '')
    )


def _or_null(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


def _choice(path: str, kind: type[Enum], help: str) -> Key:
    known = [item.value for item in kind]
    return Key(path, ', '.join(known), help, lambda value: value in known)


KEYS = (
    Key('name', _TEXT, 'Name of the network in diagnostics and reports.', _is_text),
    Key('licence', _TEXT, 'Licence of the weights, told where they are loaded.', _is_text),
    Key(
        'files',
        'names of files in the folder, one of them .onnx or .xml, each with its sha256 in hex, or '
        'null',
        'The files of the network and of its weights; null checks nothing. Several .onnx or .xml '
        'are one network at several fixed input sizes.',
        _are_files,
    ),
    _choice(
        'input.channels',
        Channels,
        'Order of the colours that the network reads; `mean` and `std` are in the same.',
    ),
    Key(
        'input.range',
        '1, 255',
        'What white is before `mean` is taken off.',
        lambda value: type(value) is int and value in (1, 255),
    ),
    Key('input.mean', 'three numbers', 'Taken off each colour.', _are_numbers),
    Key('input.std', 'three numbers above 0', 'Each colour is divided by it.', _are_above_0),
    _choice(
        'input.resize',
        Resize,
        'What `size` is: one side of the input, the other following from the image; or both, to '
        'which every image is stretched.',
    ),
    Key(
        'input.size',
        f'1 to {LARGEST_SIDE} px, or with stretch [height, width]',
        'Size of the input.',
        _is_size,
    ),
    Key(
        'input.multiple',
        f'1 to {LARGEST_SIDE} px',
        'Both sides of the input are multiples of it: the patch of a transformer, often 32 of a '
        'convolutional network.',
        _is_side,
    ),
    _choice(
        'input.interpolation',
        Interpolation,
        'How the image is resized; area takes the mean of areas where the image shrinks, and a '
        'cubic kernel where it grows.',
    ),
    Key(
        'output.name',
        f'{_TEXT}, or null',
        'Name of the output that is depth; null where there is one only.',
        _or_null(_is_text),
    ),
    _choice(
        'output.kind',
        Values,
        'What the numbers are. Inverse depth is larger where it is nearer; relative is known but '
        'for scale and shift.',
    ),
    Key(
        'output.max_depth_m',
        f'a number above 0, to {LARGEST_RANGE_M:g}; null of relative kinds',
        'How far the metres of a metric network reach.',
        _or_null(is_range),
    ),
    Key(
        'output.metres_per_unit',
        'a number above 0; null of relative kinds',
        'Metres are this times the number, or this by the number of metric inverse depth: 1 where '
        'it gives metres, 10 where it gives 0 to 1 for 10 m.',
        _or_null(_is_above_0),
    ),
    Key(
        'output.metres_at_focal_px',
        'a number above 0, null; null of kinds other than up to scale',
        'Focal length, in pixels of the input, for which depth up to a scale is in metres; metres '
        'then come with a calibrated camera.',
        _or_null(_is_above_0),
    ),
    replace(
        _choice(
            'output.upsampling',
            Upsampling,
            'How numbers of another size than the image are resized to it: align_corners, also '
            'where the key is left out, lays the centres of corner pixels on each other, '
            'half_pixel their outer edges.',
        ),
        required=False,
    ),
    Key(
        'output.confidence',
        'a text, or null; may be left out',
        'Name of the output that says how sure the network is of each pixel, in 0 to 1.',
        _or_null(_is_text),
        required=False,
    ),
    Key(
        'made_by',
        'as `export` writes it; left out of other networks',
        'Which weights the network was exported from: model, sha256, recipe, precision, versions.',
        _is_made_by,
        required=False,
    ),
)


def read_contract(path: Path) -> Contract:
    """
    Return the contract in a file.

    :raises CheckpointError: naming the key, its value and what is allowed, if it is none.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"'{path}' cannot be read: {error.strerror}") from error
    try:
        content = parse_json(text, unique_keys=True)
    except ValueError as error:
        comment = '; JSON has no comments' if _COMMENT.search(text) else ''
        raise CheckpointError(f"'{path}' is no JSON: {error}{comment}") from error
    problem = _problem(content)
    if problem:
        raise CheckpointError(f"'{path}': {problem}")
    return from_json(Contract, content)


def _problem(content: Any) -> str:
    """Return what is wrong with the content of a file, '' if nothing is."""
    if not isinstance(content, dict):
        return f'it is {_shown(content)}; allowed: an object of keys'
    given = dict(_flat(content))
    paths = [key.path for key in KEYS]
    for path in given:
        if path not in paths:
            return f"unknown key '{path}'; known: {', '.join(paths)}"
    for key in KEYS:
        if key.path not in given and not key.required:
            continue
        if key.path not in given:
            return f"key '{key.path}' is missing; allowed: {key.allowed}"
        if not key.fits(given[key.path]):
            why = _wrong_file(given['files']) if key.path == 'files' else ''
            found = f"key '{key.path}' is {_shown(given[key.path])}"
            return f'{found}; allowed: {key.allowed}' + (f': {why}' if why else '')
    return _contradiction(given)


def _contradiction(given: Mapping[str, Any]) -> str:
    """Return which key does not go with another one, '' if all do."""
    resize, size, multiple = (given[f'input.{key}'] for key in ('resize', 'size', 'multiple'))
    stretch = resize == Resize.STRETCH.value
    if isinstance(size, list) is not stretch:
        allowed = '[height, width]' if stretch else 'one side'
        return f"key 'input.size' is {size}; allowed with resize {resize}: {allowed}"
    for side in size if stretch else [size]:
        if side % multiple:
            return f"key 'input.size' is {size}; allowed: multiples of input.multiple {multiple}"
    kind = Values(given['output.kind'])
    metric = kind.output_kind is OutputKind.METRIC_DEPTH
    up_to_scale = kind.output_kind is OutputKind.INVERSE_DEPTH_UP_TO_SCALE
    for key, wanted in (('max_depth_m', metric), ('metres_per_unit', metric)):
        value = given[f'output.{key}']
        if (value is not None) is not wanted:
            allowed = 'a number' if wanted else 'null'
            return f"key 'output.{key}' is {_shown(value)}; allowed with {kind.value}: {allowed}"
    focal_px = given['output.metres_at_focal_px']
    if focal_px is not None and not up_to_scale:
        return f"key 'output.metres_at_focal_px' is {focal_px}; allowed with {kind.value}: null"
    return ''


def _flat(content: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Return what the keys hold, those of a group by their path; a group may be anything else."""
    for name, value in content.items():
        if name in ('input', 'output') and isinstance(value, dict):
            yield from ((f'{name}.{key}', part) for key, part in value.items())
        else:
            yield name, value


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_TEXT else f'{text[:_LONGEST_TEXT]}…'
