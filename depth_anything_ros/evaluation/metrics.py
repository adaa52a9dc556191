"""
The table of depth metrics, and which of them are scored.

A metric is a function of what it `reads` of a :class:`View`: by default predicted and true depth
of the scored pixels. One that needs whole images, a camera or a confidence names those properties,
and has no value, NaN, where the view lacks one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from depth_anything_ros.errors import UnknownNameError
from depth_anything_ros.evaluation import pixel_metrics as pixels
from depth_anything_ros.evaluation.cloud_distance import chamfer, cloud_f1
from depth_anything_ros.evaluation.edges import edge_f1
from depth_anything_ros.evaluation.metric import Better, Group, Metric
from depth_anything_ros.evaluation.obstacle_rows import obstacle_rows
from depth_anything_ros.evaluation.planes import planarity_error, plane_angle
from depth_anything_ros.evaluation.point_pairs import pair_accuracy
from depth_anything_ros.evaluation.sigma_rows import sigma_rows
from depth_anything_ros.evaluation.sparsification import aurg, ause
from depth_anything_ros.evaluation.view import BANDS
from depth_anything_ros.registry import Registry

__all__ = [
    'METRICS',
    'Better',
    'Group',
    'Metric',
    'MetricWords',
    'asked_metrics',
    'chosen_metrics',
    'family',
    'is_detail',
    'require_one_metric',
]

DEFAULT, ALL = 'default', 'all'


def _delta(power: float, name: str) -> Metric:
    threshold = 1.25**power
    return Metric(
        name=name,
        unit='',
        better=Better.HIGHER,
        formula=f'share of pixels with max(p / t, t / p) < {threshold:.6g}',
        function=pixels.share_below(threshold),
        reads=('worst_ratio',),
        short=f'δ{power:g}',
    )


def _band(place: int) -> Metric:
    ends = ['0', *(f'max / {2**power}' for power in reversed(range(1, BANDS))), 'max']
    return Metric(
        name=f'abs_rel_band{place + 1}',
        unit='',
        better=Better.LOWER,
        formula=f'Σ |p − t| / t / N where {ends[place]} < t ≤ {ends[place + 1]}, max the far end '
        'of the range',
        function=pixels.of_band(place),
        averaging='over the pixels of the band in an image, then over the images that have 100',
        reads=('band_errors',),
        short=f'AbsRel band {place + 1}',
        group=Group.DISTANCE,
        undefined='fewer than 100 pixels in the band',
    )


METRICS: Registry[Metric] = Registry(
    'metric',
    {
        metric.name: metric
        for metric in (
            Metric(
                'abs_rel', '', Better.LOWER, 'Σ |p − t| / t / N', pixels.abs_rel,
                reads=('relative_error',), short='AbsRel',
            ),
            Metric(
                'rmse', 'm', Better.LOWER, '√(Σ (p − t)² / N)', pixels.rmse,
                reads=('error_m',), short='RMSE',
            ),
            Metric(
                'mae', 'm', Better.LOWER, 'Σ |p − t| / N', pixels.mae,
                reads=('error_m',), short='MAE',
            ),
            Metric(
                'silog', '100 ln', Better.LOWER, '100 · √(Σ e² / N − (Σ e / N)²), e = ln p − ln t',
                pixels.silog, reads=('log_ratio',), short='SILog',
            ),
            _delta(1, 'delta1'),
            _delta(2, 'delta2'),
            _delta(3, 'delta3'),
            _delta(0.5, 'delta05'),
            Metric(
                'sq_rel', 'm', Better.LOWER, 'Σ (p − t)² / t / N', pixels.sq_rel,
                reads=('error_m', 'truth_m'), short='SqRel',
            ),
            Metric(
                'rmse_log', '', Better.LOWER, '√(Σ (ln p − ln t)² / N)', pixels.rmse_log,
                reads=('log_ratio',), short='RMSElog',
            ),
            Metric(
                'log10', '', Better.LOWER, 'Σ |log10 p − log10 t| / N', pixels.log10,
                reads=('log_ratio',), short='log10',
            ),
            *map(_band, range(BANDS)),
            Metric(
                'edge_f1', '', Better.HIGHER,
                'F1 of neighbours more than r apart in depth, averaged over r from 1.05 to 1.25',
                edge_f1, averaging='over directions and sizes r in an image, then over images',
                reads=('depth_m', 'true_depth_m', 'scored'), short='edge F1', group=Group.EDGES,
                undefined='no edge in the truth', on_request=True,
            ),
            Metric(
                'chamfer', 'm', Better.LOWER,
                '(mean distance of p to the cloud of t + that of t to the cloud of p) / 2',
                chamfer, averaging='over the points of an image, then over images',
                reads=('cloud_distances',), short='chamfer', group=Group.CLOUD,
                undefined='no camera, or fewer than 100 points', on_request=True,
            ),
            Metric(
                'cloud_f1', '', Better.HIGHER,
                'F1 of the shares of points within 5 cm of the other cloud',
                cloud_f1, averaging='over the points of an image, then over images',
                reads=('cloud_distances',), short='cloud F1', group=Group.CLOUD,
                undefined='no camera, or fewer than 100 points', on_request=True,
            ),
            Metric(
                'planarity_error', 'm', Better.LOWER,
                'standard deviation of p about its plane, where the truth is flat',
                planarity_error, averaging='over the planes of an image, then over images',
                reads=('plane_errors',), short='planarity', group=Group.PLANES,
                undefined='no camera, or no plane of 4 % of the image', on_request=True,
            ),
            Metric(
                'plane_angle', '°', Better.LOWER,
                'angle between the normals of predicted and true plane',
                plane_angle, averaging='over the planes of an image, then over images',
                reads=('plane_errors',), short='plane angle', group=Group.PLANES,
                undefined='no camera, or no plane of 4 % of the image', on_request=True,
            ),
            *obstacle_rows(),
            Metric(
                'pair_accuracy', '', Better.HIGHER,
                'share of pairs of points whose nearer one is predicted nearer',
                pair_accuracy, averaging='over the pairs of all images',
                reads=('nearness', 'pairs'), short='pair accuracy', group=Group.ORDER,
                undefined='no pairs of points', on_request=True, pooled=True,
            ),
            Metric(
                'ause', '', Better.LOWER,
                'area between the curves of AbsRel left when the least sure and when the worst '
                'pixels are taken away',
                ause, averaging='over the pixels of an image, then over images',
                reads=('sparsification',), short='AUSE', group=Group.CONFIDENCE,
                undefined='no confidence, or fewer than 100 pixels', on_request=True,
            ),
            Metric(
                'aurg', '', Better.HIGHER,
                'area below AbsRel of the curve of AbsRel left when the least sure pixels are '
                'taken away; a random order has 0',
                aurg, averaging='over the pixels of an image, then over images',
                reads=('sparsification',), short='AURG', group=Group.CONFIDENCE,
                undefined='no confidence, or fewer than 100 pixels', on_request=True,
            ),
            *sigma_rows(),
        )
    },
)  # fmt: skip


class MetricWords(Iterable[str]):
    """The words that ask for metrics, names and families, those that come later included."""

    def __iter__(self) -> Iterator[str]:
        """Iterate over them in the order of the table; details come with their family only."""
        told = [DEFAULT, ALL]
        for name, metric in METRICS.items():
            told += [family(name)] if metric.detail else [family(name), name]
        return iter(dict.fromkeys(told))


def family(name: str) -> str:
    """Return what a metric has in common with others: its name up to a dot."""
    return name.partition('.')[0]


def require_one_metric(word: str) -> None:
    """
    Check that a word is the name of one metric.

    :raises UnknownNameError: if it is unknown, or what several have in common; the message lists
        these, else the known.
    """
    members = [name for name in METRICS if name != word and family(name) == word]
    if members:
        raise UnknownNameError(
            f"'{word}' is {len(members)} metrics, name one: {', '.join(members)}"
        )
    METRICS[word]


def is_detail(name: str) -> bool:
    """Return whether a figure has a table of its own, and no place among the others."""
    return name in METRICS and METRICS[name].detail


def chosen_metrics(words: Iterable[str] = ()) -> tuple[str, ...]:
    """
    Return the names of the metrics to score, in the order of the table: the default ones always.

    :param words: what is asked for beside them, see :func:`asked_metrics`.
    :raises UnknownNameError: if a name is unknown; the message lists the known.
    """
    asked = asked_metrics(words)
    return tuple(name for name in METRICS if not METRICS[name].on_request or name in asked)


def asked_metrics(words: Iterable[str]) -> tuple[str, ...]:
    """
    Return the names of the metrics that words ask for.

    :param words: names; what stands before a dot is all names that begin so, `all` is every
        metric of depth images, `default` none.
    :raises UnknownNameError: if a name is unknown; the message lists the known.
    """
    words = set(words)
    families = {family(name) for name in METRICS if '.' in name}
    named = {METRICS[word].name for word in words - {DEFAULT, ALL} - families}
    named |= {name for name in METRICS if family(name) in words & families}
    if ALL in words:
        # Pairs of points come with their own data sets, which need no asking.
        named |= {name for name, metric in METRICS.items() if metric.group is not Group.ORDER}
    return tuple(name for name in METRICS if name in named)
