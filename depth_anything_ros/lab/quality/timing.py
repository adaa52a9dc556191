"""How many depth maps a second this machine scores, without reading files."""

from __future__ import annotations

import time
from concurrent.futures import wait
from functools import lru_cache

import cv2
import numpy as np

from depth_anything_ros.lab.quality.scores import ScoreConfig, score_depth
from depth_anything_ros.lab.workers import Workers
from depth_anything_ros.types import Float32Array

HEIGHT, WIDTH = 480, 640

_DIFFERENT_MAPS = 8
_MAPS_PER_CALL = 32
_START_S = 2.0


def made_depth(seed: int) -> Float32Array:
    """
    Return a map like a depth camera's: smooth, noisy, with edges and holes.

    :return: float32 (480, 640) in metres, NaN where unknown.
    """
    generator = np.random.default_rng(seed)
    coarse = generator.uniform(1, 6, (6, 8)).astype(np.float32)
    depth_m = np.asarray(
        cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR), np.float32
    )
    depth_m[200:300, 100:260] *= 0.5
    depth_m += generator.normal(0, 0.004, depth_m.shape).astype(np.float32) * depth_m
    depth_m[:, :40] = np.nan
    depth_m[350:, 400:520] = np.nan
    return depth_m


def scores_per_second(workers: Workers, config: ScoreConfig, count: int) -> float:
    """
    Return how many depth maps of 640x480 in memory the workers score in a second.

    They have started and made their maps before; the time is that from giving out the first
    call to having the last result.

    :param count: maps for each worker, at least 1.
    """
    executor = workers.executor
    wait([executor.submit(_start, config) for _ in range(workers.count)])
    start_s = time.perf_counter()
    calls = []
    for first in range(0, count * workers.count, _MAPS_PER_CALL):
        maps = min(_MAPS_PER_CALL, count * workers.count - first)
        calls.append(executor.submit(_score, config, maps))
    scored = sum(call.result() for call in calls)
    return scored / (time.perf_counter() - start_s)


def _start(config: ScoreConfig) -> None:
    """Make the maps, and be busy for so long that every other process starts meanwhile."""
    end_s = time.monotonic() + _START_S
    _score(config, _DIFFERENT_MAPS)
    time.sleep(max(0.0, end_s - time.monotonic()))


def _score(config: ScoreConfig, count: int) -> int:
    for index in range(count):
        score_depth(_kept_map(index % _DIFFERENT_MAPS), config)
    return count


_kept_map = lru_cache(_DIFFERENT_MAPS)(made_depth)
