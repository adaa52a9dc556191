"""Whether reference depth is registered to the image, by what camera_info and TF say now."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from depth_anything_ros.errors import CameraError
from depth_anything_ros.geometry.registration import ImageView, Lookup, RegistrationRule
from depth_anything_ros.geometry.reprojection import Registration
from depth_anything_ros.scale import SCALE_SOURCES
from depth_anything_ros.stream.camera_input import CameraInput
from depth_anything_ros.types import Camera

Size: TypeAlias = tuple[int, int] | None


def registrations(
    color: CameraInput, topic_of: Callable[[str], str], lookup: Lookup
) -> dict[str, DepthRegistration]:
    """
    Return base topic → how its depth images lie to the images, for all that scale sources declare.

    :param color: has the camera_info of the image.
    :param topic_of: returns the full name of a base topic, for messages.
    :param lookup: as `DepthRegistration` takes it.
    """
    return {
        topic.name: DepthRegistration(color, CameraInput(topic_of(topic.camera_info)), lookup)
        for source in SCALE_SOURCES.values()
        for topic in source.references
        if topic.camera_info
    }


class DepthRegistration:
    """
    Find how the depth images of a topic lie to the images, by `RegistrationRule`.

    :param color: has the camera_info of the image.
    :param depth: has the camera_info of the depth.
    :param lookup: returns the second frame in the first, from TF; see `TransformLookup.lookup`.
    """

    def __init__(self, color: CameraInput, depth: CameraInput, lookup: Lookup) -> None:
        self._color = color
        self.depth = depth
        self._lookup = lookup

    def of(
        self,
        frame_id: str,
        image_frame_id: str,
        rule: RegistrationRule,
        rectified: bool,
        sizes: tuple[Size, Size] = (None, None),
    ) -> Registration | None:
        """
        Return how a depth image is brought to the image, or None where it is registered.

        :param frame_id: of the depth image; where empty, the frame of its camera_info counts.
        :param image_frame_id: of the image, likewise.
        :param rule: what the parameters say.
        :param rectified: take projection matrices P rather than K and D.
        :param sizes: (H, W) of depth image and image, each None where it is not known.
        :raises CameraError: if it is not registered and a camera_info is missing or unusable.
        :raises AlignmentError: if it is not registered and TF does not connect the frames, or
            one is not named.
        :raises ConfigError: if the rule's pose is not a pose.
        """
        return rule.find(
            _view(self.depth, frame_id, rectified, sizes[0]),
            _view(self._color, image_frame_id, rectified, sizes[1]),
            self._lookup,
        )


def _view(camera: CameraInput, frame_id: str, rectified: bool, size: Size) -> ImageView:
    taken, problem = _usable(camera, rectified)
    other, _ = _usable(camera, not rectified)
    return ImageView(frame_id or camera.frame_id, taken, camera.topic, other, problem, size)


def _usable(camera: CameraInput, rectified: bool) -> tuple[Camera | None, str]:
    """Return the camera, or why there is none; '' before the first camera_info."""
    try:
        return camera.camera(rectified), ''
    except CameraError as error:
        return None, str(error)
