"""The points of a laser scan, and which of them the camera sees."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.geometry.projection import MIN_DEPTH_M, project_points
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.types import Camera, Float32Array, Float64Array, LaserScan

# Neighbouring beams whose ranges differ by less than this share meet one surface.
_SAME_SURFACE = 0.15
_PARTS = 8
# A point this much farther than a surface in the same column of the image is behind it.
_HIDDEN_SHARE = 0.05
_HALF_TURN = RigidTransform(np.diag([-1.0, -1.0, 1.0]), np.zeros(3))


@dataclass(frozen=True)
class ScanPoints:
    """
    What a scan met: its points, and where the laser is.

    `points_m` are in the laser's frame, float64 (n, 3); `beams` are the numbers of their beams,
    (n,); `camera_from_laser` is the laser's frame in the camera's optical frame. `missing` says
    why there is no point at all.
    """

    points_m: Float64Array
    beams: NDArray[np.intp]
    camera_from_laser: RigidTransform
    missing: str = ''

    @classmethod
    def of_scan(cls, scan: LaserScan, camera_from_laser: RigidTransform) -> ScanPoints:
        """Return the points of a scan; NaN, infinite and out-of-range beams have none."""
        ranges_m = scan.ranges_m.astype(np.float64)
        with np.errstate(invalid='ignore'):
            known = (ranges_m >= scan.range_min_m) & (ranges_m <= scan.range_max_m)
        beams = np.flatnonzero(known & (ranges_m > 0))
        angles, ranges_m = scan.angles_rad[beams], ranges_m[beams]
        points = np.stack(
            [ranges_m * np.cos(angles), ranges_m * np.sin(angles), np.zeros_like(angles)], axis=1
        )
        return cls(points, beams, camera_from_laser, '' if len(beams) else _missing(scan))

    def turned(self) -> ScanPoints:
        """Return the same points seen by a laser that is turned by 180 degrees about its axis."""
        return replace(self, camera_from_laser=self.camera_from_laser @ _HALF_TURN)

    def seen_by(
        self, camera: Camera, nearest_m: float, farthest_m: float
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], Float32Array]:
        """
        Return column, row and depth in metres of the points that the camera sees, each (n,).

        Left out are points outside the image and those that another surface of the scan hides.

        :param nearest_m: points nearer than this along the optical axis are left out.
        :param farthest_m: points farther than this are left out.
        :raises CameraError: if the camera is not calibrated or its distortion model unknown.
        """
        points_m = self.camera_from_laser.apply(self.points_m)
        pixels = project_points(camera, points_m)
        depth_m = points_m[:, 2]
        with np.errstate(invalid='ignore'):
            seen = np.isfinite(pixels[:, 0]) & (depth_m >= nearest_m)
        seen &= depth_m <= farthest_m
        columns = np.rint(pixels[seen]).astype(np.intp)
        depth_m = depth_m[seen]
        surface_m = self._nearest_by_column(points_m, camera)
        nearest = surface_m[_pinhole_columns(points_m[seen], camera)]
        clear = depth_m <= nearest * (1.0 + _HIDDEN_SHARE)
        columns, depth_m = columns[clear], depth_m[clear]
        return columns[:, 0], columns[:, 1], depth_m.astype(np.float32)

    def _nearest_by_column(self, points_m: Float64Array, camera: Camera) -> Float64Array:
        """
        Return the depth of the nearest surface that the scan met in each column, inf for none.

        The array is (W + 2,): a column for all that is left of the image comes first, one for all
        that is right of it last.

        Neighbouring beams on one surface are joined by a line, so that a surface also hides what
        appears between its points.

        :param points_m: the points in the camera's optical frame, (n, 3).
        """
        ranges_m = np.linalg.norm(self.points_m, axis=1)
        nearer_m = np.minimum(ranges_m[:-1], ranges_m[1:])
        joined = np.diff(self.beams) == 1
        joined &= np.abs(np.diff(ranges_m)) <= _SAME_SURFACE * nearer_m
        start, end = points_m[:-1][joined], points_m[1:][joined]
        share = np.arange(_PARTS)[:, None, None] / _PARTS
        line = (start + share * (end - start)).reshape(-1, 3)
        met = np.concatenate([line, points_m])
        met = met[met[:, 2] >= MIN_DEPTH_M]
        surface_m = np.full(camera.width + 2, np.inf)
        np.minimum.at(surface_m, _pinhole_columns(met, camera), met[:, 2])
        return surface_m


def _missing(scan: LaserScan) -> str:
    """Return why no beam of a scan has a point."""
    told = scan.ranges_m[np.isfinite(scan.ranges_m) & (scan.ranges_m > 0)]
    if not len(told):
        return f'none of its {len(scan.ranges_m)} beams has a range'
    return (
        f'none of its {len(told)} ranges, of {np.median(told):.4g} m in the median, is within '
        f'range_min and range_max, {scan.range_min_m:g} to {scan.range_max_m:g} m; let the driver '
        'give metres and the limits of the laser'
    )


def _pinhole_columns(points_m: Float64Array, camera: Camera) -> NDArray[np.intp]:
    """Return the column of each point but for lens distortion, which moves all in it alike."""
    columns = np.rint(points_m[:, 0] / points_m[:, 2] * camera.fx_px + camera.cx_px)
    inside: NDArray[np.intp] = np.clip(columns, -1, camera.width).astype(np.intp) + 1
    return inside
