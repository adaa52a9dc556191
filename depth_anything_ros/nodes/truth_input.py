"""Measured depth to score against: decoded, and brought to the image where it is not there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from depth_anything_ros.config import EvaluatorConfig
from depth_anything_ros.errors import AlignmentError, CameraError, DepthAnythingError
from depth_anything_ros.geometry.registration import RegistrationRule
from depth_anything_ros.geometry.unit_watch import UnitWatch
from depth_anything_ros.messages import decode_any_depth
from depth_anything_ros.nodes.backlog import Message
from depth_anything_ros.nodes.decoding import read_message
from depth_anything_ros.nodes.topics import image_type
from depth_anything_ros.parameters import steps_per_metre
from depth_anything_ros.stream.registration import DepthRegistration
from depth_anything_ros.types import Float32Array

# A frame waits for eight newer ones; what its truth waits for must have come well before.
_EARLY = 4


class TruthInput:
    """
    Read measured depth as the image's camera sees it.

    At the start of a run the first messages wait for the frame of the images, for camera_info
    and for TF.

    :param registration: says how depth lies to the image.
    :param config: transport, registration and pose of the truth.
    :param take: gets each message with its depth, float32 (H, W) in metres, NaN unknown; or with
        None and the reason why it cannot be used.
    :param doubt: told once where some look as if they were in another unit.
    """

    def __init__(
        self,
        registration: DepthRegistration,
        config: EvaluatorConfig,
        take: Callable[[Message, Float32Array | None, str], None],
        doubt: Callable[[str], None],
    ) -> None:
        self._registration = registration
        self._take = take
        self._doubt = doubt
        self._unit = config.ground_truth_depth_unit
        self._watch = UnitWatch('ground_truth', 'ground_truth_depth_unit')
        self._type = image_type(config.ground_truth_transport)
        self._rectified = config.image_is_rectified
        self._rule = RegistrationRule(
            config.ground_truth_registration,
            config.ground_truth_pose,
            'set ground_truth_registration to registered if it is',
            'set ground_truth_pose',
        )
        self._frame_id: str | None = None
        self._waiting: deque[Message] = deque()
        self._began = False

    def add(self, message: Message) -> None:
        """Take in a serialised depth image."""
        self._waiting.append(message)
        self._read()

    def see_frame(self, frame_id: str) -> None:
        """Take note of the frame of the images, or of the predictions made of them."""
        first, self._frame_id = self._frame_id is None, frame_id
        if first:
            self._read()

    def finish(self) -> None:
        """Let go of what waits."""
        self._began = True
        self._read()

    def _read(self) -> None:
        while self._waiting:
            message = self._waiting[0]
            depth_m, problem, early = None, message.lost, False
            if not problem:
                try:
                    depth_m = self._decode(message.cdr)
                except DepthAnythingError as error:
                    problem = str(error)
                    early = isinstance(error, (AlignmentError, CameraError))
            if early and not self._began and len(self._waiting) <= _EARLY:
                return
            self._began = self._began or depth_m is not None
            self._take(self._waiting.popleft(), depth_m, problem)

    def _decode(self, cdr: bytes) -> Float32Array:
        message = read_message(cdr, self._type)
        depth_m = decode_any_depth(message, steps_per_metre(self._unit))
        if self._frame_id is None and self._rule.mode != 'registered':
            raise AlignmentError(
                'no image has come to say which frame the depth is to be registered to; set '
                'ground_truth_registration to registered if it is'
            )
        doubt = self._watch.look(message, depth_m, self._unit)
        if doubt:
            self._doubt(doubt)
        found = self._registration.of(
            message.header.frame_id, self._frame_id or '', self._rule, self._rectified
        )
        return depth_m if found is None else found.register(depth_m)
