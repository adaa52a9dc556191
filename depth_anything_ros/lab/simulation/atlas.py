"""Pattern tiles that textures are gathered from: each repeats without a seam."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.types import Float32Array, UInt8Array

TILE_PX = 256
LEVELS = 7
TILES_PER_FAMILY = 8

Generator = np.random.Generator
Planes = tuple[Float32Array, Float32Array]


def fractal(
    generator: Generator, slope: float, aspect: float = 1.0, low: float = 1.0
) -> Float32Array:
    """
    Return noise with the spectrum 1 / f^slope, stretched by `aspect`, (256, 256) in 0..1.

    :param low: waves a tile below which there is nothing.
    """
    rows = np.fft.fftfreq(TILE_PX, 1 / TILE_PX)[:, None] * aspect
    columns = np.fft.rfftfreq(TILE_PX, 1 / TILE_PX)[None, :]
    frequency = np.hypot(rows, columns)
    gain = np.where(frequency >= low, np.maximum(frequency, low) ** -slope, 0)
    white = np.fft.rfft2(generator.standard_normal((TILE_PX, TILE_PX)))
    noise = np.fft.irfft2(white * gain, s=(TILE_PX, TILE_PX))
    return _spread(noise)


def _spread(values: NDArray[np.float64] | Float32Array) -> Float32Array:
    """Return values moved and scaled to mean 0.5 and a spread that mostly stays in 0..1."""
    middle = values - values.mean()
    spread = np.clip(0.5 + middle / (4.5 * middle.std() + 1e-12), 0, 1)
    return np.asarray(spread, np.float32)


def _grid() -> tuple[Float32Array, Float32Array]:
    """Return u (1, 256) and v (256, 1) of the texels' centres in 0..1."""
    at = ((np.arange(TILE_PX) + 0.5) / TILE_PX).astype(np.float32)
    return at[None, :], at[:, None]


def _full(value: float = 0.0) -> Float32Array:
    return np.full((TILE_PX, TILE_PX), value, np.float32)


def _plain(generator: Generator) -> Planes:
    return fractal(generator, 1.6) * np.float32(0.5), _full()


def _stain(generator: Generator) -> Planes:
    noise = fractal(generator, float(generator.uniform(0.9, 2.2)))
    return noise, np.clip(6 * fractal(generator, 1.8) - 4.2, 0, 1)


def _grain(generator: Generator) -> Planes:
    noise = fractal(generator, float(generator.uniform(0.0, 0.7)), low=8)
    return noise, np.clip(4 * fractal(generator, 1.5) - 2.4, 0, 1) * np.float32(0.5)


def _wood(generator: Generator) -> Planes:
    _, v = _grid()
    bend = fractal(generator, 2.2, aspect=float(generator.uniform(2, 5)))
    rings = int(generator.integers(3, 9))
    lines = 0.5 + 0.5 * np.sin(2 * np.pi * (rings * v + 1.3 * bend))
    fibres = fractal(generator, 0.7, aspect=0.08)
    return _spread(lines * 0.6 + fibres), np.clip(5 * fibres - 3.4, 0, 1)


def _planks(generator: Generator) -> Planes:
    wood, _ = _wood(generator)
    u, v = _grid()
    boards = int(generator.integers(3, 8))
    row = np.floor(v * boards).astype(int)
    shift = generator.random(boards)[row]
    ends = int(generator.integers(1, 3))
    column = np.floor((u + shift) * ends).astype(int) % ends
    tone = generator.random((boards, ends))[np.broadcast_to(row, column.shape), column]
    gap = (np.abs((v * boards) % 1 - 0.5) > 0.5 - 0.012 * boards) | (
        np.abs(((u + shift) * ends) % 1 - 0.5) > 0.497
    )
    mixed = np.clip(0.45 * wood + 0.55 * tone, 0, 1).astype(np.float32)
    return mixed, gap.astype(np.float32) * np.float32(generator.uniform(0.3, 0.9))


def _tiles(generator: Generator) -> Planes:
    u, v = _grid()
    across, along = (int(value) for value in generator.choice([2, 4, 4, 6, 8], 2))
    bond = 0.5 if generator.random() < 0.4 else 0.0
    row = np.floor(v * along).astype(int)
    moved = u + bond * (row % 2) / across
    column = np.floor(moved * across).astype(int) % across
    tone = generator.random((along, across))[np.broadcast_to(row, column.shape), column]
    width = float(generator.uniform(0.01, 0.06))
    joint = (np.abs((moved * across) % 1 - 0.5) > 0.5 - width) | (
        np.abs((v * along) % 1 - 0.5) > 0.5 - width * along / across
    )
    contrast = generator.uniform(0.05, 0.6)
    mixed = contrast * tone + (0.8 - contrast) * fractal(generator, 1.4)
    return np.clip(mixed, 0, 1).astype(np.float32), joint.astype(np.float32)


def _checker(generator: Generator) -> Planes:
    u, v = _grid()
    fields = 2 * int(generator.integers(1, 4))
    a = (np.floor(u * fields) + np.floor(v * fields)) % 2
    return np.asarray(a, np.float32), np.clip(4 * fractal(generator, 1.5) - 2.6, 0, 1)


def _stripes(generator: Generator) -> Planes:
    u, v = _grid()
    edges = np.sort(generator.random(2 * int(generator.integers(2, 7))))
    a = np.broadcast_to(np.searchsorted(edges, u[0]) % 2, (TILE_PX, TILE_PX))
    second = _full()
    if generator.random() < 0.4:
        edges = np.sort(generator.random(2 * int(generator.integers(1, 6))))
        second += (np.searchsorted(edges, v[:, 0]) % 2)[:, None] * np.float32(0.6)
    return np.asarray(a, np.float32), second


def _fabric(generator: Generator) -> Planes:
    u, v = _grid()
    threads = 2 * np.pi * float(generator.choice([32, 48, 64]))
    weave = 0.5 + 0.25 * (np.sin(threads * u) + np.sin(threads * v))
    noise = fractal(generator, float(generator.uniform(0.2, 1.2)))
    return _spread(weave * 0.5 + noise), np.clip(5 * fractal(generator, 1.2) - 3.4, 0, 1)


def _text(generator: Generator) -> Planes:
    """Return lines of dark dashes with the look of print, some headings and a picture."""
    page, picture = _full(), _full()
    lines = int(generator.integers(10, 26))
    pitch = TILE_PX / lines
    for line in range(lines):
        if generator.random() < 0.15:
            continue
        at, end = generator.uniform(0.04, 0.12), generator.uniform(0.5, 0.96)
        heavy = 0.75 if generator.random() < 0.12 else generator.uniform(0.3, 0.5)
        while at < end:
            width = generator.uniform(0.02, 0.09)
            top = int(line * pitch + 0.15 * pitch)
            left, right = int(at * TILE_PX), int(min(at + width, end) * TILE_PX)
            page[top : top + max(2, int(heavy * pitch)), left:right] = generator.uniform(0.6, 1)
            at += width + generator.uniform(0.01, 0.025)
    if generator.random() < 0.5:
        top, left = (int(value) for value in generator.integers(8, 150, 2))
        height, width = (int(value) for value in generator.integers(30, 100, 2))
        picture[top : top + height, left : left + width] = fractal(generator, 2.0)[:height, :width]
        page[top : top + height, left : left + width] = 0
    return page, picture


def _poster(generator: Generator) -> Planes:
    """Return random shapes over soft gradients, as a photograph or a print seen from afar."""
    planes = []
    for _ in range(2):
        plane = fractal(generator, float(generator.uniform(1.6, 2.6)))
        for _ in range(int(generator.integers(2, 9))):
            middle = tuple(int(value) for value in generator.integers(20, 236, 2))
            tone = float(generator.random())
            size = int(generator.integers(6, 70))
            if generator.random() < 0.5:
                cv2.ellipse(
                    plane, middle, (size, int(size * generator.uniform(0.3, 1))),
                    float(generator.uniform(0, 180)), 0, 360, (tone,), -1,
                )  # fmt: skip
            else:
                corner = (middle[0] + size, middle[1] + int(size * generator.uniform(0.2, 1.5)))
                cv2.rectangle(plane, middle, corner, (tone,), -1)
        planes.append(np.clip(plane, 0, 1))
    return planes[0], planes[1] * (planes[1] > generator.uniform(0.2, 0.7))


def _label(generator: Generator) -> Planes:
    """Return fields of colour, a band and large letters, as on a package."""
    plane, marks = _full(), _full()
    top = int(generator.integers(0, 150))
    plane[top : top + int(generator.integers(30, 120))] = 1
    for _ in range(int(generator.integers(1, 5))):
        size = float(generator.uniform(0.8, 3.0))
        letters = ''.join(generator.choice(list('ABCDEFGHKLMNOPRSTUX0123456789'), 5))
        origin = (int(generator.integers(0, 120)), int(generator.integers(50, 250)))
        cv2.putText(marks, letters, origin, cv2.FONT_HERSHEY_DUPLEX, size, (1.0,), int(2 * size))
    if generator.random() < 0.5:
        text, _ = _text(generator)
        rows = int(generator.integers(40, 120))
        marks[-rows:] = np.maximum(marks[-rows:], text[-rows:])
    return plane * np.float32(generator.uniform(0.4, 1)), marks


def _marble(generator: Generator) -> Planes:
    veins = 1 - np.abs(2 * fractal(generator, 1.9) - 1) * 3
    speckle = fractal(generator, 0.6, low=12) > generator.uniform(0.6, 0.75)
    return np.clip(veins, 0, 1).astype(np.float32), speckle * np.float32(generator.random())


def _leaves(generator: Generator) -> Planes:
    plane = _full()
    for _ in range(160):
        middle = tuple(int(value) for value in generator.integers(0, TILE_PX, 2))
        axes = (int(generator.integers(5, 26)), int(generator.integers(2, 9)))
        cv2.ellipse(
            plane, middle, axes, float(generator.uniform(0, 180)), 0, 360,
            (float(generator.random()),), -1,
        )  # fmt: skip
    return plane, np.clip(5 * fractal(generator, 1.0) - 3.2, 0, 1)


FAMILIES: dict[str, Callable[[Generator], Planes]] = {
    'plain': _plain,
    'stain': _stain,
    'grain': _grain,
    'wood': _wood,
    'planks': _planks,
    'tiles': _tiles,
    'checker': _checker,
    'stripes': _stripes,
    'fabric': _fabric,
    'text': _text,
    'poster': _poster,
    'label': _label,
    'marble': _marble,
    'leaves': _leaves,
}
FIRST_TILE = {name: number * TILES_PER_FAMILY for number, name in enumerate(FAMILIES)}
TILES = len(FAMILIES) * TILES_PER_FAMILY
# Where each level of a tile starts, in texels; the last entry is the size of a whole tile.
LEVEL_START = tuple(
    sum((TILE_PX >> below) ** 2 for below in range(level)) for level in range(LEVELS + 1)
)


@lru_cache(maxsize=4)
def make_atlas(seed: int, part: int) -> UInt8Array:
    """
    Return the pattern tiles of one part of a world.

    :param seed: of the world.
    :param part: number of the part; another part has other tiles.
    :return: uint8 (texels, 2), 255 is 1: how much of a material's second and of its third
        colour is seen. Each tile is stored at 256, 128, … 4 texels a side, one after the other.
    """
    texels = np.empty((TILES, LEVEL_START[-1], 2), np.uint8)
    for family, make in enumerate(FAMILIES.values()):
        for number in range(TILES_PER_FAMILY):
            tile = family * TILES_PER_FAMILY + number
            generator = np.random.default_rng([seed, part, tile])
            image = np.stack(make(generator), axis=-1)
            for level in range(LEVELS):
                texels[tile, LEVEL_START[level] : LEVEL_START[level + 1]] = np.rint(
                    255 * image.reshape(-1, 2)
                )
                image = image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]
                image *= np.float32(0.25)
    return texels.reshape(-1, 2)
