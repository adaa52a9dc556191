"""Obstacles by distance and by size, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from depth_anything_ros.evaluation.obstacle_metrics import PARTS, Part, metric_name
from depth_anything_ros.evaluation.obstacle_rule import ObstacleRule
from depth_anything_ros.evaluation.obstacles import band_edges_m
from depth_anything_ros.evaluation.protocol import Means
from depth_anything_ros.table import UNKNOWN, Table, number

_FORMS = {'missed': '.1%', 'false': '.1%', 'distance_m': '.3f'}
_HEADINGS = 'missed', 'cells false', 'distance error in m'


def obstacle_table(means: Mapping[str, Means], rule: ObstacleRule, heading: str) -> Table | None:
    """
    Return what is missed, what is false and how far off it is, of each part of the obstacles.

    :param means: the mean metrics by what has them.
    :param rule: what an obstacle is.
    :param heading: what has metrics: model, alignment.
    :return: None where nothing knows of obstacles.
    """
    rows = [
        [label, part_text(part, rule), *_cells(found, part)]
        for label, found in means.items()
        for part in PARTS
    ]
    rows = [row for row in rows if set(row[2:]) != {UNKNOWN}]
    return Table([heading, 'obstacles', *_HEADINGS], rows) if rows else None


def part_text(part: Part, rule: ObstacleRule) -> str:
    """Return in words which obstacles a part has."""
    if part.band is None:
        return part.text
    near_m, far_m = list(pairwise((0.0, *band_edges_m(rule))))[part.band]
    return f'{near_m:g} to {far_m:g} m away'


def _cells(found: Means, part: Part) -> list[str]:
    return [number(found.get(metric_name(what, part.name)), form) for what, form in _FORMS.items()]
