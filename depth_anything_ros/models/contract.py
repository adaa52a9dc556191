"""
What a network in a folder reads and gives.

A contract says of any network what a row of MODELS says of one of the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from depth_anything_ros.json_text import IF_KNOWN
from depth_anything_ros.models.spec import Interpolation, NetworkSpec
from depth_anything_ros.types import OutputKind


class Values(str, Enum):
    """What the numbers of a network are, as they leave it."""

    RELATIVE_INVERSE_DEPTH = 'relative_inverse_depth'
    INVERSE_DEPTH_UP_TO_SCALE = 'inverse_depth_up_to_scale'
    DEPTH_UP_TO_SCALE = 'depth_up_to_scale'
    AFFINE_DEPTH = 'affine_depth'
    INVERSE_AFFINE_DEPTH = 'inverse_affine_depth'
    METRIC_DEPTH = 'metric_depth'
    METRIC_INVERSE_DEPTH = 'metric_inverse_depth'

    @property
    def output_kind(self) -> OutputKind:
        """Return what is made of them."""
        if self in (Values.METRIC_DEPTH, Values.METRIC_INVERSE_DEPTH):
            return OutputKind.METRIC_DEPTH
        if self is Values.RELATIVE_INVERSE_DEPTH:
            return OutputKind.RELATIVE_INVERSE_DEPTH
        if self in (Values.AFFINE_DEPTH, Values.INVERSE_AFFINE_DEPTH):
            return OutputKind.AFFINE_DEPTH
        return OutputKind.INVERSE_DEPTH_UP_TO_SCALE

    @property
    def is_inverted(self) -> bool:
        """Return whether the reciprocal is taken of them: depth of relative ones, or metres."""
        return self in (
            Values.DEPTH_UP_TO_SCALE,
            Values.AFFINE_DEPTH,
            Values.METRIC_INVERSE_DEPTH,
        )


class Resize(str, Enum):
    """What `input.size` is: one side of the input, or both."""

    SHORTER_SIDE = 'shorter_side'
    LONGER_SIDE = 'longer_side'
    STRETCH = 'stretch'


class Upsampling(str, Enum):
    """What of the corner pixels falls on each other where depth is resized to the image."""

    ALIGN_CORNERS = 'align_corners'  # their centres
    HALF_PIXEL = 'half_pixel'  # their outer edges


class Channels(str, Enum):
    """The order of the colours that a network reads."""

    RGB = 'rgb'
    BGR = 'bgr'


@dataclass(frozen=True)
class InputContract:
    """
    Say what a network reads: (value · range / 255 − mean) / std of each colour.

    `mean` and `std` are in the order of `channels`. `size` is the side in pixels that `resize`
    speaks of, or (height, width); both sides become multiples of `multiple`.
    """

    channels: Channels
    range: Literal[1, 255]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resize: Resize
    size: int | tuple[int, int]
    multiple: int
    interpolation: Interpolation


@dataclass(frozen=True)
class OutputContract:
    """
    Say what a network gives.

    `name` is that of the output, None of the only one. Metres are `metres_per_unit` · value, or
    `metres_per_unit` / value of inverse depth, up to `max_depth_m`; both are None of relative
    depth. `metres_at_focal_px` is the focal length of the network's input for which depth without
    a scale is in metres, None where there is none. By `upsampling` its numbers are resized to the
    image. `confidence` names the output that is how sure the network is of each pixel, in 0..1,
    None where it does not tell.
    """

    name: str | None
    kind: Values
    max_depth_m: float | None
    metres_per_unit: float | None
    metres_at_focal_px: float | None
    upsampling: Upsampling = field(default=Upsampling.ALIGN_CORNERS, metadata=IF_KNOWN)
    confidence: str | None = field(default=None, metadata=IF_KNOWN)


@dataclass(frozen=True)
class MadeBy:
    """
    Tell which weights `export` made a network of, and how.

    `weights` and `sha256` are as of `ModelIdentity`: where the weights came from, and their file.
    `recipe` packed them, empty if none did. `precision` is that of the network's own numbers;
    `integers` says with how many bits layers multiply integers, empty if none does. `versions`
    are those of this package and the libraries that took part.
    """

    model: str
    weights: str
    sha256: str
    recipe: str
    precision: str
    integers: str
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Contract:
    """
    Say what the network in a folder is.

    `files` are those of the network, with their sha256, None where it is not checked. More than
    one `.onnx` or `.xml` are one network at several sizes. `made_by` is None of networks that did
    not come out of this package.
    """

    name: str
    licence: str
    files: Mapping[str, str | None]
    input: InputContract
    output: OutputContract
    made_by: MadeBy | None = field(default=None, metadata=IF_KNOWN)

    @property
    def spec(self) -> NetworkSpec:
        """Return the same as a row of MODELS has it: RGB in 0..1, inverse depth or metres."""
        own, size = self.input, self.input.size
        kind = self.output.kind.output_kind
        mean, std = (_rgb(given, own) for given in (own.mean, own.std))
        return NetworkSpec(
            name=self.name,
            licence=self.licence,
            patch=own.multiple,
            mean=mean,
            std=std,
            input_size=size if isinstance(size, int) else min(size),
            max_depth_m=self.output.max_depth_m,
            longer_side=own.resize is Resize.LONGER_SIDE,
            stretch=size if isinstance(size, tuple) else None,
            interpolation=own.interpolation,
            up_to_scale=kind in (OutputKind.INVERSE_DEPTH_UP_TO_SCALE, OutputKind.AFFINE_DEPTH),
            depth_shift=kind is OutputKind.AFFINE_DEPTH,
            metres_at_focal_px=self.output.metres_at_focal_px,
            align_corners=self.output.upsampling is Upsampling.ALIGN_CORNERS,
            confidence=self.output.confidence is not None,
        )


def _rgb(values: tuple[float, float, float], own: InputContract) -> tuple[float, float, float]:
    """Return what is given for each colour as it is for red, green and blue in 0..1."""
    first, green, last = (value / own.range for value in values)
    return (last, green, first) if own.channels is Channels.BGR else (first, green, last)
