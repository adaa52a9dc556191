"""A frame on a page: its pictures, its cloud, how its depth is spread and how it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from depth_anything_ros.colormap import SIGNED_COLORMAP, apply_colormap, lookup_table
from depth_anything_ros.errors import CameraError
from depth_anything_ros.evaluation.cloud_picture import cloud_picture, viewpoint
from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.evaluation.obstacle_metrics import metric_name
from depth_anything_ros.evaluation.picture import (
    Picture,
    depth_range,
    error_bound,
    thin,
    thin_step,
)
from depth_anything_ros.evaluation.protocol import FrameScore
from depth_anything_ros.geometry.camera import rays_at, require_calibrated
from depth_anything_ros.page.axis import Axis
from depth_anything_ros.page.chart import Chart, Series
from depth_anything_ros.page.parts import Card, ColourBar, Panel
from depth_anything_ros.types import Camera, Float32Array, UInt8Array

# Of inverse depth, so that near is red.
_DEPTH_COLORMAP = 'Spectral_r'
_FIGURES = (
    'abs_rel', 'rmse', 'silog', 'delta1', *map(metric_name, ('missed', 'false', 'false_free')),
)  # fmt: skip
_JPEG_QUALITY = 85
_COLOURS = 11
_BINS = 50


@dataclass(frozen=True)
class KeptFrame:
    """
    What a card shows of a frame: its name, its figures by theirs, and its thinned picture.

    `rays` are x / z and y / z of the pixels, (H, W, 2), None where the camera is not known; `more`
    are other pictures, uint8 (h, w, 3) each, by what they show.
    """

    name: str
    figures: Mapping[str, object]
    picture: Picture
    rays: Float32Array | None = None
    more: Mapping[str, UInt8Array] = field(default_factory=dict)


def keep_frame(
    name: str,
    figures: Mapping[str, object],
    picture: Picture,
    camera: Camera | None = None,
    more: Mapping[str, UInt8Array] | None = None,
) -> KeptFrame:
    """
    Copy what a card shows of a frame, at the size that it is shown in.

    :param picture: of the full size of the frame.
    :param camera: of the frame; one that is not calibrated, or of another size, gives no cloud.
    :param more: other pictures by what they show.
    """
    height, width = picture.truth_m.shape
    step = thin_step(width)
    rays = None
    with suppress(CameraError):
        known = require_calibrated(camera, height, width)
        rays = rays_at(known, np.arange(0, width, step), np.arange(0, height, step))
    thinned = replace(
        picture,
        rgb=None if picture.rgb is None else thin(picture.rgb).copy(),
        prediction_m=thin(picture.prediction_m).copy(),
        truth_m=thin(picture.truth_m).copy(),
    )
    return KeptFrame(
        name, figures, thinned, None if rays is None else rays.astype(np.float32), more or {}
    )


def frame_figures(score: FrameScore, alignment: str) -> dict[str, object]:
    """Return the figures of a card by their names."""
    found: dict[str, object] = {
        METRICS[name].heading: score.values[name] for name in _FIGURES if name in score.values
    }
    return {**found, 'coverage': score.coverage, 'alignment': alignment}


def frame_cards(frames: Sequence[KeptFrame], unfolded: int = 0) -> list[Card]:
    """
    Return the cards of some frames.

    :param unfolded: of how many, from the first on, charts show without a click.
    """
    return [frame_card(kept, unfolded=place < unfolded) for place, kept in enumerate(frames)]


def frame_card(kept: KeptFrame, *, unfolded: bool = False) -> Card:
    """
    Return the card of a frame.

    :param unfolded: whether its charts show without a click.
    """
    prediction_m, truth_m = kept.picture.prediction_m, kept.picture.truth_m
    row, column = np.s_[len(truth_m) // 2], np.s_[:, truth_m.shape[1] // 2]
    return Card(
        title=kept.name,
        figures=kept.figures,
        panels=[
            *_depth_panels(kept.picture),
            *_cloud_panels(kept),
            *(Panel(name, _jpeg(rgb)) for name, rgb in kept.more.items()),
        ],
        charts=[
            _histogram(prediction_m, truth_m),
            _run('middle row', 'left to right', prediction_m[row], truth_m[row]),
            _run('middle column', 'top to bottom', prediction_m[column], truth_m[column]),
        ],
        unfolded=unfolded,
    )


def _depth_panels(picture: Picture) -> list[Panel]:
    near_m, far_m = depth_range(picture.truth_m)
    error_m = picture.prediction_m - picture.truth_m
    bound_m = error_bound(error_m)
    depth_bar = ColourBar(_colours(_DEPTH_COLORMAP)[::-1], f'{near_m:.2g} m', f'{far_m:.2g} m')
    error_bar = ColourBar(_colours(SIGNED_COLORMAP), f'−{bound_m:.2g} m', f'+{bound_m:.2g} m')
    signed = apply_colormap(error_m, SIGNED_COLORMAP, (-bound_m, bound_m))
    return [
        *([] if picture.rgb is None else [Panel('image', _jpeg(picture.rgb))]),
        *(
            Panel(name, _jpeg(_coloured(depth_m, near_m, far_m)), depth_bar)
            for name, depth_m in (
                (picture.prediction_name, picture.prediction_m),
                ('truth', picture.truth_m),
            )
        ),
        Panel('error: prediction − truth', _jpeg(signed), error_bar),
    ]


def _cloud_panels(kept: KeptFrame) -> list[Panel]:
    """Return the clouds of prediction and truth from one point of view, [] without a camera."""
    picture, rays = kept.picture, kept.rays
    view = None if rays is None else viewpoint(rays, picture.truth_m)
    if rays is None or view is None:
        return []
    panels = []
    for name, depth_m in (('prediction', picture.prediction_m), ('truth', picture.truth_m)):
        drawn = cloud_picture(rays, depth_m, _point_colours(picture, depth_m), view)
        panels.append(Panel(f'cloud of the {name}', _jpeg(drawn)))
    return panels


def _point_colours(picture: Picture, depth_m: Float32Array) -> UInt8Array:
    if picture.rgb is None:
        return _coloured(depth_m, *depth_range(picture.truth_m))
    height, width = depth_m.shape
    colours = cv2.resize(picture.rgb, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(colours, np.uint8)


def _histogram(prediction_m: Float32Array, truth_m: Float32Array) -> Chart:
    near_m, far_m = depth_range(truth_m)
    edges = np.linspace(0.9 * near_m, 1.1 * far_m, _BINS + 1)
    series = []
    for colour, (name, depth_m) in enumerate((('prediction', prediction_m), ('truth', truth_m))):
        known = depth_m[np.isfinite(depth_m)]
        share = 100.0 * np.histogram(known, edges)[0] / max(known.size, 1)
        series.append(Series(name, (edges[1:] + edges[:-1]) / 2, share, colour=colour))
    return Chart('Histogram of depth', Axis('depth', 'm'), Axis('pixels', '%', start=0.0), series)


def _run(line: str, along: str, prediction_m: Float32Array, truth_m: Float32Array) -> Chart:
    """Return the chart of depth along a line of pixels."""
    share = np.linspace(0.0, 100.0, len(truth_m))
    series = [
        Series(name, share, depth_m.astype(np.float64), colour=colour)
        for colour, (name, depth_m) in enumerate(
            (('prediction', prediction_m), ('truth', truth_m))
        )
    ]
    return Chart(f'Depth along the {line}', Axis(along, '%'), Axis('depth', 'm'), series)


def _coloured(depth_m: Float32Array, near_m: float, far_m: float) -> UInt8Array:
    """Return depth in colours, near red and far blue, unknown black."""
    return apply_colormap(-depth_m, _DEPTH_COLORMAP, (-far_m, -near_m))


def _colours(name: str) -> list[str]:
    places = np.linspace(0, 255, _COLOURS).astype(int)
    return [f'#{bytes(lookup_table(name)[place, 0]).hex()}' for place in places]


def _jpeg(rgb: UInt8Array) -> bytes:
    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    _, content = cv2.imencode('.jpg', np.ascontiguousarray(rgb[..., ::-1]), quality)
    return content.tobytes()
