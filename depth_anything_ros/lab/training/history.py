"""The loss curve of a run: rows of numbers, as CSV and as a plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from depth_anything_ros.evaluation.plots import new_figure, save_figure
from depth_anything_ros.files import append, write_text
from depth_anything_ros.lab.training.processes import DistributedContext
from depth_anything_ros.table import Table, csv_lines

_STEP_COLUMNS = ('step', 'samples', 'learning_rate', 'gradient_norm')
VALIDATION_COLUMNS = ('val_abs_rel', 'val_delta1')


class History:
    """
    Average the terms of steps into rows, one for every `log_every` steps.

    A row is the number of steps and samples so far, the learning rate of the last of its steps,
    the means of the gradient norm and of the terms over its steps, and the validation if one
    fell into it, else NaN. The sums stay on the device, so that no step waits for them.

    :param terms: names of the terms of the objective.
    """

    def __init__(self, terms: Sequence[str], device: torch.device) -> None:
        self.columns = (*_STEP_COLUMNS, *terms, *VALIDATION_COLUMNS)
        self.rows: list[list[float]] = []
        self._sums = torch.zeros(1 + len(terms), dtype=torch.float64, device=device)
        self._count = 0

    def add(self, gradient_norm: Tensor, terms: Tensor) -> None:
        """Take in one step; the arguments are a scalar and (T,), without gradient."""
        self._sums[0] += gradient_norm
        self._sums[1:] += terms
        self._count += 1

    def close_row(
        self, step: int, samples: int, learning_rate: float, validation: Sequence[float] | None
    ) -> list[float]:
        """Average what was added since the last row into a new one and return it."""
        means = (self._sums / max(self._count, 1)).tolist()
        scores = [math.nan] * len(VALIDATION_COLUMNS) if validation is None else [*validation]
        self.rows.append([float(step), float(samples), learning_rate, *means, *scores])
        self._sums.zero_()
        self._count = 0
        return self.rows[-1]

    def finite(self) -> bool:
        """Return whether all that was added since the last row is finite."""
        return bool(torch.isfinite(self._sums).all())

    def share(self, context: DistributedContext) -> None:
        """Average what was added since the last row over the processes."""
        self._sums = context.mean(self._sums)

    def state(self) -> dict[str, object]:
        """Return rows and unfinished sums for a checkpoint."""
        return {
            'columns': list(self.columns),
            'rows': torch.tensor(self.rows, dtype=torch.float64),
            'sums': self._sums.cpu(),
            'count': self._count,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.rows = state['rows'].tolist()
        self._sums.copy_(state['sums'])
        self._count = state['count']

    def write_csv(self, path: Path) -> None:
        """
        Write all rows, replacing the file at once; numbers are exact, NaN is empty.

        :raises OutputError: if it cannot be written.
        """
        write_text(path, Table(self.columns, list(map(_cells, self.rows))).csv())

    def append_csv(self, path: Path) -> None:
        """
        Append the last row to a file that holds the others.

        :raises OutputError: if it cannot be written.
        """
        append(path, csv_lines([_cells(self.rows[-1])]).encode())

    def column(self, name: str) -> list[float]:
        """Return a column."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def write_plot(self, path: Path) -> None:
        """
        Draw the terms, the learning rate and the validation over the steps as PNG.

        :raises MissingDependencyError: if matplotlib is not installed.
        :raises OutputError: if it cannot be written.
        """
        figure = new_figure((10, 3.6), 100, layout='constrained')
        losses, scores = figure.subplots(1, 2)
        steps = self.column('step')
        for name in self.columns[len(_STEP_COLUMNS) : -len(VALIDATION_COLUMNS)]:
            losses.plot(steps, self.column(name), linewidth=0.8, label=name)
        least = min(self.column('loss'))
        if least > 0:
            losses.set_yscale('log')
            losses.set_ylim(bottom=least / 10)  # parts that vanish would take all the room
        losses.set(xlabel='step', ylabel='mean since the last row')
        losses.legend(fontsize='small')
        for name in VALIDATION_COLUMNS:
            known = [
                (step, value)
                for step, value in zip(steps, self.column(name), strict=True)
                if not math.isnan(value)
            ]
            if known:
                scores.plot(*zip(*known, strict=True), '.-', label=name)
                scores.legend(fontsize='small')
        scores.set(xlabel='step', ylabel='validation', ylim=(0, 1))
        for panel in (losses, scores):
            panel.grid(alpha=0.3)
        save_figure(path, figure)


def _cells(row: Sequence[float]) -> list[str]:
    step, samples, *numbers = row
    return [
        str(int(step)),
        str(int(samples)),
        *('' if math.isnan(number) else repr(number) for number in numbers),
    ]
