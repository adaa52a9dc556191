"""Whether a contract tells the metres of a network right: its unit, and its focal length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from depth_anything_ros.lab.bootstrap import Interval
from depth_anything_ros.lab.verification.paired import slope
from depth_anything_ros.models.contract import Contract, Values
from depth_anything_ros.types import Float64Array, OutputKind

Found = tuple[Mapping[str, object], str]

# Metres are wrong where they are off by more than this factor in nearly all images: a good network
# may be off by a quarter on images of another kind.
_FACTOR = 1.5
_NEARLY_ALL = (10, 90)
# Focal lengths that differ by this factor tell whether metres depend on them.
_FOCALS = 1.2
# Depth grows with the focal length, to the power of 1, or does not, to that of 0: this is between.
_BETWEEN = 0.5
# A rule is one where the scales of images differ by no more than this from it, as a share; what is
# farther off than the second counts as that far.
_LEFT, _FARTHEST = 0.35, 1.0


def unit_findings(
    contract: Contract, scales: Float64Array, focals_px: Sequence[float | None]
) -> Iterator[Found]:
    """
    Yield the unit or the focal length that the images have, where that of the contract is wrong.

    :param scales: true depth by the depth that the numbers are, the median of each image.
    :param focals_px: of the network's input.
    """
    output = contract.output
    if output.metres_per_unit is not None:
        key, told, fitted = 'output.metres_per_unit', output.metres_per_unit, scales
    elif output.metres_at_focal_px is not None and None not in focals_px:
        key, told = 'output.metres_at_focal_px', output.metres_at_focal_px
        fitted = np.array(focals_px, np.float64) / scales
    else:
        return
    off = np.log(fitted / told)
    low, high = np.percentile(off, _NEARLY_ALL)
    one_sided = low > 0 or high < 0
    if one_sided and abs(np.median(off)) > np.log(_FACTOR):
        fits = _rounded(float(np.median(fitted)))
        yield (
            {key: fits},
            f'metres are off by a factor of {np.exp(np.median(off)):.3g}, '
            f'{np.exp(low):.3g} to {np.exp(high):.3g} in eight of ten images',
        )


def focal_findings(
    contract: Contract,
    scales: Float64Array,
    focals_px: Sequence[float | None],
    sources: Sequence[str],
    notes: list[str],
) -> Iterator[Found]:
    """
    Yield the rule of metres that the images follow, where the contract has another or none.

    :param scales: as for :func:`unit_findings`; likewise `focals_px`.
    :param sources: of each image.
    :param notes: what cannot be told is added to it.
    """
    output = contract.output
    kind = output.kind.output_kind
    if kind.is_relative and kind.has_shift:
        return
    if None in focals_px:
        notes.append('the focal rule was not tried: the images have no camera')
        return
    focals = np.array(focals_px, np.float64)
    plain, ruled = _spread(scales), _spread(scales / focals)
    has_rule = output.metres_at_focal_px is not None
    if focals.max() < _FOCALS * focals.min():
        if not has_rule and kind is not OutputKind.METRIC_DEPTH and plain.mean() < _LEFT:
            notes.append(
                f'all images have one scale, to {plain.mean():.0%}: the network may give metres; '
                'images of other focal lengths would tell by which rule'
            )
        return
    off = np.log(scales / np.median(scales)).clip(-_FARTHEST, _FARTHEST)
    power = slope(np.log(focals), off, sources)
    if power is None:
        return
    if not has_rule and power.low > _BETWEEN and ruled.mean() < _LEFT:
        focal_px = _rounded(float(np.median(focals / scales)))
        changes: dict[str, object] = {'output.metres_at_focal_px': focal_px}
        if kind is OutputKind.METRIC_DEPTH:
            inverse = output.kind is Values.METRIC_INVERSE_DEPTH
            changes |= {
                'output.kind': Values.INVERSE_DEPTH_UP_TO_SCALE if inverse
                else Values.DEPTH_UP_TO_SCALE,
                'output.max_depth_m': None,
                'output.metres_per_unit': None,
            }  # fmt: skip
        yield changes, _words('grow with the focal length', power)
    elif has_rule and power.high < _BETWEEN and plain.mean() < _LEFT:
        yield {'output.metres_at_focal_px': None}, _words('do not go by the focal length', power)


def one_scale(scales: Float64Array) -> float | None:
    """
    Return the scale that nearly all images have, rounded, None where they have none in common.

    :param scales: as for :func:`unit_findings`.
    """
    off = np.log(scales / np.median(scales))
    alike = np.abs(np.percentile(off, _NEARLY_ALL)).max() < np.log(_FACTOR)
    return _rounded(float(np.median(scales))) if alike else None


def _spread(scales: Float64Array) -> Float64Array:
    """Return how far each scale is off their median, as a logarithm."""
    off: Float64Array = np.abs(np.log(scales / np.median(scales)))
    return off


def _words(rule: str, power: Interval) -> str:
    return f'metres {rule}: with its power of {power.low:.2f} to {power.high:.2f}'


def _rounded(value: float) -> float:
    return float(f'{value:.3g}')
