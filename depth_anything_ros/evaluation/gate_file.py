"""The file of a gate: its bounds, as they are written."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.evaluation.report import SUMMARY
from depth_anything_ros.home import expand_user

_BOUND = re.compile(r'(\S.*?)\s*(<=|>=|==|<|>)\s*(\S.*)')
# How else a relation is written, and what it is here.
_SPELLINGS = {'=<': '<=', '=>': '>=', '≤': '<=', '≥': '>=', '!=': '', '≠': ''}
_BASELINE = re.compile(r'baseline(?:\s*([-+*])\s*(\S+))?')
_FORM = "'NAME <= NUMBER' or 'NAME <= baseline * 1.05', with <=, >=, ==, < or >, and *, + or -"
_KEYS = ('baseline', 'bounds')


@dataclass(frozen=True)
class Bound:
    """A line: its figure, of what ('' is everything), and `factor` · baseline + `offset`."""

    name: str
    place: str
    relation: str
    factor: float
    offset: float


@dataclass(frozen=True)
class GateFile:
    """The lines of a file, and where the summary of the earlier run is that they may name."""

    bounds: Sequence[Bound]
    baseline: Path | None


def read_gate(path: Path) -> GateFile:
    """
    Return what the file of a gate holds.

    :raises ConfigError: if it cannot be read, or a bound cannot be understood.
    """
    content = _content(path)
    baseline = content.get('baseline')
    return GateFile(
        [_bound(path, text) for text in content['bounds']],
        None if baseline is None else _summary(path.parent / expand_user(str(baseline))),
    )


def _summary(path: Path) -> Path:
    """Return the file of a run that is named by its folder."""
    return path / SUMMARY if path.is_dir() else path


def _content(path: Path) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        content = YAML(typ='safe').load(path.read_text(encoding='utf-8-sig'))
    except (OSError, ValueError, YAMLError, RecursionError) as error:
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise ConfigError(f"gate '{path}' cannot be read: {reason}") from error
    if content is None:
        raise ConfigError(f"gate '{path}' is empty; it needs a list 'bounds' of lines as {_FORM}")
    if not isinstance(content, dict):
        raise ConfigError(f"gate '{path}' is not a table of {' and '.join(_KEYS)}")
    for key in content:
        if key not in _KEYS:
            near = get_close_matches(str(key), _KEYS, 1)
            cure = f"'{near[0]}' is meant" if near else f'known: {", ".join(_KEYS)}'
            raise ConfigError(f"gate '{path}' has a key '{key}' that nobody reads; {cure}")
    bounds = content.get('bounds')
    if not isinstance(bounds, list) or not bounds:
        raise ConfigError(f"gate '{path}' has no list 'bounds' of lines as {_FORM}")
    return content


def _bound(path: Path, text: object) -> Bound:
    for written, meant in _SPELLINGS.items():
        if written in str(text):
            cure = f"write '{meant}'" if meant else 'a bound has one of <=, >=, ==, < and >'
            raise ConfigError(f"gate '{path}': '{text}' has '{written}'; {cure}")
    found = _BOUND.fullmatch(str(text).strip())
    try:
        if found is None:
            raise ValueError
        name, _, place = found[1].partition(' of ')
        return Bound(name, place, found[2], *_limit(found[3]))
    except ValueError:
        raise ConfigError(f"gate '{path}': '{text}' is not a bound; write it as {_FORM}") from None


def _limit(text: str) -> tuple[float, float]:
    """
    Return what the baseline's figure is multiplied with, and what is added to it.

    :raises ValueError: if the text is neither a number nor made of the baseline.
    """
    found = _BASELINE.fullmatch(text)
    if found is None:
        limit = 0.0, float(text)
    elif found[1] is None:
        limit = 1.0, 0.0
    else:
        number = float(found[2])
        limit = (number, 0.0) if found[1] == '*' else (1.0, float(f'{found[1]}1') * number)
    if not all(map(math.isfinite, limit)) or (found and not limit[0]):
        raise ValueError
    return limit
