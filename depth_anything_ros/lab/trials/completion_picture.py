"""What fused depth makes of images with holes and outliers, side by side in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from depth_anything_ros.colormap import apply_colormap, robust_range
from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.lab.grid import write_rgb
from depth_anything_ros.lab.trials.completion_trial import fused_depth, in_range
from depth_anything_ros.lab.trials.hiding import HIDINGS, spoil
from depth_anything_ros.lab.trials.refinement_picture import small_panel
from depth_anything_ros.result import DepthOrigin
from depth_anything_ros.types import DepthSample, Float32Array, RelativeInverseDepth, UInt8Array

# Near is red and far is blue, as in the preview.
_COLORMAP = 'Spectral_r'
_COLOURS = {
    DepthOrigin.UNKNOWN: (0, 0, 0),
    DepthOrigin.MEASURED: (200, 200, 200),
    DepthOrigin.FILLED: (80, 160, 80),
    DepthOrigin.BEYOND: (90, 110, 200),
}
_REFUSED = (220, 40, 40)


def write_picture(path: Path, drawn: Sequence[tuple[DepthSample, RelativeInverseDepth]]) -> None:
    """
    Draw a row for each image, the ways to hide in turn, with 5 % of outliers.

    In a row are the image, what was measured, the network by one scale and shift, fused depth,
    the truth, and where the pixels of fused depth come from: grey measured, green filled, blue
    beyond what was measured, red refused.

    :param path: the file, PNG or JPEG; folders on the way are made.
    :param drawn: images with what the network says of them, at least one.
    :raises AlignmentError: if scale and shift can be fitted to none of them.
    :raises OutputError: if the file cannot be written.
    """
    hidings = list(HIDINGS.values())
    rows = []
    for number, (sample, relative) in enumerate(drawn):
        rng = np.random.default_rng(number)
        truth_m = in_range(sample.depth_m)
        spoilt_m, _ = spoil(truth_m, rng)
        hidden = hidings[number % len(hidings)](truth_m, rng)
        measured_m = np.where(hidden, np.float32(np.nan), spoilt_m)
        with suppress(AlignmentError):
            rows.append(_row(sample.rgb, relative, measured_m, truth_m))
    if not rows:
        raise AlignmentError('scale and shift can be fitted to none of the images to be drawn')
    write_rgb(path, np.vstack(rows))


def _row(
    rgb: UInt8Array,
    relative: RelativeInverseDepth,
    measured_m: Float32Array,
    truth_m: Float32Array,
) -> UInt8Array:
    fused, inverse, _ = fused_depth(relative, measured_m)
    bounds = robust_range(np.reciprocal(truth_m))
    coloured = (
        apply_colormap(shown, _COLORMAP, bounds)
        for shown in (
            np.reciprocal(measured_m),
            inverse,
            np.reciprocal(fused.depth_m),
            np.reciprocal(truth_m),
        )
    )
    origin = np.zeros_like(rgb)
    for kind, colour in _COLOURS.items():
        origin[fused.origin == kind] = colour
    origin[np.isfinite(measured_m) & (fused.origin != DepthOrigin.MEASURED)] = _REFUSED
    return np.hstack([small_panel(panel) for panel in (rgb, *coloured, origin)])
