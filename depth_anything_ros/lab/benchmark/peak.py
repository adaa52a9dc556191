"""The most this machine's CPU computes in a second, to hold a network's speed against."""

from __future__ import annotations

import time
from functools import lru_cache
from importlib.util import find_spec

from depth_anything_ros.types import Precision

CHANNELS = 256
SIDE = 64
RUNS = 15


@lru_cache
def peak_gflop_per_s(precision: Precision) -> float | None:
    """
    Return the CPU's best rate of a large 3×3 convolution in 10⁹ operations a second.

    It is what a library reaches at best, not the processor's data sheet: of the kernels tried
    (matrix products, 1×1 and 3×3 convolutions of torch) this one was the fastest in fp32 and in
    bf16. A multiplication with addition counts as two. Measured once in a process. On a GPU the
    time to start one such convolution would hide its rate.

    :param precision: number format of both factors.
    :return: None without torch, whose convolution it is.
    """
    if find_spec('torch') is None:
        return None
    import torch
    from torch.nn import functional as F

    from depth_anything_ros.inference.backends.torch_backend import DTYPES

    images = torch.ones(1, CHANNELS, SIDE, SIDE, dtype=DTYPES[precision])
    weights = torch.ones(CHANNELS, CHANNELS, 3, 3, dtype=DTYPES[precision])
    images = images.to(memory_format=torch.channels_last)
    weights = weights.to(memory_format=torch.channels_last)
    fastest_s = float('inf')
    with torch.inference_mode():
        for _ in range(RUNS):
            start_s = time.perf_counter()
            F.conv2d(images, weights, padding=1)
            fastest_s = min(fastest_s, time.perf_counter() - start_s)
    return 2 * CHANNELS * CHANNELS * 9 * SIDE * SIDE / fastest_s * 1e-9
