"""What an evaluation on data sets found; the fields in order are the keys of summary.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from depth_anything_ros.evaluation.ground import GroundSummary
from depth_anything_ros.evaluation.protocol import Means
from depth_anything_ros.json_text import FLAT, IF_KNOWN
from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule
from depth_anything_ros.types import ModelIdentity


@dataclass(frozen=True)
class PredictorMeans:
    """
    The means of a predictor over the images that it has a score for, and their number.

    `undefined` tells of how many of these images a metric has no value, `ground` where the ground
    of obstacles is known from.
    """

    means: Means = field(metadata=FLAT)
    images: int
    undefined: Mapping[str, int] | None = field(default=None, metadata=IF_KNOWN)
    ground: GroundSummary | None = field(default=None, metadata=IF_KNOWN)


@dataclass(frozen=True)
class Estimate:
    """A figure over images with its bootstrap interval by sources, None where not known."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Ratio:
    """
    Compare the mean metric of a predictor with that of a `reference`, on the images both score.

    The estimate is the predictor's over the reference's, whose mean is `reference`.
    """

    images: int
    reference: float | None
    estimate: Estimate = field(metadata=FLAT)


@dataclass(frozen=True)
class Difference:
    """
    Compare the metrics of a model with those of the first, on the images both have a score for.

    `metrics` holds by metric the mean over images of the model's minus the first one's.
    """

    images: int
    metrics: Mapping[str, Estimate]


@dataclass(frozen=True)
class SourceResult:
    """
    What one model does on the images of a source, or of a whole data set.

    `failed` have no score. `ratio` is to the baseline, `difference` to the first model.
    """

    images: int
    failed: int
    metrics: PredictorMeans
    ratio: Ratio | None = field(default=None, metadata=IF_KNOWN)
    difference: Difference | None = field(default=None, metadata=IF_KNOWN)


@dataclass(frozen=True)
class CorruptedResult:
    """
    What one model does on the pictures of a data set made worse.

    `ratio` is to itself on the pictures as they are.
    """

    images: int
    failed: int
    metrics: PredictorMeans
    ratio: Ratio


@dataclass(frozen=True)
class ModelResult:
    """What one model does on a data set: on all images, by source, and on pictures made worse."""

    whole: SourceResult = field(metadata=FLAT)
    sources: Mapping[str, SourceResult]
    corrupted: Mapping[str, CorruptedResult] | None = field(metadata=IF_KNOWN)


@dataclass(frozen=True)
class BaselineResult:
    """The means of the candidates, and which of them is the best."""

    chosen: str | None
    candidates: Mapping[str, PredictorMeans]


@dataclass(frozen=True)
class DataResult:
    """
    What is known of one data set, named by its word.

    `models` are by label, the first one what others differ from; `verdicts` say in a sentence for
    each other one whether it is worse by the metric `judged_by`, of which ratios are too.
    """

    word: str
    models: Mapping[str, ModelResult]
    baseline: BaselineResult | None = field(metadata=IF_KNOWN)
    judged_by: str
    verdicts: Sequence[str]
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
    set otherwise; `sources` are those chosen of the data, none for all of them. `ground` says
    where that of obstacles is taken from.
    """

    name: str
    source: str
    changed: Sequence[str]
    rule: ScoringRule = field(metadata=FLAT)
    sources: Sequence[str]
    baseline: str | None
    baseline_scenes: int | None
    bootstrap: Bootstrap
    ground: str | None = field(default=None, metadata=IF_KNOWN)


@dataclass(frozen=True)
class EvaluationSummary:
    """What was found on all data; `models` by the labels that the results have them under."""

    data: Sequence[DataResult]
    models: Mapping[str, ModelIdentity]
    protocol: EvaluationProtocol
    environment: Mapping[str, str | int]
    warnings: Sequence[str]
