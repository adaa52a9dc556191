"""Units of integer depth images, as parameters, data words and indices name them."""

from __future__ import annotations

import math
import re

from depth_anything_ros.errors import ConfigError

# Steps a metre. Source: TUM RGB-D's file formats; KITTI's devkit (read the depth maps as / 256).
DEPTH_UNITS = {'mm': 1000.0, 'cm': 100.0, '0.1mm': 10_000.0, 'tum': 5000.0, 'kitti': 256.0}
# What REP 118 and most publishers mean.
MILLIMETRES = 'mm'

_FORM = f'{", ".join(DEPTH_UNITS)}, steps a metre as in 5000/m, or metres a step as in 0.0002'
_STEPS = re.compile(r'([0-9.]+)/m')
# A step of a micrometre to one of a metre.
_FEWEST, _MOST = 1.0, 1e6


def steps_per_metre(unit: str) -> float:
    """
    Return how many steps of an integer depth image are a metre.

    :param unit: a name in DEPTH_UNITS, `5000/m` for 5000 steps a metre, or `0.0002` for so many
        metres a step.
    :raises ConfigError: if it is something else, or not from a micrometre to a metre a step.
    """
    if unit in DEPTH_UNITS:
        return DEPTH_UNITS[unit]
    steps = _STEPS.fullmatch(unit)
    try:
        number = float(steps[1] if steps else unit)
        # 1 / 0.0002 is not quite 5000.
        count = number if steps else float(f'{1 / number:.12g}')
    except (ValueError, ZeroDivisionError):
        raise ConfigError(f"'{unit}' is not a unit of depth; write {_FORM}") from None
    if not (math.isfinite(count) and _FEWEST <= count <= _MOST):
        raise ConfigError(
            f"depth unit '{unit}' is not from 0.000001 to 1 metre a step; write {_FORM}"
        )
    return count


def check_depth_unit(config: object, name: str) -> None:
    """
    Check that a parameter is a unit of depth.

    :param config: a config object.
    :param name: name of the parameter.
    :raises ConfigError: if it is not; the message names it with its value.
    """
    try:
        steps_per_metre(getattr(config, name))
    except ConfigError as error:
        raise ConfigError(f"parameter '{name}': {error}") from error
