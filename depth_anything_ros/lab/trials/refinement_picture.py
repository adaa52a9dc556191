"""What refinements do to single images, side by side in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from depth_anything_ros.colormap import apply_colormap, robust_range
from depth_anything_ros.geometry.flying_pixels import flying_pixels
from depth_anything_ros.lab.grid import write_rgb
from depth_anything_ros.lab.trials.refinement_trial import Option, fitted_depth
from depth_anything_ros.types import DepthSample, MetricDepth, UInt8Array

if TYPE_CHECKING:
    from depth_anything_ros.inference.predictor import Predictor

# Near is red and far is blue, as in the preview.
_COLORMAP = 'Spectral_r'
_PANEL_WIDTH = 360


def write_picture(
    path: Path, samples: Sequence[DepthSample], predictor: Predictor, options: Sequence[Option]
) -> None:
    """
    Draw a row for each sample: the image, then its depth with each option.

    Inverse depth is coloured, each row by the range of its first depth; points that an option
    leaves out of the cloud are black.

    :param path: the file, PNG or JPEG; folders on the way are made.
    :param samples: at least one.
    :raises AlignmentError: if scale and shift cannot be fitted to a sample.
    :raises OutputError: if the file cannot be written.
    """
    rows = [np.hstack(_panels(sample, predictor, options)) for sample in samples]
    write_rgb(path, np.vstack(rows))


def _panels(
    sample: DepthSample, predictor: Predictor, options: Sequence[Option]
) -> list[UInt8Array]:
    panels = [small_panel(sample.rgb)]
    bounds = None
    for option in options:
        depth_m = fitted_depth(option, predictor, sample).depth_m
        inverse = np.reciprocal(depth_m)
        bounds = bounds or robust_range(inverse)
        coloured = apply_colormap(inverse, _COLORMAP, bounds)
        if option.config.cloud_edge_jump > 0:
            coloured[flying_pixels(MetricDepth(depth_m), option.config.cloud_edge_jump)] = 0
        panels.append(small_panel(coloured))
    return panels


def small_panel(picture: UInt8Array) -> UInt8Array:
    """Return a picture, uint8 (H, W, 3), at the width of a panel."""
    height = round(_PANEL_WIDTH * picture.shape[0] / picture.shape[1])
    size = (_PANEL_WIDTH, height)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
