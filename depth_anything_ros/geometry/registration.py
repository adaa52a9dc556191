"""The rule that says whether depth is registered to an image, and how it is brought there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from depth_anything_ros.errors import AlignmentError, CameraError
from depth_anything_ros.geometry.camera import scale_camera
from depth_anything_ros.geometry.reprojection import Registration
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY, RigidTransform, optical_pose
from depth_anything_ros.types import Camera, Float32Array

# Returns the second frame in the first, and raises AlignmentError where nothing connects them.
Lookup = Callable[[str, str], RigidTransform]

# Focal lengths and principal points that differ by less than this share of the width are one.
_SAME_CAMERA = 0.01
# Two sizes are one view at two scales if their sides have the same ratio this closely.
_ASPECT_TOLERANCE = 0.01


@dataclass(frozen=True)
class ImageView:
    """
    Say from where images are taken.

    :param frame_id: the optical frame; '' where the images name none.
    :param camera: None where there is no calibration, or none that can be used.
    :param info_topic: where the calibration comes from, for messages.
    """

    frame_id: str
    camera: Camera | None
    info_topic: str


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

        :param lookup: gives the second frame in the first, from TF.
        :raises CameraError: if depth is not registered and a camera is not calibrated.
        :raises AlignmentError: if it is not registered and TF does not connect the frames, or
            one is not named.
        :raises ConfigError: if `pose` is not a pose.
        """
        named = bool(depth.frame_id and image.frame_id)
        same_frame = named and depth.frame_id == image.frame_id
        # Drivers that register may go on sending the depth camera's own camera_info.
        if self.mode == 'registered' or (self.mode == 'auto' and same_frame):
            return None
        source, target = depth.camera, image.camera
        same_camera = source is None or target is None or same_view(source, target)
        if self.mode == 'auto' and not named and same_camera:
            return None
        unregistered = (
            f"depth in frame '{depth.frame_id}' is not registered to the image in "
            f"'{image.frame_id}'"
        )
        if source is None or target is None:
            missing = depth.info_topic if source is None else image.info_topic
            raise CameraError(
                f'{unregistered}, and no calibrated camera_info has come on {missing}; '
                f'turn registration on in the camera driver (depth_registration), or {self.cure}'
            )
        if self.pose:
            # A pose speaks of body axes, the depth image of the optical frame.
            place = optical_pose(self.pose) @ OPTICAL_FROM_BODY.inverse()
        elif not named:
            raise AlignmentError(
                f'{unregistered}, and without both names TF does not tell where the depth camera '
                f'is: {self.place_cure}, or {self.cure}'
            )
        elif same_frame:
            place = OPTICAL_FROM_BODY @ OPTICAL_FROM_BODY.inverse()
        else:
            try:
                place = lookup(image.frame_id, depth.frame_id)
            except AlignmentError as error:
                raise AlignmentError(f'{unregistered}: {error}; or {self.cure}') from error
        return Registration(source, target, place)


def same_view(source: Camera, target: Camera) -> bool:
    """Tell whether two cameras show the same, but for the size of the image and the lens."""
    scaled = scale_camera(source, target.width, target.height)
    tolerance_px = _SAME_CAMERA * target.width
    return all(
        abs(getattr(scaled, name) - getattr(target, name)) <= tolerance_px
        for name in ('fx_px', 'fy_px', 'cx_px', 'cy_px')
    )


def same_aspect(size: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Tell whether two sizes (H, W) are one view at two scales."""
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
