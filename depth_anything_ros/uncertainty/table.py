"""What is known of a network's errors: factors of its uncertainty, by what a frame shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from depth_anything_ros.types import OutputKind
from depth_anything_ros.uncertainty.features import SPANS

FITTED, CORRECTED, UNFITTED, GIVEN = 'fitted', 'corrected', 'unfitted', 'given'
FILLED, BEYOND = 'filled', 'beyond'
PARTS = (FITTED, CORRECTED, UNFITTED, GIVEN, FILLED, BEYOND)
"""The error models of a table, by what they are for: see `ErrorTable`."""

LEAST_SIGMA, MOST_SIGMA = 0.002, 3.0
"""The ends of what sigma can be, as shares of depth."""


@dataclass(frozen=True)
class Factor:
    """
    What one feature of a pixel makes of its uncertainty, as the logarithm of a factor.

    `logs` are those at `knots`, values of the feature in rising order, linear in between and
    constant beyond; `unknown` is that of a pixel of which the feature is not known.

    :raises ValueError: unless there are as many of `logs` as of `knots`, which rise, and all
        numbers are finite.
    """

    knots: Sequence[float]
    logs: Sequence[float]
    unknown: float

    def __post_init__(self) -> None:
        rises = all(before < after for before, after in pairwise(self.knots))
        if not self.knots or len(self.knots) != len(self.logs) or not rises:
            raise ValueError('a factor has as many logs as knots, which rise')
        _require_finite(*self.knots, *self.logs, self.unknown)


@dataclass(frozen=True)
class ErrorModel:
    """
    Give the uncertainty of one kind of depth, as a share of it.

    Its logarithm is `base` plus those of the `factors`, by feature: see
    :mod:`depth_anything_ros.uncertainty.features`. `widening` brings it to what holds: logarithms
    to add at values of that sum in rising order, by scale source and the power of ten of its
    reference points, as `depth_image/2` for 100 to 999, by source alone, and '' for others.

    :raises ValueError: if a feature is not known here, or the base is not finite.
    """

    base: float
    factors: Mapping[str, Factor]
    widening: Mapping[str, Factor]

    def __post_init__(self) -> None:
        _require_finite(self.base)
        unknown = ', '.join(self.factors.keys() - SPANS.keys())
        if unknown:
            raise ValueError(f'unknown features {unknown}; known: {", ".join(SPANS)}')


@dataclass(frozen=True)
class SensorNoise:
    """
    The standard deviation of measured depth z: least_m + per_m · (z − nearest_m)².

    By default that of structured light.
    Source: Nguyen, Izadi, Lovell, "Modeling Kinect Sensor Noise for Improved 3D Reconstruction and
    Tracking" (2012).
    """

    least_m: float = 0.0012
    per_m: float = 0.0019
    nearest_m: float = 0.4


@dataclass(frozen=True)
class Calibration:
    """How a table was made: the data by their words, the images of it, and the program."""

    data: Sequence[str]
    images: int
    version: str


@dataclass(frozen=True)
class ErrorTable:
    """
    What is known of the errors of a network, as the verb `calibrate-uncertainty` finds it.

    `model`, `sha256` and `output` are those of the weights it holds for; of the generic table
    `sha256` is empty, `output` None, and it holds for any. Of the network's depth in metres
    `fitted` is for that which was fitted to the frame's own reference points, `corrected` for that
    with the local scale field, `unfitted` for that without such points, also of metric networks,
    `given` for a scale that nobody measured; `filled` and `beyond` for what fused depth has of it
    between measurements and beyond their range; `sensor` for what was measured.
    """

    model: str
    sha256: str
    output: OutputKind | None
    calibration: Calibration
    fitted: ErrorModel
    corrected: ErrorModel
    unfitted: ErrorModel
    given: ErrorModel
    filled: ErrorModel
    beyond: ErrorModel
    sensor: SensorNoise

    @property
    def generic(self) -> bool:
        """Return whether it is of no weights in particular."""
        return not self.sha256

    @property
    def models(self) -> dict[str, ErrorModel]:
        """Return its error models by name."""
        found = (self.fitted, self.corrected, self.unfitted, self.given, self.filled, self.beyond)
        return dict(zip(PARTS, found, strict=True))


def _require_finite(*numbers: float) -> None:
    wrong = next((number for number in numbers if not math.isfinite(number)), None)
    if wrong is not None:
        raise ValueError(f'{wrong} is no number of a table')
