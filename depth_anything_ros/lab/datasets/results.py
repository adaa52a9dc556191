"""What an evaluation on data sets found; the fields in order are the keys of summary.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from depth_anything_ros.evaluation.protocol import Means
from depth_anything_ros.json_text import FLAT, IF_KNOWN
from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule
from depth_anything_ros.types import ModelIdentity


@dataclass(frozen=True)
class PredictorMeans:
    """
    The means of a predictor over the images that it has a score for, and their number.

    `undefined` tells of how many of these images a metric has no value.
    """

    means: Means = field(metadata=FLAT)
    images: int
    undefined: Mapping[str, int] | None = field(default=None, metadata=IF_KNOWN)


@dataclass(frozen=True)
class BaselineRatio:
    """
    Compare the mean AbsRel of the model with that of the baseline, on the images both score.

    `value` is model over `baseline`, `low` and `high` its bootstrap interval by sources.
    """

    images: int
    baseline: float | None
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class SourceResult:
    """What the images of a source, or of a whole data set, say; `failed` have no score."""

    images: int
    failed: int
    metrics: PredictorMeans
    ratio: BaselineRatio | None = field(default=None, metadata=IF_KNOWN)


@dataclass(frozen=True)
class BaselineResult:
    """The means of the candidates, and which of them is the best."""

    chosen: str | None
    candidates: Mapping[str, PredictorMeans]


@dataclass(frozen=True)
class DataResult:
    """What is known of one data set, named by its word."""

    word: str
    whole: SourceResult = field(metadata=FLAT)
    baseline: BaselineResult | None = field(metadata=IF_KNOWN)
    sources: Mapping[str, SourceResult]
    warnings: Sequence[str]


@dataclass(frozen=True)
class Bootstrap:
    """How intervals were drawn."""

    draws: int
    level: float
    seed: int


@dataclass(frozen=True)
class EvaluationProtocol:
    """
    How images were scored.

    `name` and `source` are those of the protocol, of which `changed` are the parts that the user
    set otherwise; `sources` are those chosen of the data, none for all of them.
    """

    name: str
    source: str
    changed: Sequence[str]
    rule: ScoringRule = field(metadata=FLAT)
    sources: Sequence[str]
    baseline: str | None
    baseline_scenes: int | None
    bootstrap: Bootstrap


@dataclass(frozen=True)
class EvaluationSummary:
    """What was found on all data."""

    data: Sequence[DataResult]
    model: ModelIdentity
    protocol: EvaluationProtocol
    environment: Mapping[str, str | int]
    warnings: Sequence[str]
