"""
Procedural surfaces: albedo from coordinates on the surface.

Every pattern is averaged over the area that a pixel covers (the footprint), so that far
floors fade to their mean colour instead of flickering.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.lab.simulation.scene import Material
from depth_anything_ros.types import Float32Array

_TILE_PX = 1024
_TILE_M = 2.0

_HAZE = np.array([0.80, 0.75, 0.60], np.float32)
_SKY = np.array([0.20, 0.40, 0.75], np.float32)
_SUN = np.array([0.95, 0.60, 0.15], np.float32)


@dataclass(frozen=True)
class Spot:
    """
    Hold where on a surface pixels lie: coordinates and footprints in metres, each (N,).

    `width_m` and `height_m` are the size of the surface, `noise` the table to draw from.
    """

    u_m: Float32Array
    v_m: Float32Array
    footprint_u_m: Float32Array
    footprint_v_m: Float32Array
    width_m: float
    height_m: float
    noise: Noise


class Noise:
    """Random fields with a fixed repeat, in [-1, 1] with mean 0, and random numbers by index."""

    def __init__(self, seed: int) -> None:
        generator = np.random.default_rng(seed)
        self._table: Float32Array = generator.random(4096, dtype=np.float32)
        level = _smooth_tile(generator)
        levels = []
        while len(level) >= 4:
            levels.append(level.reshape(-1))
            level = level.reshape(len(level) // 2, 2, -1, 2).mean(axis=(1, 3))
        self._levels = len(levels)
        sizes = [len(values) for values in levels]
        self._starts = np.cumsum([0, *sizes[:-1]]).astype(np.int32)
        self._texels = np.concatenate(levels)

    def field(
        self, u_m: Float32Array, v_m: Float32Array, footprint_m: Float32Array, zoom: float = 1.0
    ) -> Float32Array:
        """Return the field at points, blurred to the footprint; `zoom` above 1 is finer."""
        per_m = np.float32(zoom * _TILE_PX / _TILE_M)
        blur = np.log2(np.maximum(footprint_m * per_m, np.float32(1)))
        level = np.minimum(blur, np.float32(self._levels - 1)).astype(np.int32)
        mask = (_TILE_PX >> level) - 1
        column = np.floor(u_m * per_m).astype(np.int32) >> level & mask
        row = np.floor(v_m * per_m).astype(np.int32) >> level & mask
        index = self._starts[level] + row * (mask + 1) + column
        texels: Float32Array = self._texels[index]
        return texels

    def random(self, *indices: NDArray[np.float32]) -> Float32Array:
        """Return a number in 0..1 for each tuple of whole numbers, always the same."""
        mixed = np.zeros(indices[0].shape, np.int64)
        for index in indices:
            mixed = (mixed * 73 + index.astype(np.int64) * 619 + 101) % 4096
        return self._table[mixed]


def _smooth_tile(generator: np.random.Generator) -> Float32Array:
    """Return a field that repeats without seams, with as much variation at every scale."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(_TILE_PX), np.fft.rfftfreq(_TILE_PX)))
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(generator.standard_normal((_TILE_PX, _TILE_PX)))
    tile: Float32Array = np.fft.irfft2(spectrum / frequency.T**1.1, (_TILE_PX, _TILE_PX)).astype(
        np.float32
    )
    tile -= tile.mean()
    tile /= 3 * tile.std()
    return tile.clip(-1, 1)


def pulse(position: Float32Array, duty: float, footprint: Float32Array) -> Float32Array:
    """
    Return the share of a footprint that is covered by a train of pulses.

    :param position: in periods; a pulse starts at every whole number.
    :param duty: length of a pulse, in periods.
    :param footprint: width to average over, in periods.
    Source: the filtered pulse train of Apodaca and Gritz, Advanced RenderMan.
    """
    width = np.maximum(footprint, np.float32(1e-4))

    def integral(end: Float32Array) -> Float32Array:
        whole = np.floor(end)
        covered: Float32Array = whole * np.float32(duty) + np.minimum(
            end - whole, np.float32(duty)
        )
        return covered

    share: Float32Array = (integral(position + width / 2) - integral(position - width / 2)) / width
    return share


def mix(first: Float32Array, second: Float32Array, share: Float32Array) -> Float32Array:
    """Return colours between two, (N, 3) or (3,) each, by a share (N,) of the second."""
    return first + (second - first) * share[:, None]


def _colors(material: Material) -> tuple[Float32Array, Float32Array]:
    return np.array(material.color, np.float32), np.array(material.second, np.float32)


def _larger(spot: Spot) -> Float32Array:
    return np.maximum(spot.footprint_u_m, spot.footprint_v_m)


def plaster(material: Material, spot: Spot) -> Float32Array:
    """Return a painted wall: one colour with faint clouds."""
    main, _ = _colors(material)
    clouds = spot.noise.field(spot.u_m, spot.v_m, _larger(spot))
    return main * (1 + np.float32(0.10) * clouds)[:, None]


def tiles(material: Material, spot: Spot) -> Float32Array:
    """Return square tiles of slightly different shades, with joints of the second colour."""
    main, joint = _colors(material)
    u, v = spot.u_m / material.scale_m, spot.v_m / material.scale_m
    fine_u, fine_v = spot.footprint_u_m / material.scale_m, spot.footprint_v_m / material.scale_m
    shade = spot.noise.random(np.floor(u), np.floor(v)) - np.float32(0.5)
    near = np.clip(np.float32(1.5) - np.maximum(fine_u, fine_v), 0, 1)
    clouds = spot.noise.field(spot.u_m, spot.v_m, _larger(spot))
    tile = main * (1 + np.float32(0.16) * shade * near + np.float32(0.12) * clouds)[:, None]
    gap_u = pulse(u + np.float32(0.01), 0.02, fine_u)
    gap_v = pulse(v + np.float32(0.01), 0.02, fine_v)
    return mix(tile, joint, np.maximum(gap_u, gap_v))


def checker(material: Material, spot: Spot) -> Float32Array:
    """Return a chess board of the two colours."""
    main, second = _colors(material)
    period = np.float32(2 * material.scale_m)
    across = 2 * pulse(spot.u_m / period, 0.5, spot.footprint_u_m / period) - 1
    along = 2 * pulse(spot.v_m / period, 0.5, spot.footprint_v_m / period) - 1
    return mix(main, second, np.float32(0.5) - np.float32(0.5) * across * along)


def stripes(material: Material, spot: Spot) -> Float32Array:
    """Return stripes along v of the two colours."""
    main, second = _colors(material)
    share = pulse(spot.u_m / material.scale_m, 0.5, spot.footprint_u_m / material.scale_m)
    return mix(main, second, share)


def planks(material: Material, spot: Spot) -> Float32Array:
    """Return floor boards along u, each with its own shade and grain."""
    main, gap = _colors(material)
    width, length = material.scale_m, np.float32(8 * material.scale_m)
    row = np.floor(spot.v_m / width)
    along = spot.u_m + spot.noise.random(row) * length
    board = np.floor(along / length)
    shade = spot.noise.random(row, board)
    near = np.clip(np.float32(1.5) - spot.footprint_v_m / width, 0, 1)
    grain = spot.noise.field(
        along * np.float32(0.12) + shade * 7, spot.v_m + shade * 5, spot.footprint_v_m, 2.0
    )
    brightness = (
        1 + (np.float32(0.45) * (shade - np.float32(0.5)) + np.float32(0.35) * grain) * near
    )
    wood = main * brightness[:, None]
    joint_v = pulse(spot.v_m / width + np.float32(0.015), 0.03, spot.footprint_v_m / width)
    joint_u = pulse(along / length + np.float32(0.002), 0.004, spot.footprint_u_m / length)
    return mix(wood, gap, np.maximum(joint_v, joint_u))


def wood(material: Material, spot: Spot) -> Float32Array:
    """Return a wooden surface with its grain along u."""
    main, _ = _colors(material)
    grain = spot.noise.field(
        spot.u_m * np.float32(0.10), spot.v_m, spot.footprint_v_m, 2.5
    ) + np.float32(0.5) * spot.noise.field(spot.u_m, spot.v_m * np.float32(0.1), _larger(spot))
    return main * (1 + np.float32(0.3) * grain)[:, None]


def fabric(material: Material, spot: Spot) -> Float32Array:
    """Return woven cloth with seams every `scale_m` along u."""
    main, _ = _colors(material)
    rough = spot.noise.field(spot.u_m, spot.v_m, _larger(spot), 4.0)
    soft = spot.noise.field(spot.u_m, spot.v_m, _larger(spot), 0.5)
    seam = pulse(
        spot.u_m / material.scale_m + np.float32(0.01),
        0.02,
        spot.footprint_u_m / material.scale_m,
    )
    cloth = 1 + np.float32(0.25) * rough + np.float32(0.15) * soft - np.float32(0.5) * seam
    woven: Float32Array = main * cloth[:, None]
    return woven


def books(material: Material, spot: Spot) -> Float32Array:
    """Return a row of book spines, `scale_m` wide, under a strip of shadow."""
    _, shadow = _colors(material)
    index = np.floor(spot.u_m / material.scale_m)
    hue = spot.noise.random(index)
    phases = (np.float32(0), np.float32(0.33), np.float32(0.67))
    rainbow = np.stack([0.5 + 0.5 * np.cos(6.2832 * (hue + phase)) for phase in phases], axis=1)
    shade = np.float32(0.15) + np.float32(0.6) * spot.noise.random(index, index)
    spine = (np.float32(0.25) + np.float32(0.75) * rainbow.astype(np.float32)) * shade[:, None]
    label = pulse(spot.v_m / spot.height_m + np.float32(0.4), 0.12, spot.footprint_v_m)
    spine = mix(spine, np.array([0.85, 0.8, 0.65], np.float32), label * (hue > 0.4))
    tall = np.float32(spot.height_m) * (
        np.float32(0.68) + np.float32(0.25) * spot.noise.random(index, index + 3)
    )
    gap = pulse(
        spot.u_m / material.scale_m + np.float32(0.04),
        0.08,
        spot.footprint_u_m / material.scale_m,
    )
    return mix(spine, shadow, np.maximum(gap, (spot.v_m > tall).astype(np.float32)))


def rug(material: Material, spot: Spot) -> Float32Array:
    """Return a carpet: diamonds inside a striped border."""
    main, second = _colors(material)
    scale = np.float32(material.scale_m)
    u, v = spot.u_m / scale, spot.v_m / scale
    blur = _larger(spot) / scale
    across = 2 * pulse((u + v) / 2, 0.5, blur) - 1
    along = 2 * pulse((u - v) / 2, 0.5, blur) - 1
    cloth = mix(main, second, np.float32(0.5) - np.float32(0.5) * across * along)
    edge = np.minimum(
        np.minimum(spot.u_m, spot.width_m - spot.u_m),
        np.minimum(spot.v_m, spot.height_m - spot.v_m),
    )
    border = pulse(edge / np.float32(0.08), 0.5, _larger(spot) / np.float32(0.08))
    cloth = np.where((edge < 0.2)[:, None], mix(second, main, border), cloth)
    rough = spot.noise.field(spot.u_m, spot.v_m, _larger(spot), 4.0)
    return cloth * (1 + np.float32(0.3) * rough)[:, None]


def picture(material: Material, spot: Spot) -> Float32Array:
    """Return a framed painting of hills under a sky with a sun."""
    main, second = _colors(material)
    u, v = spot.u_m / spot.width_m, spot.v_m / spot.height_m
    painted = mix(
        np.array([0.8, 0.75, 0.6], np.float32), np.array([0.2, 0.4, 0.75], np.float32), v
    )
    sun = np.hypot(u - np.float32(0.7), (v - np.float32(0.72)) * spot.height_m / spot.width_m)
    painted = np.where((sun < 0.1)[:, None], _SUN, painted)
    for number, level in enumerate((0.55, 0.42, 0.25)):
        hill = level + 0.09 * np.sin((5 + 3 * number) * u + 2.0 * number + 9 * material.scale_m)
        tone = main * np.float32(1.0 - 0.27 * number)
        painted = np.where((v < hill)[:, None], tone, painted)
    edge = np.minimum(
        np.minimum(spot.u_m, spot.width_m - spot.u_m),
        np.minimum(spot.v_m, spot.height_m - spot.v_m),
    )
    return np.where((edge < 0.035)[:, None], second, painted).astype(np.float32)


def window(material: Material, spot: Spot) -> Float32Array:
    """Return panes with the sky behind them, in a frame of the second colour."""
    main, frame = _colors(material)
    height = spot.v_m / spot.height_m
    sky = mix(main * np.float32(0.75), main, np.clip(height, 0, 1))
    clouds = spot.noise.field(spot.u_m, spot.v_m, _larger(spot), 0.5)
    sky = sky * (1 + np.float32(0.2) * clouds)[:, None]
    half = np.float32(spot.width_m / 2)
    bars = np.minimum(
        np.minimum(np.abs(spot.u_m - half), np.abs(spot.v_m - np.float32(spot.height_m * 0.6))),
        np.minimum(
            np.minimum(spot.u_m, spot.width_m - spot.u_m),
            np.minimum(spot.v_m, spot.height_m - spot.v_m),
        ),
    )
    return np.where((bars < 0.035)[:, None], frame, sky)


def cardboard(material: Material, spot: Spot) -> Float32Array:
    """Return a parcel: brown paper with a band of tape and a label."""
    main, tape = _colors(material)
    paper = (
        main
        * (1 + np.float32(0.15) * spot.noise.field(spot.u_m, spot.v_m, _larger(spot), 2.0))[
            :, None
        ]
    )
    band = (np.abs(spot.u_m - spot.width_m / 2) < 0.03).astype(np.float32)
    paper = mix(paper, tape, band)
    label = (np.abs(spot.u_m - spot.width_m * 0.25) < 0.06) & (
        np.abs(spot.v_m - spot.height_m * 0.65) < 0.04
    )
    return np.where(label[:, None], np.float32(0.8), paper)


def drawers(material: Material, spot: Spot) -> Float32Array:
    """Return wooden fronts `scale_m` wide with joints and handles of the second colour."""
    _, metal = _colors(material)
    front = wood(material, spot)
    u = spot.u_m / material.scale_m
    joint = pulse(u + np.float32(0.01), 0.02, spot.footprint_u_m / material.scale_m)
    half = np.float32(spot.height_m / 2)
    joint = np.maximum(joint, (np.abs(spot.v_m - half) < 0.004).astype(np.float32))
    middle = np.abs(u - np.floor(u) - np.float32(0.5)) * material.scale_m < 0.06
    level = np.abs(np.abs(spot.v_m - half) - half / 2) < 0.012
    front = mix(front, front * np.float32(0.25), joint)
    return np.where((middle & level)[:, None], metal, front)


Pattern = Callable[[Material, Spot], Float32Array]

PATTERNS: dict[str, Pattern] = {
    'plaster': plaster,
    'tiles': tiles,
    'checker': checker,
    'stripes': stripes,
    'planks': planks,
    'wood': wood,
    'fabric': fabric,
    'books': books,
    'rug': rug,
    'picture': picture,
    'window': window,
    'cardboard': cardboard,
    'drawers': drawers,
}
