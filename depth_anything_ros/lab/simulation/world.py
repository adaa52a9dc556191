"""A world of indoor scenes: each number is another furnished room, seen once, exactly known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.simulation.camera import check_size, pinhole
from depth_anything_ros.lab.simulation.optics import Imaging, random_imaging
from depth_anything_ros.lab.simulation.packing import Scenery
from depth_anything_ros.lab.simulation.scenery import furnish
from depth_anything_ros.lab.simulation.studio import Studio
from depth_anything_ros.lab.simulation.viewpoint import choose_view
from depth_anything_ros.types import Camera, CameraMounting, DepthSample

# Views that share their pattern tiles.
PART = 4096


@dataclass(frozen=True)
class RenderedBatch:
    """
    Views, on the device of their world.

    `rgb` is uint8 (B, H, W, 3); `depth_m` float32 (B, H, W) along the optical axis at the pixel
    centres, NaN where nothing is hit and in windows; `cameras`, their `mountings` above the
    floor and `names` have B entries.
    """

    rgb: Tensor
    depth_m: Tensor
    cameras: tuple[Camera, ...]
    mountings: tuple[CameraMounting, ...]
    names: tuple[str, ...]


class World:
    """
    Render indoor scenes by number; the same number gives the same image on the same machine.

    On a CPU views are rendered one after the other, which keeps their data in the cache; on
    another device all views of a call that share pattern tiles are rendered at once, and the last
    bits of their sums may follow which views those are.

    :param seed: of the world; another seed has other rooms, things, patterns and views.
    :param height: of the images in pixels, at least 16.
    :param width: of the images in pixels, at least 16.
    :param device: as torch names it.
    :param version: see `furnish`.
    :raises DatasetError: if the seed is negative or a side is smaller than 16 pixels.
    """

    def __init__(
        self, seed: int, height: int, width: int, device: str = 'cpu', version: int = 1
    ) -> None:
        if seed < 0:
            raise DatasetError(f'world seed {seed} is not allowed; allowed: 0 and above')
        check_size(width, height)
        self.seed = seed
        self.height, self.width = height, width
        self.version = version
        self.device = torch.device(device)
        self._studio = Studio(seed, self.device)

    def render(self, indices: Sequence[int]) -> RenderedBatch:
        """
        Return the views of these numbers.

        :raises DatasetError: if there are none or one is negative.
        """
        if not indices or min(indices) < 0:
            raise DatasetError(f'views {list(indices)} cannot be made; allowed: 0 and above')
        made = [self._scene(index) for index in indices]
        rgb, depth_m = [], []
        for group in self._groups(indices):
            picture, depth = self._studio.render(
                [made[place][0] for place in group],
                [made[place][1] for place in group],
                indices[group[0]] // PART,
            )
            rgb.append(picture)
            depth_m.append(depth)
        return RenderedBatch(
            torch.cat(rgb),
            torch.cat(depth_m),
            tuple(scene.camera for scene, _ in made),
            tuple(scene.pose.mounting for scene, _ in made),
            tuple(f'world{self.seed}/{index}' for index in indices),
        )

    def sample(self, index: int) -> DepthSample:
        """
        Return one view on the CPU.

        :raises DatasetError: if the number is negative.
        """
        batch = self.render([index])
        return DepthSample(
            batch.rgb[0].cpu().numpy(),
            batch.depth_m[0].cpu().numpy(),
            batch.names[0],
            batch.cameras[0],
            mounting=batch.mountings[0],
        )

    def _scene(self, index: int) -> tuple[Scenery, Imaging]:
        """Return what view `index` shows; the text makes all bits of both numbers count."""
        rng = Random(f'{self.seed}/{index}')
        plan, room = furnish(rng, self.version)
        view, solids = choose_view(plan, room)
        focal_px = self.width / 2 / math.tan(view.fov_rad / 2)
        camera = pinhole(self.width, self.height, focal_px)
        return Scenery(plan, solids, view.pose, camera), random_imaging(rng)

    def _groups(self, indices: Sequence[int]) -> list[list[int]]:
        """Return which places of a call are rendered together, in order."""
        groups: list[list[int]] = []
        for place, index in enumerate(indices):
            together = (
                self.device.type != 'cpu'
                and groups
                and indices[groups[-1][0]] // PART == index // PART
            )
            if together:
                groups[-1].append(place)
            else:
                groups.append([place])
        return groups
