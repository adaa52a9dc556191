"""Whether live depth looks as if it came in another unit than it is read in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from depth_anything_ros.geometry.plausibility import FRAMES, DepthUnit, unit_warning
from depth_anything_ros.parameters import MILLIMETRES, steps_per_metre
from depth_anything_ros.types import Float32Array

# Every fourth pixel of every fourth row is enough for a median.
_STRIDE = 4


class UnitWatch:
    """
    Look at the unit of the first depth images of a topic, by the rule of the data sets.

    `impossible` says that no camera or lidar measures what they show, or is empty; what is only
    unusual, as the depth of a road, is told once and not kept.

    :param topic: base name of the topic.
    :param parameter: sets the unit.
    """

    def __init__(self, topic: str, parameter: str) -> None:
        self._topic = topic
        self._parameter = parameter
        self.forget()

    def forget(self) -> None:
        """Look at the next images as if they were the first ones."""
        self._unit = ''
        self._first_m: list[Float32Array] = []
        self.impossible = ''

    def look(self, message: Any, depth_m: Float32Array, unit: str) -> str:
        """
        Return once, with the last of the first images, why their unit is doubtful; else ''.

        :param message: an Image or CompressedImage.
        :param depth_m: (H, W) of the message in metres, NaN where unknown.
        :param unit: that integers were read in; another one than before starts anew.
        """
        if unit != self._unit:
            self.forget()
            self._unit = unit
        if len(self._first_m) == FRAMES:
            return ''
        self._first_m.append(depth_m[::_STRIDE, ::_STRIDE].copy())
        if len(self._first_m) < FRAMES:
            return ''
        form = message.encoding if hasattr(message, 'encoding') else message.format
        steps_per_m = None if form.startswith('32FC1') else steps_per_metre(unit)
        told = DepthUnit(steps_per_m, told=True)
        self.impossible = self._doubt(told)
        return self._doubt(replace(told, told=unit != MILLIMETRES))

    def _doubt(self, unit: DepthUnit) -> str:
        # The parameter is of integers: floats are metres.
        option = f'{self._parameter}:=' if unit.steps_per_m is not None else ''
        return unit_warning(self._topic, self._first_m, unit, option, 'set the unit')
