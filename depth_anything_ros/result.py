"""What the pipeline made of one frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import (
    Alignment,
    Camera,
    DepthChoice,
    Float32Array,
    Frame,
    MetricDepth,
    ReferencePoints,
    RelativeInverseDepth,
    ScaleState,
    UInt8Array,
)


@dataclass(frozen=True)
class PointCloud:
    """
    A cloud in the optical frame (x right, y down, z forward), organised as the image or one row.

    `points` is float32 (H, W, 4): x, y, z in metres, NaN where unknown, and the colour packed
    as the PointCloud2 field `rgb` (bytes b, g, r, 0 in memory). `dense` says that all are known.
    """

    points: Float32Array
    dense: bool = False

    @property
    def xyz_m(self) -> Float32Array:
        """Return the coordinates as a view, float32 (H, W, 3), metres."""
        return self.points[..., :3]

    @property
    def rgb(self) -> UInt8Array:
        """Return the colours as a view, uint8 (H, W, 3), red first."""
        return self.points.view(np.uint8)[..., 14:11:-1]


class DepthOrigin(IntEnum):
    """Where a pixel of fused depth comes from."""

    UNKNOWN = 0
    MEASURED = 1
    FILLED = 2  # by the network, at a depth that the sensor measured elsewhere in the image
    BEYOND = 3  # by the network, nearer or farther than all that was measured


@dataclass(frozen=True)
class FusedDepth:
    """
    Measured depth with its holes filled.

    `depth_m` is float32 (H, W) in metres along the optical z axis, NaN where unknown; `origin`
    uint8 (H, W) of `DepthOrigin`; `refused` counts the measured pixels that were not believed.
    `sigma_m` is one standard deviation as in `MetricDepth`.
    """

    depth_m: Float32Array
    origin: UInt8Array
    refused: int = 0
    sigma_m: Float32Array | None = None

    def share(self, origin: DepthOrigin) -> float:
        """Return the share of the pixels that come from there."""
        return np.count_nonzero(self.origin == origin) / self.origin.size


@dataclass(frozen=True)
class DepthResult:
    """
    All that the pipeline made of one frame.

    `relative` is None for a metric network; `metric` is None while no scale is known, and
    `no_metric_reason` then says why, as it does where `metric` is unknown everywhere.
    `scale_state` tells how fresh the alignment is, and `no_fit_reason` why the frame has none of
    its own. `fused` is None where it was not asked for,
    or `no_fused_reason` says why there is none. `sigma` is one standard deviation of the depth it
    was asked for of, float32 (H, W) in metres, NaN where that is; None where it was not asked for
    or there is no such depth, or `no_sigma_reason` says why there is none. `confidence` is how
    sure the network is of its depth, float32 (H, W) in 0..1, NaN where unknown; None where it was
    not asked for, or `no_confidence_reason` says why there is none. `predicted_camera` is what the
    network takes for the camera, where that is unknown and it was asked, or `no_lens_reason` says
    why there is none. `stages_ms` maps a
    stage's name to its duration.
    """

    frame: Frame
    relative: RelativeInverseDepth | None
    alignment: Alignment | None
    metric: MetricDepth | None
    no_metric_reason: str = ''
    stages_ms: dict[str, float] = field(default_factory=dict)
    scale_state: ScaleState | None = None
    no_fit_reason: str = ''
    fused: FusedDepth | None = None
    no_fused_reason: str = ''
    sigma: Float32Array | None = None
    no_sigma_reason: str = ''
    confidence: Float32Array | None = None
    no_confidence_reason: str = ''
    predicted_camera: Camera | None = None
    no_lens_reason: str = ''

    @property
    def has_metres(self) -> bool:
        """Return whether metric depth is known of at least one pixel."""
        return self.metric is not None and not self.no_metric_reason

    def depth_by(self, choice: DepthChoice) -> MetricDepth | None:
        """Return the depth that is meant, None where there is none."""
        if choice is DepthChoice.NETWORK:
            return self.metric
        return None if self.fused is None else MetricDepth(self.fused.depth_m)

    @property
    def camera(self) -> Camera | None:
        """Return the camera of clouds and scans: the frame's, else the predicted one."""
        return self.frame.camera or self.predicted_camera

    @property
    def missing_reason(self) -> str:
        """Return why something that was asked for is not there, '' where all is."""
        reasons = (
            self.no_metric_reason,
            self.no_fused_reason,
            self.no_sigma_reason,
            self.no_confidence_reason,
        )
        return '; '.join(filter(None, dict.fromkeys(reasons)))

    @property
    def sky(self) -> NDArray[np.bool_] | None:
        """Return where there is sky, bool (H, W), None where the network does not tell."""
        return None if self.relative is None else self.relative.sky

    @property
    def reference(self) -> ReferencePoints | None:
        """Return the points that the frame's own fit went by, None where it has no such fit."""
        if self.alignment is None or self.scale_state is not ScaleState.FITTED:
            return None
        return self.alignment.reference
