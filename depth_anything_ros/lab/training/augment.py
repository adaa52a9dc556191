"""Random changes of a training image that leave its depth true."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.types import Float32Array, UInt8Array

# Rec. 709 luma of red, green and blue.
_LUMA = np.array([0.2126, 0.7152, 0.0722])
_JPEG_QUALITY = (30, 95)
# Shrinking by more than this first averages the pixels that fall together.
_SHARP_SHRINK = 1.5

_LARGEST = {
    'rotation_deg': 45.0,
    'zoom': 4.0,
    'brightness': 1.0,
    'contrast': 0.9,
    'gamma': 1.0,
    'white_balance': 0.9,
    'hue_deg': 180.0,
    'saturation': 1.0,
    'noise_sigma': 100.0,
    'blur_sigma_px': 10.0,
}


@dataclass(frozen=True)
class Augmentation:
    """
    Set how far training images are changed; the defaults suit a network for small cameras.

    `flip`, `grayscale`, `noise`, `blur` and `jpeg` are probabilities, 0 to 1. Every other value
    is the largest change, drawn evenly from both sides of no change: `rotation_deg` the roll
    about the optical axis; `zoom` the magnification (from 1) of a random crop, which belongs to
    a longer focal length, so that a network for metres should be trained at 1; `brightness` an
    offset in 0..1; `contrast` and `white_balance` relative gains; `gamma` the logarithm of the
    exponent; `hue_deg` a turn about the grey axis; `saturation` relative. `noise_sigma` is in
    levels of 0..255, `blur_sigma_px` in pixels.

    :raises ConfigError: if a value is out of its range.
    """

    flip: float = 0.5
    rotation_deg: float = 5.0
    zoom: float = 1.5
    brightness: float = 0.15
    contrast: float = 0.3
    gamma: float = 0.35
    white_balance: float = 0.12
    hue_deg: float = 10.0
    saturation: float = 0.5
    grayscale: float = 0.05
    noise: float = 0.4
    noise_sigma: float = 8.0
    blur: float = 0.25
    blur_sigma_px: float = 1.2
    jpeg: float = 0.2

    def __post_init__(self) -> None:
        """Check the ranges."""
        for field in fields(self):
            value = getattr(self, field.name)
            least, largest = 1.0 if field.name == 'zoom' else 0.0, _LARGEST.get(field.name, 1.0)
            if not least <= value <= largest:
                raise ConfigError(
                    f'augmentation {field.name} {value:g} is out of range; '
                    f'allowed: {least:g} to {largest:g}'
                )


def augment(
    rgb: UInt8Array,
    depth_m: Float32Array,
    size: tuple[int, int],
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> tuple[UInt8Array, Float32Array]:
    """
    Return a random variant of an image and its depth.

    :param rgb: uint8 (H, W, 3).
    :param depth_m: float32 (H, W) along the optical axis, NaN where unknown. Flip and roll
        leave it unchanged; pixels are taken as they are, never mixed.
    :param size: wanted (height, width).
    :param rng: where all chance comes from.
    :return: rgb uint8 (h, w, 3), depth_m float32 (h, w).
    """
    window = _random_window((rgb.shape[0], rgb.shape[1]), size, augmentation, rng)
    rgb, depth_m = _cut(rgb, depth_m, size, window)
    return _degraded(_recolored(rgb, augmentation, rng), augmentation, rng), depth_m


def centre_crop(
    rgb: UInt8Array, depth_m: Float32Array, size: tuple[int, int]
) -> tuple[UInt8Array, Float32Array]:
    """
    Return the largest middle part with the shape of `size`, resized to it.

    :param rgb: uint8 (H, W, 3).
    :param depth_m: float32 (H, W), metres, NaN where unknown; never mixed.
    :param size: wanted (height, width).
    :return: rgb uint8 (h, w, 3), depth_m float32 (h, w).
    """
    rows, columns = rgb.shape[:2]
    if (rows, columns) == size:
        return rgb, depth_m
    ratio = min(rows / size[0], columns / size[1])
    return _cut(rgb, depth_m, size, _Window(columns / 2, rows / 2, ratio, 0.0, False))


@dataclass(frozen=True)
class _Window:
    """
    Place the wanted image in the source.

    `x` and `y` are its middle, in pixels from the outer corner; `ratio` is source pixels per
    wanted pixel.
    """

    x: float
    y: float
    ratio: float
    angle: float
    flipped: bool

    def matrix(self, size: tuple[int, int]) -> NDArray[np.float64]:
        """Return the map of wanted to source pixel coordinates, (2, 3)."""
        cosine, sine = self.ratio * math.cos(self.angle), self.ratio * math.sin(self.angle)
        linear = np.array([[cosine, -sine], [sine, cosine]])
        if self.flipped:
            linear[:, 0] *= -1
        middle = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])
        offset = np.array([self.x - 0.5, self.y - 0.5]) - linear @ middle
        return np.column_stack([linear, offset])


def _random_window(
    source: tuple[int, int],
    size: tuple[int, int],
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> _Window:
    """Draw a window that lies wholly inside the source, also when it is turned."""
    (rows, columns), (height, width) = source, size
    angle = math.radians(augmentation.rotation_deg) * rng.uniform(-1, 1)
    flipped = bool(rng.random() < augmentation.flip)
    cosine, sine = abs(math.cos(angle)), abs(math.sin(angle))
    extent_x, extent_y = width * cosine + height * sine, width * sine + height * cosine
    ratio = min(columns / extent_x, rows / extent_y) / rng.uniform(1, augmentation.zoom)
    free_x, free_y = columns - ratio * extent_x, rows - ratio * extent_y
    x = columns / 2 + free_x * rng.uniform(-0.5, 0.5)
    y = rows / 2 + free_y * rng.uniform(-0.5, 0.5)
    return _Window(x, y, ratio, angle, flipped)


def _cut(
    rgb: UInt8Array, depth_m: Float32Array, size: tuple[int, int], window: _Window
) -> tuple[UInt8Array, Float32Array]:
    height, width = size
    matrix = window.matrix(size)
    cut_depth = cv2.warpAffine(
        depth_m,
        matrix,
        (width, height),
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if window.ratio > _SHARP_SHRINK:
        rows, columns = rgb.shape[:2]
        smaller = (math.ceil(columns / window.ratio), math.ceil(rows / window.ratio))
        rgb = np.asarray(cv2.resize(rgb, smaller, interpolation=cv2.INTER_AREA), np.uint8)
        scale = np.array([smaller[0] / columns, smaller[1] / rows])
        matrix = matrix * scale[:, None]
        matrix[:, 2] += (scale - 1) / 2  # pixel centres have integer coordinates
    cut_rgb = cv2.warpAffine(
        rgb,
        matrix,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(cut_rgb, np.uint8), np.asarray(cut_depth, np.float32)


def _recolored(
    rgb: UInt8Array, augmentation: Augmentation, rng: np.random.Generator
) -> UInt8Array:
    hue = math.radians(augmentation.hue_deg) * rng.uniform(-1, 1)
    saturation = 1 + augmentation.saturation * rng.uniform(-1, 1)
    if rng.random() < augmentation.grayscale:
        saturation = 0.0
    mixed = cv2.transform(rgb, _saturation_matrix(saturation) @ _hue_matrix(hue))
    levels = (np.arange(256) / 255.0) ** math.exp(augmentation.gamma * rng.uniform(-1, 1))
    levels = (levels - 0.5) * (1 + augmentation.contrast * rng.uniform(-1, 1)) + 0.5
    levels += augmentation.brightness * rng.uniform(-1, 1)
    gains = 1 + augmentation.white_balance * rng.uniform(-1, 1, 3)
    table = np.clip(255 * levels[:, None] * gains + 0.5, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(mixed, table[:, None]), np.uint8)


def _saturation_matrix(saturation: float) -> NDArray[np.float64]:
    matrix: NDArray[np.float64] = saturation * np.eye(3) + (1 - saturation) * _LUMA
    return matrix


def _hue_matrix(angle: float) -> NDArray[np.float64]:
    """Return the turn of RGB about the axis of the greys (Rodrigues' formula)."""
    cross = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    grey = np.full((3, 3), 1 / 3)
    matrix: NDArray[np.float64] = (
        grey + math.cos(angle) * (np.eye(3) - grey) + math.sin(angle) * cross
    )
    return matrix


def _degraded(rgb: UInt8Array, augmentation: Augmentation, rng: np.random.Generator) -> UInt8Array:
    """Blur, add noise, compress: what a lens, a sensor and a driver do, in this order."""
    blur, noise, jpeg = rng.random(3)
    if blur < augmentation.blur:
        sigma = augmentation.blur_sigma_px * rng.uniform(0.3, 1)
        rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma), np.uint8)
    if noise < augmentation.noise:
        sigma = augmentation.noise_sigma * rng.random()
        grain = rng.standard_normal(rgb.shape, np.float32)
        grain *= np.float32(sigma)
        grain += rgb
        grain += np.float32(0.5)  # the cast rounds down
        rgb = np.clip(grain, 0, 255, out=grain).astype(np.uint8)
    if jpeg < augmentation.jpeg:
        quality = int(rng.integers(*_JPEG_QUALITY, endpoint=True))
        _, data = cv2.imencode('.jpg', rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])
        # Red and blue change places on both ways; only the luma weights are then a little off.
        rgb = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return rgb
