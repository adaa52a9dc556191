"""What a scale source is: something that brings relative inverse depth to metres."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, runtime_checkable

from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.references import ReferenceTopic
from depth_anything_ros.types import Alignment, Camera, Frame, RelativeInverseDepth


class AlignmentSource(Protocol):
    """Give scale and shift for the frames of a relative model."""

    name: str

    def align(
        self, relative: RelativeInverseDepth, stamp_ns: int, camera: Camera | None = None
    ) -> Alignment:
        """
        Return the alignment of one frame.

        :param relative: the network's output at the image's size, larger is nearer.
        :param stamp_ns: acquisition time of the image.
        :param camera: the image's camera, or None where it is not known.
        :raises AlignmentError: if no trustworthy alignment can be had.
        """


class ScaleSource(AlignmentSource, Protocol):
    """
    Be one entry of the table of scale sources.

    `parameters` is the config class of its own parameters, which the node has as well;
    `references` are the topics that it measures with.
    """

    parameters: ClassVar[type]
    references: ClassVar[tuple[ReferenceTopic, ...]]

    @classmethod
    def from_config(cls, config: Any) -> ScaleSource:
        """Return the source as its parameters, of the class `parameters`, describe it."""


@runtime_checkable
class FollowsCamera(Protocol):
    """Measure by the images and by how the camera moves; the pipeline shows both."""

    def see(self, frame: Frame, poses: PoseHistory) -> None:
        """
        Take in an image before its alignment is asked for, every one and in order.

        :param poses: where the camera was, as far as it is known by now.
        """
