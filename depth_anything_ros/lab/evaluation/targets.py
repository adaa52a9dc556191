"""The models that are scored: ours and depth models of the Hugging Face hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.models.network_folder import asked_spec
from depth_anything_ros.types import (
    ConfidenceSource,
    MetricDepth,
    ModelIdentity,
    OutputKind,
    RelativeInverseDepth,
    UInt8Array,
)


class Model(Protocol):
    """What predicts, for several threads at once, and its name for reports."""

    @property
    def identity(self) -> ModelIdentity:
        """Return what makes the predictions; `input_size` is of whichever image, or (0, 0)."""

    @property
    def output_kind(self) -> OutputKind:
        """Return what the numbers of its predictions mean."""

    @property
    def weights_path(self) -> Path | None:
        """Return the file of the weights, None where there is none of ours."""

    @property
    def metres_at_focal_px(self) -> float | None:
        """Return the focal length for which its depth is in metres, None where there is none."""

    def network_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the network's (height, width) for an image that it can run on."""

    def predict(self, rgb: UInt8Array) -> RelativeInverseDepth | MetricDepth:
        """
        Return the depth of an image, uint8 (H, W, 3), at its own size.

        :raises BackendError: if the network cannot run on this image.
        """

    def predict_with_confidence(
        self, rgb: UInt8Array, source: ConfidenceSource
    ) -> RelativeInverseDepth | MetricDepth:
        """
        Return the depth of an image as :meth:`predict`, with confidence where `source` tells it.

        :raises BackendError: if the network cannot run on this image.
        """


@dataclass(frozen=True)
class Target:
    """A model to be scored under the name `label`."""

    label: str
    options: NetworkOptions

    @property
    def tells_confidence(self) -> bool:
        """Return whether the model itself says how sure it is; none of transformers does."""
        asked = self.options
        return not asked.hub_model and asked_spec(asked.model, asked.checkpoint).confidence

    def opened(self) -> Model:
        """
        Load the model.

        :raises DepthAnythingError: if it cannot be had or cannot run here; the message says why.
        """
        return create_predictor(self.options)
