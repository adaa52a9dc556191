"""The rule that says whether depth is registered to an image, and how it is brought there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from depth_anything_ros.errors import AlignmentError, CameraError
from depth_anything_ros.geometry.camera import require_calibrated, scale_camera
from depth_anything_ros.geometry.reprojection import Registration
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY, RigidTransform, optical_pose
from depth_anything_ros.types import Camera, Float32Array

# Returns the second frame in the first, and raises AlignmentError where nothing connects them.
Lookup = Callable[[str, str], RigidTransform]

# Calibrations whose numbers differ by no more than this are one: a share of the focal length, and
# pixels of the principal point, as drivers round it when they scale.
_SAME_FOCAL_SHARE = 0.01
_SAME_CENTRE_PX = 2.0
# Two sizes are one view at two scales if their sides have the same ratio this closely.
_ASPECT_TOLERANCE = 0.01


@dataclass(frozen=True)
class ImageView:
    """
    From where images are taken.

    :param frame_id: the optical frame; '' where the images name none.
    :param camera: None where there is no calibration, or none that can be used.
    :param info_topic: where the calibration comes from, for messages.
    :param other: the camera that the other one of K and P describes, None if it cannot be used;
        it tells whether two calibrations are one, whichever of its matrices a driver fills.
    :param problem: why there is no camera; '' is that no calibration has come.
    :param size: (H, W) of the images in pixels, None where it is not known. A calibration of
        another size says nothing about them.
    """

    frame_id: str
    camera: Camera | None
    info_topic: str
    other: Camera | None = None
    problem: str = ''
    size: tuple[int, int] | None = None

    def cameras(self) -> list[Camera]:
        """Return what the calibration may mean for the images: none if it is of another size."""
        told = (camera for camera in (self.camera, self.other) if camera is not None)
        return [camera for camera in told if self.size in (None, (camera.height, camera.width))]

    def calibrated(self) -> Camera:
        """
        Return the camera.

        :raises CameraError: if there is none, or it is of another size than the images.
        """
        if self.camera is None:
            raise CameraError(
                f'{self.info_topic}: {self.problem}'
                if self.problem
                else f'no calibrated camera_info has come on {self.info_topic}'
            )
        try:
            return require_calibrated(self.camera, *self.size) if self.size else self.camera
        except CameraError as error:
            raise CameraError(f'{self.info_topic}: {error}') from error


@dataclass(frozen=True)
class RegistrationRule:
    """
    Find how depth images lie to images: the same rule for live messages, bags and scores.

    :param mode: `auto` goes by the frames, and by the cameras where a frame is not named;
        `registered` believes that depth is registered, `unregistered` reprojects always.
    :param pose: of the depth camera in the body axes of the image's camera, `x y z roll pitch
        yaw`; '' takes it from `lookup`.
    :param cure: how to say that depth is registered after all, for messages.
    :param place_cure: how to say where the depth camera is where a frame is not named.
    """

    mode: str = 'auto'
    pose: str = ''
    cure: str = 'set reference_registration to registered if it is'
    place_cure: str = 'set reference_pose'

    def find(self, depth: ImageView, image: ImageView, lookup: Lookup) -> Registration | None:
        """
        Return how depth is brought to the image, or None where it is registered.

        Two calibrations that contradict each other are not of registered depth, though both bear
        the name of one frame.

        :param lookup: gives the second frame in the first, from TF.
        :raises CameraError: if depth is not registered and a camera is not calibrated, or its
            calibration is of another size than its images.
        :raises AlignmentError: if it is not registered and TF does not connect the frames, one
            is not named, or the only name there is tells nothing.
        :raises ConfigError: if `pose` is not a pose.
        """
        if self.mode == 'registered':
            return None
        named = bool(depth.frame_id and image.frame_id)
        same_frame = named and depth.frame_id == image.frame_id
        contradiction = '' if named and not same_frame else _contradiction(depth, image)
        if self.mode == 'auto' and (same_frame or not named) and not contradiction:
            return None
        unregistered = (
            f"depth in frame '{depth.frame_id}' is not registered to the image in "
            f"'{image.frame_id}'{contradiction}"
        )
        try:
            source, target = depth.calibrated(), image.calibrated()
        except CameraError as error:
            raise CameraError(
                f'{unregistered}, and {error}; turn registration on in the camera driver '
                f'(depth_registration), or {self.cure}'
            ) from error
        if self.pose:
            # A pose speaks of body axes, the depth image of the optical frame.
            place = optical_pose(self.pose) @ OPTICAL_FROM_BODY.inverse()
        elif same_frame and (self.mode == 'unregistered' or is_crop(source, target)):
            place = OPTICAL_FROM_BODY @ OPTICAL_FROM_BODY.inverse()
        elif same_frame or not named:
            missing = 'one name for both' if same_frame else 'without both names TF'
            raise AlignmentError(
                f'{unregistered}, and {missing} does not tell where the depth camera is: '
                f'{self.place_cure}, or {self.cure}'
            )
        else:
            try:
                place = lookup(image.frame_id, depth.frame_id)
            except AlignmentError as error:
                raise AlignmentError(f'{unregistered}: {error}; or {self.cure}') from error
        return Registration(source, target, place)


def _contradiction(depth: ImageView, image: ImageView) -> str:
    """Return how the calibrations of depth and image contradict each other, '' if not."""
    sources, targets = depth.cameras(), image.cameras()
    if not (depth.camera and image.camera and sources and targets) or any(
        same_view(source, target) for source in sources for target in targets
    ):
        return ''
    return (
        f', as {depth.info_topic} has {_numbers(depth.camera)} and {image.info_topic} has '
        f'{_numbers(image.camera)}'
    )


def _numbers(camera: Camera) -> str:
    return (
        f'fx {camera.fx_px:.4g}, fy {camera.fy_px:.4g}, cx {camera.cx_px:.4g}, '
        f'cy {camera.cy_px:.4g} px at {camera.width}x{camera.height}'
    )


def same_view(source: Camera, target: Camera) -> bool:
    """Return whether two cameras show the same, but for the size of the image and the lens."""
    scaled = scale_camera(source, target.width, target.height)
    # Half a pixel of a small image, which drivers count or leave out, is several of a large one.
    tolerance_px = max(_SAME_CENTRE_PX, target.width / source.width)
    return (
        _same_focal(scaled, target)
        and abs(scaled.cx_px - target.cx_px) <= tolerance_px
        and abs(scaled.cy_px - target.cy_px) <= tolerance_px
    )


def is_crop(source: Camera, target: Camera) -> bool:
    """Return whether a camera may be a part of another one, as a region of interest is."""
    left_px, top_px = target.cx_px - source.cx_px, target.cy_px - source.cy_px
    return (
        _same_focal(source, target)
        and -_SAME_CENTRE_PX <= left_px <= target.width - source.width + _SAME_CENTRE_PX
        and -_SAME_CENTRE_PX <= top_px <= target.height - source.height + _SAME_CENTRE_PX
    )


def _same_focal(source: Camera, target: Camera) -> bool:
    return (
        abs(source.fx_px - target.fx_px) <= _SAME_FOCAL_SHARE * target.fx_px
        and abs(source.fy_px - target.fy_px) <= _SAME_FOCAL_SHARE * target.fy_px
    )


def same_aspect(size: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Return whether two sizes (H, W) are one view at two scales."""
    (height, width), (rows, columns) = size, other
    return abs(height * columns / (width * rows) - 1.0) <= _ASPECT_TOLERANCE


def resized_to(depth_m: Float32Array, size: tuple[int, int]) -> Float32Array:
    """
    Return registered depth of another size at that of its image, by nearest neighbour.

    :param depth_m: float32 (h, w) in metres, NaN where unknown.
    :param size: (H, W) of the image, of the same aspect.
    :return: float32 (H, W); depth is taken, never mixed.
    """
    if depth_m.shape == size:
        return depth_m
    rows, columns = (
        ((np.arange(wanted) + 0.5) * (given / wanted)).astype(np.intp)
        for given, wanted in zip(depth_m.shape, size, strict=True)
    )
    resized: Float32Array = depth_m[rows[:, None], columns]
    return resized


def at_centres(depth_m: Float32Array, size: tuple[int, int]) -> Float32Array:
    """
    Return registered depth of few pixels at the size of its image, each at its own centre alone.

    :param depth_m: float32 (h, w) in metres, NaN where unknown.
    :param size: (H, W) of the image, no smaller.
    :return: float32 (H, W), NaN between the centres.
    """
    rows, columns = (
        ((np.arange(given) + 0.5) * (wanted / given)).astype(np.intp)
        for given, wanted in zip(depth_m.shape, size, strict=True)
    )
    spread: Float32Array = np.full(size, np.nan, np.float32)
    spread[rows[:, None], columns] = depth_m
    return spread
