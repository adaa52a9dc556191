"""What is declared of messages that measure: for scale sources, and how the camera moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.geometry.registration import RegistrationRule
from depth_anything_ros.geometry.reprojection import Registration
from depth_anything_ros.geometry.transform import RigidTransform

RAW = 'raw'
_COMPRESSED = 'sensor_msgs/msg/CompressedImage'


class NoImageYetError(AlignmentError):
    """Say that a message can be taken only once an image has named the frame of the camera."""


class Surroundings(Protocol):
    """Where the sensor of a message lies to the camera, as the node knows it at this moment."""

    def place(self, frame_id: str, pose: str, cure: str) -> RigidTransform:
        """
        Return where a sensor lies in the camera's optical frame.

        :param frame_id: of the message.
        :param pose: `x y z roll pitch yaw` along the camera's body axes; '' asks TF.
        :param cure: what to do where TF does not tell, for the message.
        :raises NoImageYetError: if TF is to be asked and no image has come.
        :raises AlignmentError: if TF does not connect the frames.
        """

    def registration(
        self, frame_id: str, size: tuple[int, int] | None, rule: RegistrationRule
    ) -> Registration | None:
        """
        Return how a depth image is brought to the image, or None where it is registered.

        :param frame_id: of the depth image.
        :param size: (H, W) of the depth image, None where it is not known.
        :raises NoImageYetError: if the rule needs the frame of the image and none has come.
        :raises DepthAnythingError: as `RegistrationRule.find`.
        """


@runtime_checkable
class Refusing(Protocol):
    """What tells its frames why none of its references can be used."""

    def refuse(self, reason: str) -> None:
        """Take note of why a reference could not be taken in."""


class Intake(Protocol):
    """Bring the messages of a topic to who measures by it; made anew with each subscription."""

    @property
    def doubt(self) -> str:
        """Return why what came cannot be right, or ''."""

    def take(self, source: Any, message: Any, own: Any, around: Surroundings) -> str:
        """
        Give a message to the source as a reference.

        :param source: the scale source or the history of poses at work.
        :param message: read by its fields alone.
        :param own: its parameters that are in force now.
        :return: what to warn of, or ''.
        :raises NoImageYetError: to be given the message again with the first image.
        :raises DepthAnythingError: if it cannot be used.
        """


def _always(_own: Any) -> bool:
    return True


def _never(_own: Any) -> bool:
    return False


@dataclass(frozen=True)
class ReferenceTopic:
    """
    Declare a topic by which a scale source measures, or the motion of the camera is known.

    `name` is the base name, which is remapped; `message` the type as ROS writes it,
    'sensor_msgs/msg/LaserScan'; `intake` what brings its messages to the source; `help` says in
    the documents when they are wanted. By the source's own parameters `needed` tells whether the
    topic is listened to, `optional` whether it may be done without where its messages are not
    installed, and `needs_tf` whether TF may be asked for the sensor's place.

    For images, `transport` names the parameter that says how they come, and `transports` has
    what is to be known of each way but raw, which are CompressedImages; `camera_info` is the
    topic of their calibration.
    """

    name: str
    message: str
    intake: Callable[[], Intake]
    help: str = ''
    transport: str = ''
    transports: Mapping[str, str] = field(default_factory=dict)
    camera_info: str = ''
    needed: Callable[[Any], bool] = _always
    optional: Callable[[Any], bool] = _never
    needs_tf: Callable[[Any], bool] = _never

    def transport_by(self, own: Any) -> str:
        """Return how messages come by the parameters of the source: `raw` or a transport."""
        return str(getattr(own, self.transport)) if self.transport else RAW

    def type_by(self, own: Any) -> str:
        """Return the type in which messages come by the parameters of the source."""
        return self.message if self.transport_by(own) == RAW else _COMPRESSED
