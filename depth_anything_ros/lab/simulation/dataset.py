"""Views of the simulated world as a data set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.types import DepthSample

if TYPE_CHECKING:
    from depth_anything_ros.lab.simulation.world import World

_LEAST_SIDE = 16


@dataclass(frozen=True)
class SimulatedDataset:
    """
    The first `count` views of the world with a seed, rendered when they are asked for.

    `height` and `width` are in pixels. It holds no arrays, so that it travels to other processes
    at no cost; each renders for itself and gets the same image for the same number. `version` is
    that of the world, see `furnish`.

    :raises ConfigError: if the seed is negative, there is no view or a side is too small.
    """

    seed: int
    count: int
    height: int
    width: int
    version: int = 1

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f'seed {self.seed} of a simulated world; allowed: 0 or more')
        if self.count < 1:
            raise ConfigError(f'{self.count} views of a simulated world; allowed: 1 or more')
        if min(self.height, self.width) < _LEAST_SIDE:
            raise ConfigError(
                f'simulated views of {self.width}x{self.height}; '
                f'{_LEAST_SIDE}x{_LEAST_SIDE} is the least'
            )

    @property
    def name(self) -> str:
        """Return the name of the data set, which holds the seed."""
        return f'simulator_{self.seed}' + ('' if self.version == 1 else f'_world{self.version}')

    def __len__(self) -> int:
        """Return the number of views."""
        return self.count

    def sample_name(self, index: int) -> str:
        """
        Return the name of a view, without rendering it.

        :raises IndexError: if there is no such view.
        """
        self._check(index)
        return f'{self.seed}_{index:06d}'

    def source(self, index: int) -> str:
        """
        Return the group of a view; all views of one world are one group.

        :raises IndexError: if there is no such view.
        """
        self._check(index)
        return self.name

    def __getitem__(self, index: int) -> DepthSample:
        """
        Render a view.

        :raises IndexError: if there is no such view.
        """
        name = self.sample_name(index)
        world = _world(self.seed, self.height, self.width, self.version)
        return replace(world.sample(index), name=name)

    def _check(self, index: int) -> None:
        if not 0 <= index < self.count:
            raise IndexError(f'view {index} of {self.count}')


@lru_cache(maxsize=4)
def _world(seed: int, height: int, width: int, version: int) -> World:
    from depth_anything_ros.lab.simulation.world import World

    return World(seed, height, width, version=version)
