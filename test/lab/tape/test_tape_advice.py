import math
from dataclasses import replace

import numpy as np
import pytest

from depth_anything_ros.lab.tape.advice import Planner
from depth_anything_ros.lab.tape.fit import MOST, fit_tape
from depth_anything_ros.lab.tape.line import Reading

SCALE, SHIFT = 0.4, 0.15
ERROR_M = 0.02


def relative_at(depth_m):
    """Return what a network of that scale and shift says of a depth."""
    return (1 / depth_m - SHIFT) / SCALE


def readings(*depths, rng=None):
    """Return readings of depths, off by up to the reading error if there is something random."""
    told = [one + (rng.uniform(-ERROR_M, ERROR_M) if rng else 0.0) for one in depths]
    return [
        Reading('a.jpg', 7, 5, relative_at(one), told_m)
        for one, told_m in zip(depths, told, strict=True)
    ]


@pytest.fixture
def floor():
    """Return the network's depth of a floor that goes from half a metre to 4 m over 200 rows."""
    depth_m = np.geomspace(4.0, 0.5, 200)[:, None]
    return np.tile(relative_at(depth_m), (1, 128)).astype(np.float32)


def test_the_next_point_lies_in_the_widest_gap_between_those_there_are(floor):
    place = Planner(readings(0.6, 0.7, 2.8), ERROR_M).best_next({'a.jpg': floor})
    assert place.picture == 'a.jpg'
    assert place.depth_m == pytest.approx(math.sqrt(0.7 * 2.8), rel=0.03)
    assert 1 / (SCALE * floor[place.row, place.column] + SHIFT) == pytest.approx(place.depth_m)


def test_the_error_that_is_promised_is_the_one_that_comes(floor):
    told = readings(0.6, 0.7, 0.95)
    place = Planner(told, ERROR_M).best_next({'a.jpg': floor})
    assert 2.8 < place.depth_m <= 3.0
    after = fit_tape([*told, *readings(place.depth_m)], ERROR_M)
    assert place.error_before == pytest.approx(fit_tape(told, ERROR_M).scale_error, rel=1e-6)
    assert place.error_after == pytest.approx(after.scale_error, rel=1e-3)
    assert place.error_after < place.error_before / 2


def test_the_error_that_is_promised_comes_for_a_network_up_to_scale(floor):
    told, floor = readings(0.6, 0.7, 0.95), floor + SHIFT / SCALE
    told = [replace(one, relative=one.relative + SHIFT / SCALE) for one in told]
    planner = Planner(told, ERROR_M, fit_shift=False)
    place = planner.best_next({'a.jpg': floor})
    new = Reading('a.jpg', 7, 5, 1 / place.depth_m / SCALE, place.depth_m)
    before, after = (fit_tape(points, ERROR_M, fit_shift=False) for points in (told, [*told, new]))
    assert place.error_before == pytest.approx(before.scale_error)
    assert place.error_after == pytest.approx(after.scale_error)
    assert place.error_before < Planner(told, ERROR_M).scale_error / 3


def test_the_expected_error_is_that_of_many_tries():
    """Readings and network as far off as they are taken to be."""
    rng, depths = np.random.default_rng(0), np.array([0.6, 1.2, 2.0, 3.0])
    expected = Planner(readings(*depths), ERROR_M).scale_error
    off = []
    for _ in range(400):
        said = relative_at(depths) + 0.02 / depths / SCALE * rng.standard_normal(4)
        told_m = depths + rng.uniform(-ERROR_M, ERROR_M, 4)
        points = [Reading('', 0, 0, *pair) for pair in zip(said, told_m, strict=True)]
        off.append(fit_tape(points, ERROR_M, tolerance=1.0).alignment.scale / SCALE - 1)
    assert np.std(off) == pytest.approx(expected, rel=0.12)


def test_where_all_that_is_in_the_pictures_is_near_another_picture_is_asked_for(floor):
    near = np.where(floor > relative_at(1.2), floor, np.float32(np.nan))
    place = Planner(readings(0.6, 0.8, 1.1), ERROR_M).best_next({'a.jpg': near}, reach_m=5.0)
    assert (place.picture, place.depth_m) == ('', pytest.approx(5.0))
    assert place.error_after < place.error_before / 2


def test_edges_and_the_sky_are_no_places(floor):
    steps = floor.copy()
    steps[:, ::4] *= 1.5
    assert Planner(readings(0.6, 2.8), ERROR_M).best_next({'a.jpg': steps}) is None
    assert Planner(readings(0.6, 2.8), ERROR_M).best_next({'a.jpg': 0 * floor}) is None


def test_points_at_one_distance_do_not_tell_the_scale_if_there_is_a_shift(floor):
    planner = Planner(readings(1.0, 1.0), ERROR_M)
    assert planner.scale_error == math.inf
    assert planner.best_next({'a.jpg': floor}).error_before is None


def test_after_as_many_points_as_there_may_be_none_is_next(floor):
    planner = Planner(readings(*np.linspace(0.6, 2.8, MOST)), ERROR_M)
    assert planner.best_next({'a.jpg': floor}) is None
