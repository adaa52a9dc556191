"""Scale and shift from a 2-D laser scanner that the camera sees some points of."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import AlignmentError, CameraError
from depth_anything_ros.geometry.alignment import check_reach, fit_inverse_depth
from depth_anything_ros.geometry.camera import require_calibrated
from depth_anything_ros.geometry.projection import MIN_DEPTH_M, project_points
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.parameters import Affects, check_pose, parameter
from depth_anything_ros.scale.history import StampedHistory
from depth_anything_ros.scale.sampling import local_means
from depth_anything_ros.scale.scan_ground import (
    fit_with_ground,
    ground_below,
    ground_lift,
    ground_scale,
)
from depth_anything_ros.scale.scan_mounting import HeightCheck, YawCheck, far_off, meets_better
from depth_anything_ros.scale.shared_parameters import ReferenceRange, camera_height
from depth_anything_ros.types import (
    Alignment,
    Camera,
    Float32Array,
    LaserScan,
    RelativeInverseDepth,
)

Float64Array = NDArray[np.float64]
_Points = tuple[Float32Array, Float32Array]

# A scanner has one to four beams a degree, of which a camera sees some tens.
MIN_POINTS = 25

# Neighbouring beams whose ranges differ by less than this share meet one surface.
_SAME_SURFACE = 0.15
_PARTS = 8
# A point this much farther than a surface in the same column of the image is behind it.
_HIDDEN_SHARE = 0.05
# Tried beside a scan, to name the commonest error of mounting.
_HALF_TURN = RigidTransform(np.diag([-1.0, -1.0, 1.0]), np.zeros(3))


@dataclass(frozen=True)
class LaserScanConfig(ReferenceRange):
    """Say where the laser lies, which of its points count, and whether ground goes with them."""

    scan_max_offset_s: float = parameter(
        0.1,
        'Largest difference between the stamps of an image and of the scan used for it.',
        unit='s',
        minimum=0.0,
        maximum=10.0,
        affects=Affects.SCALE,
    )
    scan_with_ground: bool = parameter(
        False,
        'Whether laser_scan also goes by the ground in the image, where there is any: far closer '
        'with a network, if camera_height_m is right (an error of 5 % of it is one of 5 % of '
        'depth). The laser must lie level.',
        affects=Affects.SCALE,
    )
    laser_pose: str = parameter(
        '',
        'Pose of the laser from the lens of the image, `x y z roll pitch yaw` in metres and '
        "radians along the camera's body axes (x ahead along the optical axis, y left, z up); "
        'empty takes it from TF.',
        affects=Affects.REFERENCE,
    )
    camera_height_m: float = camera_height()

    def __post_init__(self) -> None:
        """
        Check what a range cannot say.

        :raises ConfigError: if the range is empty or the pose not six numbers.
        """
        super().__post_init__()
        check_pose(self, 'laser_pose')


@dataclass(frozen=True)
class _Scan:
    """Hold a scan's points in its own frame, (n, 3), the index of each beam, and the frame."""

    points_m: Float64Array
    beams: NDArray[np.intp]
    camera_from_laser: RigidTransform


@dataclass(frozen=True)
class _View:
    """Hold relative inverse depth, (H, W), its camera, and the scan with its stamp."""

    values: Float32Array
    camera: Camera
    scan: _Scan
    scan_ns: int


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
    met that the scan alone would mislead. Over several frames the height is held against the
    scale of the scan alone, and where a wall ahead meets the ground only when the scan is turned
    by 180 degrees, the frame is refused until others have shown the yaw to be right, see
    :mod:`depth_anything_ros.scale.scan_mounting`.

    :param min_depth_m: points nearer than this along the optical axis are ignored.
    :param max_depth_m: points farther than this are ignored, and so is ground.
    :param max_offset_s: largest difference between the stamps of image and scan.
    :param ground_height_m: of the optical centre above ground that is level with the laser;
        None leaves the ground out.
    """

    name = 'laser_scan'
    parameters = LaserScanConfig

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
        self._height = HeightCheck()
        self._yaw = YawCheck()

    @classmethod
    def from_config(cls, config: LaserScanConfig) -> LaserScanScale:
        """Return the source as its parameters describe it."""
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
            the image, the fit fails, or the scans so far say that height or yaw is wrong.
        """
        scan_ns, scan = self._scans.nearest(stamp_ns)
        calibrated = _calibrated(camera, relative)
        view = _View(local_means(relative.values), calibrated, scan, scan_ns)
        try:
            return self._fit(view)
        except AlignmentError as error:
            raise AlignmentError(f'laser scan: {error}') from error

    def _fit(self, view: _View) -> Alignment:
        seen = self._seen(view)
        ground = self._ground(view) if len(seen[0]) >= MIN_POINTS else None
        if ground is None:
            try:
                alone = self._fit_alone(view, seen)
            except AlignmentError:
                self._count_refused(view)
                raise
            self._yaw.fits_ahead()
            return alone
        return self._fit_with_ground(view, seen, ground)

    def _fit_alone(self, view: _View, seen: _Points) -> Alignment:
        alignment = fit_inverse_depth(
            *seen, min_points=MIN_POINTS, source=self.name, stamp_ns=view.scan_ns
        )
        check_reach(alignment, view.values)
        return alignment

    def _try_alone(self, view: _View, seen: _Points) -> Alignment | None:
        try:
            return self._fit_alone(view, seen)
        except AlignmentError:
            return None

    def _fit_with_ground(self, view: _View, seen: _Points, ground: _Points) -> Alignment:
        height_m = self._ground_height_m
        assert height_m is not None, 'there is no ground without a height'
        scale = ground_scale(ground)
        lift = ground_lift(seen, ground, scale)
        alone = self._try_alone(view, seen) if self._height.due else None
        self._check_turned(view, seen, ground, (scale, lift), alone)
        self._height.update(alone, scale, height_m)
        source = f'{self.name}+ground'
        alignment = fit_with_ground(seen, ground, lift, height_m, source, view.scan_ns)
        check_reach(alignment, view.values)
        return alignment

    def _check_turned(
        self,
        view: _View,
        seen: _Points,
        ground: _Points,
        scale_and_lift: tuple[float, float],
        alone: Alignment | None,
    ) -> None:
        """Raise AlignmentError where the scan meets the ground clearly better when turned."""
        scale, lift = scale_and_lift
        turned, turned_lift = seen, lift
        # Most scans meet the ground as they are, and turning them takes time.
        if far_off(lift, float(np.median(1.0 / seen[1]))):
            turned = self._seen(view, turned=True)
            enough = len(turned[0]) >= MIN_POINTS
            turned_lift = ground_lift(turned, ground, scale) if enough else math.nan
        if not meets_better(turned_lift, lift):
            if alone is not None:
                self._yaw.fits_ahead()
            return
        alone = alone or self._try_alone(view, seen)
        fits_turned = self._try_alone(view, turned) is not None
        if alone is not None and not fits_turned:
            self._yaw.fits_ahead()
            return
        if alone is None and fits_turned:
            self._yaw.fits_turned()
        elif self._yaw.trusted:
            return
        raise AlignmentError(
            f'the ground is {lift:.2g} 1/m off the scan, and {turned_lift:.2g} when the scan is '
            'turned by 180 degrees: are the yaw of the laser, the pitch of the camera and '
            'camera_height_m right?'
        )

    def _count_refused(self, view: _View) -> None:
        if self._try_alone(view, self._seen(view, turned=True)) is None:
            self._yaw.fits_neither()
        else:
            self._yaw.fits_turned()

    def _ground(self, view: _View) -> _Points | None:
        """Return relative and metric depth of the ground, None where there is none to go by."""
        height_m = self._ground_height_m
        if height_m is None:
            return None
        place = view.scan.camera_from_laser
        try:
            return ground_below(view.values, view.camera, place, height_m, self._max_depth_m)
        except AlignmentError:
            return None

    def _seen(self, view: _View, *, turned: bool = False) -> _Points:
        """Return relative inverse depth and depth in metres of the points that the camera sees."""
        place = view.scan.camera_from_laser
        points_m = (place @ _HALF_TURN if turned else place).apply(view.scan.points_m)
        columns, rows, depth_m = self._visible(points_m, view.scan, view.camera)
        return view.values[rows, columns], depth_m

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
