"""
The losses, each a mean over the pixels of an image, then over the images that count.

Relative models learn inverse depth up to scale and shift: both sides are brought to median 0 and
mean absolute deviation 1 over the valid pixels of each image, then compared (scale- and
shift-invariant loss) and so are the steps between neighbours of their difference at several
scales (gradient matching). Metric models learn metres.

An image counts if enough of its pixels are valid and, for relative models, its depth varies. A
batch in which no image counts has the loss 0 and no gradient.

Source: Ranftl et al., MiDaS (arXiv 1907.01341), equations 3 to 5 and 11; Yang et al., Depth
Anything (arXiv 2401.10891), equations 2 and 3; AnyDepth, section 4.2, for inverse depth in 0..1
and the weights 1 : 2.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LEAST_PIXELS = 16
_LEAST_DEVIATION = 1e-6
_SCALES = 4
_VARIANCE_FOCUS = 0.5


def scale_shift_invariant_loss(prediction: Tensor, inverse_depth: Tensor, valid: Tensor) -> Tensor:
    """
    Return the mean absolute difference of the normalised maps.

    :param prediction: (B, h, w), float32, no unit, larger is nearer.
    :param inverse_depth: (B, h, w), float32, any unit; what is not valid is not read.
    :param valid: (B, h, w), bool.
    :return: scalar; it does not change when the prediction is replaced by a · prediction + b
        with a > 0, nor when the truth is.
    """
    residual, counted = _residual(prediction, inverse_depth, valid)
    return _mean_difference(residual, valid, counted)


def gradient_matching_loss(
    prediction: Tensor, inverse_depth: Tensor, valid: Tensor, scales: int = _SCALES
) -> Tensor:
    """
    Return the steps between valid neighbours of the difference of the normalised maps.

    Per scale: Σ |Δx R| + |Δy R| over the pairs of valid pixels, by the number of valid pixels;
    the scales, each of half the resolution of the one before, are added.

    :param prediction: (B, h, w), float32, no unit, larger is nearer.
    :param inverse_depth: (B, h, w), float32, any unit; what is not valid is not read.
    :param valid: (B, h, w), bool.
    :param scales: 1 or more.
    :return: scalar, with the invariance of :func:`scale_shift_invariant_loss`.
    """
    residual, counted = _residual(prediction, inverse_depth, valid)
    return _mean_steps(residual, valid, counted, scales)


def any_depth_loss(
    prediction: Tensor, inverse_depth: Tensor, valid: Tensor, gradient_weight: float = 2.0
) -> tuple[Tensor, Tensor, Tensor]:
    """
    Return the weighted sum of the two losses, and each of them; the maps are normalised once.

    The parameters are those of the two losses.

    :return: (total, scale- and shift-invariant, gradient matching), scalars.
    """
    residual, counted = _residual(prediction, inverse_depth, valid)
    invariant = _mean_difference(residual, valid, counted)
    steps = _mean_steps(residual, valid, counted, _SCALES)
    return invariant + gradient_weight * steps, invariant, steps


def negative_share(prediction: Tensor) -> Tensor:
    """
    Return how far the values before the last ReLU reach below 0, over their own spread.

    The ReLU at the end of a relative model cuts negative values off, and with them their
    gradient. The other losses leave the shift free, so this one can be 0 at no cost to them.

    :param prediction: (B, h, w), float32, before the ReLU.
    :return: scalar.
    """
    below = torch.relu(-prediction).mean(dim=(1, 2))
    spread = prediction.detach().std(dim=(1, 2), unbiased=False)
    return (below / spread.clamp(min=_LEAST_DEVIATION)).mean()


def silog_loss(prediction_m: Tensor, depth_m: Tensor, valid: Tensor) -> Tensor:
    """
    Return √(mean(e²) − 0.5 · mean(e)²) with e = ln prediction − ln depth, per image, averaged.

    :param prediction_m: (B, h, w), float32, metres, above 0.
    :param depth_m: (B, h, w), float32, metres; what is not valid is not read.
    :param valid: (B, h, w), bool.
    :return: scalar.
    Source: Eigen et al. (arXiv 1406.2283), equation 4, λ = 0.5; the root is taken as in the
    public training code of Depth Anything V2's metric models.
    """
    counted = _enough(valid)
    logarithm = torch.where(valid, prediction_m, 1.0).clamp(min=1e-3).log()
    error = logarithm - torch.where(valid, depth_m, 1.0).log()
    mean, square = _image_mean(error, valid), _image_mean(error.square(), valid)
    # The root has no finite slope at 0.
    return _batch_mean((square - _VARIANCE_FOCUS * mean.square()).clamp(min=1e-10).sqrt(), counted)


def absolute_loss(prediction_m: Tensor, depth_m: Tensor, valid: Tensor) -> Tensor:
    """
    Return the mean absolute error in metres, per image, averaged.

    :param prediction_m: (B, h, w), float32, metres.
    :param depth_m: (B, h, w), float32, metres; what is not valid is not read.
    :param valid: (B, h, w), bool.
    :return: scalar, metres.
    """
    error = (prediction_m - torch.where(valid, depth_m, 0.0)).abs()
    return _batch_mean(_image_mean(error, valid), _enough(valid))


def _residual(prediction: Tensor, inverse_depth: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Return the difference of the normalised maps (B, h, w), and which images count (B,)."""
    target, deviation = _normalised(_unit_range(inverse_depth, valid), valid)
    counted = _enough(valid) & (deviation > _LEAST_DEVIATION)
    return _normalised(prediction, valid)[0] - target, counted


def _unit_range(values: Tensor, valid: Tensor) -> Tensor:
    """Return the values with the valid ones of each image in 0..1, and 0 elsewhere."""
    low = torch.where(valid, values, torch.inf).amin(dim=(1, 2), keepdim=True)
    high = torch.where(valid, values, -torch.inf).amax(dim=(1, 2), keepdim=True)
    span = (high - low).clamp(min=torch.finfo(values.dtype).tiny)
    return torch.where(valid, (values - low) / span, 0.0)


def _normalised(values: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """
    Return (values − median) / mean absolute deviation, and that deviation (B,).

    Median and deviation are those of the valid pixels, 0 for an image without any, so that no
    NaN reaches the gradient.
    """
    none = ~valid.any(dim=2).any(dim=1)
    known = torch.where(valid, values, torch.nan).flatten(1)
    median = torch.where(none[:, None], 0.0, known).nanmedian(dim=1).values
    centred = values - median[:, None, None]
    deviation = _image_mean(centred.abs(), valid)
    return centred / deviation.clamp(min=_LEAST_DEVIATION)[:, None, None], deviation


def _mean_difference(residual: Tensor, valid: Tensor, counted: Tensor) -> Tensor:
    return _batch_mean(_image_mean(residual.abs(), valid), counted)


def _mean_steps(residual: Tensor, valid: Tensor, counted: Tensor, scales: int) -> Tensor:
    total = residual.new_zeros(len(residual))
    for scale in range(scales):
        stride = 1 << scale
        values, known = residual[:, ::stride, ::stride], valid[:, ::stride, ::stride]
        across = (values[:, :, 1:] - values[:, :, :-1]).abs()
        down = (values[:, 1:] - values[:, :-1]).abs()
        steps = (across * (known[:, :, 1:] & known[:, :, :-1])).sum(dim=(1, 2))
        steps = steps + (down * (known[:, 1:] & known[:, :-1])).sum(dim=(1, 2))
        total = total + steps / known.sum(dim=(1, 2)).clamp(min=1)
    return _batch_mean(total, counted)


def _enough(valid: Tensor) -> Tensor:
    return valid.sum(dim=(1, 2)) >= _LEAST_PIXELS


def _image_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Return the mean over the valid pixels of each image (B,), 0 where there is none."""
    return (values * valid).sum(dim=(1, 2)) / valid.sum(dim=(1, 2)).clamp(min=1)


def _batch_mean(values: Tensor, counted: Tensor) -> Tensor:
    return (values * counted).sum() / counted.sum().clamp(min=1)
