"""What a run's scores say together; the fields in order are the keys of summary.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from depth_anything_ros.evaluation.ground import GroundSummary
from depth_anything_ros.evaluation.image_counts import ImageCounts
from depth_anything_ros.evaluation.obstacle_rule import ObstacleRule
from depth_anything_ros.evaluation.protocol import Means
from depth_anything_ros.evaluation.stability import Stability
from depth_anything_ros.json_text import ALL_KEYS, FLAT, IF_KNOWN
from depth_anything_ros.types import ModelIdentity

Percentiles = Mapping[str, float | None]
"""Of durations in milliseconds, by the names of `latency.PERCENTILES`; None is not known."""


@dataclass(frozen=True)
class ScoreTable:
    """
    The means over the frames that one alignment has a score for, and their number.

    `undefined` tells of how many of these frames a metric has no value, `ground` where the ground
    of obstacles is known from.
    """

    means: Means = field(metadata=FLAT)
    frames: int
    undefined: Mapping[str, int] | None = field(default=None, metadata=IF_KNOWN)
    ground: GroundSummary | None = field(default=None, metadata=IF_KNOWN)


@dataclass(frozen=True)
class RunProtocol:
    """
    How frames were scored and timed.

    `obstacles` are those that are looked for, and `ground` says where that was taken from.
    """

    min_depth_m: float
    max_depth_m: float
    pairing_tolerance_s: float
    latency_from: str
    obstacles: ObstacleRule | None = field(default=None, metadata=IF_KNOWN)
    ground: str | None = field(default=None, metadata=IF_KNOWN)


@dataclass(frozen=True)
class RunSummary:
    """
    What became of a run.

    `finished` is False in the middle of it; `unscored` counts images with a prediction by the
    reason why they have no score; `stages_ms` are those of the depth node; `metrics` and
    `stability` are by the names of the alignments; `model` is None where nobody named it.
    """

    finished: bool
    frames: ImageCounts
    unscored: Mapping[str, int]
    latency_ms: Percentiles
    rate_hz: float | None
    stages_ms: Mapping[str, Percentiles]
    metrics: Mapping[str, ScoreTable]
    stability: Mapping[str, Stability]
    model: ModelIdentity | None = field(metadata=ALL_KEYS)
    environment: Mapping[str, str | int]
    protocol: RunProtocol
    warnings: Sequence[str]
