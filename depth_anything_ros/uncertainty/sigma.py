"""The uncertainty of depth in metres, from what the frame shows and a table of errors."""

from __future__ import annotations

from itertools import chain

import cv2
import numpy as np

from depth_anything_ros.result import DepthOrigin, DepthResult, FusedDepth
from depth_anything_ros.types import Alignment, DepthChoice, Float32Array
from depth_anything_ros.uncertainty.features import (
    LEVELS,
    SPANS,
    Codes,
    Evidence,
    features_of,
    sampled,
)
from depth_anything_ros.uncertainty.table import (
    BEYOND,
    CORRECTED,
    FILLED,
    FITTED,
    GIVEN,
    LEAST_SIGMA,
    MOST_SIGMA,
    UNFITTED,
    ErrorModel,
    ErrorTable,
    Factor,
    SensorNoise,
)

_LOG_ENDS = float(np.log(LEAST_SIGMA)), float(np.log(MOST_SIGMA))
# What widens a source that the table does not know.
_OTHERS = ''


class Uncertainty:
    """
    Tell how far off the depth of a frame may be.

    :param table: of the network that made the depth.
    """

    def __init__(self, table: ErrorTable) -> None:
        self.table = table
        self._shares = {name: _Shares(model) for name, model in table.models.items()}
        widened = chain.from_iterable(model.widening for model in table.models.values())
        self._sources = {key.partition('/')[0] for key in widened}

    @property
    def doubt(self) -> str:
        """Return why its numbers are to be taken with care, or ''."""
        if not self.table.generic:
            return ''
        return (
            'sigma goes by a generic table, as nothing is known of the errors of these weights; '
            'calibrate-uncertainty finds it out'
        )

    def doubt_of(self, alignment: Alignment | None) -> str:
        """Return why its numbers for depth of that scale are to be taken with care, or ''."""
        source = '' if alignment is None else alignment.source
        if not source or source in self._sources:
            return self.doubt
        unknown = (
            f"sigma may be too small: the table of errors knows nothing of scale source '{source}'"
        )
        return '; '.join(filter(None, (self.doubt, unknown)))

    def sigma(self, result: DepthResult, choice: DepthChoice) -> Float32Array | None:
        """
        Return one standard deviation of the depth of each pixel.

        :param result: of a frame.
        :param choice: of which of its depths.
        :return: float32 (H, W) in metres, NaN where depth is unknown; None without such depth.
        """
        evidence = evidence_of(result, choice)
        if evidence is None:
            # Without a scale fused depth is what was measured.
            measured = result.fused if choice is DepthChoice.FUSED else None
            return noise_of(self.table.sensor, measured.depth_m) if measured else None
        features = features_of(evidence)
        if choice is DepthChoice.NETWORK or result.fused is None:
            share = self._shares[part_of(result)].of(features, source_keys(result.alignment))
            return _times_depth(share, evidence.depth_m)
        return self._of_fused(result.fused, features, source_keys(result.alignment))

    def _of_fused(
        self, fused: FusedDepth, features: dict[str, Codes], keys: tuple[str, ...]
    ) -> Float32Array:
        filled, beyond = (self._shares[part].of(features, keys) for part in (FILLED, BEYOND))
        share = np.where(sampled(fused.origin) == DepthOrigin.BEYOND, beyond, filled)
        sigma = _times_depth(share, fused.depth_m)
        measured = fused.origin == DepthOrigin.MEASURED
        np.copyto(sigma, noise_of(self.table.sensor, fused.depth_m), where=measured)
        return sigma


def part_of(result: DepthResult) -> str:
    """Return which error model of a table is for the network's depth of a frame."""
    alignment = result.alignment
    if alignment is not None and not alignment.points:
        return GIVEN
    if alignment is None or result.reference is None:
        return UNFITTED
    return FITTED if alignment.factors is None else CORRECTED


def source_keys(alignment: Alignment | None) -> tuple[str, ...]:
    """Return what widens uncertainty by the source of the scale, the first that is known."""
    if alignment is None:
        return (_OTHERS,)
    source, reference = alignment.source, alignment.reference
    points = 0 if reference is None else len(reference)
    own = (f'{source}/{len(str(points)) - 1}',) if points else ()
    return (*own, source, _OTHERS)


def evidence_of(result: DepthResult, choice: DepthChoice) -> Evidence | None:
    """Return what is known of one depth of a frame, None without such depth."""
    metric, fused, alignment = result.metric, result.fused, result.alignment
    of_fused = choice is DepthChoice.FUSED
    if metric is None or (of_fused and fused is None):
        return None
    prediction = metric if result.relative is None else result.relative
    disagreement = prediction.disagreement
    if disagreement is not None and result.relative is not None and alignment is not None:
        # Of what is in line with depth, or inverse depth, which is about a share of depth.
        size = disagreement.shape[1], disagreement.shape[0]
        depth_m = np.asarray(cv2.resize(metric.depth_m, size, interpolation=cv2.INTER_NEAREST))
        share = np.reciprocal(depth_m) if alignment.kind.is_line_of_depth else depth_m
        disagreement = np.nan_to_num(disagreement * np.float32(alignment.scale) * share)
    return Evidence(
        fused.depth_m if of_fused and fused is not None else metric.depth_m,
        metric.depth_m,
        result.frame.rgb,
        alignment,
        result.reference,
        None if alignment is None else alignment.age_s(result.frame.stamp_ns),
        fused.origin == DepthOrigin.MEASURED if of_fused and fused is not None else None,
        disagreement,
    )


def noise_of(noise: SensorNoise, depth_m: Float32Array) -> Float32Array:
    """Return the standard deviation of measured depth, of the shape of that, in metres."""
    farther = depth_m - np.float32(noise.nearest_m)
    farther *= farther
    farther *= np.float32(noise.per_m)
    farther += np.float32(noise.least_m)
    return farther


class _Shares:
    """Reckon with one model of errors: a table of 256 numbers for each feature."""

    def __init__(self, model: ErrorModel) -> None:
        self._model = model
        self._tables = {name: _levels(name, factor) for name, factor in model.factors.items()}

    def of(self, features: dict[str, Codes], keys: tuple[str, ...]) -> Float32Array:
        """
        Return sigma as a share of depth on the grid of the features, float32 (h, w).

        :param keys: of the widening, the first that there is.
        """
        model = self._model
        total = model.base
        logs: Float32Array | None = None
        for name, factor in model.factors.items():
            codes = features.get(name)
            if codes is None:
                total += factor.unknown
            elif isinstance(codes, int):
                total += float(self._tables[name][codes])
            else:
                found = np.asarray(cv2.LUT(codes, self._tables[name]), np.float32)
                logs = found if logs is None else np.add(logs, found, out=logs)
        if logs is None:
            logs = np.zeros(_grid(features), np.float32)
        logs += np.float32(total)
        widening = next((model.widening[key] for key in keys if key in model.widening), None)
        if widening is not None:
            logs += np.interp(logs, widening.knots, widening.logs).astype(np.float32)
        share: Float32Array = np.exp(np.clip(logs, *_LOG_ENDS))
        return share


def _grid(features: dict[str, Codes]) -> tuple[int, ...]:
    return next(codes.shape for codes in features.values() if not isinstance(codes, int))


def _levels(name: str, factor: Factor) -> Float32Array:
    """Return the logarithm of a factor for each code of its feature, float32 (256,)."""
    values = np.linspace(*SPANS[name], LEVELS)
    return np.interp(values, factor.knots, factor.logs).astype(np.float32)


def _times_depth(share: Float32Array, depth_m: Float32Array) -> Float32Array:
    """Return shares on the grid times the depth of each pixel, NaN where that is no number."""
    sigma = np.asarray(cv2.resize(share, (depth_m.shape[1], depth_m.shape[0])), np.float32)
    sigma *= depth_m
    sigma[np.isinf(sigma)] = np.nan
    return sigma
