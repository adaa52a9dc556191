"""Depth as a picture to look at: coloured alone, or beside the image and other networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from depth_anything_ros.colormap import apply_colormap, robust_range
from depth_anything_ros.geometry.metric_depth import inverse_depth
from depth_anything_ros.lab.prediction.networks import Network
from depth_anything_ros.lab.prediction.panels import (
    Panel,
    metric_bar,
    relative_bar,
    side_by_side,
)
from depth_anything_ros.result import DepthResult
from depth_anything_ros.types import Float32Array, UInt8Array

# Colours of a video follow what it shows with this time constant, so that they do not flicker.
_FOLLOW_S = 1.0
_RANDOM = 'random weights'

Bounds = tuple[float, float]


@dataclass(frozen=True)
class Look:
    """
    How depth is shown.

    `beside` shows the image and the depth side by side, with a caption and a bar of colours,
    which several networks always get. `range_m` are the metres that the colours span, None what
    the image shows.
    """

    colormap: str
    beside: bool = False
    range_m: tuple[float, float] | None = None


class SteadyRange:
    """Follow the range of values over the frames of a video, slowly."""

    def __init__(self) -> None:
        self._bounds: Bounds | None = None
        self._stamp_ns = 0

    def update(self, bounds: Bounds, stamp_ns: int) -> Bounds:
        """Return the range for a frame that shows these bounds; the first is taken as it is."""
        if self._bounds is not None:
            passed_s = max(stamp_ns - self._stamp_ns, 0) * 1e-9
            share = 1.0 - math.exp(-passed_s / _FOLLOW_S)
            (low, high), (new_low, new_high) = self._bounds, bounds
            bounds = low + share * (new_low - low), high + share * (new_high - high)
        self._bounds, self._stamp_ns = bounds, stamp_ns
        return bounds

    def reset(self) -> None:
        """Forget what was shown, as after a cut."""
        self._bounds = None


class Painter:
    """
    Draw what networks say of one picture, or of the frames of one video.

    :param look: how.
    :param networks: in the order of their results.
    """

    def __init__(self, look: Look, networks: Sequence[Network]) -> None:
        self._look = look
        self._networks = networks
        self._ranges = [SteadyRange() for _ in networks]
        self._metric: list[bool] = []

    def reset(self) -> None:
        """Forget the colours of the frames before, as after a cut."""
        for steady in self._ranges:
            steady.reset()

    def draw(self, results: Sequence[DepthResult]) -> UInt8Array:
        """
        Return the picture of one frame.

        Metres have one range of colours for all networks; depth without unit its own for each.

        :param results: of each network, in order, for the same frame.
        :return: uint8 (H, W, 3), red first; of one network alone at the size of the frame.
        """
        frame = results[0].frame
        shown = [_shown(result) for result in results]
        metric = [result.metric is not None for result in results]
        if metric != self._metric:  # 1/m does not go on from values without unit
            self.reset()
            self._metric = metric
        bounds = [
            steady.update(found, frame.stamp_ns)
            for steady, found in zip(self._ranges, self._bounds(results, shown), strict=True)
        ]
        colormap = self._look.colormap
        coloured = [
            apply_colormap(values, colormap, span)
            for values, span in zip(shown, bounds, strict=True)
        ]
        if len(coloured) == 1 and not self._look.beside:
            return coloured[0]
        panels = [Panel(frame.rgb, f'image, {frame.rgb.shape[1]}x{frame.rgb.shape[0]}')]
        for network, in_metres, pixels, span in zip(
            self._networks, metric, coloured, bounds, strict=True
        ):
            panels.append(
                Panel(
                    pixels,
                    f'{network.label}: {"metres" if in_metres else "relative"}',
                    metric_bar(colormap, span) if in_metres else relative_bar(colormap),
                    _RANDOM if network.is_random else '',
                )
            )
        return side_by_side(panels)

    def _bounds(
        self, results: Sequence[DepthResult], shown: Sequence[Float32Array]
    ) -> list[Bounds]:
        found = [robust_range(values) for values in shown]
        metric = [result.metric is not None for result in results]
        of_metres = [bounds for bounds, is_metric in zip(found, metric, strict=True) if is_metric]
        if not of_metres:
            return found
        if self._look.range_m is not None:
            near_m, far_m = self._look.range_m
            shared = 1 / far_m, 1 / near_m
        else:
            shared = min(low for low, _ in of_metres), max(high for _, high in of_metres)
        return [
            shared if is_metric else bounds
            for bounds, is_metric in zip(found, metric, strict=True)
        ]


def _shown(result: DepthResult) -> Float32Array:
    """Return what is coloured: larger is nearer, 1/m where metres are known."""
    if result.metric is not None:
        return inverse_depth(result.metric)
    assert result.relative is not None  # a result has one of the two
    return result.relative.values
