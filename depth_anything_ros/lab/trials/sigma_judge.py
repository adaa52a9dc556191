"""Whether uncertainty is as large as it says, and largest where depth is worst."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.evaluation.reliability import interval_width
from depth_anything_ros.evaluation.sparsification import ause, sparsification
from depth_anything_ros.evaluation.view import band_edges_m
from depth_anything_ros.lab.bootstrap import Interval, ratio_interval
from depth_anything_ros.lab.trials.sigma_cases import SigmaCase
from depth_anything_ros.types import Float32Array
from depth_anything_ros.uncertainty.sigma import evidence_of

INTERVALS = (0.5, 0.68, 0.9, 0.95)
AT_90 = 2
_WIDTHS = [interval_width(share) for share in INTERVALS]
_PIXELS = 2000


class Areas(NamedTuple):
    """
    AUSE of one depth by one thing that tells of its errors, as a share of depth.

    `share` is the area between the sparsification curve of AbsRel and the best one, `metres` that
    of |p − t| in metres, by what tells times depth.
    """

    share: float
    metres: float


@dataclass(frozen=True)
class Judged:
    """
    Pixels of one depth, (n,) each: its truth, its error and one standard deviation in metres.

    `source` is the group of its image.
    `areas` are those by sigma, `flip_areas` those by what the network makes of the mirrored image,
    None where that was not asked; both are None below 100 pixels.
    """

    name: str
    source: str
    truth_m: Float32Array
    error_m: Float32Array
    sigma_m: Float32Array
    sigma_share: float
    areas: Areas | None
    flip_areas: Areas | None


def judge(
    case: SigmaCase, sigma: Float32Array, rng: np.random.Generator, source: str
) -> Judged | None:
    """
    Return what came of random pixels of a depth, None where it has none to be scored.

    :param sigma: of that depth, float32 (H, W) in metres.
    :param source: the group of its image.
    """
    evidence = evidence_of(case.result, case.choice)
    assert evidence is not None, 'a case has depth'
    places = np.flatnonzero(np.isfinite(sigma) & np.isfinite(case.truth_m))
    places = rng.permutation(places)[:_PIXELS]
    if not len(places):
        return None
    depth_m, truth_m, sigma_m = (
        image.ravel()[places] for image in (evidence.depth_m, case.truth_m, sigma)
    )
    error_m = depth_m - truth_m
    areas = partial(_areas, np.abs(error_m), truth_m, depth_m)
    flip_areas = None
    if case.flip and evidence.disagreement is not None:
        size = sigma.shape[1], sigma.shape[0]
        off = np.asarray(cv2.resize(evidence.disagreement, size), np.float32).ravel()[places]
        flip_areas = areas(off)
    shares = sigma_m / depth_m
    return Judged(
        case.name, source, truth_m, error_m, sigma_m,
        float(np.median(shares)), areas(shares), flip_areas,
    )  # fmt: skip


def _areas(
    off_m: Float32Array, truth_m: Float32Array, depth_m: Float32Array, doubt: Float32Array
) -> Areas | None:
    of_share = sparsification(off_m / truth_m, -doubt)
    of_metres = sparsification(off_m, -doubt * depth_m)
    if of_share is None or of_metres is None:
        return None
    return Areas(ause(of_share), ause(of_metres))


@dataclass(frozen=True)
class Reliability:
    """
    How true uncertainty is, of some depths together: `depths` of them.

    `coverage` are the shares of pixels within the intervals of 50, 68, 90 and 95 %, None without
    pixels, `interval` that of 95 % of the share within the interval of 90 %, by groups of images;
    `abs_rel` the mean of |p − t| / t; `sigma_share` the median of σ / p, the mean over
    depths. The areas are means over the same depths, those whose mirror image was looked at too:
    `ause` and `flip_ause` of AbsRel, `ause_m` and `flip_ause_m` of metres; see :class:`Areas`.
    """

    name: str
    depths: int
    abs_rel: float | None
    coverage: tuple[float, ...] | None
    interval: Interval | None = None
    sigma_share: float | None = None
    ause: float | None = None
    flip_ause: float | None = None
    ause_m: float | None = None
    flip_ause_m: float | None = None

    @classmethod
    def of(cls, name: str, judged: Sequence[Judged]) -> Reliability:
        """Return the figures of depths, at least one."""
        both = [
            (*each.areas, *each.flip_areas) for each in judged if each.areas and each.flip_areas
        ]
        share, metres, flip_share, flip_metres = (
            np.mean(both, axis=0).tolist() if both else (None,) * 4
        )
        return cls(
            name,
            len(judged),
            *_figures(judged, lambda truth_m: np.ones(truth_m.shape, np.bool_)),
            _interval(judged),
            float(np.mean([each.sigma_share for each in judged])),
            share,
            flip_share,
            metres,
            flip_metres,
        )


def _interval(judged: Sequence[Judged]) -> Interval | None:
    counts: dict[str, list[tuple[int, int]]] = {}
    for each in judged:
        inside = np.abs(each.error_m) <= _WIDTHS[AT_90] * each.sigma_m
        counts.setdefault(each.source, []).append((np.count_nonzero(inside), len(inside)))
    return ratio_interval({name: np.array(own, np.float64) for name, own in counts.items()})


def by_name(judged: Sequence[Judged]) -> list[Reliability]:
    """Return the figures of each way to metres, and of all."""
    names = dict.fromkeys(each.name for each in judged)
    groups = {name: [each for each in judged if each.name == name] for name in names}
    return [Reliability.of(name, group) for name, group in {**groups, 'all': judged}.items()]


def by_distance(judged: Sequence[Judged], farthest_m: float) -> list[Reliability]:
    """Return the figures of each band of true distance."""
    found: list[Reliability] = []
    near_m = 0.0
    for far_m in band_edges_m(farthest_m):
        figures = _figures(judged, _within(near_m, far_m))
        depths = sum(bool(_within(near_m, far_m)(each.truth_m).any()) for each in judged)
        found.append(Reliability(f'{near_m:g} to {far_m:g} m', depths, *figures))
        near_m = far_m
    return found


def _within(near_m: float, far_m: float) -> Callable[[Float32Array], NDArray[np.bool_]]:
    return lambda truth_m: (truth_m > near_m) & (truth_m <= far_m)


def _figures(
    judged: Sequence[Judged], chosen: Callable[[Float32Array], NDArray[np.bool_]]
) -> tuple[float | None, tuple[float, ...] | None]:
    """Return AbsRel and the coverage of the pixels whose true depth is chosen."""
    truth_m, error_m, sigma_m = (
        np.concatenate([getattr(each, part)[chosen(each.truth_m)] for each in judged])
        for part in ('truth_m', 'error_m', 'sigma_m')
    )
    if not len(truth_m):
        return None, None
    off_m = np.abs(error_m)
    inside = tuple(float(np.mean(off_m <= width * sigma_m)) for width in _WIDTHS)
    return float(np.mean(off_m / truth_m)), inside
