"""
The image-independent predictor: what a network has to beat to have looked at the image at all.

It answers the same map of inverse depth whatever the image shows, made of the scenes that the
network was trained on: floor near and below, walls far. Aligned to each image like a network's
prediction it scores well where scenes resemble each other, which is what a ratio to it takes out
of a score. There are three candidates, and which scores best depends on the data:

- `mean`: the mean inverse depth; it leans to near scenes.
- `normalised_mean`: the mean of maps brought to median 0 and mean absolute deviation 1 each, the
  normalisation that makes inverse depth comparable in training.
- `principal`: the map that, with its own scale and shift for each scene, explains most of the
  variance within the scenes: the best that least squares can do with one map.

Source: Ranftl et al., MiDaS (2020), equation 5, for the normalisation.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from depth_anything_ros.errors import DatasetError, MessageError
from depth_anything_ros.files import write_bytes
from depth_anything_ros.lab.datasets.numpy_files import load_npz
from depth_anything_ros.types import (
    DepthSample,
    Float32Array,
    RelativeInverseDepth,
    UInt8Array,
)

MAP_SIZE = (48, 64)
# A flat wall seen straight on has no shape to average; its noise would be blown up.
_MIN_RELATIVE_DEVIATION = 1e-3
_POWER_ITERATIONS = 100


@dataclass(frozen=True)
class InverseDepthMap:
    """
    Predict one map of inverse depth for every image.

    `values` is float32 (h, w), stretched to the image whatever its aspect ratio.
    """

    name: str
    values: Float32Array

    def __call__(self, rgb: UInt8Array) -> RelativeInverseDepth:
        """Return the map at the size of an image, uint8 (H, W, 3)."""
        size = rgb.shape[1], rgb.shape[0]
        values = cv2.resize(self.values, size, interpolation=cv2.INTER_LINEAR)
        return RelativeInverseDepth(np.asarray(values, np.float32))


@dataclass(frozen=True)
class Baseline:
    """
    The candidates and what they were made of.

    `origin` names the training scenes, `scenes` counts those with depth; the range in metres is
    the one that their depth was limited to.
    """

    maps: tuple[InverseDepthMap, ...]
    origin: str
    scenes: int
    min_depth_m: float
    max_depth_m: float


def average_scenes(
    samples: Iterable[DepthSample],
    origin: str,
    min_depth_m: float,
    max_depth_m: float,
    size: tuple[int, int] = MAP_SIZE,
) -> Baseline:
    """
    Make the candidates of training scenes.

    :param samples: the scenes; images without any depth are left out, flat ones of the
        normalised candidates only.
    :param origin: names the scenes.
    :param min_depth_m: nearer depth counts as this near, as predictions do in scoring.
    :param max_depth_m: farther depth counts as this far.
    :param size: (height, width) of the maps.
    :raises DatasetError: if no scene has depth in some part of the image, or all are flat.
    """
    coarse = (
        _coarse_inverse_depth(sample.depth_m, min_depth_m, max_depth_m, size) for sample in samples
    )
    found = [inverse for inverse in coarse if np.isfinite(inverse).any()]
    scenes = np.stack(found) if found else np.full((1, *size), np.nan, np.float32)
    unknown = int(np.isnan(scenes).all(axis=0).sum())
    if unknown:
        raise DatasetError(
            f"'{origin}': {len(found)} scenes have no depth in {unknown} of {size[0] * size[1]} "
            'cells of the baseline; more scenes are needed'
        )
    normalised = _normalised(scenes)
    if not np.isfinite(normalised).any(axis=0).all():
        raise DatasetError(f"'{origin}': too few scenes are not flat to make a baseline of")
    candidates = {
        'mean': np.nanmean(scenes, axis=0),
        'normalised_mean': np.nanmean(normalised, axis=0),
        'principal': _principal(normalised),
    }
    maps = tuple(
        InverseDepthMap(name, values.astype(np.float32)) for name, values in candidates.items()
    )
    return Baseline(maps, origin, len(found), min_depth_m, max_depth_m)


def _coarse_inverse_depth(
    depth_m: Float32Array, min_depth_m: float, max_depth_m: float, size: tuple[int, int]
) -> Float32Array:
    """Return inverse depth averaged over cells, float32 `size` in 1/m, NaN where unknown."""
    known = np.isfinite(depth_m) & (depth_m > 0)
    depth = np.clip(np.where(known, depth_m, 1.0), min_depth_m, max_depth_m)
    inverse = np.where(known, 1.0 / depth, 0.0).astype(np.float32)
    shares = _area_mean(known.astype(np.float32), size)
    coarse: Float32Array = _area_mean(inverse, size) / np.where(shares > 0, shares, np.nan)
    return coarse


def _area_mean(values: Float32Array, size: tuple[int, int]) -> Float32Array:
    resized = cv2.resize(values, size[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.float32)


def _normalised(scenes: Float32Array) -> Float32Array:
    """Bring maps (N, h, w) to median 0 and mean absolute deviation 1; flat ones are left out."""
    median = np.nanmedian(scenes, axis=(1, 2), keepdims=True)
    deviation = np.nanmean(np.abs(scenes - median), axis=(1, 2), keepdims=True)
    shaped = (deviation > _MIN_RELATIVE_DEVIATION * median).ravel()
    normalised: Float32Array = ((scenes - median) / np.where(deviation > 0, deviation, 1))[shaped]
    return normalised


def _principal(scenes: Float32Array) -> Float32Array:
    """Return the map (h, w) of most variance within scenes (N, h, w), of norm sqrt(h · w)."""
    known = np.isfinite(scenes)
    centred = np.where(known, scenes - np.nanmean(scenes, axis=(1, 2), keepdims=True), 0)
    rows = centred.reshape(len(scenes), -1)  # (N, h · w)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    # Started at their mean, the power method keeps to the side where near is positive.
    vector = rows.mean(axis=0)
    for _ in range(_POWER_ITERATIONS):
        vector = rows.T @ (rows @ vector)
        vector = vector / np.linalg.norm(vector)
    principal: Float32Array = vector.reshape(scenes.shape[1:]) * np.sqrt(vector.size)
    return principal


def write_baseline(path: Path, baseline: Baseline) -> None:
    """
    Write a baseline, for later runs to read instead of rendering its scenes again.

    :param path: an .npz file.
    :raises OutputError: if it cannot be written.
    """
    # In memory first: an archive that cannot be finished complains even after its error.
    content = io.BytesIO()
    np.savez(
        content,
        origin=baseline.origin,
        scenes=baseline.scenes,
        range_m=(baseline.min_depth_m, baseline.max_depth_m),
        names=[item.name for item in baseline.maps],
        values=np.stack([item.values for item in baseline.maps]),
    )
    write_bytes(path, content.getvalue())


def read_baseline(path: Path) -> Baseline:
    """
    Read what `write_baseline` wrote.

    :raises DatasetError: if the file does not exist or is not a baseline.
    """
    try:
        found = load_npz(path)
        maps = tuple(
            InverseDepthMap(str(name), np.asarray(values, np.float32))
            for name, values in zip(found['names'], found['values'], strict=True)
        )
        low, high = found['range_m'].tolist()
        return Baseline(maps, str(found['origin']), int(found['scenes']), low, high)
    except (MessageError, KeyError, ValueError, TypeError) as error:
        raise DatasetError(f"'{path}' cannot be read as a baseline: {error}") from error
