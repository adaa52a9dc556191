"""What there is to know about a network, and about a published model, in one record each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.types import AFFINE_DEPTH, UP_TO_SCALE, OutputKind

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

LARGEST_RANGE_M = 1000.0
"""The largest depth in metres that a model may be made for."""


class Interpolation(str, Enum):
    """
    How an image gets the size of the network's input.

    `area` takes the mean of areas where both sides shrink, and a cubic kernel elsewhere.
    """

    AREA = 'area'
    CUBIC = 'cubic'
    LINEAR = 'linear'
    NEAREST = 'nearest'


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """
    Describe what a network reads and what its output means.

    `mean` and `std` normalise RGB in 0..1; both sides of the input are multiples of `patch`.
    `input_size` is the shorter side in pixels the model was trained at, the longer one where
    `longer_side` is set; where `stretch` is set, every image is stretched to that (height, width).
    `max_depth_m` is the largest depth a metric model can give, None for a
    relative one. `up_to_scale` tells of a relative one that its inverse depth lacks a scale only,
    `sky` that the network finds the sky, of which inverse depth is 0, `confidence` that it tells
    how sure it is of each pixel; with `depth_shift` depth itself lacks a shift beside the scale,
    so that its inverse is in no line with the true one. Where `metres_at_focal_px`
    is set, inverse depth is in 1/m for a network input of that focal length, and lacks only their
    ratio for others. Depth of another size than the image is resized to it with `align_corners`:
    the centres of corner pixels fall on each other, else their outer edges.
    """

    name: str
    licence: str
    patch: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    input_size: int
    max_depth_m: float | None
    longer_side: bool = False
    stretch: tuple[int, int] | None = None
    interpolation: Interpolation = Interpolation.CUBIC
    up_to_scale: bool = False
    depth_shift: bool = False
    sky: bool = False
    confidence: bool = False
    metres_at_focal_px: float | None = None
    align_corners: bool = True

    @property
    def output_kind(self) -> OutputKind:
        """Return what the output means: metres where there is a largest depth."""
        if self.max_depth_m is not None:
            return OutputKind.METRIC_DEPTH
        if self.up_to_scale and self.depth_shift:
            return OutputKind.AFFINE_DEPTH
        if self.up_to_scale:
            return OutputKind.INVERSE_DEPTH_UP_TO_SCALE
        return OutputKind.RELATIVE_INVERSE_DEPTH

    @property
    def output(self) -> str:
        """Return what the output means, for people."""
        if self.output_kind is OutputKind.AFFINE_DEPTH:
            return AFFINE_DEPTH
        if self.output_kind is OutputKind.INVERSE_DEPTH_UP_TO_SCALE:
            known = ', metres by the focal length' if self.metres_at_focal_px else ''
            return f'{UP_TO_SCALE}{known}'
        return output_words(self.max_depth_m)


@dataclass(frozen=True, kw_only=True)
class ModelSpec(NetworkSpec):
    """
    Describe one model of the package: its network, its parts and its published weights.

    `layers` are the encoder blocks, counted from 0, whose tokens the decoder reads.
    `features` and `out_channels` are the decoder's widths. `camera` names the head by which the
    network also finds the field of view, empty where it does not. `metric` is the row of a second
    network inside, which gives the scale of the depth of the first, None where there is none; see
    :mod:`depth_anything_ros.models.nested`. `weights_file` is a file of
    `hub_repo` at the commit `revision`, ships with this package where `hub_repo` is empty, and is
    itself empty where no trained weights are published; `sha256` is the file's. Revision and
    sha256 are empty where they are not known. `origin` tells who trained the weights, on what.

    A row of MODELS says what its published weights mean. What other weights mean is for
    :mod:`depth_anything_ros.models.meaning` to say, which gives the row with another
    `max_depth_m`.
    """

    encoder: str
    encoder_size: str
    decoder: str
    layers: tuple[int, ...]
    features: int
    out_channels: tuple[int, int, int, int]
    hub_repo: str
    revision: str
    weights_file: str
    sha256: str
    origin: str
    parameters: int
    camera: str = ''
    metric: ModelSpec | None = None


def output_words(max_depth_m: float | None) -> str:
    """Return what an output with this largest depth means, for people; None is relative."""
    if max_depth_m is None:
        return 'relative inverse depth'
    return f'metres to {max_depth_m:g} m'


def require_relative(spec: NetworkSpec, cure: str) -> None:
    """
    Check that a model is relative.

    :param cure: what to do otherwise, as the end of the sentence.
    :raises ConfigError: if it gives metres.
    """
    if spec.output_kind is OutputKind.METRIC_DEPTH:
        raise ConfigError(f"model '{spec.name}' gives metres by itself; {cure}")


def require_line_of_inverse_depth(spec: NetworkSpec, cure: str) -> None:
    """
    Check that true inverse depth is a line of what a relative model gives.

    :param cure: what to do otherwise, as the end of the sentence.
    :raises ConfigError: if depth is, as of depth that lacks a scale and a shift.
    """
    if spec.output_kind.is_line_of_depth:
        raise ConfigError(
            f"model '{spec.name}' gives depth that lacks a scale and a shift, and no line of its "
            f'inverse leads to metres; {cure}'
        )


def require_shift(spec: NetworkSpec, given: str, cure: str) -> None:
    """
    Check that a shift may go with what a relative model gives; a metric one is not asked.

    :param given: what gives the shift, as the start of the sentence.
    :param cure: what to do otherwise, as its end.
    :raises ConfigError: if its inverse depth is up to a scale alone.
    """
    if not spec.output_kind.has_shift:
        raise ConfigError(
            f"{given}: model '{spec.name}' gives inverse depth up to a scale, which has no shift; "
            f'{cure}'
        )


def is_range(limit: Any) -> bool:
    """Return whether something is a largest depth in metres: a number above 0, to 1000."""
    return type(limit) in (int, float) and 0 < limit <= LARGEST_RANGE_M
