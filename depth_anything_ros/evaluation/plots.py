"""Figures of matplotlib; the one place of the robot's wing for it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from depth_anything_ros.errors import MissingDependencyError
from depth_anything_ros.files import writing

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

Draw = Callable[['Figure'], None]
Layout = Literal['constrained'] | None

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
