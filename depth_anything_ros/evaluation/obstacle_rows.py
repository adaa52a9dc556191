"""The rows of the table of metrics that are about obstacles."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from depth_anything_ros.evaluation import obstacle_metrics as obstacles
from depth_anything_ros.evaluation.metric import Better, Group, Metric
from depth_anything_ros.evaluation.obstacle_metrics import ALL, PARTS, Part, metric_name

_NOTHING = 'no camera, no ground in view, or no'


def obstacle_rows() -> Iterator[Metric]:
    """Yield the metrics of all obstacles, then those of each band of distance and each size."""
    missed, false, distance = _of_part(ALL)
    yield missed
    yield _row(
        metric_name('missed_cells'), 'share of true obstacle cells that are not found',
        obstacles.missed_cells, 'cells missed', 'cells', 'obstacle',
    )  # fmt: skip
    yield false
    yield _row(
        metric_name('false_free'),
        'share of true cells within the braking distance that p sees through',
        obstacles.false_free, 'false free', 'cells', 'obstacle within the braking distance',
    )  # fmt: skip
    yield distance
    yield _row(
        metric_name('missed', 'scan'), 'share of beams made of p that pass where those of t stop',
        obstacles.missed_beams, 'beams missed', 'beams', 'beam that stops', 'beam_errors',
    )  # fmt: skip
    yield _row(
        metric_name('false', 'scan'), 'share of beams made of p that stop before those of t',
        obstacles.false_beams, 'beams false', 'beams', 'beam that stops', 'beam_errors',
    )  # fmt: skip
    for part in PARTS[1:]:
        yield from _of_part(part)


def _of_part(part: Part) -> tuple[Metric, Metric, Metric]:
    of = '' if part is ALL else f' ({part.text})'
    return (
        _row(
            metric_name('missed', part.name),
            f'share of obstacles{of} of which less than half is found',
            obstacles.missed(part), 'obstacles missed', 'obstacles', f'obstacle{of}',
            detail=part is not ALL,
        ),
        _row(
            metric_name('false', part.name),
            f'share of predicted obstacle cells{of} that t sees through',
            obstacles.false(part), 'cells false', 'cells', f'obstacle{of} predicted',
            detail=part is not ALL,
        ),
        _row(
            metric_name('distance_m', part.name),
            f'Σ |p − t| / N of the distances of true obstacle cells{of}',
            obstacles.distance_error(part), 'obstacle distance', 'cells', f'obstacle{of}',
            unit='m', detail=part is not ALL,
        ),
    )  # fmt: skip


def _row(
    name: str,
    formula: str,
    function: Callable[..., float],
    short: str,
    averaged: str,
    undefined: str,
    reads: str = 'obstacles',
    *,
    unit: str = '',
    detail: bool = False,
) -> Metric:
    return Metric(
        name, unit, Better.LOWER, formula, function,
        averaging=f'over the {averaged} of an image, then over images', reads=(reads,),
        short=short, group=Group.OBSTACLES, undefined=f'{_NOTHING} {undefined}', on_request=True,
        detail=detail,
    )  # fmt: skip
