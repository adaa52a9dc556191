"""RViz in the frame of the camera: waits for an image to know it, then becomes RViz."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from rclpy.clock import Clock, ClockType  # type: ignore[attr-defined]  # Humble's place
from rclpy.node import Node
from rclpy.qos import QoSProfile, QoSReliabilityPolicy

from depth_anything_ros.nodes.process import run_process
from depth_anything_ros.nodes.topics import image_name, image_type
from depth_anything_ros.nodes.waiting import Waiting

LOG_PERIOD_S = 10.0
_POLL_S = 0.5


class Viewer(Node):
    """
    Find the frame of the images.

    :param found: called with the frame id of the first image.
    """

    def __init__(self, found: Callable[[str], None]) -> None:
        super().__init__('viewer')
        self._found = found
        self._has_image = False
        transport = str(self.declare_parameter('image_transport', 'raw').value)
        subscription = self.create_subscription(
            image_type(transport),
            image_name(self, 'image', transport),
            self._on_image,
            QoSProfile(depth=1, reliability=QoSReliabilityPolicy.BEST_EFFORT),
        )
        self._topic = subscription.topic_name
        self.create_timer(LOG_PERIOD_S, self._tell, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def run(self) -> None:
        """Serve until there is an image."""
        with closing(Waiting(self, _POLL_S)) as waiting:
            waiting.until(lambda: self._has_image)

    def close(self) -> None:
        """Do nothing: there is nothing to save."""

    def _on_image(self, message: Any) -> None:
        self._has_image = True
        self._found(message.header.frame_id)

    def _tell(self) -> None:
        self.get_logger().info(
            f'RViz waits for an image on {self._topic}, whose frame it will show; '
            'fixed_frame:=FRAME starts it at once'
        )


def in_frame(command: Sequence[str], frame_id: str) -> list[str]:
    """
    Return the command line of RViz with its fixed frame.

    :param command: program and arguments, with those of ROS at the end.
    """
    end = command.index('--ros-args') if '--ros-args' in command else len(command)
    frame = ['--fixed-frame', frame_id] if frame_id else []
    return [*command[:end], *frame, *command[end:]]


def main(argv: Sequence[str] | None = None) -> int:
    """
    Wait for an image and become the program that the command line names.

    :return: where no image came: see :func:`process.run_process`.
    """
    words = list(sys.argv if argv is None else argv)
    frames: list[str] = []
    code = run_process('viewer', lambda: Viewer(frames.append), words)
    if frames:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        command = in_frame(words[1:], frames[0])
        os.execvp(command[0], command)
    return code
