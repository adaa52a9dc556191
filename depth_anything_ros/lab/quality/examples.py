"""Pictures of the best and the worst samples of a data set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.evaluation.plots import depth_colours, new_figure, save_figure
from depth_anything_ros.lab.quality.scores import (
    DepthScore,
    ScoreConfig,
    depth_histogram,
    gradient_magnitude,
)
from depth_anything_ros.lab.quality.selection import Reason, ScoredSample

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from depth_anything_ros.lab.datasets import Dataset
    from depth_anything_ros.types import DepthSample

_COLORMAP = 'Spectral'
_COLUMN_INCHES, _TITLE_INCHES = 2.8, 0.45
# Larger images are thinned to about so many pixels across.
_PIXELS = 320


def choose_examples(samples: Sequence[ScoredSample], count: int) -> list[tuple[str, ScoredSample]]:
    """
    Return the samples to show with what each is: those of best total, of worst scores.

    :param samples: of one data set.
    :param count: how many of each kind, less where the data set is smaller.
    """
    judged = [
        (sample, sample.score)
        for sample in samples
        if sample.score is not None
        and math.isfinite(sample.score.total)
        and Reason.FEW_VALID not in sample.reasons
    ]

    def ranked(name: str) -> list[ScoredSample]:
        by_score = sorted(judged, key=lambda item: (getattr(item[1], name), item[0].name))
        return [sample for sample, _ in by_score]

    return [
        *(('best', sample) for sample in ranked('total')[-count:][::-1]),
        *(('worst distribution', sample) for sample in ranked('distribution')[:count]),
        *(('worst gradient', sample) for sample in ranked('gradient')[:count]),
    ]


def write_examples(
    path: Path,
    dataset: Dataset,
    samples: Sequence[ScoredSample],
    config: ScoreConfig,
    count: int = 2,
) -> bool:
    """
    Draw image, depth, gradient magnitude and depth histogram of examples, a row each.

    A sample that can no longer be read is left out. Unknown pixels are dark grey.

    :param path: of the PNG file.
    :param samples: all of the data set.
    :param count: rows of each kind: best total, worst distribution, worst gradient.
    :return: whether there was anything to draw.
    :raises MissingDependencyError: if matplotlib is not installed.
    :raises OutputError: if it cannot be written.
    """
    rows = []
    for kind, sample in choose_examples(samples, count):
        try:
            rows.append((kind, sample, dataset[sample.index]))
        except (DatasetError, OSError):
            continue
    if not rows:
        return False
    aspect = max(item.depth_m.shape[0] / item.depth_m.shape[1] for _, _, item in rows)
    height = len(rows) * (_COLUMN_INCHES * min(aspect, 2) + _TITLE_INCHES)
    figure = new_figure((4 * _COLUMN_INCHES, height), 80)
    # Given by hand: to let matplotlib find the layout takes seconds.
    margin = 0.1 / height
    figure.subplots_adjust(0.01, 4 * margin, 0.99, 1 - 4 * margin, wspace=0.04, hspace=0.2)
    axes = figure.subplots(len(rows), 4, squeeze=False)
    for panels, (kind, sample, item) in zip(axes, rows, strict=True):
        if sample.score is not None:
            _draw_row(panels, _title(kind, sample, sample.score), item, config)
    save_figure(path, figure)
    return True


def _title(kind: str, sample: ScoredSample, score: DepthScore) -> str:
    return (
        f'{kind}: {sample.name}\ntotal {score.total:.2f}, distribution '
        f'{score.distribution:.2f}, gradient {score.gradient:.2f}'
    )


def _draw_row(panels: Sequence[Axes], title: str, item: DepthSample, config: ScoreConfig) -> None:
    valid = (item.depth_m > 0) & (item.depth_m <= config.far_m)
    depth_m = np.where(valid, item.depth_m, np.float32(np.nan))
    magnitude = gradient_magnitude(depth_m)
    known = magnitude[np.isfinite(magnitude)]
    step = max(1, depth_m.shape[1] // _PIXELS)
    colours, greys = depth_colours(_COLORMAP), depth_colours('magma')
    panels[0].imshow(item.rgb[::step, ::step])
    panels[1].imshow(depth_m[::step, ::step], cmap=colours, interpolation='nearest')
    # Up to where the edges begin, so that noise on surfaces shows.
    panels[2].imshow(
        magnitude[::step, ::step],
        cmap=greys,
        interpolation='nearest',
        vmin=0,
        vmax=max(float(np.quantile(known, 0.9)), 1e-6),
    )
    for panel in panels[:3]:
        panel.set_axis_off()
    counts = depth_histogram(depth_m, valid, config.bins)
    edges_m = np.linspace(np.nanmin(depth_m), np.nanmax(depth_m), config.bins + 1)
    panels[3].stairs(counts / counts.sum(), edges_m, fill=True)
    panels[3].axhline(1 / config.bins, color='C1', linewidth=1)
    panels[3].set_yticks(())
    panels[3].tick_params(labelsize=7)
    panels[3].set_title('depth in m (line: uniform)', size=8, loc='left')
    panels[0].set_title(title, size=8, loc='left')
    panels[2].set_title('gradient magnitude', size=8, loc='left')
