"""Tables of the grids of patches: kept for the last sizes, not for every one that ever came."""

import torch
from torch import Tensor

from depth_anything_ros.models.grid_tables import GridTables


class Counted(GridTables):
    """Tables that tell how often they were made."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[tuple[int, int]] = []

    def reset_constants(self) -> None:
        pass

    def make(self, grid) -> tuple[Tensor, ...]:
        self.made.append(grid)
        return (torch.zeros(grid),)


def test_tables_of_a_grid_are_made_once_while_it_is_used():
    tables = Counted()
    for grid in ((2, 3), (4, 5), (2, 3), (4, 5)):
        assert tables.tables(grid)[0].shape == grid
    assert tables.made == [(2, 3), (4, 5)]


def test_many_grids_do_not_stay_for_ever():
    tables = Counted()
    for side in range(1, 101):
        tables.tables((side, side))
    assert len(tables._kept) == 8
    tables.tables((100, 100))
    tables.tables((1, 1))
    assert tables.made == [*((side, side) for side in range(1, 101)), (1, 1)]
