"""What is wrong with a contract, by what its network said of images with true depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from depth_anything_ros.lab.bootstrap import Interval
from depth_anything_ros.lab.verification.agreement import Agreement, Fit
from depth_anything_ros.lab.verification.paired import geometric_mean, paired_ratio
from depth_anything_ros.lab.verification.scales import focal_findings, unit_findings
from depth_anything_ros.lab.verification.trial import Answers
from depth_anything_ros.models.contract import Contract, Values
from depth_anything_ros.types import Float64Array, OutputKind

# An error is clearly smaller where it is with 95 % confidence below this share of another.
CLEARLY = 0.98
# Depth is followed where the error is so far below that of one depth for the whole image.
_FOLLOWS = 0.9
# A shift is missing where it leaves only this share of the error, and named where only this.
_SHIFT_MISSING, _SHIFT = 0.67, 0.9
_DEPTH = (Values.DEPTH_UP_TO_SCALE, Values.AFFINE_DEPTH, Values.METRIC_DEPTH)


@dataclass(frozen=True)
class Candidate:
    """
    One way to read images and numbers, and how it fits.

    `changes` are the keys of the contract that differ. `error` is the mean over images of
    |depth found − true| / true, with scale and shift of inverse depth fitted; `ratio` is the
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
    """A way of reading images, and numbers as depth or inverse depth."""

    answers: Answers
    is_depth: bool
    errors: Float64Array
    differences: int

    def fits(self) -> list[Fit]:
        """Return those of all images."""
        return [one.depth if self.is_depth else one.inverse for one in self.answers.agreements]


def judge(contract: Contract, tried: Sequence[Answers], sources: Sequence[str]) -> Verdict:
    """
    Return what is wrong with a contract.

    :param tried: what the network said, read in every way, that of the contract first.
    :param sources: of each image, as bootstrap draws them.
    """
    ways = [_way(contract, answers, is_depth) for answers in tried for is_depth in (False, True)]
    own = next(way for way in ways if not way.differences)
    best = _least_changed(ways, sources)
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
        scales = np.array([fit.scale for fit in own.fits()])
        findings += [
            Finding(changes, words)
            for changes, words in (
                *focal_findings(contract, scales, own.answers.focals_px, sources, notes),
                *unit_findings(contract, scales, own.answers.focals_px),
            )[:1]
        ]
    return Verdict(len(sources), True, candidates, findings, notes)


def _way(contract: Contract, answers: Answers, is_depth: bool) -> _Tried:
    fits = [one.depth if is_depth else one.inverse for one in answers.agreements]
    turned = is_depth is not (contract.output.kind in _DEPTH)
    return _Tried(
        answers, is_depth, np.array([fit.error for fit in fits]),
        answers.reading.differences + turned,
    )  # fmt: skip


def _least_changed(ways: Sequence[_Tried], sources: Sequence[str]) -> _Tried:
    """
    Return the way nearest to the contract that none clearly beats.

    Of those that differ in as much, the best. What differs in more has to be clearly better.
    """
    best = min(ways, key=lambda way: geometric_mean(way.errors))
    for differences in range(best.differences):
        nearest = min(
            (way for way in ways if way.differences == differences),
            key=lambda way: geometric_mean(way.errors), default=None,
        )  # fmt: skip
        if nearest is not None and not _clearly(best.errors, nearest.errors, sources):
            return nearest
    return best


def _clearly(first: Float64Array, second: Float64Array, sources: Sequence[str]) -> bool:
    interval = paired_ratio(first, second, sources)
    return interval is not None and interval.high < CLEARLY


def _candidate(contract: Contract, way: _Tried, own: _Tried, sources: Sequence[str]) -> Candidate:
    sign = -1.0 if way.is_depth else 1.0
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
    if way.is_depth is (contract.output.kind in _DEPTH):
        return changes
    metric = contract.output.kind.output_kind is OutputKind.METRIC_DEPTH
    if way.is_depth:
        kind = Values.DEPTH_UP_TO_SCALE
    else:
        errors = np.array([(fit.error, fit.scaled_error) for fit in way.fits()]).mean(axis=0)
        shifted = errors[0] < _SHIFT * errors[1]
        kind = Values.RELATIVE_INVERSE_DEPTH if shifted else Values.INVERSE_DEPTH_UP_TO_SCALE
    changes['output.kind'] = kind
    if metric:
        changes |= {'output.max_depth_m': None, 'output.metres_per_unit': None}
    if kind is Values.RELATIVE_INVERSE_DEPTH and contract.output.metres_at_focal_px is not None:
        changes['output.metres_at_focal_px'] = None
    return changes


def _finding(contract: Contract, best: _Tried, own: _Tried, sources: Sequence[str]) -> Finding:
    interval = paired_ratio(best.errors, own.errors, sources)
    words = (
        f'the error of depth falls from {own.errors.mean():.3f} to {best.errors.mean():.3f}'
        + (f', to {_share(interval)} of it in an image' if interval else '')
    )
    if best.is_depth is not own.is_depth:
        rank = _rank(own.answers.agreements)
        turned = sum(one.rank * rank > 0 for one in own.answers.agreements)
        nearer = 'larger' if rank > 0 else 'smaller'
        words += f'; what is nearer is {nearer} in {turned} of {len(sources)} images'
    return Finding(_changes(contract, best), words)


def _share(interval: Interval) -> str:
    return f'{interval.low:.0%} to {interval.high:.0%}'


def _lacks_shift(contract: Contract, own: _Tried, sources: Sequence[str]) -> bool:
    kind = contract.output.kind
    if own.is_depth or kind.output_kind is not OutputKind.INVERSE_DEPTH_UP_TO_SCALE:
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
