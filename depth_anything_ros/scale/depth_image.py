"""Scale and shift from the depth image of an RGB-D camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.alignment import MIN_POINTS
from depth_anything_ros.geometry.registration import (
    RegistrationRule,
    at_centres,
    resized_to,
    same_aspect,
)
from depth_anything_ros.geometry.reprojection import Registration
from depth_anything_ros.geometry.unit_watch import UnitWatch
from depth_anything_ros.messages import decode_any_depth, stamp_ns, told_size
from depth_anything_ros.parameters import (
    DEPTH_TRANSPORTS,
    Affects,
    check_depth_unit,
    check_pose,
    parameter,
    steps_per_metre,
)
from depth_anything_ros.references import ReferenceTopic, Surroundings
from depth_anything_ros.scale.fitting import Refusal, fit_points, weighed
from depth_anything_ros.scale.history import StampedHistory
from depth_anything_ros.scale.sampling import centres_of_cells, smoothed
from depth_anything_ros.scale.shared_parameters import ReferenceRange
from depth_anything_ros.types import (
    Alignment,
    Camera,
    DepthReference,
    Float32Array,
    ReferencePoints,
    RelativeInverseDepth,
)

# Usable pixels kept of a reference: as many as the fit looks at.
_KEPT_PIXELS = 4096
# Each pixel of a sensor stands for so many of the image on a side, no more: that is not measured.
_COARSE = 4
# References kept whole while someone wants them: those around a frame's stamp, and the newest.
_WHOLE = 8


@dataclass(frozen=True)
class DepthImageConfig(ReferenceRange):
    """How reference depth comes, where it lies and which of it counts."""

    reference_max_offset_s: float = parameter(
        0.05,
        'Largest difference between the stamps of an image and of the reference used for it.',
        unit='s',
        minimum=0.0,
        maximum=10.0,
        affects=Affects.SCALE,
    )
    reference_min_points: int = parameter(
        MIN_POINTS,
        'Fewest usable pixels of a reference depth that are fitted; fewer, down to 3, for sensors '
        'of few points.',
        minimum=3,
        maximum=4096,
        affects=Affects.SCALE,
    )
    reference_transport: str = parameter(
        'raw',
        'How the reference depth comes: raw is an Image on `reference/depth`; compressedDepth, or '
        'compressed for plain 16-bit PNG, a CompressedImage on the topic that it is remapped to '
        'with the word after it.',
        choices=DEPTH_TRANSPORTS,
        read_only=True,
    )
    reference_depth_unit: str = parameter(
        'mm',
        'Step of a 16UC1 reference depth: mm, cm, 0.1mm, tum (5000/m), kitti (256/m), any other '
        'number of steps as `5000/m`, or metres as `0.0002`.',
        affects=Affects.REFERENCE,
    )
    reference_registration: str = parameter(
        'auto',
        'Whether reference depth is registered to the image: auto goes by the frame ids, unless '
        '`reference/camera_info` contradicts that of the image; registered believes it, '
        'unregistered reprojects always.',
        choices=('auto', 'registered', 'unregistered'),
        affects=Affects.REFERENCE,
    )
    reference_pose: str = parameter(
        '',
        'Pose of the depth camera from the lens of the image, `x y z roll pitch yaw` in metres '
        "and radians along the cameras' body axes (x ahead along the optical axis, y left, z "
        'up), for depth that is not registered; empty takes it from TF.',
        affects=Affects.REFERENCE,
    )

    def __post_init__(self) -> None:
        """
        Check what a range cannot say.

        :raises ConfigError: if the range is empty, the unit unknown or the pose not six numbers.
        """
        super().__post_init__()
        check_depth_unit(self, 'reference_depth_unit')
        check_pose(self, 'reference_pose')


@dataclass(frozen=True)
class _Reference:
    """Usable pixels of a reference: flat index into `size` (H, W), and depth in metres."""

    size: tuple[int, int]
    indices: NDArray[np.int32]
    depth_m: Float32Array


class DepthIntake:
    """Read depth images in their unit, and find how they lie to the image."""

    def __init__(self) -> None:
        self._unit = UnitWatch('reference/depth', 'reference_depth_unit')

    @property
    def doubt(self) -> str:
        """Return why the unit of the depth images looked at last cannot be right, or ''."""
        return self._unit.impossible

    def take(
        self, source: DepthImageScale, message: Any, own: DepthImageConfig, around: Surroundings
    ) -> str:
        """
        Give a depth image, an Image or CompressedImage, to the source.

        :raises NoImageYetError: if its place follows from the frame of the image.
        :raises DepthAnythingError: if it cannot be read or brought to the image.
        """
        rule = RegistrationRule(own.reference_registration, own.reference_pose)
        registration = around.registration(message.header.frame_id, told_size(message), rule)
        unit = own.reference_depth_unit
        depth_m = decode_any_depth(message, steps_per_metre(unit))
        source.add_reference(DepthReference(depth_m, stamp_ns(message.header)), registration)
        return self._unit.look(message, depth_m, unit)


def _place_is_open(own: DepthImageConfig) -> bool:
    return own.reference_registration != 'registered' and not own.reference_pose


class DepthImageScale:
    """
    Fit relative inverse depth to depth images registered to the colour image, or made so.

    References come in by :meth:`add_reference`, from any thread; each is thinned at once, so
    that half a minute of them fits in 34 MB while a slow network works. :meth:`align` takes
    the one nearest in time. Only the newest is kept whole, unless :meth:`keep_whole` asks for
    that of a frame, which :meth:`measured` gives.

    :param min_depth_m: reference depth below this is ignored.
    :param max_depth_m: reference depth beyond this is ignored.
    :param max_offset_s: largest difference between the stamps of image and reference.
    :param min_points: fewest usable pixels that are fitted.
    """

    name = 'depth_image'
    parameters = DepthImageConfig
    references = (
        ReferenceTopic(
            'reference/depth',
            'sensor_msgs/msg/Image',
            DepthIntake,
            help='with `scale_source:=depth_image`',
            transport='reference_transport',
            transports={
                'compressedDepth': '16UC1 or 32FC1 of compressed_depth_image_transport',
                'compressed': 'plain 16-bit PNG',
            },
            camera_info='reference/camera_info',
            needs_tf=_place_is_open,
        ),
    )

    def __init__(
        self,
        min_depth_m: float,
        max_depth_m: float,
        max_offset_s: float,
        min_points: int = MIN_POINTS,
    ) -> None:
        self._min_depth_m = min_depth_m
        self._max_depth_m = max_depth_m
        self._min_points = min_points
        self._references: StampedHistory[_Reference] = StampedHistory(
            'reference depth', max_offset_s
        )
        self._whole: StampedHistory[tuple[Float32Array, Registration | None]] = StampedHistory(
            'reference depth', max_offset_s, capacity=1
        )

    @classmethod
    def from_config(cls, config: DepthImageConfig) -> DepthImageScale:
        """Return the source as its parameters describe it."""
        return cls(
            config.reference_min_depth_m,
            config.reference_max_depth_m,
            config.reference_max_offset_s,
            config.reference_min_points,
        )

    def refuse(self, reason: str) -> None:
        """Take note of why a reference could not be taken in."""
        self._references.refuse(reason)
        self._whole.refuse(reason)

    def __len__(self) -> int:
        """Return the number of references kept."""
        return len(self._references)

    def add_reference(
        self, reference: DepthReference, registration: Registration | None = None
    ) -> None:
        """
        Keep a depth image for the frames near its stamp.

        :param reference: 0, NaN, infinite and out-of-range pixels are ignored.
        :param registration: how it is brought to the image, or None if it is registered.
        :raises CameraError: if the registration does not fit the depth image.
        """
        height, width = reference.depth_m.shape
        if registration is None:
            depth_m = reference.depth_m.reshape(-1)
            usable = np.flatnonzero(self._in_range(depth_m))
            indices = _thinned(usable)
            depth_m = depth_m[indices]
        else:
            height, width = registration.target.height, registration.target.width
            indices, depth_m = registration.reproject(reference.depth_m)
            kept = _thinned(np.flatnonzero(self._in_range(depth_m)))
            indices, depth_m = indices[kept], depth_m[kept]
        self._references.add(
            reference.stamp_ns, _Reference((height, width), indices.astype(np.int32), depth_m)
        )
        self._whole.add(reference.stamp_ns, (reference.depth_m, registration))

    def keep_whole(self, stamp_ns: int | None) -> None:
        """Keep the references around a frame that is at work whole; None asks for none."""
        self._whole.keep(1 if stamp_ns is None else _WHOLE, stamp_ns)

    def measured(self, stamp_ns: int, size: tuple[int, int]) -> Float32Array:
        """
        Return all that was measured nearest in time to a frame, as the frame's camera sees it.

        :param size: (H, W) of the image.
        :return: float32 (H, W) in metres, NaN where nothing was measured within the range, and
            between the pixels of a sensor that has far fewer of them than the image.
        :raises AlignmentError: if there is no reference within `max_offset_s`, or its size is not
            that of the image times a factor.
        :raises CameraError: if the registration does not fit the depth image.
        """
        _, (depth_m, registration) = self._whole.nearest(stamp_ns)
        if registration is not None:
            depth_m = registration.register(depth_m)
        _check_aspect(size, depth_m.shape)
        coarse = size[0] > _COARSE * depth_m.shape[0]
        depth_m = at_centres(depth_m, size) if coarse else resized_to(depth_m, size)
        return np.where(self._in_range(depth_m), depth_m, np.float32(np.nan))

    def _in_range(self, depth_m: Float32Array) -> NDArray[np.bool_]:
        return (depth_m >= self._min_depth_m) & (depth_m <= self._max_depth_m) & (depth_m > 0)

    def align(
        self,
        relative: RelativeInverseDepth,
        stamp_ns: int,
        camera: Camera | None = None,  # noqa: ARG002 - the reference is registered
    ) -> Alignment:
        """
        Fit the frame to the reference nearest in time.

        :raises AlignmentError: if there is no reference within `max_offset_s`, its size is not
            that of the image times a factor, or the fit fails.
        """
        reference_ns, reference = self._references.nearest(stamp_ns)
        points = weighed(_points(smoothed(relative), reference), relative)
        fit = fit_points(
            points,
            min_points=self._min_points,
            source=self.name,
            stamp_ns=reference_ns,
        )
        if isinstance(fit, Refusal):
            raise AlignmentError(fit.reason)
        return fit


def _thinned(usable: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return at most _KEPT_PIXELS of the indices, even over the image."""
    if len(usable) <= _KEPT_PIXELS:
        return usable
    # The golden ratio's multiples fill the image evenly, in step with no row length.
    places = np.modf(np.arange(1, _KEPT_PIXELS + 1) * 0.6180339887498949)[0]
    return usable[(np.sort(places) * len(usable)).astype(np.intp)]


def _points(relative: RelativeInverseDepth, reference: _Reference) -> ReferencePoints:
    """Return the pixels of the reference with the relative depth under them, the nearest one."""
    values = relative.values
    _check_aspect(values.shape, reference.size)
    height, width = values.shape
    rows, columns = centres_of_cells(reference.indices, reference.size, values.shape)
    nearest = (rows + 0.5).astype(np.intp), (columns + 0.5).astype(np.intp)
    return ReferencePoints(
        rows, columns, values[nearest], reference.depth_m, (height, width), kind=relative.kind
    )


def _check_aspect(image: tuple[int, ...], reference: tuple[int, ...]) -> None:
    if not same_aspect(image, reference):
        size, own = (f'{width}x{height}' for height, width in (image, reference))
        raise AlignmentError(
            f'the reference depth is {own}, the image {size}; it must be registered to the image, '
            'at its size or the same shape scaled'
        )
