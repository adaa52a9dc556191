"""
The data that flows from a camera image to metric depth and a point cloud.

Frame → ModelInput → RelativeInverseDepth → Alignment → MetricDepth; `result` has what comes of it.
Images are (rows, columns); arrays are C-contiguous unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
UInt8Array = NDArray[np.uint8]


UP_TO_SCALE = 'inverse depth up to a scale'
"""How words for what a network gives begin where no shift may be fitted to it."""


AFFINE_DEPTH = 'depth up to scale and shift'
"""How words begin for a network whose depth, not its inverse, lacks both."""


class OutputKind(str, Enum):
    """
    What the numbers that leave a network mean.

    Relative inverse depth is known up to a scale and a shift; inverse depth up to a scale comes
    from networks of depth without unit, and no shift may be fitted to it. Affine depth lacks a
    scale and a shift; it is given as its inverse, too, which is then in no line with the true one.
    All that follows from the kind is told here.
    """

    RELATIVE_INVERSE_DEPTH = 'relative_inverse_depth'
    INVERSE_DEPTH_UP_TO_SCALE = 'inverse_depth_up_to_scale'
    AFFINE_DEPTH = 'affine_depth'
    METRIC_DEPTH = 'metric_depth'

    @property
    def is_relative(self) -> bool:
        """Return whether the numbers have no unit: inverse depth, larger is nearer."""
        return self is not OutputKind.METRIC_DEPTH

    @property
    def has_shift(self) -> bool:
        """Return whether a shift may be fitted beside the scale."""
        return self is not OutputKind.INVERSE_DEPTH_UP_TO_SCALE

    @property
    def is_line_of_depth(self) -> bool:
        """Return whether depth, and not inverse depth, is in line with the true one."""
        return self in (OutputKind.AFFINE_DEPTH, OutputKind.METRIC_DEPTH)

    @property
    def marks_sky(self) -> bool:
        """Return whether inverse depth of 0 is sky, and at no distance."""
        return self in (OutputKind.INVERSE_DEPTH_UP_TO_SCALE, OutputKind.AFFINE_DEPTH)


class Precision(str, Enum):
    """Number format a backend computes in."""

    FP32 = 'fp32'
    BF16 = 'bf16'
    FP16 = 'fp16'


@dataclass(frozen=True)
class Camera:
    """
    A pinhole camera with optional lens distortion.

    Pixel centres have integer coordinates. An empty `distortion` means that the image is
    rectified. `distortion_model` is a ROS name (plumb_bob, rational_polynomial, equidistant), or a
    driver's that `geometry.distortion` knows.
    """

    width: int
    height: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    distortion: tuple[float, ...] = ()
    distortion_model: str = 'plumb_bob'


@dataclass(frozen=True)
class CameraMounting:
    """
    How a camera hangs above level ground.

    `height_m` is that of the lens above the ground, `pitch_rad` how far it looks down, `roll_rad`
    how far it leans to the right.
    """

    height_m: float
    pitch_rad: float = 0.0
    roll_rad: float = 0.0


@dataclass(frozen=True)
class Frame:
    """
    One camera image: `rgb` uint8 (H, W, 3), acquisition time and optical frame.

    `camera` is None where the camera is not calibrated or not known yet.
    """

    rgb: UInt8Array
    stamp_ns: int
    frame_id: str
    camera: Camera | None = None


@dataclass(frozen=True)
class DepthSample:
    """
    One image with its true depth, as data sets, the simulator and training exchange it.

    `rgb` is uint8 (H, W, 3); `depth_m` float32 (H, W) in metres along the optical z axis, NaN
    where unknown; `name` tells the sample from the others of its data set. `camera` is that of
    the image, None where it is not known; `pairs` are points whose order is known where their
    depth is not, intp (n, 4): row and column of the nearer one, then of the farther one.
    `mounting` is how the camera hangs above the ground, None where nobody knows.
    """

    rgb: UInt8Array
    depth_m: Float32Array
    name: str
    camera: Camera | None = None
    pairs: NDArray[np.intp] | None = None
    mounting: CameraMounting | None = None

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Return where the depth is known, bool (H, W)."""
        return np.isfinite(self.depth_m)


@dataclass(frozen=True)
class ModelInput:
    """What a network reads: `pixels` float32 (1, 3, h, w) and the source (height, width)."""

    pixels: Float32Array
    source_size: tuple[int, int]


@dataclass(frozen=True)
class RelativeInverseDepth:
    """
    Inverse depth without unit, float32 (H, W); larger is nearer, `kind` says what it lacks.

    `confidence` is float32 (H, W) in 0..1, larger is surer, NaN where unknown, None where nobody
    asked for it or nothing tells. `disagreement` is how far the mirrored image is off, in the
    numbers that are in line with true ones, float32 at the network's size, None where nobody
    asked for it.
    """

    values: Float32Array
    confidence: Float32Array | None = None
    disagreement: Float32Array | None = None
    kind: OutputKind = OutputKind.RELATIVE_INVERSE_DEPTH

    @property
    def sky(self) -> NDArray[np.bool_] | None:
        """Return where there is sky, bool (H, W), None where the values do not tell."""
        return self.values <= 0 if self.kind.marks_sky else None


@dataclass(frozen=True)
class MetricDepth:
    """
    Depth along the optical z axis, float32 (H, W) in metres, NaN where unknown.

    `confidence` is as of `RelativeInverseDepth`. `disagreement` is
    how far the depth of the mirrored image is off, as a share of depth, float32 at the network's
    size, and `sigma_m` one standard deviation in metres, float32 (H, W), NaN where depth is; they
    are None where nobody asked for them.
    """

    depth_m: Float32Array
    confidence: Float32Array | None = None
    disagreement: Float32Array | None = None
    sigma_m: Float32Array | None = None


@dataclass(frozen=True)
class DepthReference:
    """Measured depth, float32 (H, W) in metres, NaN where unknown, and its stamp."""

    depth_m: Float32Array
    stamp_ns: int


@dataclass(frozen=True)
class LaserScan:
    """
    One sweep of a 2-D laser scanner in its own frame (x ahead, y left, z up).

    `ranges_m` is float32 (n,), counted left from the laser's x axis turned by `angle_min_rad`;
    +inf where nothing is met up to `range_max_m`, −inf where something is nearer than
    `range_min_m`, NaN where the beam was lost (REP 117). All beams count as of one time.
    """

    ranges_m: Float32Array
    angle_min_rad: float
    angle_step_rad: float
    range_min_m: float
    range_max_m: float
    stamp_ns: int = 0
    frame_id: str = ''

    @property
    def angles_rad(self) -> Float64Array:
        """Return the direction of each range, (n,)."""
        return self.angle_min_rad + self.angle_step_rad * np.arange(len(self.ranges_m))


@dataclass(frozen=True)
class ReferencePoints:
    """
    Points of an image whose depth is known, and what the network says of them.

    `rows` and `columns` are where they lie in the image, pixel centres being whole numbers;
    `relative` is relative inverse depth there, `depth_m` measured or expected depth in metres,
    positive; `weights` how much each counts, 0 or more, None for all alike. All are float32 (n,).
    `size` is that of the image, (H, W), `kind` that of the relative inverse depth.
    """

    rows: Float32Array
    columns: Float32Array
    relative: Float32Array
    depth_m: Float32Array
    size: tuple[int, int]
    weights: Float32Array | None = None
    kind: OutputKind = OutputKind.RELATIVE_INVERSE_DEPTH

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.depth_m)

    def where(self, chosen: NDArray[np.bool_]) -> ReferencePoints:
        """Return some of the points, those where bool (n,) is True."""
        return replace(
            self,
            rows=self.rows[chosen],
            columns=self.columns[chosen],
            relative=self.relative[chosen],
            depth_m=self.depth_m[chosen],
            weights=None if self.weights is None else self.weights[chosen],
        )

    def inverse_depth(self) -> Float32Array:
        """Return the inverse of their depth, float32 (n,) in 1/m."""
        inverse: Float32Array = 1.0 / self.depth_m
        return inverse


class DepthFactors(Protocol):
    """
    Correct inverse depth locally, after scale and shift.

    `mean_change` is how far from 1 the factors are where depth was measured, on average.
    """

    @property
    def mean_change(self) -> float: ...  # noqa: D102 - told above

    def over(self, inverse: Float32Array) -> Float32Array:
        """
        Return the factor of each pixel, float32 (H, W), above 0.

        :param inverse: inverse depth as scale and shift give it, float32 (H, W) in 1/m.
        """


@dataclass(frozen=True)
class Alignment:
    """
    Map relative inverse depth to metres: 1 / depth_m = (scale · values + shift) · factors.

    Of affine depth, by `kind`, it is depth_m = (scale / values + shift) / factors. `scale` is in
    1/m, or m, per unit of the network's output, `shift` in 1/m or m. `residual` is the root mean
    square over the inliers, in 1/m, of affine depth as a share of depth, `stamp_ns` the time of
    the reference used.
    `points` counts the pairs the fit was given, `inlier_ratio` is in 0..1. `covariance` holds
    the variance of the scale, the covariance of both and the variance of the shift; zeros where
    they are given, not measured. `reference` are the points of the frame that it was fitted to,
    None where the source has none or does not tell. `factors` are the local scale field, None
    where there is none: 1 everywhere. `keeps_s` is how long it may be held for frames that have
    none, None for as long as the parameter `alignment_expiry_s` says; `smoothing_s` the longest
    time constant of its smoothing, None for that of the parameter `smoothing_time_s`.
    """

    scale: float
    shift: float
    source: str
    points: int
    inlier_ratio: float
    residual: float
    stamp_ns: int
    covariance: tuple[float, float, float] = (0.0, 0.0, 0.0)
    reference: ReferencePoints | None = field(default=None, repr=False, compare=False)
    factors: DepthFactors | None = field(default=None, repr=False, compare=False)
    keeps_s: float | None = None
    smoothing_s: float | None = None
    kind: OutputKind = OutputKind.RELATIVE_INVERSE_DEPTH

    @property
    def unit(self) -> str:
        """Return the unit of the shift."""
        return 'm' if self.kind.is_line_of_depth else '1/m'

    def age_s(self, now_ns: int) -> float:
        """Return the time from the reference to `now_ns` in seconds, never negative."""
        return max(0, now_ns - self.stamp_ns) * 1e-9


class ScaleState(str, Enum):
    """
    How fresh an alignment is for the frame it is used for.

    `fitted` to this frame, `held` from an earlier one, or `stale`: older than it should be.
    """

    FITTED = 'fitted'
    HELD = 'held'
    STALE = 'stale'


class DepthChoice(str, Enum):
    """Which depth of a frame is meant: that of the network, or fused with a sensor's."""

    NETWORK = 'depth'
    FUSED = 'fused'


class ConfidenceSource(str, Enum):
    """What tells how sure a network is: itself, or how well it agrees with the mirrored image."""

    MODEL = 'model'
    FLIP = 'flip'


@dataclass(frozen=True)
class ModelIdentity:
    """
    Name the network that made a result, for diagnostics and reports.

    `weights` is `pretrained`, `checkpoint` or `random`; `sha256` is empty for random weights;
    `input_size` is the network's (height, width), or (0, 0) before the first image. `integers`
    says with how many bits layers multiply integers on this processor, empty if none does;
    `output` says in words what the network gives, and how far its metres reach.
    """

    name: str
    weights: str
    sha256: str
    backend: str
    precision: str
    device: str
    input_size: tuple[int, int]
    licence: str
    integers: str = ''
    output: str = ''

    def __str__(self) -> str:
        """Return it in a line, for a log."""
        height, width = self.input_size
        known = f', input {height}x{width}' if height else ''
        return (
            f'{self.name} ({self.weights} weights, licence {self.licence}) on {self.backend} '
            f'{self.precision} {self.device}{known}'
        )

    @property
    def relative_kind(self) -> OutputKind:
        """Return what inverse depth of this network means."""
        if self.output.startswith(UP_TO_SCALE):
            return OutputKind.INVERSE_DEPTH_UP_TO_SCALE
        if self.output.startswith(AFFINE_DEPTH):
            return OutputKind.AFFINE_DEPTH
        return OutputKind.RELATIVE_INVERSE_DEPTH
