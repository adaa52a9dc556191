"""
Whether a model knows where it errs: its error while its least sure pixels are taken away.

Source: Ilg et al., "Uncertainty Estimates and Multi-Hypotheses Networks for Optical Flow" (2018);
Poggi et al., "On the Uncertainty of Self-Supervised Monocular Depth Estimation" (2020), for depth:
AbsRel, and 2 % of the pixels a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float32Array, Float64Array

_STEPS = 50
_FEWEST = 100


@dataclass(frozen=True)
class Sparsification:
    """
    Mean error of the pixels that are left, (50,) each.

    `removed` is the share of pixels that is taken away; `error` is left where the least sure are,
    `best` where those of the largest error are.
    """

    removed: Float64Array
    error: Float64Array
    best: Float64Array


def sparsification(error: Float32Array, confidence: Float32Array) -> Sparsification | None:
    """
    Return how the mean error falls while pixels are taken away, the least sure first.

    Pixels of equal confidence have the mean error of them all, as nothing tells which goes first.

    :param error: (N,), 0 or more.
    :param confidence: (N,), larger is surer; pixels where it is NaN do not count.
    :return: None below 100 pixels.

    >>> found = sparsification(np.arange(100.0), -np.arange(100.0))
    >>> [float(curve[25]) for curve in (found.removed, found.error, found.best)]
    [0.5, 24.5, 24.5]
    """
    known = np.isfinite(confidence)
    errors = error[known].astype(np.float64)
    if len(errors) < _FEWEST:
        return None
    removed = np.arange(_STEPS) / _STEPS
    left = len(errors) - (removed * len(errors)).astype(np.intp)
    return Sparsification(
        removed,
        _mean_of_first(_surest_first(errors, confidence[known]), left),
        _mean_of_first(np.sort(errors), left),
    )


def ause(curves: Sparsification) -> float:
    """
    Return the area between the sparsification curve of AbsRel and the best one; no unit.

    It is the mean of the curves' difference over 0, 2, … 98 % of the pixels taken away: 0 where
    the model is least sure where it errs most, which is best. Over images each counts the same.

    >>> error = np.linspace(0, 1, 100)
    >>> ause(sparsification(error, -error))
    0.0
    >>> round(ause(sparsification(error, error)), 2)
    0.49
    """
    return float(np.mean(curves.error - curves.best))


def aurg(curves: Sparsification) -> float:
    """
    Return the area of the sparsification curve of AbsRel below that of a random order; no unit.

    A random order leaves AbsRel as it is. 0 is no better than that, below 0 worse.

    >>> error = np.linspace(0, 1, 100)
    >>> round(aurg(sparsification(error, -error)), 3)
    0.247
    >>> aurg(sparsification(error, np.ones(100)))
    0.0
    """
    return float(np.mean(curves.error[0] - curves.error))


def mean_curves(found: Sequence[Sparsification]) -> Sparsification:
    """Return the mean of the curves of images, at least one, each counting the same."""
    return Sparsification(
        found[0].removed,
        np.mean([curves.error for curves in found], axis=0),
        np.mean([curves.best for curves in found], axis=0),
    )


def _surest_first(error: Float64Array, confidence: Float32Array) -> Float64Array:
    """Return the errors in the order of their confidence; equal ones share their mean."""
    order = np.argsort(-confidence)
    error, confidence = error[order], confidence[order]
    starts = np.flatnonzero(np.append(True, confidence[1:] != confidence[:-1]))
    sizes = np.diff(np.append(starts, len(error)))
    return np.repeat(np.add.reduceat(error, starts) / sizes, sizes)


def _mean_of_first(error: Float64Array, counts: NDArray[np.intp]) -> Float64Array:
    means: Float64Array = np.cumsum(error)[counts - 1] / counts
    return means
