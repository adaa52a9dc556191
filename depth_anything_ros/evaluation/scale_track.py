"""The scale that the depth node used over a run, frame by frame."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float64Array


class ScaleTrack:
    """Keep scale and shift of each frame: 1 / depth = scale · values + shift."""

    def __init__(self) -> None:
        self._stamps_ns = array('q')
        self._values = {name: array('d') for name in ('scale', 'shift')}

    def add(self, stamp_ns: int, scale: float, shift: float) -> None:
        """Append those of a frame."""
        self._stamps_ns.append(stamp_ns)
        self._values['scale'].append(scale)
        self._values['shift'].append(shift)

    def stamps_ns(self) -> NDArray[np.int64]:
        """Return a copy of the stamps of the frames, (n,)."""
        return np.array(self._stamps_ns, np.int64)

    def values(self, name: str) -> Float64Array:
        """Return a copy of every frame's `scale` or `shift`, (n,)."""
        return np.array(self._values[name], np.float64)
