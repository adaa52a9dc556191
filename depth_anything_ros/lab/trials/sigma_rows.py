"""Pixels of depth whose truth is known: what tells of their errors, and how far off they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.lab.trials.sigma_cases import SigmaCase
from depth_anything_ros.result import DepthOrigin
from depth_anything_ros.types import DepthChoice, Float32Array
from depth_anything_ros.uncertainty.features import SPANS, features_of, sampled
from depth_anything_ros.uncertainty.sigma import evidence_of, part_of, source_keys
from depth_anything_ros.uncertainty.table import BEYOND, FILLED

FEATURES = tuple(SPANS)
NOT_KNOWN = -1
_PARTS = {DepthOrigin.FILLED: FILLED, DepthOrigin.BEYOND: BEYOND}


@dataclass(frozen=True)
class Rows:
    """
    Pixels of one part of a table and one scale source, (n,) each.

    `keys` name the widening, as :func:`source_keys` gives them. `codes` are those of the features,
    int16 (n, features) in the order of `FEATURES`, −1 where one is not known; `errors` are
    (t − p) / p, above −1.
    """

    part: str
    keys: tuple[str, ...]
    codes: NDArray[np.int16]
    errors: Float32Array


def rows_of(case: SigmaCase, count: int, rng: np.random.Generator) -> Iterator[Rows]:
    """Yield random pixels of a depth, at most so many."""
    evidence = evidence_of(case.result, case.choice)
    assert evidence is not None, 'a case has depth'
    depth_m, truth_m = (sampled(image).ravel() for image in (evidence.depth_m, case.truth_m))
    with np.errstate(invalid='ignore'):
        places = np.flatnonzero((depth_m > 0) & np.isfinite(depth_m) & np.isfinite(truth_m))
    places = rng.permutation(places)[:count]
    codes = np.full((len(places), len(FEATURES)), NOT_KNOWN, np.int16)
    for name, found in features_of(evidence).items():
        codes[:, FEATURES.index(name)] = found if isinstance(found, int) else found.ravel()[places]
    errors = (truth_m[places] - depth_m[places]) / depth_m[places]
    keys, fused = source_keys(case.result.alignment), case.result.fused
    if case.choice is DepthChoice.NETWORK or fused is None:
        yield Rows(part_of(case.result), keys, codes, errors)
        return
    origins = sampled(fused.origin).ravel()[places]
    for origin, part in _PARTS.items():
        chosen = origins == origin
        yield Rows(part, keys, codes[chosen], errors[chosen])


def joined(rows: Sequence[Rows]) -> tuple[NDArray[np.int16], Float32Array]:
    """Return the codes and the errors of rows one after the other."""
    codes = np.concatenate([each.codes for each in rows])
    return codes, np.concatenate([each.errors for each in rows])
