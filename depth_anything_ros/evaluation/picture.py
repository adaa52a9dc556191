"""One picture of one frame: image | prediction | truth | error."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from depth_anything_ros.escape import plot
from depth_anything_ros.evaluation.plots import depth_colours, new_figure, save_figure
from depth_anything_ros.types import Float32Array, UInt8Array

# Near is red and far is blue, as in the preview of inverse depth with Spectral_r.
DEPTH_COLORMAP = 'Spectral'
ERROR_COLORMAP = 'RdBu_r'
# Images are thinned to at most this width, and drawn at the other.
_PANEL_PIXELS = 480
_PANEL_WIDTH = 400.0


@dataclass(frozen=True)
class Picture:
    """
    What a picture shows.

    `rgb` is uint8 (H, W, 3), or None where the image is not at hand; it may be smaller than the
    depth. `prediction_m` and `truth_m` are float32 (H, W) in metres, NaN where unknown.
    `prediction_name` says how the prediction came to metres; `warning` is shown in red.
    """

    rgb: UInt8Array | None
    prediction_m: Float32Array
    truth_m: Float32Array
    title: str
    prediction_name: str = 'prediction'
    warning: str = ''


def write_picture(path: Path, picture: Picture) -> None:
    """
    Draw image, prediction, truth and signed error side by side and write a PNG file.

    Prediction and truth share one scale of colours, the range of the truth; the error has its
    own, the same to both sides of zero. Unknown pixels are dark grey.

    :param path: the file; folders on the way are made.
    :raises MissingDependencyError: if matplotlib is not installed.
    :raises OutputError: if the file cannot be written.
    """
    prediction_m, truth_m = thin(picture.prediction_m), thin(picture.truth_m)
    error_m = prediction_m - truth_m
    place = _Layout(truth_m.shape[0] / truth_m.shape[1])
    figure = new_figure((place.width / 100, place.height / 100), 100)
    figure.text(0.5, 1 - 16 / place.height, plot(picture.title), ha='center', va='center', size=13)
    left, bottom, _, height = place.below(0)
    figure.text(
        left, bottom + height, picture.warning, color='tab:red', size=12, weight='bold', va='top'
    )
    panels = [figure.add_axes(place.panel(index)) for index in range(4)]
    _show_image(panels[0], picture.rgb)
    bounds = depth_range(truth_m)
    depth = _show(panels[1], prediction_m, picture.prediction_name, DEPTH_COLORMAP, bounds)
    _show(panels[2], truth_m, 'truth', DEPTH_COLORMAP, bounds)
    bound_m = error_bound(error_m)
    error = _show(
        panels[3], error_m, 'error: prediction − truth', ERROR_COLORMAP, (-bound_m, bound_m)
    )
    for shown, label, bar in (
        (depth, 'depth in m', place.below(1, 2)),
        (error, 'error in m', place.below(3)),
    ):
        figure.colorbar(
            shown, cax=figure.add_axes(bar), orientation='horizontal', label=label, extend='both'
        )
    save_figure(path, figure)


class _Layout:
    """
    Place four panels in a row with bars below, in fractions of the figure.

    :param aspect: height over width of a panel.
    """

    def __init__(self, aspect: float) -> None:
        self._panel = (_PANEL_WIDTH, _PANEL_WIDTH * aspect)
        self._gap, self._under, self._over = 12.0, 70.0, 56.0
        self.width = 4 * self._panel[0] + 5 * self._gap
        self.height = self._panel[1] + self._under + self._over

    def panel(self, index: int) -> tuple[float, float, float, float]:
        """Return left, bottom, width and height of a panel."""
        left = self._gap + index * (self._panel[0] + self._gap)
        return self._share(left, self._under, *self._panel)

    def below(self, first: int, panels: int = 1) -> tuple[float, float, float, float]:
        """Return the place of a bar below one or more panels."""
        left = self._gap + first * (self._panel[0] + self._gap)
        width = panels * (self._panel[0] + self._gap) - self._gap
        return self._share(left, self._under - 22.0, width, 14.0)

    def _share(
        self, left: float, bottom: float, width: float, height: float
    ) -> tuple[float, float, float, float]:
        return left / self.width, bottom / self.height, width / self.width, height / self.height


def _show_image(axes: Any, rgb: UInt8Array | None) -> None:
    axes.set_axis_off()
    axes.set_title('image', size=11, y=1.0, pad=6)
    if rgb is None:
        axes.text(0.5, 0.5, 'no image', ha='center', va='center')
        axes.set_axis_on()
        axes.set(xticks=(), yticks=())
    else:
        axes.imshow(thin(rgb), aspect='auto')


def _show(
    axes: Any, values: Float32Array, title: str, colormap: str, bounds: tuple[float, float]
) -> Any:
    axes.set_axis_off()
    axes.set_title(title, size=11, y=1.0, pad=6)
    return axes.imshow(
        values,
        cmap=depth_colours(colormap),
        vmin=bounds[0],
        vmax=bounds[1],
        interpolation='nearest',
        aspect='auto',
    )


def thin_step(width: int) -> int:
    """Return the pixel step that brings an image to at most the width of a panel."""
    return -(-width // _PANEL_PIXELS)


def thin(values: Any) -> Any:
    """
    Leave out whole rows and columns, so that an image is at most as wide as a panel.

    Averaging depth would invent surfaces between two others.
    """
    step = thin_step(values.shape[1])
    return values[::step, ::step]


def depth_range(truth_m: Float32Array) -> tuple[float, float]:
    """Return the depths in metres that the first and the last colour stand for."""
    known = truth_m[np.isfinite(truth_m)]
    if known.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(known, (1, 99))
    return float(low), float(max(high, low + 1e-3))


def error_bound(error_m: Float32Array) -> float:
    """Return the error in metres, to both sides of zero, that the last colours stand for."""
    known = np.abs(error_m[np.isfinite(error_m)])
    return max(float(np.percentile(known, 98)), 1e-3) if known.size else 1.0
