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
breaks its bound. So does one that is bounded by a baseline of other images, unless the file bounds
their number itself; a baseline that was scored in another way is an error.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from depth_anything_ros.errors import ConfigError, GateError, broken_form
from depth_anything_ros.evaluation.comparable import Protocol, protocol_difference, same_truth
from depth_anything_ros.evaluation.gate_file import Bound, read_gate
from depth_anything_ros.evaluation.protocol import TRUTH
from depth_anything_ros.json_text import as_json, parse_json

Key = tuple[str, ...]
"""What is judged: (model, data), or () for a run of nodes."""

Figures = Mapping[Key, Mapping[str, float]]
"""Numbers by name of each thing that is judged, NaN where not known. A run of nodes is one, ()."""

_RELATIONS: Mapping[str, Callable[[float, float], bool]] = {
    '<=': operator.le,
    '>=': operator.ge,
    '==': operator.eq,
    '<': operator.lt,
    '>': operator.gt,
}
_NAMED = 5
# The number of images or frames that figures beside it are means over, and their mean truth.
_COUNTS = ('images', 'frames')
# What else than how it is scored a figure of a part depends on.
_DEPENDS = {'latency_ms': 'latency_from'}


@dataclass(frozen=True)
class Naming:
    """
    How the figures of one kind of evaluation are called, and found in its summary.json.

    `prefixes` are what a bound may leave out in front of a name, '' for a name in full; the first
    that fits counts. `of_summary` returns the figures in what such a file holds. Names that begin
    with `open_end` are known only when the run has ended; '' is none. `unscored` are the figures
    that count images without a score.
    """

    prefixes: Sequence[str]
    of_summary: Callable[[object], Figures]
    open_end: str = ''
    unscored: Sequence[str] = ()

    def whole(self, name: str, figures: Mapping[str, float]) -> str | None:
        """Return the name of a figure in full, None if there is none."""
        for prefix in self.prefixes:
            whole = f'{prefix}{name}'
            if whole in figures or (self.open_end and whole.startswith(self.open_end)):
                return whole
        return None


RUN = Naming(
    ('', 'metrics.online.', 'metrics.'), lambda content: {(): figures_in(content)}, 'stages_ms.',
    ('frames.unscored', 'frames.rejected'),
)  # fmt: skip
"""Of a run of the nodes: a metric without its alignment is that of the depth as published."""


@dataclass(frozen=True)
class _Check:
    """A bound of one figure with its limit, and what of the baseline it follows from."""

    key: Key
    name: str
    relation: str
    limit: float
    earlier: Key | None = None

    def breach(self, value: float) -> str:
        """Return by how much a value breaks the bound, '' if it does not."""
        if _RELATIONS[self.relation](value, self.limit):
            return ''
        what = _of(self.key, self.name)
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
    :param protocol: how they are scored.
    :raises ConfigError: if the file cannot be read, a bound cannot be understood or names what is
        not known, or the baseline cannot be read, lacks a figure or was scored otherwise.
    """

    def __init__(self, path: Path, known: Figures, naming: Naming, protocol: Protocol) -> None:
        self.path = path
        self._known = known
        self._naming = naming
        file = read_gate(path)
        self._baseline_path = file.baseline
        relative = [bound for bound in file.bounds if bound.factor]
        self._baseline = self._read_baseline(protocol, relative) if relative else {}
        self._checks = [check for bound in file.bounds for check in self._checks_of(bound)]

    def check(self, figures: Figures) -> list[str]:
        """
        Compare figures with the bounds.

        :return: what no bound sees, a sentence each: images without a score that none limits.
        :raises GateError: if one is broken; it holds each breach.
        """
        breaches = [
            *self._of_other_images(figures),
            *filter(None, (check.breach(_value(figures, check)) for check in self._checks)),
        ]
        if breaches:
            raise GateError(str(self.path), breaches)
        return [
            f"gate '{self.path}' is met, but {_of(key, name)} is {count:g}: images in no mean, "
            f"which the bound '{name} == 0' would catch"
            for key in dict.fromkeys(check.key for check in self._checks)
            for name in self._naming.unscored
            if (count := figures[key].get(name, math.nan)) > 0
            and not self._bounds_any(key, self._naming.unscored)
        ]

    def _bounds_any(self, key: Key, names: Sequence[str]) -> bool:
        return any(check.key == key and check.name in names for check in self._checks)

    def _of_other_images(self, figures: Figures) -> Iterator[str]:
        """Yield where figures and those of the baseline are not means over the same images."""
        parts = {
            (check.key, check.earlier, part): None
            for check in self._checks
            if check.earlier is not None
            and (part := _counted_part(check.name, self._baseline[check.earlier]))
        }
        for key, earlier, part in parts:
            now, then = figures.get(key, {}), self._baseline[earlier]
            count = next(name for word in _COUNTS if (name := f'{part}.{word}') in then)
            truth = f'{part}.{TRUTH}'
            here_m, there_m = now.get(truth, math.nan), then.get(truth, math.nan)
            if now.get(count, 0) != then[count]:
                if not self._bounds_any(key, [count]):
                    yield (
                        f'{_of(key, count)} is {now.get(count, 0):g}, in the baseline '
                        f'{then[count]:g}: the figures are of other images; make the baseline '
                        f"anew, or say how many there have to be, as '{count} >= baseline * 0.9'"
                    )
            elif not same_truth(here_m, there_m):
                yield (
                    f'{_of(key, truth)} is {here_m:.6g}, in the baseline {there_m:.6g}: the '
                    'figures are of other images; make the baseline anew'
                )

    def _checks_of(self, bound: Bound) -> Iterator[_Check]:
        keys = [key for key in self._known if bound.place in ('', *key, ' of '.join(key))]
        found = {
            key: name for key in keys if (name := self._naming.whole(bound.name, self._known[key]))
        }
        if not found:
            raise self._unknown(bound, keys)
        for key, name in found.items():
            if not bound.factor:
                yield _Check(key, name, bound.relation, bound.offset)
                continue
            earlier = self._earlier(key, name)
            limit = bound.factor * self._baseline[earlier][name] + bound.offset
            yield _Check(key, name, bound.relation, limit, earlier)

    def _unknown(self, bound: Bound, keys: Sequence[tuple[str, ...]]) -> ConfigError:
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

    def _read_baseline(self, protocol: Protocol, bounds: Sequence[Bound]) -> Figures:
        path = self._baseline_path
        if path is None:
            raise self._wrong("a bound names the baseline; add 'baseline: PATH of a summary.json'")
        try:
            content = parse_json(path.read_bytes())
            figures, earlier = self._naming.of_summary(content), dict(content['protocol'])
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._wrong(
                f"the baseline '{path}' cannot be read as a summary.json: {broken_form(error)}"
            ) from error
        also = {key for bound in bounds for part, key in _DEPENDS.items() if part in bound.name}
        name = f"the baseline '{path}'"
        if why := protocol_difference('this run', protocol, name, earlier, also):
            raise self._wrong(why)
        return figures

    def _earlier(self, key: Key, name: str) -> Key:
        """Return what of the baseline has a figure: the same thing, else the only one like it."""
        alike = [other for other in self._baseline if other[-1:] == key[-1:]]
        place = key if key in self._baseline else alike[0] if len(alike) == 1 else None
        if place is None or not math.isfinite(self._baseline[place].get(name, math.nan)):
            raise self._wrong(f"the baseline '{self._baseline_path}' has no {_of(key, name)}")
        return place

    def _wrong(self, text: str) -> ConfigError:
        return ConfigError(f"gate '{self.path}': {text}")


def _of(key: Key, name: str) -> str:
    return ' of '.join((name, *key))


def _value(figures: Figures, check: _Check) -> float:
    return figures.get(check.key, {}).get(check.name, math.nan)


def _counted_part(name: str, figures: Mapping[str, float]) -> str:
    """Return the innermost part around a figure that counts images, '' where none does."""
    part, _, last = name.rpartition('.')
    if last in _COUNTS:
        return ''
    while part and not any(f'{part}.{word}' in figures for word in _COUNTS):
        part = part.rpartition('.')[0]
    return part


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


def plain(result: object) -> Any:
    """Return a result, as a protocol, as JSON has it; NaN stays."""
    return parse_json(json.dumps(result, default=as_json))
