"""Whether reference depth is registered to the image, and how it is brought there if not."""

from __future__ import annotations

from collections.abc import Callable

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import CameraError
from depth_anything_ros.geometry.camera import scale_camera
from depth_anything_ros.geometry.reprojection import Registration
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY, RigidTransform, optical_pose
from depth_anything_ros.nodes.camera_input import CameraInput
from depth_anything_ros.types import Camera

# Focal lengths and principal points that differ by less than this share of the width are one.
_SAME_CAMERA = 0.01


class DepthRegistration:
    """
    Find how the depth images of the reference topic lie to the images.

    :param color: has the camera_info of the image.
    :param depth: has the camera_info of the reference depth.
    :param lookup: returns the second frame in the first, from TF; see `TransformLookup.lookup`.
    """

    def __init__(
        self,
        color: CameraInput,
        depth: CameraInput,
        lookup: Callable[[str, str], RigidTransform],
    ) -> None:
        self._color = color
        self.depth = depth
        self._lookup = lookup

    def of(
        self, frame_id: str, image_frame_id: str, config: DepthNodeConfig
    ) -> Registration | None:
        """
        Return how a depth image is brought to the image, or None where it is registered.

        :param frame_id: of the depth image.
        :param image_frame_id: of the image; where empty, the frame of its camera_info counts.
        :raises CameraError: if it is not registered and a camera_info is missing or unusable.
        :raises AlignmentError: if it is not registered and TF does not connect the frames.
        :raises ConfigError: if `reference_pose` is not a pose.
        """
        mode = config.reference_registration
        image_frame_id = image_frame_id or self._color.frame_id
        same_frame = not frame_id or not image_frame_id or frame_id == image_frame_id
        # Drivers that register may go on sending the depth camera's own camera_info.
        named = bool(frame_id) and frame_id == image_frame_id
        if mode == 'registered' or (mode == 'auto' and named):
            return None
        rectified = config.image_is_rectified
        source, target = _usable(self.depth, rectified), _usable(self._color, rectified)
        same_camera = source is None or target is None or same_view(source, target)
        if mode == 'auto' and same_frame and same_camera:
            return None
        if source is None or target is None:
            missing = self.depth.topic if source is None else self._color.topic
            raise CameraError(
                f"depth in frame '{frame_id}' is not registered to the image in "
                f"'{image_frame_id}', and no calibrated camera_info has come on {missing}; "
                'turn registration on in the camera driver (depth_registration), or set '
                'reference_registration to registered if it is'
            )
        return Registration(
            source, target, self._place(config, frame_id, image_frame_id, same_frame)
        )

    def _place(
        self, config: DepthNodeConfig, frame_id: str, image_frame_id: str, same_frame: bool
    ) -> RigidTransform:
        if config.reference_pose:
            # The parameter speaks of body axes, the depth image of the optical frame.
            return optical_pose(config.reference_pose) @ OPTICAL_FROM_BODY.inverse()
        if same_frame:
            return OPTICAL_FROM_BODY @ OPTICAL_FROM_BODY.inverse()
        return self._lookup(image_frame_id, frame_id)


def _usable(camera: CameraInput, rectified: bool) -> Camera | None:
    try:
        return camera.camera(rectified)
    except CameraError:
        return None


def same_view(source: Camera, target: Camera) -> bool:
    """Tell whether two cameras show the same, but for the size of the image and the lens."""
    scaled = scale_camera(source, target.width, target.height)
    tolerance_px = _SAME_CAMERA * target.width
    return all(
        abs(getattr(scaled, name) - getattr(target, name)) <= tolerance_px
        for name in ('fx_px', 'fy_px', 'cx_px', 'cy_px')
    )
