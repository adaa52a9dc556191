"""The fits of one image to one laser scan: alone, turned, and with the ground."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from depth_anything_ros.scale.fitting import Fit, Refusal, fit_points, weighed, within_reach
from depth_anything_ros.scale.scan_ground import Ground, fit_with_ground, ground_below
from depth_anything_ros.scale.scan_points import ScanPoints
from depth_anything_ros.types import Camera, ReferencePoints, RelativeInverseDepth

# A scanner has one to four beams a degree, of which a camera sees some tens.
MIN_POINTS = 25


@dataclass(frozen=True)
class ScanFitter:
    """
    Fit an image to a scan; each fit is made when it is first asked for, and kept.

    `relative` is that of an image of `camera`; `stamp_ns` that of the scan. Points and ground
    count from `nearest_m` to `farthest_m` along the optical axis.
    """

    source: str
    relative: RelativeInverseDepth
    camera: Camera
    points: ScanPoints
    stamp_ns: int
    nearest_m: float
    farthest_m: float

    @cached_property
    def turned(self) -> ScanFitter:
        """The fits to the scan as it were with the laser turned by 180 degrees."""
        return replace(self, points=self.points.turned())

    @cached_property
    def seen(self) -> ReferencePoints:
        """
        The points of the scan that the camera sees.

        :raises CameraError: if the distortion model of the camera is unknown.
        """
        columns, rows, depth_m = self.points.seen_by(self.camera, self.nearest_m, self.farthest_m)
        points = ReferencePoints(
            rows.astype(np.float32),
            columns.astype(np.float32),
            self.relative.values[rows, columns],
            depth_m,
            (self.camera.height, self.camera.width),
            kind=self.relative.kind,
        )
        return weighed(points, self.relative)

    @property
    def enough(self) -> bool:
        """Whether the camera sees enough of the scan to fit it."""
        return len(self.seen) >= MIN_POINTS

    @cached_property
    def alone(self) -> Fit:
        """The fit to the scan alone."""
        fit = fit_points(
            self.seen, min_points=MIN_POINTS, source=self.source, stamp_ns=self.stamp_ns
        )
        return within_reach(fit, self.relative.values)

    def ground(self, height_m: float) -> Ground | Refusal | None:
        """
        Return the ground in the image, None where it shows too little of it.

        :param height_m: of the camera above the ground.
        :return: a refusal if the relative depth of the ground means nothing.
        """
        place = self.points.camera_from_laser
        points = ground_below(self.relative, self.camera, place, height_m, self.farthest_m)
        return None if isinstance(points, Refusal) else Ground.of_points(points, height_m)

    def with_ground(self, ground: Ground) -> Fit:
        """Return the fit to the scan and the ground."""
        fit = fit_with_ground(self.seen, ground, f'{self.source}+ground', self.stamp_ns)
        return within_reach(fit, self.relative.values)
