"""
Bounds that the figures of an evaluation have to keep, written down in a YAML file.

    baseline: release/summary.json    # of an earlier run, from here; where a bound names it
    bounds:
      - abs_rel <= 0.12
      - latency_ms.p95 <= 150
      - frames.dropped == 0
      - abs_rel <= baseline * 1.05
      - delta1 >= baseline - 0.01

A figure has the name that it has in summary.json. One that is not known, as the mean of no image,
breaks its bound.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from depth_anything_ros.errors import ConfigError, GateError
from depth_anything_ros.json_text import as_json, parse_json

Figures = Mapping[tuple[str, ...], Mapping[str, float]]
"""Numbers by name of each thing that is judged, NaN where not known. A run of nodes is one, ()."""

_RELATIONS: Mapping[str, Callable[[float, float], bool]] = {
    '<=': operator.le,
    '>=': operator.ge,
    '==': operator.eq,
    '<': operator.lt,
    '>': operator.gt,
}
_BOUND = re.compile(r'(\S.*?)\s*(<=|>=|==|<|>)\s*(\S.*)')
_BASELINE = re.compile(r'baseline(?:\s*([-+*])\s*(\S+))?')
_FORM = "'NAME <= NUMBER' or 'NAME <= baseline * 1.05', with <=, >=, ==, < or >, and *, + or -"
_KEYS = ('baseline', 'bounds')
_NAMED = 5


@dataclass(frozen=True)
class Naming:
    """
    How the figures of one kind of evaluation are called, and found in its summary.json.

    `prefixes` are what a bound may leave out in front of a name, '' for a name in full; the first
    that fits counts. `of_summary` returns the figures in what such a file holds. Names that begin
    with `open_end` are known only when the run has ended; '' is none.
    """

    prefixes: Sequence[str]
    of_summary: Callable[[object], Figures]
    open_end: str = ''

    def whole(self, name: str, figures: Mapping[str, float]) -> str | None:
        """Return the name of a figure in full, None if there is none."""
        for prefix in self.prefixes:
            whole = f'{prefix}{name}'
            if whole in figures or (self.open_end and whole.startswith(self.open_end)):
                return whole
        return None


RUN = Naming(
    ('', 'metrics.online.', 'metrics.'), lambda content: {(): figures_in(content)}, 'stages_ms.'
)
"""Of a run of the nodes: a metric without its alignment is that of the depth as published."""


@dataclass(frozen=True)
class _Bound:
    """A line: its figure, of what ('' is everything), and `factor` · baseline + `offset`."""

    name: str
    place: str
    relation: str
    factor: float
    offset: float


@dataclass(frozen=True)
class _Check:
    """A bound of one figure with its limit."""

    key: tuple[str, ...]
    name: str
    relation: str
    limit: float

    def breach(self, value: float) -> str:
        """Return by how much a value breaks the bound, '' if it does not."""
        if _RELATIONS[self.relation](value, self.limit):
            return ''
        what = ' of '.join((self.name, *self.key))
        allowed = f'allowed: {self.relation} {self.limit:.6g}'
        if math.isnan(value):
            return f'{what} is not known; {allowed}'
        distance = abs(value - self.limit)
        share = f' ({distance / abs(self.limit):.1%})' if self.limit else ''
        side = 'high' if value > self.limit else 'low'
        return f'{what} is {value:.6g}, {distance:.4g}{share} too {side}; {allowed}'


class Gate:
    """
    The bounds of a file, tied to the figures of the evaluation to come.

    :param path: the YAML file.
    :param known: the figures that there will be, whatever their values.
    :param naming: what they are called.
    :raises ConfigError: if the file cannot be read, a bound cannot be understood or names what is
        not known, or the baseline cannot be read or lacks a figure.
    """

    def __init__(self, path: Path, known: Figures, naming: Naming) -> None:
        self.path = path
        self._known = known
        self._naming = naming
        content = _read(path)
        self._baseline_path = path.parent / str(content.get('baseline', ''))
        self._has_baseline = 'baseline' in content
        bounds = [_parse(path, text) for text in content['bounds']]
        self._baseline = self._read_baseline() if any(bound.factor for bound in bounds) else {}
        self._checks = [check for bound in bounds for check in self._checks_of(bound)]

    def check(self, figures: Figures) -> None:
        """
        Compare figures with the bounds.

        :raises GateError: if one is broken; it holds each breach.
        """
        breaches = [
            breach
            for check in self._checks
            if (breach := check.breach(figures.get(check.key, {}).get(check.name, math.nan)))
        ]
        if breaches:
            raise GateError(str(self.path), breaches)

    def _checks_of(self, bound: _Bound) -> Iterator[_Check]:
        keys = [key for key in self._known if bound.place in ('', *key)]
        found = {
            key: name for key in keys if (name := self._naming.whole(bound.name, self._known[key]))
        }
        if not found:
            raise self._unknown(bound, keys)
        for key, name in found.items():
            value = self._earlier(key, name) if bound.factor else 0.0
            yield _Check(key, name, bound.relation, bound.factor * value + bound.offset)

    def _unknown(self, bound: _Bound, keys: Sequence[tuple[str, ...]]) -> ConfigError:
        if not keys:
            places = dict.fromkeys(place for key in self._known for place in key)
            known = ', '.join(places) or 'none'
            return self._wrong(f"nothing is called '{bound.place}'; known: {known}")
        names = dict.fromkeys(name for key in keys for name in self._known[key])
        short = [
            name.removeprefix(prefix)
            for prefix in self._naming.prefixes
            for name in names
            if name.startswith(prefix)
        ]
        near = get_close_matches(bound.name, short, _NAMED, 0.5) or list(names)[:_NAMED]
        return self._wrong(f"there is no figure '{bound.name}'; near it: {', '.join(near)}")

    def _read_baseline(self) -> Figures:
        if not self._has_baseline:
            raise self._wrong("a bound names the baseline; add 'baseline: PATH of a summary.json'")
        try:
            return self._naming.of_summary(parse_json(self._baseline_path.read_bytes()))
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._wrong(
                f"the baseline '{self._baseline_path}' cannot be read as a summary.json: {error}"
            ) from error

    def _earlier(self, key: tuple[str, ...], name: str) -> float:
        """Return a figure of the baseline: of the same thing, else of the only one like it."""
        alike = [other for other in self._baseline if other[-1:] == key[-1:]]
        place = key if key in self._baseline else alike[0] if len(alike) == 1 else None
        value = math.nan if place is None else self._baseline[place].get(name, math.nan)
        if math.isnan(value):
            what = ' of '.join((name, *key))
            raise self._wrong(f"the baseline '{self._baseline_path}' has no {what}")
        return value

    def _wrong(self, text: str) -> ConfigError:
        return ConfigError(f"gate '{self.path}': {text}")


def figures_in(content: object, before: str = '') -> dict[str, float]:
    """
    Return the numbers in a part of JSON by the keys that lead to them, joined by dots.

    Null is NaN; text, truth values and lists are left out.
    """
    if isinstance(content, Mapping):
        found: dict[str, float] = {}
        for name, part in content.items():
            found.update(figures_in(part, f'{before}.{name}' if before else str(name)))
        return found
    if content is None:
        return {before: math.nan}
    if isinstance(content, (int, float)) and not isinstance(content, bool):
        return {before: float(content)}
    return {}


def run_figures(summary: object) -> Figures:
    """Return the figures of the summary of a run of the nodes, of one without images too."""
    return RUN.of_summary(plain(summary))


def plain(result: object) -> object:
    """Return a result as JSON has it; NaN stays."""
    return parse_json(json.dumps(result, default=as_json))


def _read(path: Path) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        content = YAML(typ='safe').load(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, YAMLError, RecursionError) as error:
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise ConfigError(f"gate '{path}' cannot be read: {reason}") from error
    if not isinstance(content, dict) or not set(content) <= set(_KEYS):
        raise ConfigError(f"gate '{path}' is not a table of {' and '.join(_KEYS)}")
    bounds = content.get('bounds')
    if not isinstance(bounds, list) or not bounds:
        raise ConfigError(f"gate '{path}' has no list 'bounds' of lines as {_FORM}")
    return cast(dict[str, Any], content)


def _parse(path: Path, text: object) -> _Bound:
    found = _BOUND.fullmatch(str(text).strip())
    try:
        if found is None:
            raise ValueError
        name, _, place = found[1].partition(' of ')
        return _Bound(name, place, found[2], *_limit(found[3]))
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
