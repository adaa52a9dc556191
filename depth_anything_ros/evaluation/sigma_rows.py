"""The rows of the metrics of uncertainty: how large it is, whether it is so, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from depth_anything_ros.evaluation.metric import Better, Group, Metric
from depth_anything_ros.evaluation.reliability import coverage, miscalibration
from depth_anything_ros.evaluation.sparsification import ause
from depth_anything_ros.types import Float32Array

FAMILY = 'sigma'


def of_sigma(names: Iterable[str]) -> bool:
    """Return whether metrics of some names need uncertainty."""
    return any(name.partition('.')[0] == FAMILY for name in names)


def sigma_rows() -> tuple[Metric, ...]:
    """Return the metrics of uncertainty, σ one standard deviation of p."""
    return (
        _row(
            'coverage', 'share of pixels with |p − t| ≤ 1.645 σ: 0.9 if σ is as it should be, '
            'more if it is too large', coverage, 'within 90 %', 'reliability', Better.HIGHER,
        ),
        _row(
            'miscalibration', 'mean over 5, 10, … 95 % of |share of pixels within that interval − '
            'it|', miscalibration, 'miscalibration', 'reliability',
        ),
        _row(
            'ause', 'area between the curves of AbsRel left when the largest σ / p and when the '
            'worst pixels are taken away', ause, 'AUSE by σ', 'sigma_sparsification',
        ),
        _row('share', 'median of σ / p', _median, 'σ / p', 'sigma_share'),
    )  # fmt: skip


def _row(
    name: str,
    formula: str,
    function: Callable[..., float],
    short: str,
    reads: str,
    better: Better = Better.LOWER,
) -> Metric:
    return Metric(
        f'{FAMILY}.{name}', '', better, formula, function, reads=(reads,), short=short,
        group=Group.UNCERTAINTY, on_request=True,
        undefined='no uncertainty of the depth, or fewer than 100 pixels',
    )  # fmt: skip


def _median(share: Float32Array) -> float:
    return float(np.nanmedian(share)) if np.isfinite(share).any() else float('nan')
