"""Tensors that depend on the grid of patches and on constants only, computed once a grid."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

Grid = tuple[int, int]


class GridTables(nn.Module):
    """
    Keep the tables of each (rows, columns), made from constant buffers.

    The buffers are persistent, as the public checkpoints hold them; `reset_constants` gives
    them the values that they have there.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[Grid, tuple[Tensor, ...]] = {}

    @abstractmethod
    def reset_constants(self) -> None:
        """Fill the buffers, in place."""

    @abstractmethod
    def make(self, grid: Grid) -> tuple[Tensor, ...]:
        """Return the tables of a grid, computed."""

    def prepare(self, grid: Grid) -> None:
        """Compute the tables of a grid, unless they are there, and keep them."""
        if grid not in self._kept:
            with torch.inference_mode(False), torch.no_grad():
                self._kept[grid] = self.make(grid)

    def tables(self, grid: Grid) -> tuple[Tensor, ...]:
        """Return the tables of a grid, kept or computed."""
        if grid not in self._kept:
            if torch._C._get_tracing_state() is not None or torch.compiler.is_compiling():
                # What is computed here belongs to the trace and must not outlive it.
                return self.make(grid)
            self.prepare(grid)
        return self._kept[grid]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> GridTables:
        self._kept.clear()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], *args: Any) -> None:
        self._kept.clear()
        super()._load_from_state_dict(state_dict, *args)
