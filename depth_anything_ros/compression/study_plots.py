"""The plots of a study, as PNG bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from depth_anything_ros.compression.prune import Scope
from depth_anything_ros.compression.study_findings import COMPARED, Result, pareto_front, sweep
from depth_anything_ros.compression.study_scores import ALIGNED, RAW
from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.evaluation.plots import to_png

SHOWN = ('mae', 'rmse', 'abs_rel', 'delta1')
_ROWS = {ALIGNED: 'scale and shift fitted', RAW: 'no alignment'}


def sparsity_plot(results: Sequence[Result], word: str) -> bytes | None:
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

    def draw(figure: Any) -> None:
        panels = figure.subplots(len(_ROWS), len(SHOWN), sharex=True)
        for row, (mode, how) in zip(panels, _ROWS.items(), strict=True):
            for panel, name in zip(row, SHOWN, strict=True):
                for scope in scopes:
                    found = [(0.0, results[0]), *sweep(results, scope)]
                    values = [item['scores'][word][mode.value][name] for _, item in found]
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


def size_plot(results: Sequence[Result], word: str) -> bytes:
    """
    Return aligned AbsRel over the size of the file, with the Pareto front named.

    :param results: the parent's first.
    :param word: of the data.
    """
    known = [
        (result['recipe'], result['file']['bytes'] / 1e6, value)
        for result in results
        if (value := result['scores'][word][ALIGNED.value][COMPARED]) is not None
    ]
    front = pareto_front([(size, error) for _, size, error in known])

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        axes.plot([size for _, size, _ in known], [error for *_, error in known], 'o',
                  color='0.6', markersize=5, label='studied')  # fmt: skip
        best = [known[place] for place in front]
        axes.plot([size for _, size, _ in best], [error for *_, error in best], 'o-',
                  drawstyle='steps-post',
                  label='Pareto front: none is smaller and better')  # fmt: skip
        for name, size, error in known:
            chosen = (name, size, error) in best
            axes.annotate(name, (size, error), xytext=(4, 4), textcoords='offset points',
                          size=7, color='black' if chosen else '0.6')  # fmt: skip
        axes.set(xlabel='file in MB', ylabel='AbsRel, scale and shift fitted', yscale='log')
        axes.grid(alpha=0.3, which='both')
        if known:
            axes.legend(fontsize='small')

    return to_png(draw, 5.0)
