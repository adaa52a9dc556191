"""What an optional step of the pipeline is, and where it stands in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from depth_anything_ros.types import Frame, MetricDepth, RelativeInverseDepth

Prediction = RelativeInverseDepth | MetricDepth


class PredictionStep(Protocol):
    """
    Refine what a network gave, before its scale is found; it keeps nothing between frames.

    `name` is the step's stage in diagnostics.
    """

    name: str

    def __call__(self, prediction: Prediction, frame: Frame) -> Prediction:
        """Return the refined prediction, of the same kind and size."""
        ...


class MetricStep(Protocol):
    """
    Refine the metric depth of a frame with what it knows of those before.

    `name` is the step's stage in diagnostics.
    """

    name: str

    @property
    def state(self) -> str:
        """Return what the step went by for the last frame, in words for diagnostics, or ''."""
        ...

    @property
    def doubt(self) -> str:
        """Return what is wrong with that, or ''."""
        ...

    def __call__(self, metric: MetricDepth, frame: Frame) -> MetricDepth:
        """Return the refined depth, of the same size."""
        ...

    def reset(self) -> None:
        """Forget the frames before, as where the scale was lost."""
        ...


@dataclass(frozen=True)
class Refinements:
    """
    What is done beside the plain way of a frame.

    `flip` averages the network over the image and its mirror image; `prediction` are the steps
    before the scale is found, `metric` those after.
    """

    flip: bool = False
    prediction: tuple[PredictionStep, ...] = ()
    metric: tuple[MetricStep, ...] = ()

    def states(self) -> dict[str, str]:
        """Return name → what it went by for the last frame, of the steps that tell."""
        return {step.name: step.state for step in self.metric if step.state}

    @property
    def doubt(self) -> str:
        """Return what is wrong with what the steps go by, or ''."""
        return '; '.join(filter(None, (step.doubt for step in self.metric)))
