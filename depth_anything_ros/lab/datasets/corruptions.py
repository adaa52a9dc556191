"""
Pictures made worse as cameras and their links do it: five levels of each kind.

Source: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations" (ICLR 2019), for the idea, and for noise, blur, jpeg and fog with their levels; the
blur is in pixels of a picture of 224 and grows with it. Light is in stops. What a sensor or a link
does to columns and lines has levels of our own.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.registry import Registry
from depth_anything_ros.types import Float32Array, UInt8Array

# From a picture, uint8 (H, W, 3), and a level of 1 to 5 to a new one of the same size.
Corrupt = Callable[[UInt8Array, int, Generator], UInt8Array]

LEVELS = (1, 2, 3, 4, 5)
ALL = 'all'
_SIDE_PX = 224
_GAMMA = 2.2
_LINES_PX, _COLUMNS_PX = 4, 16
_PLASMA_STEPS = 7


@dataclass(frozen=True)
class Corruption:
    """
    One kind at one level, from 1 (slight) to 5 (severe).

    What is random in it follows from the picture alone, so that any process makes the same.
    """

    kind: str
    level: int

    @property
    def name(self) -> str:
        """Return what it is called, as in `noise:3`."""
        return f'{self.kind}:{self.level}'

    def __call__(self, rgb: UInt8Array) -> UInt8Array:
        """Return a picture made worse, uint8 (H, W, 3); the one given stays as it is."""
        random = np.random.default_rng(zlib.crc32(rgb.tobytes()))
        return CORRUPTIONS[self.kind](rgb, self.level, random)


def corrupted(label: str, corruption: str) -> str:
    """Return the name of a model's scores on pictures that a corruption made worse."""
    return f'{label} + {corruption}'


def corruptions_of(words: Sequence[str]) -> list[Corruption]:
    """
    Return what words ask for: KIND:LEVEL, KIND at all levels, `all` kinds of a level or of all.

    :raises UnknownNameError: if a kind is not known.
    :raises ConfigError: if a level is not known.
    """
    found = []
    for word in words:
        kind, _, text = word.partition(':')
        levels = [level for level in LEVELS if text in ('', str(level))]
        if not levels:
            raise ConfigError(f"corruption '{word}' has level '{text}'; allowed: 1 to 5, or none")
        for name in CORRUPTIONS if kind == ALL else (kind,):
            CORRUPTIONS[name]  # told here if it is not known
            found += [Corruption(name, level) for level in levels]
    return list(dict.fromkeys(found))


def _noise(rgb: UInt8Array, level: int, random: Generator) -> UInt8Array:
    deviation = (0.08, 0.12, 0.18, 0.26, 0.38)[level - 1]
    return _picture(rgb + 255 * deviation * random.standard_normal(rgb.shape, np.float32))


def _blur(rgb: UInt8Array, level: int, _: Generator) -> UInt8Array:
    deviation_px = (1, 2, 3, 4, 6)[level - 1] * min(rgb.shape[:2]) / _SIDE_PX
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), deviation_px), np.uint8)


def _dark(rgb: UInt8Array, level: int, _: Generator) -> UInt8Array:
    return _exposed(rgb, -level)


def _bright(rgb: UInt8Array, level: int, _: Generator) -> UInt8Array:
    return _exposed(rgb, level / 2)


def _exposed(rgb: UInt8Array, stops: float) -> UInt8Array:
    """Return a picture with 2 ** stops times the light; what is too much is cut off."""
    table = _picture(np.arange(256) * 2 ** (stops / _GAMMA))
    return np.asarray(cv2.LUT(rgb, table), np.uint8)


def _jpeg(rgb: UInt8Array, level: int, _: Generator) -> UInt8Array:
    quality = (25, 18, 15, 10, 7)[level - 1]
    data = cv2.imencode('.jpg', rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1], np.uint8)


def _fog(rgb: UInt8Array, level: int, random: Generator) -> UInt8Array:
    strength, decay = ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))[level - 1]
    values = rgb.astype(np.float32) / 255
    bright = float(values.max())
    foggy = values + np.float32(strength) * _plasma(rgb.shape[:2], decay, random)[..., None]
    return _picture(255 * foggy * bright / (bright + strength))


def _plasma(size: tuple[int, ...], decay: float, random: Generator) -> Float32Array:
    """Return clouds, float32 `size` from 0 to 1: each finer pattern is `decay` times weaker."""
    clouds = np.zeros(size, np.float32)
    for step in range(_PLASMA_STEPS):
        coarse = random.random((2**step + 1, 2**step + 1), np.float32)
        pattern = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
        clouds += np.float32(decay**-step) * np.asarray(pattern, np.float32)
    clouds -= clouds.min()
    return clouds / max(float(clouds.max()), 1e-6)


def _frozen(rgb: UInt8Array, level: int, random: Generator) -> UInt8Array:
    """Let columns show what the one before them shows, in bands, as of a sensor that is stuck."""
    share = (0.05, 0.1, 0.2, 0.3, 0.5)[level - 1]
    places = _bands(rgb.shape[1], share, _COLUMNS_PX, random)
    columns = np.arange(rgb.shape[1])
    columns[places] = -1
    columns[0] = 0
    return np.ascontiguousarray(rgb[:, np.maximum.accumulate(columns)])


def _dropped(rgb: UInt8Array, level: int, random: Generator) -> UInt8Array:
    """Leave lines black, in bands, as of packets that a link loses."""
    share = (0.02, 0.05, 0.1, 0.2, 0.4)[level - 1]
    worse = rgb.copy()
    worse[_bands(rgb.shape[0], share, _LINES_PX, random)] = 0
    return worse


def _bands(length: int, share: float, width: int, random: Generator) -> NDArray[np.bool_]:
    """Return which of so many lines are hit, bool (length,): whole bands, at least one."""
    bands = -(-length // width)
    hit = np.zeros(bands, np.bool_)
    hit[random.permutation(bands)[: max(1, round(share * bands))]] = True
    return np.repeat(hit, width)[:length]


def _picture(values: NDArray[Any]) -> UInt8Array:
    picture: UInt8Array = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    return picture


CORRUPTIONS: Registry[Corrupt] = Registry(
    'corruption',
    {
        'noise': _noise,
        'blur': _blur,
        'dark': _dark,
        'bright': _bright,
        'jpeg': _jpeg,
        'fog': _fog,
        'frozen': _frozen,
        'dropped': _dropped,
    },
)
