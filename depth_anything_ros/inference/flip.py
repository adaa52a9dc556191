"""Test-time augmentation: a network's mean over an image and its mirror image."""

from __future__ import annotations

import numpy as np

from depth_anything_ros.types import Float32Array, ModelInput, OutputKind


def mirrored(model_input: ModelInput) -> ModelInput:
    """Return the input with its columns in reverse order, as a copy."""
    return ModelInput(np.ascontiguousarray(model_input.pixels[..., ::-1]), model_input.source_size)


def mean_with_mirrored(
    raw: Float32Array, raw_mirrored: Float32Array, kind: OutputKind
) -> Float32Array:
    """
    Return the mean of two outputs of one network in inverse depth, of affine depth in depth.

    Relative outputs are averaged as they are: they are each known up to a scale and a shift only,
    but come from the same network and the same scene, and so hardly differ in these. Where one of
    them has sky, so has the mean.

    :param raw: output for the image, float32 (h, w).
    :param raw_mirrored: output for the mirrored image, float32 (h, w); it is turned back here.
    :param kind: metres are averaged as their inverse, which is 2ab / (a + b), and so is the depth
        of which affine depth gives the inverse; 0 and 0 give 0.
    :return: float32 (h, w), a new array.
    Source: post-processing in Godard et al., "Unsupervised Monocular Depth Estimation with
        Left-Right Consistency" (2017), without its ramps at the borders.
    """
    total = raw + raw_mirrored[:, ::-1]
    if not kind.is_line_of_depth:
        mean = total * np.float32(0.5)
        if kind.marks_sky:
            # Half of what is not sky would be twice as far.
            mean[(raw <= 0) | (raw_mirrored[:, ::-1] <= 0)] = 0.0
        return mean
    product = 2.0 * raw * raw_mirrored[:, ::-1]
    return np.divide(product, total, out=np.zeros_like(raw), where=total > 0)


def agreement(raw: Float32Array, raw_mirrored: Float32Array) -> Float32Array:
    """
    Return how well the outputs of :func:`mean_with_mirrored` agree, as a confidence.

    It is the smaller of both over the larger, of metres and of inverse depth as they come: errors
    are shares of depth, and a difference of inverse depth alone is largest where things are near.

    :return: float32 (h, w) in 0..1, 1 where they are equal; NaN where one of them is 0 or less,
        as in the sky.
    """
    turned = raw_mirrored[:, ::-1]
    known = (raw > 0) & (turned > 0)
    ratio = np.full_like(raw, np.nan)
    np.divide(np.minimum(raw, turned), np.maximum(raw, turned), out=ratio, where=known)
    return ratio


def disagreement(raw: Float32Array, raw_mirrored: Float32Array, kind: OutputKind) -> Float32Array:
    """
    Return how far the outputs of :func:`mean_with_mirrored` are apart.

    :return: float32 (h, w), 0 or more: a difference of relative outputs, of the depth in affine
        ones, of metres that of their logarithms; 0 where one of them is no distance.
    """
    turned = raw_mirrored[:, ::-1]
    if not kind.is_line_of_depth:
        return np.abs(raw - turned)
    known = (raw > 0) & (turned > 0)
    if kind.is_relative:
        off = np.divide(raw - turned, raw * turned, out=np.zeros_like(raw), where=known)
    else:
        off = np.log(np.divide(raw, turned, out=np.ones_like(raw), where=known))
    size: Float32Array = np.abs(off)
    return size
