"""Whether the motion of the camera is known, and whether the images agree with it."""

from __future__ import annotations

from collections import deque

# Of the last frames in which the camera moved, half must agree; too few tell nothing.
_JUDGED, _FEWEST = 30, 10


class MotionWatch:
    """
    Say in words how a step knew the motion of the camera.

    `state` is of the last frame.
    """

    def __init__(self) -> None:
        self._agreed: deque[bool] = deque(maxlen=_JUDGED)
        self._fault = ''
        self.state = 'no frame yet'

    @property
    def doubt(self) -> str:
        """Return what is wrong with the motion that comes, or ''."""
        agreed = self._agreed
        if self._fault or len(agreed) < _FEWEST or 2 * sum(agreed) >= len(agreed):
            return self._fault
        return (
            'the motion of odometry or TF contradicts the images: check odometry_pose and clocks'
        )

    def unknown(self, reason: str, fault: bool) -> None:
        """Note a frame before which nobody knows how the camera moved, and whether it should."""
        self.state = f'motion of the camera unknown: {reason}'
        self._fault = f'depth is smoothed as if the camera stood still: {reason}' if fault else ''

    def stands(self) -> None:
        """Note a frame before which the camera did not move."""
        self.state, self._fault = 'the camera stands still', ''

    def moved(self, agreed: bool) -> None:
        """Note a frame before which the camera moved, and whether its image shows that."""
        self.state = 'follows the camera' if agreed else 'the motion contradicts the image'
        self._fault = ''
        self._agreed.append(agreed)
