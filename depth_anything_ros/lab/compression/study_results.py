"""The results of a study; their fields in order are the keys of study.json and the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from depth_anything_ros.evaluation.ground import GroundSummary
from depth_anything_ros.evaluation.obstacle_rule import ObstacleRule
from depth_anything_ros.evaluation.protocol import AlignmentMode, Means
from depth_anything_ros.json_text import FLAT, IF_KNOWN, record
from depth_anything_ros.lab.datasets.protocols import DEFAULT
from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule
from depth_anything_ros.lab.journal import Journal
from depth_anything_ros.types import CameraMounting

_FORMAT = 2
RAW, ALIGNED = AlignmentMode.NONE, AlignmentMode.SCALE_SHIFT


def with_alignment(rule: ScoringRule, mode: AlignmentMode) -> ScoringRule:
    """Return a rule with RAW or ALIGNED in the place of its own alignment."""
    return replace(rule, alignment=mode, metric_alignment=None)


@dataclass(frozen=True)
class FileResult:
    """
    Describe the file of a recipe.

    `sqnr_db` is that of the output against the parent's, None where the two are `identical` or
    it is not finite.
    """

    bytes: int
    sha256: str
    weights: int
    nonzero_weights: int
    sqnr_db: float | None
    identical: bool


@dataclass(frozen=True)
class NetworkScores:
    """
    The mean scores on the images of one data set, without alignment and with scale and shift.

    An image without one of the two scores is in neither mean, and one of `failed`; `problems`
    counts the most frequent reasons. `inverted` counts images whose fitted scale is negative;
    `worst` is the place of the image in which the most obstacles are missed, None without any;
    `ground` says where the ground of obstacles is known from.
    """

    images: int
    failed: int
    problems: Mapping[str, int]
    inverted: int
    none: Means
    scale_shift: Means
    worst: int | None = None
    ground: GroundSummary | None = field(default=None, metadata=IF_KNOWN)

    def means(self, mode: AlignmentMode) -> Means:
        """Return the means of RAW or ALIGNED."""
        return {RAW: self.none, ALIGNED: self.scale_shift}[mode]


@dataclass(frozen=True)
class LatencyResult:
    """The latency of a network, or why there is none; `speed_up` is over its parent."""

    p50_ms: float | None
    p95_ms: float | None
    speed_up: float | None
    failure: str


@dataclass(frozen=True)
class MemoryResult:
    """The peak resident memory of a process that runs a network, or why there is none."""

    peak_bytes: int | None
    failure: str


StepResult = FileResult | NetworkScores | LatencyResult | MemoryResult


@dataclass(frozen=True)
class StudyEntry:
    """What a step found of a recipe, as the journal holds it."""

    recipe: str
    step: str
    result: StepResult

    @property
    def failed(self) -> bool:
        """Return whether a run that goes on has to try the step again."""
        return isinstance(self.result, LatencyResult | MemoryResult) and bool(self.result.failure)


@dataclass(frozen=True)
class StudyResult:
    """
    What is known of one recipe.

    `scores` are by the words of the data, `latency` and `memory` by the labels of the backends.
    """

    recipe: str
    file: FileResult
    scores: Mapping[str, NetworkScores]
    latency: Mapping[str, LatencyResult]
    memory: Mapping[str, MemoryResult]


@dataclass(frozen=True)
class Conditions:
    """What all results of a study are measured with, machine and versions included."""

    input_size: int
    min_depth_m: float
    max_depth_m: float
    calibration: str
    compared: str
    runs: int
    threads: int
    environment: Mapping[str, str | int]
    protocol: str = DEFAULT
    obstacles: ObstacleRule = field(default_factory=ObstacleRule)
    mounting: CameraMounting | None = field(default=None, metadata=IF_KNOWN)


@dataclass(frozen=True)
class StudySettings:
    """What all results of a study depend on; `weights` tells the parent from others."""

    model: str
    output: str
    weights: str
    conditions: Conditions = field(metadata=FLAT)


@dataclass(frozen=True)
class StudyModel:
    """Name the parent."""

    name: str
    weights: str
    sha256: str
    licence: str


@dataclass(frozen=True)
class StudyProtocol:
    """How things were measured; the first of the `backends` scores."""

    data: Sequence[str]
    backends: Sequence[str]
    output: str
    conditions: Conditions = field(metadata=FLAT)


@dataclass(frozen=True)
class StudySummary:
    """What study.json holds; `findings` are by the words of the data."""

    model: StudyModel
    protocol: StudyProtocol
    recipes: Sequence[StudyResult]
    findings: Mapping[str, Sequence[str]]
    warnings: Sequence[str]


def open_journal(
    path: Path, settings: StudySettings, restart: bool = False
) -> Journal[StudyEntry]:
    """
    Open the journal of a study.

    :raises DatasetError: as :class:`Journal` does.
    """
    return Journal(path, StudyEntry, {'format': _FORMAT, **record(settings)}, restart)
