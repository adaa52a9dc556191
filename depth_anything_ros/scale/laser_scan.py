"""Scale and shift from a 2-D laser scanner that the camera sees some points of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import AlignmentError, CameraError
from depth_anything_ros.geometry.alignment import check_reach, fit_inverse_depth
from depth_anything_ros.geometry.camera import require_calibrated
from depth_anything_ros.geometry.projection import MIN_DEPTH_M, project_points
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.scale.history import StampedHistory
from depth_anything_ros.scale.sampling import local_means
from depth_anything_ros.scale.scan_ground import fit_with_ground, ground_below
from depth_anything_ros.types import (
    Alignment,
    Camera,
    Float32Array,
    LaserScan,
    RelativeInverseDepth,
)

Float64Array = NDArray[np.float64]

# A scanner has one to four beams a degree, of which a camera sees some tens.
MIN_POINTS = 25

# Neighbouring beams whose ranges differ by less than this share meet one surface.
_SAME_SURFACE = 0.15
_PARTS = 8
# A point this much farther than a surface in the same column of the image is behind it.
_HIDDEN_SHARE = 0.05
# Tried when a scan does not fit, to name the commonest error of mounting: when so many in a row
# fit turned only, it is no accident.
_HALF_TURN = RigidTransform(np.diag([-1.0, -1.0, 1.0]), np.zeros(3))
_TURNED_FITS = 5


@dataclass(frozen=True)
class _Scan:
    """Hold a scan's points in its own frame, (n, 3), the index of each beam, and the frame."""

    points_m: Float64Array
    beams: NDArray[np.intp]
    camera_from_laser: RigidTransform


class LaserScanScale:
    """
    Fit relative inverse depth to the points of a 2-D laser scan that the camera sees.

    Scans come in by :meth:`add_scan`, from any thread; :meth:`align` takes the one nearest in
    time, projects its points, leaves out those outside the image and those that another surface
    of the scan hides from the camera, and fits the rest robustly. What hides a point without
    being met by the laser itself, below or above its plane, is left to the fit, which stands
    up to almost half of the points being wrong.

    A level scan sees a small range of depths when the robot faces a wall: the fit refuses where
    that says too little about the nearest and farthest parts of the image.

    With the height of the camera, the ground in the image is fitted together with the scan, see
    :mod:`depth_anything_ros.scale.scan_ground`; such a fit is named `laser_scan+ground`. Frames
    that show no ground are fitted to the scan alone. Where ground and scan contradict each other
    there is no fit: either the height is wrong, or the network is so wrong about what the scan
    met that the scan alone would mislead.

    :param min_depth_m: points nearer than this along the optical axis are ignored.
    :param max_depth_m: points farther than this are ignored, and so is ground.
    :param max_offset_s: largest difference between the stamps of image and scan.
    :param ground_height_m: of the optical centre above ground that is level with the laser;
        None leaves the ground out.
    """

    name = 'laser_scan'

    def __init__(
        self,
        min_depth_m: float,
        max_depth_m: float,
        max_offset_s: float,
        ground_height_m: float | None = None,
    ) -> None:
        self._min_depth_m = max(min_depth_m, MIN_DEPTH_M)
        self._max_depth_m = max_depth_m
        self._ground_height_m = ground_height_m
        self._scans: StampedHistory[_Scan] = StampedHistory('laser scan', max_offset_s)
        self._turned_fits = 0

    @classmethod
    def from_config(cls, config: DepthNodeConfig) -> LaserScanScale:
        """Return the source with the range of the reference and the `scan_…` parameters."""
        return cls(
            config.reference_min_depth_m,
            config.reference_max_depth_m,
            config.scan_max_offset_s,
            config.camera_height_m if config.scan_with_ground else None,
        )

    def __len__(self) -> int:
        """Return the number of scans kept."""
        return len(self._scans)

    def add_scan(self, scan: LaserScan, camera_from_laser: RigidTransform) -> None:
        """
        Keep a scan for the frames near its stamp.

        :param scan: NaN, infinite and out-of-range beams are ignored.
        :param camera_from_laser: the laser's frame in the camera's optical frame.
        """
        ranges_m = scan.ranges_m.astype(np.float64)
        with np.errstate(invalid='ignore'):
            known = (ranges_m >= scan.range_min_m) & (ranges_m <= scan.range_max_m)
        beams = np.flatnonzero(known & (ranges_m > 0))
        angles, ranges_m = scan.angles_rad[beams], ranges_m[beams]
        points = np.stack(
            [ranges_m * np.cos(angles), ranges_m * np.sin(angles), np.zeros_like(angles)], axis=1
        )
        self._scans.add(scan.stamp_ns, _Scan(points, beams, camera_from_laser))

    def align(
        self, relative: RelativeInverseDepth, stamp_ns: int, camera: Camera | None = None
    ) -> Alignment:
        """
        Fit the frame to the scan nearest in time.

        :raises AlignmentError: if there is no scan within `max_offset_s`, no camera that fits
            the image, or the fit fails.
        """
        scan_ns, scan = self._scans.nearest(stamp_ns)
        calibrated = _calibrated(camera, relative)
        values = local_means(relative.values)
        try:
            alignment = self._fit(values, scan, scan.camera_from_laser, scan_ns, calibrated)
        except AlignmentError as error:
            turned = self._fits_turned(values, scan, scan_ns, calibrated)
            self._turned_fits = self._turned_fits + 1 if turned else 0
            if self._turned_fits >= _TURNED_FITS:
                raise AlignmentError(
                    f'the last {self._turned_fits} scans fit the image only when they are turned '
                    'by 180 degrees: the yaw of the laser in TF or in laser_pose is wrong'
                ) from error
            raise
        self._turned_fits = 0
        return alignment

    def _fit(
        self,
        values: Float32Array,
        scan: _Scan,
        camera_from_laser: RigidTransform,
        scan_ns: int,
        camera: Camera,
    ) -> Alignment:
        points_m = camera_from_laser.apply(scan.points_m)
        columns, rows, depth_m = self._visible(points_m, scan, camera)
        seen = values[rows, columns], depth_m
        try:
            alignment = self._fit_with_ground(values, seen, scan, scan_ns, camera)
            if alignment is None:
                alignment = fit_inverse_depth(
                    *seen, min_points=MIN_POINTS, source=self.name, stamp_ns=scan_ns
                )
            check_reach(alignment, values)
        except AlignmentError as error:
            raise AlignmentError(f'laser scan: {error}') from error
        return alignment

    def _fit_with_ground(
        self,
        values: Float32Array,
        seen: tuple[Float32Array, Float32Array],
        scan: _Scan,
        scan_ns: int,
        camera: Camera,
    ) -> Alignment | None:
        """Return a fit to the scan and the ground, or None where there is no ground to go by."""
        height_m = self._ground_height_m
        if height_m is None or len(seen[0]) < MIN_POINTS:
            return None
        place = scan.camera_from_laser
        try:
            ground = ground_below(values, camera, place, height_m, self._max_depth_m)
        except AlignmentError:
            return None
        return fit_with_ground(seen, ground, height_m, f'{self.name}+ground', scan_ns)

    def _fits_turned(
        self, values: Float32Array, scan: _Scan, scan_ns: int, camera: Camera
    ) -> bool:
        turned = scan.camera_from_laser @ _HALF_TURN
        try:
            self._fit(values, scan, turned, scan_ns, camera)
        except AlignmentError:
            return False
        return True

    def _visible(
        self, points_m: Float64Array, scan: _Scan, camera: Camera
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], Float32Array]:
        """Return column, row and depth of the points that the camera sees."""
        pixels = project_points(camera, points_m)
        depth_m = points_m[:, 2]
        with np.errstate(invalid='ignore'):
            seen = np.isfinite(pixels[:, 0]) & (depth_m >= self._min_depth_m)
        seen &= depth_m <= self._max_depth_m
        columns = np.rint(pixels[seen]).astype(np.intp)
        depth_m = depth_m[seen]
        surface_m = _nearest_by_column(points_m, scan, camera)
        nearest_m = surface_m[_pinhole_columns(points_m[seen], camera)]
        clear = depth_m <= nearest_m * (1.0 + _HIDDEN_SHARE)
        columns, depth_m = columns[clear], depth_m[clear]
        return columns[:, 0], columns[:, 1], depth_m.astype(np.float32)


def _calibrated(camera: Camera | None, relative: RelativeInverseDepth) -> Camera:
    try:
        return require_calibrated(camera, *relative.values.shape)
    except CameraError as error:
        raise AlignmentError(f'a laser scan cannot be projected: {error}') from error


def _nearest_by_column(points_m: Float64Array, scan: _Scan, camera: Camera) -> Float64Array:
    """
    Return the depth of the nearest surface that the scan met in each column, inf for none.

    The array is (W + 2,): a column for all that is left of the image comes first, one for all
    that is right of it last.

    Neighbouring beams on one surface are joined by a line, so that a surface also hides what
    appears between its points.
    """
    ranges_m = np.linalg.norm(scan.points_m, axis=1)
    joined = np.diff(scan.beams) == 1
    joined &= np.abs(np.diff(ranges_m)) <= _SAME_SURFACE * np.minimum(ranges_m[:-1], ranges_m[1:])
    start, end = points_m[:-1][joined], points_m[1:][joined]
    share = np.arange(_PARTS)[:, None, None] / _PARTS
    line = (start + share * (end - start)).reshape(-1, 3)
    met = np.concatenate([line, points_m])
    met = met[met[:, 2] >= MIN_DEPTH_M]
    surface_m = np.full(camera.width + 2, np.inf)
    np.minimum.at(surface_m, _pinhole_columns(met, camera), met[:, 2])
    return surface_m


def _pinhole_columns(points_m: Float64Array, camera: Camera) -> NDArray[np.intp]:
    """Return the column of each point but for lens distortion, which moves all in it alike."""
    columns = np.rint(points_m[:, 0] / points_m[:, 2] * camera.fx_px + camera.cx_px)
    inside: NDArray[np.intp] = np.clip(columns, -1, camera.width).astype(np.intp) + 1
    return inside
