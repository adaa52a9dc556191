"""What is wrong with a contract, by what its network said of images with true depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from depth_anything_ros.lab.bootstrap import Interval
from depth_anything_ros.lab.verification.agreement import Agreement, Fit, Form
from depth_anything_ros.lab.verification.paired import geometric_mean, paired_ratio
from depth_anything_ros.lab.verification.scales import (
    focal_findings,
    one_scale,
    unit_findings,
)
from depth_anything_ros.lab.verification.trial import Answers
from depth_anything_ros.models.contract import Contract, Values
from depth_anything_ros.types import Float64Array, OutputKind

# An error is clearly smaller where it is with 95 % confidence below this share of another.
CLEARLY = 0.98
# Depth is followed where the error is so far below that of one depth for the whole image.
_FOLLOWS = 0.9
# A shift is missing where it leaves only this share of the error, and named where only this.
_SHIFT_MISSING, _SHIFT = 0.67, 0.9
# A shift of depth itself is named or denied where that leaves only this share of the error: lines
# of depth and of inverse depth do not weigh near and far alike.
_AFFINE = 0.9
_FORMS = {
    Values.DEPTH_UP_TO_SCALE: Form.DEPTH,
    Values.AFFINE_DEPTH: Form.DEPTH,
    Values.METRIC_DEPTH: Form.DEPTH,
    Values.INVERSE_AFFINE_DEPTH: Form.AFFINE,
}


@dataclass(frozen=True)
class Candidate:
    """
    One way to read images and numbers, and how it fits.

    `changes` are the keys of the contract that differ. `error` is the mean over images of
    |depth found − true| / true, with scale and shift fitted; `ratio` is the
    geometric mean of that by the error of the contract, and `interval` that with 95 % confidence,
    None of the contract itself. `rank` is the mean correlation of ranks with true inverse depth.
    """

    changes: Mapping[str, object]
    error: float
    ratio: float
    interval: Interval | None
    rank: float


@dataclass(frozen=True)
class Finding:
    """What is wrong: keys of the contract with what fits, and the evidence in words."""

    changes: Mapping[str, object]
    words: str


@dataclass(frozen=True)
class Verdict:
    """
    What was found of a contract.

    `follows` tells whether the network follows depth in any way that was tried; without it nothing
    can be said. `candidates` are sorted from the best on, `notes` what a reader should know.
    """

    images: int
    follows: bool
    candidates: Sequence[Candidate]
    findings: Sequence[Finding]
    notes: Sequence[str]

    @property
    def is_right(self) -> bool:
        """Return whether the contract fits as well as any other."""
        return self.follows and not self.findings


@dataclass(frozen=True)
class _Tried:
    """
    A way of reading images, and a form of the numbers.

    `compared` are its errors as they are held against those of others.
    """

    answers: Answers
    form: Form
    errors: Float64Array
    compared: Float64Array
    differences: int

    def fits(self) -> list[Fit]:
        """Return those of all images."""
        return [one.fits[self.form] for one in self.answers.agreements]

    def scales(self) -> Float64Array:
        """Return true depth by that of the numbers, of all images."""
        return np.array([fit.scale for fit in self.fits()])


def judge(contract: Contract, tried: Sequence[Answers], sources: Sequence[str]) -> Verdict:
    """
    Return what is wrong with a contract.

    :param tried: what the network said, read in every way, that of the contract first.
    :param sources: of each image, as bootstrap draws them.
    """
    ways = [_way(contract, answers, form) for answers in tried for form in Form]
    own = next(way for way in ways if not way.differences)
    best = _best(ways, own, sources)
    constant = np.array([one.constant for one in best.answers.agreements])
    candidates = sorted(
        (_candidate(contract, way, own, sources) for way in ways), key=lambda one: one.error
    )
    against_one = paired_ratio(best.errors, constant, sources)
    if against_one is None or not against_one.high < _FOLLOWS:
        return Verdict(len(sources), False, candidates, (), ())
    findings = []
    if best is not own:
        findings.append(_finding(contract, best, own, sources))
    elif _lacks_shift(contract, own, sources):
        findings.append(_shift_finding(own))
    notes: list[str] = []
    if not findings:
        focals_px = own.answers.focals_px
        findings += [
            Finding(changes, words)
            for changes, words in (
                *focal_findings(contract, own.scales(), focals_px, sources, notes),
                *unit_findings(contract, own.scales(), focals_px),
            )[:1]
        ]
    return Verdict(len(sources), True, candidates, findings, notes)


def _form(contract: Contract) -> Form:
    """Return the form of the numbers by a contract."""
    return _FORMS.get(contract.output.kind, Form.INVERSE)


def _way(contract: Contract, answers: Answers, form: Form) -> _Tried:
    own = _form(contract)
    errors = np.array([one.fits[form].error for one in answers.agreements])
    shifted = (form is Form.AFFINE) is not (own is Form.AFFINE)
    compared = errors / _AFFINE if shifted else errors
    differences = answers.reading.differences + (form is not own)
    return _Tried(answers, form, errors, compared, differences)


def _best(ways: Sequence[_Tried], own: _Tried, sources: Sequence[str]) -> _Tried:
    """
    Return the way that fits, as near to the contract as it can be.

    Those with a shift of depth, which the contract has not, come after the others, or without one
    that it has: they do not stand in the way of what else is found.
    """
    alike = [way for way in ways if (way.form is Form.AFFINE) is (own.form is Form.AFFINE)]
    best = _least_changed(alike, sources)
    rival = min(
        (way for way in ways if (way.form is Form.AFFINE) is not (own.form is Form.AFFINE)),
        key=lambda way: geometric_mean(way.compared),
    )
    return rival if _clearly(rival.compared, best.compared, sources) else best


def _least_changed(ways: Sequence[_Tried], sources: Sequence[str]) -> _Tried:
    """
    Return the way nearest to the contract that none clearly beats.

    Of those that differ in as much, the best. What differs in more has to be clearly better.
    """
    best = min(ways, key=lambda way: geometric_mean(way.compared))
    for differences in range(best.differences):
        nearest = min(
            (way for way in ways if way.differences == differences),
            key=lambda way: geometric_mean(way.compared), default=None,
        )  # fmt: skip
        if nearest is not None and not _clearly(best.compared, nearest.compared, sources):
            return nearest
    return best


def _clearly(first: Float64Array, second: Float64Array, sources: Sequence[str]) -> bool:
    interval = paired_ratio(first, second, sources)
    return interval is not None and interval.high < CLEARLY


def _candidate(contract: Contract, way: _Tried, own: _Tried, sources: Sequence[str]) -> Candidate:
    sign = -1.0 if way.form is Form.DEPTH else 1.0
    error = float(way.errors.mean())
    return Candidate(
        changes=_changes(contract, way),
        error=error,
        ratio=geometric_mean(way.errors) / geometric_mean(own.errors),
        interval=None if way is own else paired_ratio(way.errors, own.errors, sources),
        rank=sign * _rank(way.answers.agreements),
    )


def _rank(agreements: Sequence[Agreement]) -> float:
    return float(np.mean([one.rank for one in agreements]))


def _changes(contract: Contract, way: _Tried) -> dict[str, object]:
    """Return the keys of the contract that a way has otherwise."""
    changes = dict(way.answers.reading.changes)
    if way.form is _form(contract):
        return changes
    metric = contract.output.kind.output_kind is OutputKind.METRIC_DEPTH
    unit_m = one_scale(way.scales()) if metric else None
    kind = _kind(way, unit_m is not None)
    changes['output.kind'] = kind
    if kind.output_kind is OutputKind.METRIC_DEPTH:
        changes['output.metres_per_unit'] = unit_m
    elif metric:
        changes |= {'output.max_depth_m': None, 'output.metres_per_unit': None}
    without_unit = kind in (Values.RELATIVE_INVERSE_DEPTH, Values.INVERSE_AFFINE_DEPTH)
    if without_unit and contract.output.metres_at_focal_px is not None:
        changes['output.metres_at_focal_px'] = None
    return changes


def _kind(way: _Tried, in_metres: bool) -> Values:
    """Return what the numbers are by a way; `in_metres`, they have one scale and it is asked."""
    if way.form is Form.AFFINE:
        return Values.INVERSE_AFFINE_DEPTH
    if way.form is Form.DEPTH:
        return Values.METRIC_DEPTH if in_metres else Values.DEPTH_UP_TO_SCALE
    errors = np.array([(fit.error, fit.scaled_error) for fit in way.fits()]).mean(axis=0)
    if errors[0] < (_SHIFT_MISSING if in_metres else _SHIFT) * errors[1]:
        return Values.RELATIVE_INVERSE_DEPTH
    return Values.METRIC_INVERSE_DEPTH if in_metres else Values.INVERSE_DEPTH_UP_TO_SCALE


def _finding(contract: Contract, best: _Tried, own: _Tried, sources: Sequence[str]) -> Finding:
    interval = paired_ratio(best.errors, own.errors, sources)
    changes = _changes(contract, best)
    words = (
        f'the error of depth falls from {own.errors.mean():.3f} to {best.errors.mean():.3f}'
        + (f', to {_share(interval)} of it in an image' if interval else '')
    )
    if (best.form is Form.DEPTH) is not (own.form is Form.DEPTH):
        rank = _rank(own.answers.agreements)
        turned = sum(one.rank * rank > 0 for one in own.answers.agreements)
        nearer = 'larger' if rank > 0 else 'smaller'
        words += f'; what is nearer is {nearer} in {turned} of {len(sources)} images'
    kind = changes.get('output.kind')
    if isinstance(kind, Values) and contract.output.kind.output_kind is OutputKind.METRIC_DEPTH:
        # Metres that are the other way round may go by the focal length, too.
        turned_one = replace(contract, output=replace(contract.output, kind=kind))
        focals_px = best.answers.focals_px
        for rule, why in focal_findings(turned_one, best.scales(), focals_px, sources, []):
            changes |= rule
            words += f'; {why}'
    return Finding(changes, words)


def _share(interval: Interval) -> str:
    return f'{interval.low:.0%} to {interval.high:.0%}'


def _lacks_shift(contract: Contract, own: _Tried, sources: Sequence[str]) -> bool:
    kind = contract.output.kind
    if kind is not Values.INVERSE_DEPTH_UP_TO_SCALE:
        return False
    scaled = np.array([fit.scaled_error for fit in own.fits()])
    interval = paired_ratio(own.errors, scaled, sources)
    return interval is not None and interval.high < _SHIFT_MISSING


def _shift_finding(own: _Tried) -> Finding:
    scaled = float(np.mean([fit.scaled_error for fit in own.fits()]))
    return Finding(
        {'output.kind': Values.RELATIVE_INVERSE_DEPTH, 'output.metres_at_focal_px': None},
        f'with the scale alone the error of depth is {scaled:.3f}, with a shift as well '
        f'{own.errors.mean():.3f}',
    )
