"""Whether the motion of the camera is known, and whether the images agree with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

# The states of frames before which the camera moved.
FOLLOWED, CONTRADICTED = 'follows the camera', 'the motion contradicts the image'
# Of the last frames in which the camera moved, half must agree; too few tell nothing.
_JUDGED, _FEWEST = 30, 10


class MotionWatch:
    """
    Say in words how a step knew the motion of the camera.

    `state` is of the last frame.
    """

    def __init__(self) -> None:
        self._agreed: deque[bool] = deque(maxlen=_JUDGED)
        self._fault = self._cause = ''
        self._since_cause = _JUDGED
        self.state = 'no frame yet'

    @property
    def contradicted(self) -> bool:
        """Return whether most of the last frames in which the camera moved contradict it."""
        return len(self._agreed) >= _FEWEST and 2 * sum(self._agreed) < len(self._agreed)

    @property
    def doubt(self) -> str:
        """Return what is wrong with the motion that comes, or ''."""
        if self._fault or not self.contradicted:
            return self._fault
        return f'the motion of odometry or TF contradicts images and is left out: {self._cause}'

    def unknown(self, reason: str, fault: bool) -> None:
        """Note a frame before which nobody knows how the camera moved, and whether it should."""
        self.state = f'motion of the camera unknown: {reason}'
        self._fault = f'depth is smoothed as if the camera stood still: {reason}' if fault else ''

    def stands(self) -> None:
        """Note a frame before which the camera did not move."""
        self.state, self._fault = 'the camera stands still', ''

    def moved(self, agreed: bool, cause: Callable[[], str]) -> None:
        """
        Note a frame before which the camera moved, and whether its image shows that.

        :param cause: finds out what is wrong; asked at times, as it takes long.
        """
        self.state = FOLLOWED if agreed else CONTRADICTED
        self._fault = ''
        self._agreed.append(agreed)
        self._since_cause += 1
        if self.contradicted and self._since_cause >= _JUDGED:
            self._cause, self._since_cause = cause(), 0
