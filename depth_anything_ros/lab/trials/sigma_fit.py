"""A table of errors fitted to pixels whose truth is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.trials.sigma_rows import FEATURES, Rows, joined
from depth_anything_ros.types import Float32Array, Float64Array, ModelIdentity, OutputKind
from depth_anything_ros.uncertainty.features import LEVELS, SPANS
from depth_anything_ros.uncertainty.table import (
    PARTS,
    Calibration,
    ErrorModel,
    ErrorTable,
    Factor,
    SensorNoise,
)

_KNOTS = 9
_ENDS = (0.005, 0.995)
# So much of the pull of a pixel has each change of the slope between knots, and each knot.
_SMOOTH, _SMALL = 900.0, 1.0
# No error is less than that share; the logarithm of 0 would outweigh all.
_LEAST_ERROR = 1e-4
_FEWEST = 1000
_MOST = 300_000
_BINS = 8
_QUANTILE, _QUANTILE_SIGMAS = 0.9, 1.6449
# What was fitted as less certain stays so, by this part of the fit at least, where the errors of
# pixels do not tell the two apart.
_LEAST_SLOPE = 0.2
_DIGITS = 4


def fit_table(
    rows: Sequence[Rows],
    calibration: Calibration,
    identity: ModelIdentity | None,
    output: OutputKind | None,
) -> ErrorTable:
    """
    Return the table of errors that rows show.

    A part that they show too little of is fitted to all of them.

    :param identity: of the network, and `output` what it gives; None makes a generic table.
    :raises DatasetError: if there are too few pixels.
    """
    count = sum(len(each.errors) for each in rows)
    if count < _FEWEST:
        raise DatasetError(
            f'{count} pixels with known depth are too few for a table of errors; {_FEWEST} is '
            'the least'
        )
    whole: ErrorModel | None = None
    models: dict[str, ErrorModel] = {}
    for part in PARTS:
        own = [each for each in rows if each.part == part]
        if sum(len(each.errors) for each in own) >= _FEWEST:
            models[part] = fit_model(own)
            continue
        whole = whole or fit_model(rows)
        models[part] = whole
    return ErrorTable(
        model='generic' if identity is None else identity.name,
        sha256='' if identity is None else identity.sha256,
        output=output,
        calibration=calibration,
        **models,
        sensor=SensorNoise(),
    )


def fit_model(rows: Sequence[Rows]) -> ErrorModel:
    """
    Return the error model that rows show, at least 1000 pixels.

    The logarithm of |log (t / p)| is fitted by least squares as a sum of functions of the
    features, linear between knots, which tells where errors are large: twice as far and half as
    far are as wrong, while as a share of p an error by too far a depth is never more than 1.
    Quantiles of |t − p| / p by what was fitted then tell how large sigma is.
    """
    codes, errors = _some(*joined(rows))
    columns = list(_columns(codes))
    logs = np.log(np.maximum(np.abs(np.log1p(errors)), np.float32(_LEAST_ERROR)))
    base = float(np.mean(logs))
    weights = _least_squares([column.matrix(codes) for column in columns], logs - base)
    factors: dict[str, Factor] = {}
    at = 0
    for column in columns:
        own = weights[at : at + len(column.knots) + 1]
        at += len(own)
        factors[FEATURES[column.feature]] = column.factor(own)
    plain = ErrorModel(_short(base), factors, {})
    return ErrorModel(plain.base, factors, dict(_widenings(plain, rows)))


def fitted_logs(model: ErrorModel, codes: NDArray[np.int16]) -> Float32Array:
    """Return the sum of a model at pixels, without widening, (n,)."""
    total = np.full(len(codes), model.base, np.float32)
    for name, factor in model.factors.items():
        own = codes[:, FEATURES.index(name)]
        known = np.interp(_values(name, own), factor.knots, factor.logs)
        total += np.where(own < 0, factor.unknown, known).astype(np.float32)
    return total


class _Column(NamedTuple):
    """A feature and the codes at which its function has knots."""

    feature: int
    knots: Float64Array

    def matrix(self, codes: NDArray[np.int16]) -> Float32Array:
        """Return what each knot has of each pixel, and whether the feature is unknown."""
        own = codes[:, self.feature]
        # Of all codes, then looked up: there are few of them.
        levels = np.arange(LEVELS)
        hats = [np.interp(levels, self.knots, unit) for unit in np.eye(len(self.knots))]
        table = np.stack([*hats, np.zeros(LEVELS)], axis=1).astype(np.float32)
        unknown = np.zeros((1, len(self.knots) + 1), np.float32)
        unknown[0, -1] = 1.0
        # The code of what is unknown is −1, the last row.
        found: Float32Array = np.concatenate([table, unknown])[own]
        return found

    def factor(self, weights: Float64Array) -> Factor:
        """Return the function with its values."""
        name = FEATURES[self.feature]
        values = _values(name, self.knots)
        *logs, unknown = (_short(weight) for weight in weights)
        return Factor([_short(value) for value in values], logs, unknown)


def _columns(codes: NDArray[np.int16]) -> Iterator[_Column]:
    for feature in range(len(FEATURES)):
        own = codes[:, feature]
        known = own[own >= 0]
        if len(known):
            places = np.linspace(*_ENDS, _KNOTS)
            knots = np.unique(np.rint(np.quantile(known, places)))
            # Codes of few values have as many knots.
            yield _Column(feature, knots)


def _least_squares(blocks: Sequence[Float32Array], logs: Float32Array) -> Float64Array:
    """Return the weights of the columns, smooth from knot to knot."""
    matrix = np.concatenate(blocks, axis=1)
    normal = (matrix.T @ matrix).astype(np.float64)
    at = 0
    for block in blocks:
        knots = block.shape[1] - 1
        bends = np.diff(np.eye(knots), n=2, axis=0)
        normal[at : at + knots, at : at + knots] += _SMOOTH * bends.T @ bends
        at += knots + 1
    normal += _SMALL * np.eye(len(normal))
    solved: Float64Array = np.linalg.solve(normal, (matrix.T @ logs).astype(np.float64))
    return solved


def _widenings(model: ErrorModel, rows: Sequence[Rows]) -> Iterator[tuple[str, Factor]]:
    """Yield by source what brings the fitted error to one standard deviation."""
    for key in dict.fromkeys(key for each in rows for key in each.keys):
        codes, errors = joined([each for each in rows if key in each.keys])
        if len(errors) >= _FEWEST:
            yield key, _widening(fitted_logs(model, codes), np.abs(errors))


def _widening(logs: Float32Array, errors: Float32Array) -> Factor:
    """
    Return what to add to fitted logarithms so that the interval of 90 % holds 90 %.

    :param errors: |t − p| / p, of the shape of the logarithms.
    """
    bins = np.array_split(np.argsort(logs, kind='stable'), _BINS)
    middles = np.array([np.median(logs[each]) for each in bins], np.float64)
    sigmas = [np.quantile(errors[each], _QUANTILE) / _QUANTILE_SIGMAS for each in bins]
    wanted = np.log(np.maximum(sigmas, _LEAST_ERROR))
    rising = _LEAST_SLOPE * middles
    wanted = np.maximum.accumulate(wanted - rising) + rising
    knots: list[float] = []
    added: list[float] = []
    for middle, log in zip(middles.tolist(), wanted.tolist(), strict=True):
        if not knots or _short(middle) > knots[-1]:
            knots.append(_short(middle))
            added.append(_short(log - middle))
    return Factor(knots, added, 0.0)


def _some(
    codes: NDArray[np.int16], errors: Float32Array
) -> tuple[NDArray[np.int16], Float32Array]:
    """Return as many pixels as a fit takes, evenly among all."""
    step = -(-len(errors) // _MOST)
    return codes[::step], errors[::step]


def _values(name: str, codes: NDArray[np.int16] | Float64Array) -> Float64Array:
    low, high = SPANS[name]
    return low + np.asarray(codes, np.float64) * (high - low) / (LEVELS - 1)


def _short(value: float) -> float:
    return round(float(value), _DIGITS)
