"""Whether live depth looks as if it came in another unit than it is read in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from depth_anything_ros.geometry.plausibility import FRAMES, DepthUnit, unit_warning
from depth_anything_ros.messages import has_integer_depth
from depth_anything_ros.parameters import MILLIMETRES, steps_per_metre
from depth_anything_ros.types import Float32Array

# Every fourth pixel of every fourth row is enough for a median.
_STRIDE = 4
# The unit may change while the node runs, as when another camera takes over: so many images later
# some are looked at again.
_PERIOD = 100


class UnitWatch:
    """
    Look at the unit of the first depth images of a topic, and of some later ones.

    The rule is that of the data sets.

    `impossible` says that no camera or lidar measures what they show, or is empty; what is only
    unusual, as the depth of a road, is told once and not kept.

    :param topic: base name of the topic.
    :param parameter: sets the unit.
    """

    def __init__(self, topic: str, parameter: str) -> None:
        self._topic = topic
        self._parameter = parameter
        self._forget()

    def _forget(self) -> None:
        """Look at the next images as if they were the first ones."""
        self._unit = ''
        self._some_m: list[Float32Array] = []
        self._seen = 0
        self._told = False
        self.impossible = ''

    def look(self, message: Any, depth_m: Float32Array, unit: str) -> str:
        """
        Return once, with the last of some images, why their unit is doubtful; else ''.

        :param message: an Image or CompressedImage.
        :param depth_m: (H, W) of the message in metres, NaN where unknown.
        :param unit: that integers were read in; another one than before starts anew.
        """
        if unit != self._unit:
            self._forget()
            self._unit = unit
        place, self._seen = self._seen % _PERIOD, self._seen + 1
        if place == 0:
            self._some_m.clear()
        if place < FRAMES:
            self._some_m.append(depth_m[::_STRIDE, ::_STRIDE].copy())
        if place != FRAMES - 1:
            return ''
        steps_per_m = steps_per_metre(unit) if has_integer_depth(message) else None
        told = DepthUnit(steps_per_m, told=True)
        self.impossible = self._doubt(told)
        doubt = self._doubt(replace(told, told=unit != MILLIMETRES))
        if self._told or not doubt:
            return ''
        self._told = True
        return doubt

    def _doubt(self, unit: DepthUnit) -> str:
        # The parameter is of integers: floats are metres.
        option = f'{self._parameter}:=' if unit.steps_per_m is not None else ''
        return unit_warning(self._topic, self._some_m, unit, option, 'set the unit')
