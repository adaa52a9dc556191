"""What people look at: ranges of colours, bars that can be read off, panels."""

import numpy as np
import pytest

from depth_anything_ros.colormap import lookup_table
from depth_anything_ros.lab.prediction.painting import SteadyRange
from depth_anything_ros.lab.prediction.panels import (
    Panel,
    metric_bar,
    relative_bar,
    side_by_side,
)


def test_the_range_of_a_video_follows_within_a_second_and_starts_afresh_after_a_cut():
    steady = SteadyRange()
    assert steady.update((0.0, 1.0), 0) == (0.0, 1.0)
    low, high = steady.update((1.0, 3.0), 1_000_000_000)
    share = 1 - np.exp(-1.0)
    assert (low, high) == pytest.approx((share, 1 + 2 * share))
    assert steady.update((9.0, 9.5), 1_000_000_000) == (low, high)  # no time has passed
    steady.reset()
    assert steady.update((5.0, 6.0), 2_000_000_000) == (5.0, 6.0)


def test_a_bar_says_metres_where_their_colour_is():
    labels = {text: share for share, text in metric_bar('viridis', (0.1, 2.0)).labels}
    assert set(labels) >= {'0.5 m', '1 m', '2 m', '5 m', '10 m'} and '15 m' not in labels
    assert labels['0.5 m'] == pytest.approx(0.0)
    assert labels['1 m'] == pytest.approx((2.0 - 1.0) / 1.9)
    assert labels['10 m'] == pytest.approx(1.0)
    assert metric_bar('viridis', (1.0, 1.0)).labels == []


def test_panels_of_any_shape_are_drawn_beside_or_below_each_other():
    for height, width in ((48, 64), (1, 400), (400, 1), (1, 1), (3000, 2000)):
        pixels = np.full((height, width, 3), 7, np.uint8)
        panels = [Panel(pixels, 'image'), Panel(pixels, 'x' * 99, relative_bar('viridis'), 'no')]
        picture = side_by_side(panels)
        assert picture.dtype == np.uint8 and picture.shape[2] == 3
        assert max(picture.shape) < 3000
        assert (picture == 7).all(axis=2).sum() >= 2 * min(height * width, 320)


def test_a_bar_has_the_nearest_colour_at_the_left():
    pixels = np.full((240, 320, 3), 255, np.uint8)
    picture = side_by_side([Panel(pixels, '', relative_bar('viridis'))])
    row = picture[26 + 240 + 6 + 5]
    table = lookup_table('viridis')[:, 0]
    np.testing.assert_array_equal(row[6], table[255])
    np.testing.assert_array_equal(row[6 + 319], table[0])
