import json
import re

import numpy as np
import pytest

from depth_anything_ros.page.axis import Axis
from depth_anything_ros.page.chart import SIDE, Chart, Mark, Series, Shape, draw
from depth_anything_ros.page.thinning import BINS, thin


def chart(*series, **options):
    drawn = [Series('a', *map(np.asarray, each)) for each in series]
    time, error = Axis('time', 's', start=0.0, end=10.0), Axis('error', start=0.0, end=1.0)
    return Chart('title', time, error, drawn, **options)


def numbers(path):
    return [int(found) for found in re.findall(r'-?\d+', path)]


def test_a_line_goes_through_its_points_upside_down():
    (drawn,) = draw(chart(([0.0, 5.0, 10.0], [0.0, 0.5, 1.0]))).series
    assert drawn.line == f'M0 {SIDE} {SIDE // 2} {SIDE // 2} {SIDE} 0'
    assert drawn.dots == f'M0 {SIDE}h0M{SIDE // 2} {SIDE // 2}h0M{SIDE} 0h0'
    assert drawn.band == drawn.bars == ''


def test_a_line_breaks_where_a_number_is_unknown_and_a_lone_one_is_a_point():
    (drawn,) = draw(chart(([0.0, 2.0, 4.0, 6.0, 8.0], [0.5, 0.5, np.nan, 0.5, np.nan]))).series
    assert drawn.line == 'M0 5000 2000 5000M6000 5000h0'


def test_bars_stand_on_zero_between_their_edges():
    bars = Series('a', np.array([0.0, 5.0, 10.0]), np.array([1.0, 0.0]), Shape.BARS)
    drawn = draw(Chart('', Axis('time', start=0.0, end=10.0), Axis('count', start=0.0), [bars]))
    assert numbers(drawn.series[0].bars) == [0, SIDE, pytest.approx(385, abs=1), 5000, SIDE]
    assert drawn.data['series'][0]['edges'] == [0.0, 5.0, 10.0]


def test_short_series_are_not_thinned():
    x = np.arange(2.0 * BINS)
    np.testing.assert_array_equal(thin(x, x), [x, x, x, x])


def test_thinning_keeps_every_extreme_and_the_mean():
    x = np.arange(24_000.0)
    y = np.sin(x)
    y[[777, 20_001]] = 50.0, -50.0
    y[:100] = np.nan
    _, mean, low, high = thin(x, y)
    assert len(mean) == BINS
    assert (np.nanmax(high), np.nanmin(low)) == (50.0, -50.0)
    bins = y.reshape(BINS, -1)
    assert np.isnan([mean[0], low[0], high[0]]).all()
    for found, expected in ((mean, bins.mean(1)), (low, bins.min(1)), (high, bins.max(1))):
        np.testing.assert_allclose(found[1:], expected[1:])


def test_a_long_series_is_a_band_that_holds_its_extremes():
    x = np.linspace(0.0, 10.0, 5000)
    y = np.full(5000, 0.5)
    y[1234] = 1.0
    drawn = draw(chart((x, y)))
    (series,) = drawn.series
    assert drawn.thinned and not series.dots
    assert 0 in numbers(series.band)[1::2]
    assert numbers(series.line)[1::2].count(0) == 0
    assert max(drawn.data['series'][0]['high']) == 1.0


def test_marks_are_part_of_the_picture():
    drawn = draw(chart(([0.0], [0.5]), marks=[Mark('p95', 4.0), Mark('now', 5.0, upright=True)]))
    assert [place for _, place in drawn.marks] == pytest.approx([4.0 / 4.16, 0.5])


def test_what_the_script_reads_is_json_with_null_for_what_is_unknown():
    series = draw(chart(([0.0, 1.0 / 3], [np.nan, 2.0 / 3]))).data['series'][0]
    assert json.loads(json.dumps(series, allow_nan=False)) == {
        'name': 'a', 'colour': 0, 'x': [0.0, 0.33333], 'y': [None, 0.66667],
    }  # fmt: skip


def test_a_chart_of_nothing_is_empty():
    drawn = draw(Chart('', Axis('time'), Axis('error', log=True), []))
    assert (drawn.series, drawn.thinned, drawn.data['series']) == ([], False, [])
