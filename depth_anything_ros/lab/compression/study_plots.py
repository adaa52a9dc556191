"""The plots of a study, as PNG bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.evaluation.plots import to_png
from depth_anything_ros.lab.compression.prune import Scope
from depth_anything_ros.lab.compression.study_findings import (
    COMPARED,
    change,
    pareto_front,
    sweep,
)
from depth_anything_ros.lab.compression.study_results import ALIGNED, RAW, StudyResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = ('mae', 'rmse', 'abs_rel', 'delta1')
_ROWS = {ALIGNED: 'scale and shift fitted', RAW: 'no alignment'}


def sparsity_plot(results: Sequence[StudyResult], word: str) -> bytes | None:
    """
    Return the metrics over the share of weights pruned, a line for each scope.

    Source: figures 4 and 5 of "Depth Anything V2 Mini", here with and without alignment.

    :param results: the parent's first.
    :param word: of the data.
    :return: None where no recipe only prunes.
    """
    scopes = [scope for scope in get_args(Scope) if sweep(results, scope)]
    if not scopes:
        return None

    def draw(figure: Figure) -> None:
        panels = figure.subplots(len(_ROWS), len(SHOWN), sharex=True)
        for row, (mode, how) in zip(panels, _ROWS.items(), strict=True):
            for panel, name in zip(row, SHOWN, strict=True):
                for scope in scopes:
                    found = [(0.0, results[0]), *sweep(results, scope)]
                    values = [item.scores[word].means(mode)[name] for _, item in found]
                    panel.plot(
                        [100 * amount for amount, _ in found],
                        [float('nan') if value is None else value for value in values],
                        '.-', label=f'by {scope}' if scope == 'layer' else scope,
                    )  # fmt: skip
                unit = f' in {METRICS[name].unit}' if METRICS[name].unit else ''
                better = METRICS[name].better.value
                panel.set_title(f'{name}{unit}, {better} is better', size=9)
                panel.grid(alpha=0.3)
            row[0].set_ylabel(how)
        for panel in panels[-1]:
            panel.set_xlabel('weights pruned in %')
        panels[0][0].legend(fontsize='small')

    return to_png(draw, 5.0)


def size_plot(results: Sequence[StudyResult], word: str) -> bytes:
    """
    Return aligned AbsRel over the size of the file, with the Pareto front named.

    Recipes that leave more images without a score than the parent does are left out.

    :param results: the parent's first.
    :param word: of the data.
    """
    known = [
        (
            result.recipe,
            result.file.bytes / 1e6,
            error,
        )
        for result in results
        if (error := result.scores[word].scale_shift[COMPARED]) is not None
        and change(result, results[0], word) is not None
    ]
    front = pareto_front([(size, error) for _, size, error in known])

    def draw(figure: Figure) -> None:
        from matplotlib.ticker import ScalarFormatter

        axes = figure.subplots()
        axes.plot([size for _, size, _ in known], [error for *_, error in known], 'o',
                  color='0.6', markersize=4, label='studied')  # fmt: skip
        best = [known[place] for place in front]
        axes.plot([size for _, size, _ in best], [error for *_, error in best], 'o-',
                  drawstyle='steps-post',
                  label='Pareto front: none is smaller and better')  # fmt: skip
        for place, (name, size, error) in enumerate(known):
            # Names of neighbours on the front would lie on each other at one height.
            below = -12 - 9 * (front.index(place) % 3) if place in front else 4
            axes.annotate(name, (size, error), xytext=(4, below), textcoords='offset points',
                          size=7, color='black' if place in front else '0.5')  # fmt: skip
        axes.set(xlabel='file in MB', ylabel='AbsRel, scale and shift fitted', yscale='log')
        for axis in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            axis(ScalarFormatter())
        axes.margins(0.1)
        axes.grid(alpha=0.3, which='both')
        if known:
            axes.legend(fontsize='small')

    return to_png(draw, 5.0)
