"""Pictures side by side, with captions and bars of colours that can be read off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from depth_anything_ros.colormap import lookup_table
from depth_anything_ros.types import UInt8Array

# A panel is made smaller, or small ones larger by whole pixels, to lie between these.
_LONGEST, _SHORTEST = 960, 320
_GAP = 12
# Pictures that are so much wider than high stand below each other.
_WIDE = 2
_BAR = 14
_TEXT = (13, 18)
_DARK, _RED = (45, 45, 45), (200, 30, 30)
_FONT = cv2.FONT_HERSHEY_DUPLEX
# Text is drawn so many times larger, and made smaller: Hershey's lines become smooth.
_FINER = 4
# Labels of a bar keep this many heights of text apart.
_APART = 0.6
_STEPS_M = tuple(
    base * 10.0**power for power in range(-3, 4) for base in (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
)  # from 1 mm to 7 km


@dataclass(frozen=True)
class Bar:
    """A bar of colours, the nearest at the left; `labels` stand at shares of its length."""

    colormap: str
    labels: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Panel:
    """One picture, uint8 (H, W, 3), what stands above it, and the bar below it."""

    pixels: UInt8Array
    caption: str
    bar: Bar | None = None
    warning: str = ''


def relative_bar(colormap: str) -> Bar:
    """Return the bar of depth without unit."""
    return Bar(colormap, ((0.0, 'near'), (1.0, 'far')))


def metric_bar(colormap: str, bounds: tuple[float, float]) -> Bar:
    """
    Return the bar of inverse depth in metres.

    :param bounds: in 1/m, of the farthest and the nearest colour.
    """
    low, high = bounds
    labels = [
        ((high - 1 / depth_m) / (high - low), f'{depth_m:g} m')
        for depth_m in _STEPS_M
        if high > low and low <= 1 / depth_m <= high
    ]
    return Bar(colormap, labels)


def side_by_side(panels: Sequence[Panel]) -> UInt8Array:
    """
    Return one picture of panels, all at one size: from left to right, wide ones below each other.

    :param panels: at least one; their pictures are of one size.
    :return: uint8 (h, w, 3), on white.
    """
    height, width = _shown_size(panels[0].pixels)
    text = int(np.clip(round(width / 40), *_TEXT))
    cell = max(width, 10 * text)
    drawn = [_drawn(panel, (height, width), cell, text) for panel in panels]
    if width >= _WIDE * height:
        return np.concatenate(drawn)
    most = max(len(picture) for picture in drawn)
    return np.concatenate(
        [
            np.pad(picture, ((0, most - len(picture)), (0, 0), (0, 0)), constant_values=255)
            for picture in drawn
        ],
        axis=1,
    )


def _drawn(panel: Panel, size: tuple[int, int], cell: int, text: int) -> UInt8Array:
    """Return a panel with its caption, its bar and a margin, `cell` pixels wide without that."""
    height, width = size
    line = 2 * text
    under = _GAP // 2 + _BAR + line if panel.bar else _GAP // 2
    canvas = np.full((line + height + under, cell + _GAP, 3), 255, np.uint8)
    left = _GAP // 2
    # First, so that a long caption leaves it room.
    taken = _draw(canvas, panel.warning, (left, text // 2), text, _RED, cell)
    start = taken + text if taken else 0
    _draw(canvas, panel.caption, (left + start, text // 2), text, _DARK, cell - start)
    left += (cell - width) // 2
    canvas[line : line + height, left : left + width] = _resized(panel.pixels, height, width)
    if panel.bar is not None:
        top = line + height + _GAP // 2
        canvas[top : top + _BAR, left : left + width] = _colours(panel.bar.colormap, width)
        _draw_labels(canvas, panel.bar, (left, top + _BAR + text // 3), width, text)
    return canvas


def _shown_size(pixels: UInt8Array) -> tuple[int, int]:
    height, width = pixels.shape[:2]
    longer = max(height, width)
    factor = _LONGEST / longer if longer > _LONGEST else float(max(1, _SHORTEST // longer))
    return max(1, round(height * factor)), max(1, round(width * factor))


def _resized(pixels: UInt8Array, height: int, width: int) -> UInt8Array:
    smaller = pixels.shape[0] > height or pixels.shape[1] > width
    how = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), np.uint8)


def _colours(colormap: str, width: int) -> UInt8Array:
    """Return the colours of a bar, (1, width, 3), the nearest first."""
    levels = np.rint(np.linspace(255, 0, width)).astype(np.intp)
    colours: UInt8Array = lookup_table(colormap)[levels].transpose(1, 0, 2)
    return colours


def _draw_labels(
    canvas: UInt8Array, bar: Bar, place: tuple[int, int], width: int, text: int
) -> None:
    """Draw the labels of a bar below it, centred where they belong, as far as there is room."""
    left, top = place
    free = left
    for share, label in bar.labels:
        long = _stencil(label, text).shape[1]
        start = int(np.clip(round(left + share * width - long / 2), left, left + width - long))
        if start < free:
            continue
        _draw(canvas, label, (start, top), text, _DARK, long)
        free = start + long + round(_APART * text)


def _draw(
    canvas: UInt8Array,
    text: str,
    place: tuple[int, int],
    height: int,
    colour: tuple[int, int, int],
    room: int,
) -> int:
    """Draw a line of text at (left, top), cut off where there is no room; return its length."""
    if not text or room < 1:
        return 0
    stencil = _stencil(text, height)[:, :room]
    left, top = place
    target = canvas[top : top + stencil.shape[0], left : left + stencil.shape[1]]
    share = stencil[: target.shape[0], : target.shape[1], None].astype(np.float32) / 255
    target[:] = np.rint(target * (1 - share) + np.asarray(colour, np.float32) * share)
    return stencil.shape[1]


@lru_cache(maxsize=256)
def _stencil(text: str, height: int) -> UInt8Array:
    """Return a line of text as its cover, uint8 (about 1.4 × height, length)."""
    fine = height * _FINER
    thickness = max(1, fine // 14)
    scale = cv2.getFontScaleFromHeight(_FONT, round(0.72 * fine), thickness)
    (length, above), below = cv2.getTextSize(text, _FONT, scale, thickness)
    rows, columns = (-(-side // _FINER) * _FINER for side in (above + below + thickness, length))
    mask = np.zeros((rows, columns), np.uint8)
    cv2.putText(
        mask, text, (0, above + thickness // 2), _FONT, scale, (255,), thickness, cv2.LINE_AA
    )
    size = (columns // _FINER, rows // _FINER)
    return np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.uint8)
