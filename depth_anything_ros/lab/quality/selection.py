"""
Which samples of a data set are good enough to train on.

Source: the AnyDepth paper, section 4.3.1. A sample needs valid depth on a fifth of its pixels.
Of the samples that have it, the fifth with the lowest distribution score and the fifth with the
lowest gradient score are dropped, both counted over the same samples, so that between 20 and
40 % go. Each data set is judged by itself: in the paper's table 1 each of them loses between 32
and 39 %, however different their scores are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.lab.quality.scores import DepthScore


class Reason(str, Enum):
    """Why a sample is dropped."""

    UNREADABLE = 'unreadable'
    FEW_VALID = 'few_valid'
    UNDEFINED = 'undefined'
    DISTRIBUTION = 'distribution'
    GRADIENT = 'gradient'


@dataclass(frozen=True)
class SelectionConfig:
    """
    Set which samples are dropped.

    `least_valid` is the share of pixels, 0..1, that must have valid depth; `drop` the share, from
    0 to below 1, of samples that each of the two scores drops.

    :raises ConfigError: if a value is out of range.
    """

    least_valid: float = 0.2
    drop: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.least_valid <= 1:
            raise ConfigError(f'least share of valid pixels {self.least_valid:g}; allowed: 0 to 1')
        if not 0 <= self.drop < 1:
            raise ConfigError(f'share of samples to drop {self.drop:g}; allowed: 0 to below 1')


@dataclass(frozen=True)
class ScoredSample:
    """
    What is known of one sample of a data set.

    `data` is the name of the data set, `index` the sample's place in it, `source` its group.
    `score` is None where the sample could not be read, and `failure` then says why. `reasons`
    says why it is dropped; a sample without any is kept.
    """

    data: str
    index: int
    name: str
    source: str
    score: DepthScore | None
    failure: str = ''
    reasons: tuple[Reason, ...] = ()

    @property
    def kept(self) -> bool:
        """Return whether the sample is good enough to train on."""
        return not self.reasons


def select(samples: Sequence[ScoredSample], config: SelectionConfig) -> list[ScoredSample]:
    """
    Return the samples of one data set with the reasons for which they are dropped.

    Each score drops the lowest `floor(drop · samples with valid depth)`. Of equal scores those
    whose names come first are dropped first, so that the numbers hold and the order of the files
    does not matter. A sample with valid depth of which a score is undefined (no three neighbours
    are valid) is dropped, and does not count among the others.

    :param samples: all samples of the data set.
    """
    reasons = [_first_reason(sample, config) for sample in samples]
    judged = [
        (place, sample.name, sample.score)
        for place, sample in enumerate(samples)
        if sample.score is not None and not reasons[place]
    ]
    count = int(config.drop * len(judged) + 1e-9)  # 0.29 · 100 is below 29
    for reason in (Reason.DISTRIBUTION, Reason.GRADIENT):
        ranked = sorted(judged, key=lambda item: (getattr(item[2], reason.value), item[1]))
        for place, _, _ in ranked[:count]:
            reasons[place] += (reason,)
    return [replace(sample, reasons=found) for sample, found in zip(samples, reasons, strict=True)]


def _first_reason(sample: ScoredSample, config: SelectionConfig) -> tuple[Reason, ...]:
    """Return the reason that keeps a sample from being judged by its scores, if any."""
    if sample.score is None:
        return (Reason.UNREADABLE,)
    if sample.score.valid_share < config.least_valid:
        return (Reason.FEW_VALID,)
    return () if math.isfinite(sample.score.total) else (Reason.UNDEFINED,)


@dataclass(frozen=True)
class DataStatistics:
    """
    The counts and mean scores of one data set, or of all together.

    `dropped` counts samples by reason; one that both scores drop counts for both, but once in
    `bad`. The means are over the samples of which all scores are defined, NaN without any.
    """

    data: str
    total: int
    good: int
    bad: int
    dropped: dict[Reason, int]
    mean_total: float
    mean_distribution: float
    mean_gradient: float


def statistics(data: str, samples: Iterable[ScoredSample]) -> DataStatistics:
    """Count the samples of a data set and average their scores."""
    rows = list(samples)
    good = sum(row.kept for row in rows)
    scores = defined_scores(rows)
    return DataStatistics(
        data,
        len(rows),
        good,
        len(rows) - good,
        {reason: sum(reason in row.reasons for row in rows) for reason in Reason},
        _mean(score.total for score in scores),
        _mean(score.distribution for score in scores),
        _mean(score.gradient for score in scores),
    )


def defined_scores(samples: Iterable[ScoredSample]) -> list[DepthScore]:
    """Return the scores of the samples of which all scores are defined."""
    return [
        sample.score
        for sample in samples
        if sample.score is not None and math.isfinite(sample.score.total)
    ]


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return math.fsum(found) / len(found) if found else math.nan
