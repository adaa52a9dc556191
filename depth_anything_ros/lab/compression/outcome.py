"""What a compression gave; the fields in order are the keys of the answer of `compress`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from depth_anything_ros.lab.compression.misses import Misses


@dataclass(frozen=True)
class Parent:
    """Name the weights before compression."""

    origin: str
    sha256: str


@dataclass(frozen=True)
class WeightsSize:
    """The size of weights: of the file, or in float32 where there is none."""

    bytes: int
    weights: int
    nonzero_weights: int


@dataclass(frozen=True)
class CompressionResult:
    """
    What became of a model.

    `calibration` says what images its activations were measured on. `sqnr_db` is that of the
    output over so many simulated `views`, None where it is `identical` or nothing was compared;
    `obstacles` are those missed in simulated views, None where nobody looked; `integers` says by
    backend with how many bits it multiplies here.
    """

    model: str
    output: str
    recipe: str
    parent: Parent
    calibration: str | None
    out: str
    sha256: str
    before: WeightsSize
    after: WeightsSize
    sqnr_db: float | None
    views: int
    integers: Mapping[str, str]
    identical: bool
    obstacles: Misses | None = None
