"""What a metric is: name, unit, direction, formula, averaging, and what it reads of an image."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.evaluation.view import READABLE, View


class Better(str, Enum):
    """Which direction of a metric is the better one."""

    LOWER = 'lower'
    HIGHER = 'higher'


class Group(str, Enum):
    """What a metric is about; tables and pages show those of a group together."""

    PIXELS = 'pixels'
    DISTANCE = 'distance'
    EDGES = 'edges'
    CLOUD = 'cloud'
    PLANES = 'planes'
    ORDER = 'order'
    CONFIDENCE = 'confidence'
    OBSTACLES = 'obstacles'
    UNCERTAINTY = 'uncertainty'


@dataclass(frozen=True)
class Metric:
    """
    A metric: p is the prediction and t the truth of one pixel, N the pixels scored.

    `function` takes what `reads` names of a :class:`View`, in this order, and returns NaN where it
    has no value; `undefined` says when that is, '' for never. `on_request` leaves it out where
    nobody asks for it: it takes long, or needs what is seldom there. `pooled` weighs images by
    what was scored in them. `short` is for headings of tables, the name where it is ''. A `detail`
    is in files and bounds, but not among the others in tables: it has one of its own.
    """

    name: str
    unit: str
    better: Better
    formula: str
    function: Callable[..., float]
    averaging: str = 'over the pixels of an image, then over images'
    reads: tuple[str, ...] = ('prediction_m', 'truth_m')
    short: str = ''
    group: Group = Group.PIXELS
    undefined: str = ''
    on_request: bool = False
    pooled: bool = False
    detail: bool = False

    def __post_init__(self) -> None:
        """
        Check that a view has what the metric reads.

        :raises ConfigError: if it has not; the message lists what it has.
        """
        for name in self.reads:
            if name not in READABLE:
                raise ConfigError(
                    f"metric '{self.name}' reads '{name}', which no view has; known: "
                    f'{", ".join(READABLE)}'
                )

    @property
    def heading(self) -> str:
        """Return how a column of the metric is headed."""
        return (self.short or self.name) + (f' in {self.unit}' if self.unit else '')

    def of(self, view: View) -> float:
        """
        Return the metric of one image.

        It is NaN where the view lacks what it reads, and where no finite number comes out, as of
        the logarithm of a prediction that is not above 0.
        """
        with np.errstate(divide='ignore', invalid='ignore'):
            found = [getattr(view, name) for name in self.reads]
            value = math.nan if any(item is None for item in found) else self.function(*found)
        return value if math.isfinite(value) else math.nan
