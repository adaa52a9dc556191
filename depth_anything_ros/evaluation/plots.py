"""The plots of a run's report, as PNG bytes; the one place of the robot's wing for matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import MissingDependencyError
from depth_anything_ros.escape import plot
from depth_anything_ros.evaluation.metrics import METRICS, Better
from depth_anything_ros.evaluation.protocol import AlignmentMode
from depth_anything_ros.evaluation.table import FrameTable, column
from depth_anything_ros.files import writing

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

Draw = Callable[['Figure'], None]
Layout = Literal['constrained'] | None

# A fixed number: rules that follow the spread make 10,000 bars of one frame that took seconds.
_BINS = 60
_LIBRARY = 'matplotlib'


def why_no_plots() -> str:
    """Return why nothing can be drawn here, or ''; the library is looked for, not loaded."""
    try:
        check_plots()
    except MissingDependencyError as error:
        return str(error)
    return ''


def check_plots() -> None:
    """
    Make sure that something can be drawn here, before work whose end is a plot.

    :raises MissingDependencyError: if matplotlib is not installed.
    """
    if find_spec(_LIBRARY) is None:
        raise MissingDependencyError(_LIBRARY, 'report')


def latency_plot(
    seconds: NDArray[np.float64],
    latency_ms: NDArray[np.float64],
    percentiles_ms: Mapping[str, float | None],
) -> bytes:
    """Return latency over the run beside its histogram, with the percentiles marked."""

    def draw(figure: Figure) -> None:
        over_time, histogram = figure.subplots(
            1, 2, sharey=True, gridspec_kw={'width_ratios': (3, 1)}
        )
        known = np.isfinite(latency_ms)
        over_time.plot(seconds[known], latency_ms[known], '.', markersize=4)
        over_time.set(xlabel='stamp in s since the first frame', ylabel='latency in ms')
        over_time.set_ylim(bottom=0)
        histogram.hist(latency_ms[known], bins=_BINS, orientation='horizontal')
        histogram.set(xlabel='frames')
        for index, name in enumerate(('p50', 'p95', 'p99')):
            value = percentiles_ms[name]
            if value is not None:
                style = {'color': f'C{index + 1}', 'linewidth': 1.2, 'linestyle': '--'}
                over_time.axhline(value, **style, label=f'{name} {value:.1f} ms')
                histogram.axhline(value, **style)
        if known.any():
            over_time.legend(loc='lower right', ncol=3)

    return to_png(draw, 3.2)


def metric_plot(table: FrameTable, modes: Sequence[AlignmentMode], names: Sequence[str]) -> bytes:
    """Return metrics over the frames, one panel each, one colour per alignment."""

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(names), squeeze=False)[0]
        for panel, name in zip(panels, names, strict=True):
            metric = METRICS[name]
            for mode in modes:
                values = table.values(column(mode, name))
                if np.isfinite(values).any():
                    panel.plot(np.arange(len(values)), values, '.-', markersize=4, linewidth=0.8,
                               label=mode.value)  # fmt: skip
            unit = f' in {metric.unit}' if metric.unit else ''
            panel.set(xlabel='frame', ylabel=name + unit, title=f'{metric.better.value} is better')
            panel.grid(alpha=0.3)
            if metric.better is Better.LOWER and panel.has_data():
                # Unaligned errors are so much larger that a linear axis would hide the others.
                panel.set_yscale('log')
        if panels[0].has_data():
            panels[0].legend(fontsize='small')

    return to_png(draw, 3.2)


def stage_plot(stages_ms: Mapping[str, Mapping[str, float | None]]) -> bytes:
    """Return the stages' p50 as bars, with p95 and p99 marked."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        places = np.arange(len(stages_ms))
        axes.barh(places, _stage_values(stages_ms, 'p50'), height=0.6, label='p50')
        for name, colour in (('p95', 'C1'), ('p99', 'C3')):
            values = _stage_values(stages_ms, name)
            axes.plot(values, places, '|', markersize=16, color=colour, label=name)
        axes.set_yticks(places, list(map(plot, stages_ms)))
        axes.invert_yaxis()
        axes.set(xlabel='duration in ms')
        axes.legend(loc='lower left', bbox_to_anchor=(0, 1), ncol=3, frameon=False)

    return to_png(draw, 1.0 + 0.35 * max(len(stages_ms), 2))


def _stage_values(stages_ms: Mapping[str, Mapping[str, float | None]], name: str) -> list[float]:
    found = (stage.get(name) for stage in stages_ms.values())
    return [np.nan if value is None else value for value in found]


def to_png(draw: Draw, height_inches: float) -> bytes:
    """
    Return a picture 10 inches wide at 100 pixels an inch.

    :param draw: draws into an empty matplotlib figure.
    :param height_inches: of the picture.
    :raises MissingDependencyError: if matplotlib is not installed.
    """
    figure = new_figure((10, height_inches), 100, layout='constrained')
    draw(figure)
    buffer = BytesIO()
    figure.savefig(buffer, format='png')
    return buffer.getvalue()


def new_figure(size_inches: tuple[float, float], dpi: int, layout: Layout = None) -> Figure:
    """
    Return an empty matplotlib figure that is drawn without a screen.

    :param size_inches: width and height.
    :raises MissingDependencyError: if matplotlib is not installed.
    """
    check_plots()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size_inches, dpi=dpi, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def save_figure(path: Path, figure: Figure) -> None:
    """
    Write a figure as PNG.

    :param path: the file; folders on the way are made.
    :raises OutputError: if the file cannot be written.
    """
    with writing(path) as file:
        figure.savefig(file, format='png')


def depth_colours(name: str) -> Colormap:
    """Return a colormap of matplotlib that shows unknown pixels dark grey."""
    from matplotlib import colormaps

    return colormaps[name].with_extremes(bad='0.25')
