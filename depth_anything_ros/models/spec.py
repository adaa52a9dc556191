"""What there is to know about a published model, in one record."""

from __future__ import annotations

from dataclasses import dataclass

from depth_anything_ros.types import OutputKind


@dataclass(frozen=True)
class ModelSpec:
    """
    Describe one model: its parts, its pre-processing, its output and its published weights.

    `layers` are the encoder blocks, counted from 0, whose tokens the decoder reads.
    `features` and `out_channels` are the decoder's widths. `mean` and `std` normalise RGB in
    0..1. `input_size` is the shorter side in pixels the model was trained at. `max_depth_m` is
    the largest depth a metric model can give, None for a relative one. `weights_file` is a file
    of `hub_repo`, ships with this package where `hub_repo` is empty, and is itself empty where
    no trained weights are published; `sha256` is the file's, empty where it is not known.
    `origin` tells who trained the weights, on what.
    """

    name: str
    encoder: str
    encoder_size: str
    decoder: str
    patch: int
    layers: tuple[int, ...]
    features: int
    out_channels: tuple[int, int, int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    input_size: int
    max_depth_m: float | None
    hub_repo: str
    weights_file: str
    sha256: str
    licence: str
    origin: str
    parameters: int

    @property
    def output_kind(self) -> OutputKind:
        """Return what the output means: metres where there is a largest depth."""
        if self.max_depth_m is None:
            return OutputKind.RELATIVE_INVERSE_DEPTH
        return OutputKind.METRIC_DEPTH
