"""Where frames lie in the world that is shown."""

from __future__ import annotations

from typing import Protocol

from depth_anything_ros.geometry.transform import RigidTransform


class Transforms(Protocol):
    """What is asked of TF."""

    def root(self, frame: str) -> str:
        """Return the frame that a frame hangs from in the end; itself where TF is silent."""

    def lookup(self, target: str, source: str, time_ns: int) -> RigidTransform:
        """Return the source frame in the target frame; AlignmentError if TF has no such."""


class Places:
    """
    Place frames in a fixed one.

    :param transforms: TF.
    :param fixed: the fixed frame; '' is the one that the camera hangs from in the end: the
        odometry or the map of a robot that publishes TF, the camera itself without TF.
    """

    def __init__(self, transforms: Transforms, fixed: str = '') -> None:
        self._transforms = transforms
        self._fixed = fixed
        self._camera: str | None = None

    def fixed(self, camera: str) -> str:
        """
        Return the name of the fixed frame.

        :param camera: a camera's frame; the first one asked for decides.
        """
        if self._camera is None:
            self._camera = camera
        return self._fixed or self._transforms.root(self._camera)

    def place(self, frame: str, time_ns: int) -> RigidTransform:
        """
        Return a frame in the fixed one.

        :raises AlignmentError: if TF does not connect the two.
        :raises DatasetError: if the bag that TF comes from is damaged.
        """
        return self._transforms.lookup(self.fixed(frame), frame, time_ns)
