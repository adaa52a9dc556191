"""Colour pictures of depth for people to look at."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from depth_anything_ros.errors import UnknownNameError
from depth_anything_ros.types import Float32Array, UInt8Array

PREVIEW_COLORMAPS = ('Spectral_r', 'viridis', 'plasma', 'magma', 'inferno', 'turbo')
_SAMPLES = 16384
SIGNED_COLORMAP = 'RdBu_r'
"""For numbers of either sign: blue below zero, red above."""

# The colours of ColorBrewer's eleven classes, which OpenCV has no tables of; the last comes first.
_REVERSED = {
    'Spectral_r': (
        '9e0142', 'd53e4f', 'f46d43', 'fdae61', 'fee08b', 'ffffbf', 'e6f598', 'abdda4', '66c2a5',
        '3288bd', '5e4fa2',
    ),
    SIGNED_COLORMAP: (
        '67001f', 'b2182b', 'd6604d', 'f4a582', 'fddbc7', 'f7f7f7', 'd1e5f0', '92c5de', '4393c3',
        '2166ac', '053061',
    ),
}  # fmt: skip


def apply_colormap(
    values: Float32Array, name: str, value_range: tuple[float, float] | None = None
) -> UInt8Array:
    """
    Colour an image of numbers.

    :param values: float32 (H, W), any unit; what is not finite becomes black.
    :param name: one of PREVIEW_COLORMAPS, or SIGNED_COLORMAP.
    :param value_range: the values of the first and the last colour; None takes the 2 % and 98 %
        quantiles of the image.
    :return: uint8 (H, W, 3), red first.
    :raises UnknownNameError: if there is no such colormap.
    """
    table = lookup_table(name)
    low, high = robust_range(values) if value_range is None else value_range
    factor = 255.0 / (high - low) if high > low else 0.0
    with np.errstate(invalid='ignore'):
        levels = values * np.float32(factor)
        levels += np.float32(0.5 - low * factor)
    np.clip(levels, 0, 255, out=levels)
    known = np.isfinite(values)
    if not known.all():
        levels[~known] = 0
    coloured: UInt8Array = np.empty((*values.shape, 3), np.uint8)
    cv2.applyColorMap(levels.astype(np.uint8), table, coloured)
    if not known.all():
        coloured[~known] = 0
    return coloured


def robust_range(values: Float32Array) -> tuple[float, float]:
    """
    Return the 2 % and 98 % quantiles of the finite values, or (0, 1) where there are none.

    Large images are sampled evenly.
    """
    flat = values.reshape(-1)
    # An odd step drifts over the columns, where an even one could return to the same few.
    sample = flat[:: flat.size // _SAMPLES | 1] if flat.size > _SAMPLES else flat
    finite = sample[np.isfinite(sample)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(finite, (2, 98))
    return float(low), float(high)


@lru_cache(None)
def lookup_table(name: str) -> UInt8Array:
    """
    Return the colours of a colormap, uint8 (256, 1, 3), red first.

    :raises UnknownNameError: if it is neither one of PREVIEW_COLORMAPS nor SIGNED_COLORMAP.
    Source: the tables of matplotlib, most of which OpenCV has too.
    """
    if name not in (*PREVIEW_COLORMAPS, SIGNED_COLORMAP):
        raise UnknownNameError(f"unknown colormap '{name}'; known: {', '.join(PREVIEW_COLORMAPS)}")
    levels = np.arange(256, dtype=np.uint8)[:, None]
    if name in _REVERSED:
        known = np.array([list(bytes.fromhex(colour)) for colour in reversed(_REVERSED[name])])
        places = np.linspace(0, 255, len(known))
        channels = [np.interp(levels, places, channel) for channel in known.T]
        table: UInt8Array = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
        return table
    blue_first = cv2.applyColorMap(levels, getattr(cv2, f'COLORMAP_{name.upper()}'))
    return np.ascontiguousarray(blue_first[..., ::-1], np.uint8)
