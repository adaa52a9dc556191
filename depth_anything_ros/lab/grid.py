"""Many small predictions in one picture: rows of image | prediction | truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from depth_anything_ros.colormap import apply_colormap, robust_range
from depth_anything_ros.errors import OutputError
from depth_anything_ros.files import write_bytes
from depth_anything_ros.types import Float32Array, UInt8Array

# Near is red and far is blue, as in the preview.
COLORMAP = 'Spectral_r'
_PANEL_WIDTH = 240
_TILE_HEIGHT = 300
_GAP = 4
_LINE = 18
_COLUMN_TITLES = ('image', 'prediction', 'truth')
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class GridRow:
    """
    One row of a grid.

    `rgb` is uint8 (H, W, 3); `prediction_m` and `truth_m` are float32 (H, W) in metres, NaN
    where unknown.
    """

    title: str
    rgb: UInt8Array
    prediction_m: Float32Array
    truth_m: Float32Array


def write_grid(path: Path, rows: Sequence[GridRow], columns: int = 2) -> None:
    """
    Draw the rows into one image file.

    Depth is coloured by its inverse, prediction and truth by the range of the truth; what is
    unknown is black.

    :param path: the file, PNG or JPEG; folders on the way are made.
    :param rows: at least one.
    :param columns: how many rows stand side by side.
    :raises OutputError: if the file cannot be written.
    """
    blocks = [_block(row) for row in rows]
    height = max(block.shape[0] for block in blocks)
    columns = min(columns, len(blocks))
    lines = -(-len(blocks) // columns)
    width = blocks[0].shape[1]
    canvas = np.full((_LINE + lines * height, columns * width, 3), 255, np.uint8)
    for column in range(columns):
        for index, title in enumerate(_COLUMN_TITLES):
            left = column * width + index * (_PANEL_WIDTH + _GAP)
            _write(canvas, title, left, _LINE - 5)
    for index, block in enumerate(blocks):
        top = _LINE + index // columns * height
        left = index % columns * width
        canvas[top : top + block.shape[0], left : left + width] = block
    write_rgb(path, canvas)


def write_tiles(path: Path, rows: Sequence[tuple[str, Sequence[UInt8Array]]]) -> None:
    """
    Draw rows of pictures of any sizes, all of one height, with a title below each row.

    :param path: the file, PNG or JPEG; folders on the way are made.
    :param rows: title and pictures, uint8 (h, w, 3) each, red first; at least one.
    :raises OutputError: if the file cannot be written.
    """
    blocks = [_tiles(title, pictures) for title, pictures in rows]
    width = max(block.shape[1] for block in blocks)
    padded = [np.pad(block, ((0, 0), (0, width - block.shape[1]), (0, 0)), constant_values=255)
              for block in blocks]  # fmt: skip
    write_rgb(path, np.concatenate(padded))


def _tiles(title: str, pictures: Sequence[UInt8Array]) -> UInt8Array:
    sized = [
        cv2.resize(
            picture,
            (round(_TILE_HEIGHT * picture.shape[1] / picture.shape[0]), _TILE_HEIGHT),
            interpolation=cv2.INTER_AREA,
        )
        for picture in pictures
    ]
    row = np.concatenate(
        [np.pad(tile, ((0, _LINE), (0, _GAP), (0, 0)), constant_values=255) for tile in sized],
        axis=1,
    )
    _write(row, title, 0, _TILE_HEIGHT + _LINE - 5)
    return row


def write_rgb(path: Path, rgb: UInt8Array) -> None:
    """
    Write an image, uint8 (H, W, 3), red first.

    :param path: the file, PNG or JPEG; folders on the way are made.
    :raises OutputError: if it has another name, or cannot be written.
    """
    try:
        _, data = cv2.imencode(path.suffix, rgb[..., ::-1])
    except cv2.error as error:
        raise OutputError(f"'{path}' is not a name of a PNG or JPEG file") from error
    write_bytes(path, data.tobytes())


def _block(row: GridRow) -> UInt8Array:
    """Return a row with its title below, uint8 (h, w, 3), and a gap to the right."""
    with np.errstate(divide='ignore'):
        prediction, truth = 1 / row.prediction_m, 1 / row.truth_m
    bounds = robust_range(truth)
    panels = [
        row.rgb,
        apply_colormap(prediction, COLORMAP, bounds),
        apply_colormap(truth, COLORMAP, bounds),
    ]
    height = round(_PANEL_WIDTH * row.rgb.shape[0] / row.rgb.shape[1])
    block = np.full((height + _LINE, 3 * (_PANEL_WIDTH + _GAP) + _GAP, 3), 255, np.uint8)
    for index, panel in enumerate(panels):
        left = index * (_PANEL_WIDTH + _GAP)
        block[:height, left : left + _PANEL_WIDTH] = cv2.resize(
            panel, (_PANEL_WIDTH, height), interpolation=cv2.INTER_AREA
        )
    _write(block, row.title, 0, height + _LINE - 5)
    return block


def _write(canvas: UInt8Array, text: str, left: int, bottom: int) -> None:
    cv2.putText(canvas, text, (left, bottom), _FONT, 0.4, (40, 40, 40), 1, cv2.LINE_AA)
