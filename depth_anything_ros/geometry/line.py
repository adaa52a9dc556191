"""
The line from what a network gives to metres, of every kind of output.

True inverse depth is a line of relative inverse depth, true depth one of affine depth; both go
about as inverse depth. So the line is taken in the numbers that are in line with true ones:
inverse depth as it is, or its reciprocal, which is depth.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from depth_anything_ros.types import Alignment, Float32Array, Float64Array, OutputKind

F = TypeVar('F', Float32Array, Float64Array)


def in_line(inverse: F, kind: OutputKind) -> F:
    """
    Return inverse depth as the numbers that a line leads through, or these as inverse depth.

    :param inverse: of the network or in 1/m, any shape.
    :param kind: of the network's output.
    :return: the same array where inverse depth is in line, else the reciprocal: infinite for what
        is not above 0, as the sky, and the other way round what is nearer than the camera.
    """
    if not kind.is_line_of_depth:
        return inverse
    with np.errstate(divide='ignore'):
        found = np.reciprocal(inverse)
    return np.where(inverse <= 0, inverse.dtype.type(np.inf), found)


def aligned(values: F, alignment: Alignment) -> F:
    """
    Return inverse depth by scale and shift alone.

    :param values: what the network gives, any shape.
    :return: of the same shape and type, in 1/m; no depth where that is not above 0 or infinite.
    """
    line = np.multiply(in_line(values, alignment.kind), alignment.scale, dtype=values.dtype)
    line += alignment.shift
    return in_line(line, alignment.kind)


def carried(inverse: F, before: Alignment, after: Alignment) -> F:
    """
    Return what one alignment makes of that which another makes `inverse` of.

    :param inverse: inverse depth by the alignment `before`, any shape, in 1/m.
    :param after: the other alignment, of the same network.
    :return: of the same shape and type, in 1/m; no depth where that is not above 0 or infinite.
    """
    gain = after.scale / before.scale
    line = np.multiply(in_line(inverse, before.kind) - before.shift, gain, dtype=inverse.dtype)
    line += after.shift
    return in_line(line, after.kind)
