"""Charts as paths of inline SVG, and the numbers that a page shows under the pointer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from depth_anything_ros.escape import one_line
from depth_anything_ros.page.axis import Axis, Scale, fit_scale
from depth_anything_ros.page.thinning import thin
from depth_anything_ros.types import Float64Array

# Of the view box, to each side; a page stretches it to the room there is.
SIDE = 10_000
# In the palette of the page, which begins anew after the last.
_COLOURS = 6
# A line shows its points too where they are few enough to be told apart.
_SPARSE = 40


class Shape(str, Enum):
    """How a series is drawn; bars reach from one `x` to the next."""

    LINE = 'line'
    DOTS = 'dots'
    BARS = 'bars'


@dataclass(frozen=True)
class Series:
    """
    Numbers of one name: `x` and `y` are (n,), `y` NaN where unknown.

    The `x` of bars are their edges, (n + 1,). `colour` is a place in the palette of the page.
    """

    name: str
    x: Float64Array
    y: Float64Array
    shape: Shape = Shape.LINE
    colour: int = 0


@dataclass(frozen=True)
class Mark:
    """A line across a chart, level at a number of the y axis or upright at one of the x axis."""

    name: str
    value: float
    upright: bool = False


@dataclass(frozen=True)
class Chart:
    """Series over one pair of axes; `note` says what a reader must know."""

    title: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    marks: Sequence[Mark] = ()
    note: str = ''


@dataclass(frozen=True)
class DrawnSeries:
    """The paths of a series; `band` reaches from the lowest to the highest of thinned numbers."""

    name: str
    colour: int
    band: str = ''
    line: str = ''
    dots: str = ''
    bars: str = ''


@dataclass(frozen=True)
class DrawnChart:
    """
    What a template shows of a chart.

    `marks` come with their places from 0 to 1; `thinned` says that series are; `data` is what the
    script of the page reads.
    """

    x: Scale
    y: Scale
    series: Sequence[DrawnSeries]
    marks: Sequence[tuple[Mark, float]]
    thinned: bool
    data: dict[str, object]


def draw(chart: Chart) -> DrawnChart:
    """Draw a chart; long series are thinned, see :func:`thinning.thin`."""
    points = [_points(series) for series in chart.series]
    upright = [mark.value for mark in chart.marks if mark.upright]
    level = [mark.value for mark in chart.marks if not mark.upright]
    x = fit_scale(chart.x, np.concatenate([*(series.x for series in chart.series), upright]))
    y = fit_scale(chart.y, np.concatenate([*(each[1:].ravel() for each in points), level]))
    pairs = list(zip(chart.series, points, strict=True))
    return DrawnChart(
        x=x,
        y=y,
        series=[_draw_series(series, each, x, y) for series, each in pairs],
        marks=[
            (mark, float((x if mark.upright else y).places(np.array(mark.value))))
            for mark in chart.marks
        ],
        thinned=any(each.shape[1] < len(series.y) for series, each in pairs),
        data={
            'x': _axis_data(chart.x, x),
            'y': _axis_data(chart.y, y),
            'series': [_series_data(series, each) for series, each in pairs],
        },
    )


def _points(series: Series) -> Float64Array:
    """Return x, y, the lowest and the highest, (4, m); a bar's x is its middle."""
    if series.shape is Shape.BARS:
        middles = (series.x[1:] + series.x[:-1]) / 2
        return np.stack([middles, series.y, np.zeros_like(series.y), series.y])
    return thin(series.x, series.y)


def _draw_series(series: Series, points: Float64Array, x: Scale, y: Scale) -> DrawnSeries:
    if series.shape is Shape.BARS:
        return _draw_bars(series, x, y)
    across, value, low, high = _pixels(
        np.stack([x.places(points[0]), *(1 - y.places(each) for each in points[1:])])
    )
    thinned = len(across) < len(series.y)
    lines = thinned or series.shape is Shape.LINE
    dots = not thinned and (series.shape is Shape.DOTS or len(across) <= _SPARSE)
    band = _stretches(across, low, high) if thinned else ()
    line = _stretches(across, value) if lines else ()
    spots = np.stack([across, value])[:, np.isfinite(value)].T if dots else ()
    return DrawnSeries(
        series.name,
        series.colour % _COLOURS,
        band=''.join(map(_outline, band)),
        line=''.join(map(_line, line)),
        dots=''.join(f'M{left:.0f} {top:.0f}h0' for left, top in spots),
    )


def _draw_bars(series: Series, x: Scale, y: Scale) -> DrawnSeries:
    edges, tops = _pixels(x.places(series.x)), _pixels(1 - y.places(series.y))
    (foot,) = _pixels(1 - y.places(np.zeros(1)))
    bars = ''.join(
        f'M{left:.0f} {foot:.0f}V{top:.0f}H{right:.0f}V{foot:.0f}Z'
        for left, right, top in zip(edges[:-1], edges[1:], tops, strict=True)
        if top < foot
    )
    return DrawnSeries(series.name, series.colour % _COLOURS, bars=bars)


def _pixels(places: Float64Array) -> Float64Array:
    pixels: Float64Array = np.rint(places * SIDE)
    return pixels


def _stretches(*rows: Float64Array) -> Iterator[Float64Array]:
    """Yield the parts of rows between unknown numbers."""
    stacked = np.stack(rows)
    known = np.isfinite(stacked).all(axis=0)
    ends = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]])))
    for start, stop in ends.reshape(-1, 2):
        yield stacked[:, start:stop]


def _line(stretch: Float64Array) -> str:
    path = ' '.join(f'{across:.0f} {value:.0f}' for across, value in stretch.T)
    return f'M{path}' + ('h0' if stretch.shape[1] == 1 else '')


def _outline(stretch: Float64Array) -> str:
    """Return the outline of a band, from its highest numbers back along its lowest."""
    across, low, high = stretch
    around = np.stack([np.append(across, across[::-1]), np.append(high, low[::-1])])
    return f'{_line(around)}Z'


def _axis_data(axis: Axis, scale: Scale) -> dict[str, object]:
    return {
        'label': one_line(axis.label),
        'unit': axis.unit,
        'low': scale.low,
        'high': scale.high,
        'log': scale.log,
        'names': [[value, one_line(name)] for value, name in (axis.names or {}).items()],
    }


def _series_data(series: Series, points: Float64Array) -> dict[str, object]:
    x, y, low, high = points
    data: dict[str, object] = {'name': one_line(series.name), 'colour': series.colour % _COLOURS}
    data.update(x=_plain(x), y=_plain(y))
    if series.shape is Shape.BARS:
        data['edges'] = _plain(series.x)
    elif len(x) < len(series.y):
        data.update(low=_plain(low), high=_plain(high))
    return data


def _plain(numbers: Float64Array) -> list[float | None]:
    """Return numbers for JSON in five digits, None for what is unknown."""
    return [float(f'{number:.5g}') if np.isfinite(number) else None for number in numbers]
