"""Scenes and cameras in, pictures and depth out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from depth_anything_ros.lab.simulation.atlas import make_atlas
from depth_anything_ros.lab.simulation.casting import cast
from depth_anything_ros.lab.simulation.optics import Imaging, develop, noise_pool
from depth_anything_ros.lab.simulation.packing import Scenery, pack
from depth_anything_ros.lab.simulation.shading import shade


class Studio:
    """
    Render views of scenes with the patterns and the noise of one seed.

    On a CPU one thread does it, however many torch may use: the tensors are too small to share
    out, and the order of sums, and so the picture, would follow the number of threads.

    :param seed: at least 0.
    :param device: where the work is done.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self._seed = seed
        self._device = device
        self._noise = noise_pool(seed).to(device)
        self._atlas: tuple[int, Tensor] | None = None

    @torch.inference_mode()
    def render(
        self, scenes: Sequence[Scenery], imagings: Sequence[Imaging], part: int
    ) -> tuple[Tensor, Tensor]:
        """
        Return uint8 (V, H, W, 3) and depth in metres, float32 (V, H, W), NaN where unknown.

        :param scenes: all with cameras of one size.
        :param imagings: how each is developed.
        :param part: which of the seed's pattern tiles are used.
        """
        camera = scenes[0].camera
        with _one_thread():
            packed = pack(scenes, self._device)
            hits = cast(packed.table, len(scenes), camera.height, camera.width)
            color, depth_m = shade(packed, hits, self._tiles(part))
            return develop(color, hits.shape, list(imagings), self._noise), depth_m

    def _tiles(self, part: int) -> Tensor:
        if self._atlas is None or self._atlas[0] != part:
            texels = torch.from_numpy(make_atlas(self._seed, part).view(np.int16)[:, 0])
            self._atlas = (part, texels.to(self._device))
        return self._atlas[1]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute with one thread inside the block."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
