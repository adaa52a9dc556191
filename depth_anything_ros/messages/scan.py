"""sensor_msgs/LaserScan → LaserScan."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from depth_anything_ros.errors import MessageError
from depth_anything_ros.messages.stamps import stamp_ns
from depth_anything_ros.types import LaserScan


def decode_scan(message: Any) -> LaserScan:
    """
    Return the scan of a sensor_msgs/LaserScan.

    The ranges stay as they are: REP 117 marks what is not a distance.

    :raises MessageError: if an angle or limit is not finite, the angles do not advance or there
        are no ranges.
    """
    numbers = (message.angle_min, message.angle_increment, message.range_min)
    if not all(map(math.isfinite, numbers)) or math.isnan(message.range_max):
        raise MessageError(
            f'the scan has angle_min {message.angle_min}, angle_increment '
            f'{message.angle_increment}, range_min {message.range_min}, range_max '
            f'{message.range_max}; finite numbers are needed'
        )
    ranges_m = np.asarray(message.ranges, np.float32)
    if message.angle_increment == 0 or ranges_m.size == 0:
        raise MessageError(
            f'the scan has {ranges_m.size} ranges {message.angle_increment} rad apart; at least '
            'one range and an angle other than 0 are needed'
        )
    return LaserScan(
        ranges_m=ranges_m,
        angle_min_rad=float(message.angle_min),
        angle_step_rad=float(message.angle_increment),
        range_min_m=float(message.range_min),
        range_max_m=float(message.range_max),
        stamp_ns=stamp_ns(message.header),
        frame_id=str(message.header.frame_id),
    )
