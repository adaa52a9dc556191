"""Messages of a camera and a depth node → what Rerun shows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import rerun as rr

from depth_anything_ros.bag.view_topics import Role
from depth_anything_ros.colormap import apply_colormap
from depth_anything_ros.errors import (
    AlignmentError,
    CameraError,
    DatasetError,
    MessageError,
)
from depth_anything_ros.geometry.camera import require_calibrated
from depth_anything_ros.geometry.metric_depth import inverse_depth
from depth_anything_ros.geometry.point_cloud import build_point_cloud
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.geometry.unit_watch import UnitWatch
from depth_anything_ros.lab.viewing.places import Places
from depth_anything_ros.messages import (
    MM_PER_M,
    camera_from_message,
    decode_any_depth,
    decode_any_image,
    decode_confidence,
    decode_inverse_depth,
    decode_scan,
)
from depth_anything_ros.messages.cloud import decode_cloud
from depth_anything_ros.messages.depth import millimetres
from depth_anything_ros.parameters import MILLIMETRES, steps_per_metre
from depth_anything_ros.scale.scan_points import ScanPoints
from depth_anything_ros.types import Camera, Float32Array, MetricDepth, UInt8Array

TIMELINE = 'stamp_ns'

WORLD = 'world'
CAMERA, CAMERA_LENS = f'{WORLD}/camera', f'{WORLD}/camera/lens'
IMAGE = f'{CAMERA_LENS}/image'
DEPTH_CAMERA, DEPTH_LENS = f'{WORLD}/depth_camera', f'{WORLD}/depth_camera/lens'
DEPTH, RELATIVE = f'{DEPTH_LENS}/depth', f'{DEPTH_LENS}/relative'
POINTS = f'{DEPTH_CAMERA}/points'
CLOUD, CLOUD_POINTS = f'{WORLD}/cloud', f'{WORLD}/cloud/points'
LASER, SCAN = f'{WORLD}/laser', f'{WORLD}/laser/scan'
SCALE, SIGMA, CONFIDENCE = 'scale', 'sigma', 'confidence'

# What is plotted of `~/scale`.
SCALE_VALUES = ('scale', 'shift', 'inlier_ratio', 'age_s')

_JPEG_QUALITY = 85
_SPECTRAL = 'Spectral_r'
_COLORMAP = rr.components.Colormap.Turbo
_SCAN_COLOUR = (255, 60, 60)
# As wide on the screen, however far away.
_POINT = rr.Radius.ui_points(2)
# Of the frustum, from the lens to the picture.
_FRUSTUM_M = 0.25
# Farther than 16 bits of millimetres reach.
_FARTHEST_MM_M = 65.0
_SENSORS = (
    Role.IMAGE, Role.DEPTH, Role.RELATIVE, Role.SIGMA, Role.CONFIDENCE, Role.POINTS, Role.SCAN,
)  # fmt: skip
# Of the stamps of an image and the depth that it colours.
_SAME_TIME_NS = 20_000_000
# A problem is told when it has come so often: the first frames may be before their calibration.
_OFTEN = 5
_HERE = RigidTransform(np.eye(3), np.zeros(3))


@dataclass(frozen=True)
class SceneOptions:
    """
    Set how messages are read.

    Every `stride`-th pixel of each row and column becomes a point; integer depth has
    `unit`; `rectified` is as `camera_from_message` has it. With `has_cloud` a topic gives
    the cloud, so that none is made of depth.
    """

    stride: int = 2
    unit: str = MILLIMETRES
    rectified: bool = True
    has_cloud: bool = False


@dataclass(frozen=True)
class _Picture:
    """The last image, uint8 (H, W, 3), with its time and frame."""

    rgb: UInt8Array
    time_ns: int
    frame_id: str


class Scene:
    """
    Log messages to a recording, each at its own time on the timeline `stamp_ns`.

    What cannot be shown is told once, and the rest is shown.

    :param recording: where to.
    :param places: where frames lie.
    :param announce: told what is odd.
    """

    def __init__(
        self,
        recording: rr.RecordingStream,
        places: Places,
        options: SceneOptions,
        announce: Callable[[str], None],
    ) -> None:
        self._recording = recording
        self._places = places
        self._options = options
        self._announce = announce
        self._problems: Counter[str] = Counter()
        self._cameras: dict[Role, Camera] = {}
        self._picture: _Picture | None = None
        self._fixed = ''
        self._shown: Counter[str] = Counter()
        self._watch = UnitWatch('depth', 'unit')
        # Whether the messages of a role could be read: one is enough.
        self._readable: dict[Role, bool] = {}
        self._show: dict[Role, Callable[[Any, int], None]] = {
            Role.IMAGE: self._image,
            Role.CAMERA_INFO: lambda message, _: self._calibrate(Role.CAMERA_INFO, message),
            Role.DEPTH: self._depth,
            Role.DEPTH_CAMERA_INFO: lambda message, _: self._calibrate(
                Role.DEPTH_CAMERA_INFO, message
            ),
            Role.RELATIVE: self._relative,
            Role.POINTS: self._cloud,
            Role.SCAN: self._scan,
            Role.SCALE: self._scale,
            Role.SIGMA: self._sigma,
            Role.CONFIDENCE: self._confidence,
        }

    @property
    def pictures(self) -> int:
        """Return how many pictures were shown: of the kind of which there are the most."""
        return max(self._shown[entity] for entity in (IMAGE, DEPTH, RELATIVE))

    @property
    def unreadable(self) -> list[Role]:
        """Return the sensors of which messages came, and not one could be read."""
        return [role for role, good in self._readable.items() if not good and role in _SENSORS]

    def add(self, role: Role, read: Callable[[], Any], time_ns: int) -> None:
        """
        Show a message of any role but TF, which `Places` knows.

        :param read: returns the message, an object with the fields of its ROS type.
        :param time_ns: when it was taken.
        """
        rr.set_time_nanos(TIMELINE, time_ns, recording=self._recording)
        try:
            self._show[role](read(), time_ns)
        except (MessageError, CameraError, DatasetError) as error:
            self._readable.setdefault(role, False)
            self._tell(f'{role.value}: {error}')
        else:
            self._readable[role] = True

    def close(self) -> None:
        """Tell what was odd in the few frames that there were."""
        for text, count in self._problems.items():
            if count < _OFTEN and not (self._shown[POINTS] or self._shown[CLOUD_POINTS]):
                self._announce(text)

    def _tell(self, text: str) -> None:
        self._problems[text] += 1
        if self._problems[text] == _OFTEN:
            self._announce(text)

    def _log(self, entity: str, *parts: Any, static: bool = False) -> None:
        self._shown[entity] += 1
        rr.log(entity, *parts, static=static, recording=self._recording)

    def _calibrate(self, role: Role, message: Any) -> None:
        self._cameras.pop(role, None)
        self._cameras[role] = camera_from_message(message, self._options.rectified)

    def _image(self, message: Any, time_ns: int) -> None:
        rgb = decode_any_image(message)
        frame_id = str(message.header.frame_id)
        self._picture = _Picture(rgb, time_ns, frame_id)
        self._place(CAMERA, frame_id, time_ns)
        self._lens(CAMERA_LENS, self._cameras.get(Role.CAMERA_INFO), rgb)
        self._log(IMAGE, rr.Image(rgb).compress(jpeg_quality=_JPEG_QUALITY))

    def _depth(self, message: Any, time_ns: int) -> None:
        unit = self._options.unit
        depth_m = decode_any_depth(message, steps_per_metre(unit))
        if doubt := self._watch.look(message, depth_m, unit):
            self._announce(doubt)
        frame_id = str(message.header.frame_id)
        self._place(DEPTH_CAMERA, frame_id, time_ns)
        camera = self._depth_camera(frame_id)
        self._lens(DEPTH_LENS, camera, depth_m)
        self._log(DEPTH, _depth_image(depth_m))
        if self._options.has_cloud:
            return
        try:
            self._points(depth_m, camera, self._colours(depth_m, frame_id, time_ns))
        except CameraError as error:
            self._tell(f'no cloud, images only: {error}')

    def _depth_camera(self, frame_id: str) -> Camera | None:
        """Return the camera of depth: its own, or that of the image whose frame it has."""
        own = self._cameras.get(Role.DEPTH_CAMERA_INFO)
        picture = self._picture
        if own is None and picture is not None and frame_id in ('', picture.frame_id):
            return self._cameras.get(Role.CAMERA_INFO)
        return own

    def _colours(self, depth_m: Float32Array, frame_id: str, time_ns: int) -> UInt8Array:
        """Return the image that depth is registered to, or depth in colours."""
        found = self._picture
        if (
            found is not None
            and found.rgb.shape[:2] == depth_m.shape
            and found.frame_id == frame_id
            and abs(found.time_ns - time_ns) <= _SAME_TIME_NS
        ):
            return found.rgb
        return apply_colormap(inverse_depth(MetricDepth(depth_m)), _SPECTRAL)

    def _points(self, depth_m: Float32Array, camera: Camera | None, rgb: UInt8Array) -> None:
        cloud = build_point_cloud(MetricDepth(depth_m), rgb, camera, self._options.stride)
        known = np.isfinite(cloud.xyz_m).all(axis=-1)
        self._log(
            POINTS,
            rr.Points3D(cloud.xyz_m[known], colors=cloud.rgb[known], radii=_POINT),
        )

    def _relative(self, message: Any, time_ns: int) -> None:
        values = decode_inverse_depth(message)
        if self._shown[DEPTH]:
            return
        self._place(DEPTH_CAMERA, str(message.header.frame_id), time_ns)
        coloured = apply_colormap(values, _SPECTRAL)
        self._log(RELATIVE, rr.Image(coloured).compress(jpeg_quality=_JPEG_QUALITY))
        self._tell('depth is relative so far, without metres and cloud: no scale is known')

    def _cloud(self, message: Any, time_ns: int) -> None:
        cloud = decode_cloud(message, self._options.stride)
        if self._place(CLOUD, str(message.header.frame_id), time_ns):
            points = rr.Points3D(cloud.xyz_m, colors=cloud.rgb, radii=_POINT)
            self._log(CLOUD_POINTS, points)

    def _scan(self, message: Any, time_ns: int) -> None:
        scan = decode_scan(message)
        if self._place(LASER, scan.frame_id, time_ns):
            points_m = ScanPoints.of_scan(scan, _HERE).points_m
            self._log(SCAN, rr.Points3D(points_m, colors=_SCAN_COLOUR, radii=_POINT))

    def _sigma(self, message: Any, _: int) -> None:
        # Beside the world: it is no depth, to be lifted into a cloud.
        self._log(SIGMA, _depth_image(decode_any_depth(message)))

    def _confidence(self, message: Any, _: int) -> None:
        sure = decode_confidence(message)
        grey = np.nan_to_num(255.0 * sure, nan=0.0).astype(np.uint8)
        self._log(CONFIDENCE, rr.Image(grey).compress(jpeg_quality=_JPEG_QUALITY))

    def _scale(self, message: Any, _: int) -> None:
        for status in message.status:
            for pair in status.values:
                value = _number(pair.value) if pair.key in SCALE_VALUES else math.nan
                if math.isfinite(value):
                    self._log(f'{SCALE}/{pair.key}', rr.Scalar(value))

    def _place(self, entity: str, frame_id: str, time_ns: int) -> bool:
        """Put an entity where TF has its frame; return whether it does."""
        fixed = self._places.fixed(frame_id)
        if fixed != self._fixed:
            self._fixed = fixed
            optical = fixed == frame_id.removeprefix('/') and entity not in (LASER, CLOUD)
            axes = rr.ViewCoordinates.RDF if optical else rr.ViewCoordinates.RIGHT_HAND_Z_UP
            self._log(WORLD, axes, static=True)
        try:
            place = self._places.place(frame_id, time_ns)
        except AlignmentError as error:
            self._tell(f'{entity.rpartition("/")[2]}: {error}')
            return False
        transform = rr.Transform3D(translation=place.translation_m, mat3x3=place.rotation)
        self._log(entity, transform)
        return True

    def _lens(self, entity: str, camera: Camera | None, image: Any) -> None:
        """Log the frustum, where a calibration fits the image (H, W, …)."""
        try:
            fit = require_calibrated(camera, *image.shape[:2])
        except CameraError:
            return
        self._log(
            entity,
            rr.Pinhole(
                focal_length=(fit.fx_px, fit.fy_px),
                principal_point=(fit.cx_px, fit.cy_px),
                resolution=(fit.width, fit.height),
                camera_xyz=rr.ViewCoordinates.RDF,
                image_plane_distance=_FRUSTUM_M,
            ),
        )


def _depth_image(depth_m: Float32Array) -> rr.DepthImage:
    """Return depth in millimetres, 0 unknown, or in metres where it reaches too far."""
    farthest_m = np.nanmax(depth_m, initial=0.0)
    if farthest_m <= _FARTHEST_MM_M:
        return rr.DepthImage(millimetres(depth_m), meter=MM_PER_M, colormap=_COLORMAP)
    return rr.DepthImage(np.nan_to_num(depth_m), meter=1.0, colormap=_COLORMAP)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
