"""Tensors that depend on the grid of patches and on constants only, computed once a grid."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

Grid = tuple[int, int]

# Those of the sizes that a robot's cameras have; each takes megabytes.
_KEPT_GRIDS = 8


class GridTables(nn.Module):
    """
    Keep the tables of each (rows, columns), made from constants.

    Constants that the public checkpoints hold are persistent buffers, and `reset_constants` gives
    them the values that they have there. Tables made of no buffer lie on the CPU.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[Grid, tuple[Tensor, ...]] = {}

    def reset_constants(self) -> None:
        """Fill the buffers, in place; by default there are none."""

    @abstractmethod
    def make(self, grid: Grid) -> tuple[Tensor, ...]:
        """Return the tables of a grid, computed."""

    def prepare(self, grid: Grid) -> tuple[Tensor, ...]:
        """Return the tables of a grid, computed unless they are there; the last few are kept."""
        found = self._kept.get(grid)
        if found is None:
            with torch.inference_mode(False), torch.no_grad():
                found = self._kept[grid] = self.make(grid)
            for oldest in list(self._kept)[:-_KEPT_GRIDS]:
                self._kept.pop(oldest, None)
        return found

    def tables(self, grid: Grid) -> tuple[Tensor, ...]:
        """Return the tables of a grid, kept or computed."""
        found = self._kept.get(grid)
        if found is not None:
            return found
        if torch._C._get_tracing_state() is not None or torch.compiler.is_compiling():
            # What is computed here belongs to the trace and must not outlive it.
            return self.make(grid)
        return self.prepare(grid)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> GridTables:
        self._kept.clear()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], *args: Any) -> None:
        self._kept.clear()
        super()._load_from_state_dict(state_dict, *args)
