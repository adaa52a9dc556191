"""Scale and shift from a 2-D laser scanner that the camera sees some points of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from depth_anything_ros.errors import AlignmentError, CameraError
from depth_anything_ros.geometry.camera import require_calibrated
from depth_anything_ros.geometry.projection import MIN_DEPTH_M
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.messages import decode_scan
from depth_anything_ros.parameters import Affects, check_pose, parameter
from depth_anything_ros.references import ReferenceTopic, Surroundings
from depth_anything_ros.scale.fitting import Fit, Refusal
from depth_anything_ros.scale.history import StampedHistory
from depth_anything_ros.scale.sampling import smoothed
from depth_anything_ros.scale.scan_fit import ScanFitter
from depth_anything_ros.scale.scan_mounting import MountingCheck
from depth_anything_ros.scale.scan_points import ScanPoints
from depth_anything_ros.scale.shared_parameters import ReferenceRange, camera_height
from depth_anything_ros.types import Alignment, Camera, LaserScan, RelativeInverseDepth


@dataclass(frozen=True)
class LaserScanConfig(ReferenceRange):
    """Where the laser lies, which of its points count, and whether ground goes with them."""

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


class ScanIntake:
    """Read laser scans, and find where the laser lies."""

    doubt = ''

    def take(
        self, source: LaserScanScale, message: Any, own: LaserScanConfig, around: Surroundings
    ) -> str:
        """
        Give a LaserScan to the source.

        :raises NoImageYetError: if TF is to be asked for its place and no image has come.
        :raises DepthAnythingError: if it cannot be read or has no place.
        """
        scan = decode_scan(message)
        source.add_scan(scan, around.place(scan.frame_id, own.laser_pose, 'set laser_pose'))
        return ''


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
    references = (
        ReferenceTopic(
            'scan',
            'sensor_msgs/msg/LaserScan',
            ScanIntake,
            help='with `scale_source:=laser_scan`',
            needs_tf=lambda own: not own.laser_pose,
        ),
    )

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
        self._scans: StampedHistory[ScanPoints] = StampedHistory('laser scan', max_offset_s)
        self._mounting = MountingCheck()

    @classmethod
    def from_config(cls, config: LaserScanConfig) -> LaserScanScale:
        """Return the source as its parameters describe it."""
        return cls(
            config.reference_min_depth_m,
            config.reference_max_depth_m,
            config.scan_max_offset_s,
            config.camera_height_m if config.scan_with_ground else None,
        )

    def refuse(self, reason: str) -> None:
        """Take note of why a reference could not be taken in."""
        self._scans.refuse(reason)

    def __len__(self) -> int:
        """Return the number of scans kept."""
        return len(self._scans)

    def add_scan(self, scan: LaserScan, camera_from_laser: RigidTransform) -> None:
        """
        Keep a scan for the frames near its stamp.

        :param scan: NaN, infinite and out-of-range beams are ignored.
        :param camera_from_laser: the laser's frame in the camera's optical frame.
        """
        self._scans.add(scan.stamp_ns, ScanPoints.of_scan(scan, camera_from_laser))

    def align(
        self, relative: RelativeInverseDepth, stamp_ns: int, camera: Camera | None = None
    ) -> Alignment:
        """
        Fit the frame to the scan nearest in time.

        :raises AlignmentError: if there is no scan within `max_offset_s`, no camera that fits
            the image, the fit fails, or the scans so far say that height or yaw is wrong.
        """
        scan_ns, points = self._scans.nearest(stamp_ns)
        if points.missing:
            raise AlignmentError(f'laser scan: {points.missing}')
        fit = self._fit(
            ScanFitter(
                self.name,
                smoothed(relative),
                _calibrated(camera, relative),
                points,
                scan_ns,
                self._min_depth_m,
                self._max_depth_m,
            )
        )
        if isinstance(fit, Refusal):
            raise AlignmentError(f'laser scan: {fit.reason}')
        return fit

    def _fit(self, scan: ScanFitter) -> Fit:
        height_m, ground = self._ground_height_m, None
        if height_m is not None and scan.enough:
            ground = scan.ground(height_m)
        if ground is None:
            return self._mounting.judge_alone(scan) or scan.alone
        if isinstance(ground, Refusal):
            return ground
        return self._mounting.judge(scan, ground) or scan.with_ground(ground)


def _calibrated(camera: Camera | None, relative: RelativeInverseDepth) -> Camera:
    try:
        return require_calibrated(camera, *relative.values.shape)
    except CameraError as error:
        raise AlignmentError(f'a laser scan cannot be projected: {error}') from error
