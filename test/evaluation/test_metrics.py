import doctest
import math
from importlib import import_module

import numpy as np
import pytest
from level_scene import MOUNTING, Box, depth_of

from depth_anything_ros.config import EvaluatorConfig
from depth_anything_ros.errors import ConfigError, UnknownNameError
from depth_anything_ros.evaluation.gathering import Doubt
from depth_anything_ros.evaluation.metric import Group
from depth_anything_ros.evaluation.metrics import (
    METRICS,
    Better,
    Metric,
    MetricWords,
    asked_metrics,
    chosen_metrics,
)
from depth_anything_ros.evaluation.view import BANDS, READABLE, View, band_edges_m
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.types import Camera

# As they were before others came behind them.
FIRST = ('abs_rel', 'rmse', 'mae', 'silog', 'delta1', 'delta2', 'delta3')
PIXELS = (*FIRST, 'delta05', 'sq_rel', 'rmse_log', 'log10')
BANDED = tuple(f'abs_rel_band{place + 1}' for place in range(BANDS))
HIGHER = {'edge_f1', 'cloud_f1', 'aurg', 'pair_accuracy', 'sigma.coverage'}
DOCTESTED = (
    'cloud_distance', 'edges', 'obstacle_metrics', 'obstacles', 'pixel_metrics', 'planes',
    'point_pairs', 'reliability', 'sparsification', 'view',
)  # fmt: skip
CAMERA = Camera(160, 120, 138.5, 138.5, 79.5, 59.5)
# In each band of distance an obstacle, and one of each size.
BOXES = (
    Box(0.82, 0.25, width_m=0.04, length_m=0.04), Box(1.52, -0.4), Box(3.02, 0.6, width_m=0.6),
)  # fmt: skip


def score(name, prediction, truth):
    return METRICS[name].of(View.of_pixels(prediction, truth))


def whole(seed=0):
    """Return a view in which every metric but obstacles has a value: two walls, one in front."""
    truth_m = np.full((48, 64), 3.0, np.float32)
    truth_m[:, 40:] = 2.0
    truth_m[:, 56:] = 0.9
    truth_m[:6] = 6.0
    return view_of(truth_m, Camera(64, 48, 50.0, 50.0, 31.5, 23.5), 0.03, seed)


def standing(seed=0):
    """Return a view in which every metric has a value: floor, wall and things between."""
    return view_of(depth_of(*BOXES, camera=CAMERA), CAMERA, 0.01, seed)


def known_to(name):
    return standing() if METRICS[name].group is Group.OBSTACLES else whole()


def view_of(truth_m, camera, noise, seed):
    rng = np.random.default_rng(seed)
    depth_m = truth_m * rng.uniform(1 - noise, 1 + noise, truth_m.shape).astype(np.float32)
    confidence = rng.uniform(0, 1, truth_m.shape).astype(np.float32)
    return View(
        depth_m, truth_m, truth_m > 0, 8.0, camera, confidence, 1 / depth_m,
        np.array([[20, 50, 20, 10], [40, 10, 2, 10]]), mounting=MOUNTING,
        sigma_map=noise * truth_m,
    )  # fmt: skip


@pytest.mark.parametrize('module', DOCTESTED)
def test_the_numbers_in_docstrings_are_right(module):
    found = doctest.testmod(import_module(f'depth_anything_ros.evaluation.{module}'))
    assert found.attempted > 0
    assert found.failed == 0


def test_new_metrics_come_behind_those_that_were_there():
    assert tuple(METRICS)[:7] == FIRST
    assert chosen_metrics() == (*PIXELS, *BANDED)
    better = {name: metric.better for name, metric in METRICS.items()}
    assert better == {
        name: Better.HIGHER if name.startswith('delta') or name in HIGHER else Better.LOWER
        for name in METRICS
    }


@pytest.mark.parametrize('name', METRICS)
def test_every_metric_states_formula_averaging_and_when_it_has_no_value(name):
    metric = METRICS[name]
    assert metric.name == name
    assert metric.formula
    assert 'images' in metric.averaging
    assert bool(metric.undefined) == (name not in PIXELS)
    assert metric.heading.startswith(metric.short)
    assert metric.unit in metric.heading


@pytest.mark.parametrize('name', METRICS)
def test_every_metric_has_a_value_where_all_is_known_and_none_of_nothing(name):
    metric = METRICS[name]
    assert 0 <= metric.of(known_to(name)) < 100
    if metric.undefined:
        few = View.of_pixels([1.0, 2.0], [2.0, 2.0])
        assert math.isnan(metric.of(few))


@pytest.mark.parametrize('name', METRICS)
def test_a_perfect_prediction_has_a_perfect_score(name):
    view = known_to(name)
    perfect = View(
        view.true_depth_m, view.true_depth_m, view.scored, 8.0, view.camera, view.confidence_map,
        1 / view.true_depth_m, view.pairs, mounting=MOUNTING, sigma_map=0 * view.true_depth_m,
    )  # fmt: skip
    expected = 1.0 if METRICS[name].better is Better.HIGHER else 0.0
    if name == 'sigma.miscalibration':
        expected = 0.5  # All pixels are within any interval.
    if name == 'aurg':
        expected = 0.0  # There is no error to take away.
    # Planes are fitted to points of float32.
    assert METRICS[name].of(perfect) == pytest.approx(expected, abs=1e-3 * (
        METRICS[name].group is Group.PLANES
    ))  # fmt: skip


def test_a_metric_without_what_it_reads_has_no_value():
    view = View.of_pixels([1.0], [1.0])
    for name in ('chamfer', 'plane_angle', 'ause', 'pair_accuracy'):
        assert math.isnan(METRICS[name].of(view))


def test_a_metric_that_reads_what_no_view_has_is_refused():
    with pytest.raises(ConfigError, match="metric 'odd' reads 'colour'.*known: .*relative_error"):
        Metric('odd', '', Better.LOWER, '', float, reads=('colour',))
    assert len(set(READABLE)) == len(READABLE)
    view = standing()
    assert all(getattr(view, name) is not None for name in READABLE)


def test_metrics_are_asked_for_by_name_or_all_at_once():
    assert asked_metrics(['default']) == ()
    assert asked_metrics(['edge_f1', 'default', 'abs_rel']) == ('abs_rel', 'edge_f1')
    assert chosen_metrics(['edge_f1']) == (*chosen_metrics(), 'edge_f1')
    obstacles = tuple(name for name in METRICS if name.startswith('obstacles.'))
    assert asked_metrics(['obstacles']) == obstacles
    assert asked_metrics(['obstacles.thin.missed']) == ('obstacles.thin.missed',)
    assert chosen_metrics(['all']) == tuple(name for name in METRICS if name != 'pair_accuracy')


def test_the_words_of_a_parameter_are_families_and_names_but_those_of_details():
    words = list(MetricWords())
    assert {'default', 'all', 'obstacles', 'obstacles.missed', 'sigma', 'sigma.ause'} < set(words)
    assert 'obstacles.thin.missed' not in words
    assert all(asked_metrics([word]) for word in words if word != 'default')
    assert from_mapping(EvaluatorConfig, {'metrics': ['sigma']}).doubts == (Doubt.SIGMA,)


def test_unknown_metrics_are_refused():
    with pytest.raises(UnknownNameError, match="unknown metric 'odd'; known: abs_rel"):
        chosen_metrics(['odd'])


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        # p = 1, 3, 4; t = 2, 2, 4: relative errors 1/2, 1/2, 0; differences -1, 1, 0.
        ('abs_rel', 1 / 3),
        ('sq_rel', 1 / 3),
        ('rmse', math.sqrt(2 / 3)),
        ('mae', 2 / 3),
        ('rmse_log', math.sqrt((math.log(2) ** 2 + math.log(1.5) ** 2) / 3)),
        ('log10', math.log10(3) / 3),
        # Ratios 2, 1.5, 1 against 1.118, 1.25, 1.5625, 1.953125.
        ('delta05', 1 / 3),
        ('delta1', 1 / 3),
        ('delta2', 2 / 3),
        ('delta3', 2 / 3),
    ],
)
def test_metrics_equal_hand_computed_values(name, expected):
    assert score(name, [1, 3, 4], [2, 2, 4]) == pytest.approx(expected, rel=1e-6)


def test_silog_of_two_pixels_is_half_their_log_ratio():
    # ln p - ln t is ln 2 and 0: standard deviation ln 2 / 2.
    assert score('silog', [2, 3], [1, 3]) == pytest.approx(50 * math.log(2), rel=1e-6)


def test_silog_does_not_see_a_common_factor():
    truth = np.random.default_rng(0).uniform(0.5, 8, 100)
    assert score('silog', 3 * truth, truth) == pytest.approx(0.0, abs=1e-4)


def holed(seed, shape=(60, 80)):
    """Return prediction and truth with holes, and where both are known."""
    rng = np.random.default_rng(seed)
    truth_m = rng.uniform(0.3, 8, shape).astype(np.float32)
    depth_m = (truth_m * rng.lognormal(0.1, 0.3, shape)).astype(np.float32)
    scored = rng.uniform(size=shape) < 0.7
    truth_m[~scored & (rng.uniform(size=shape) < 0.5)] = np.nan
    return depth_m, truth_m, scored


@pytest.mark.parametrize('seed', range(3))
def test_metrics_equal_a_second_implementation(seed):
    depth_m, truth_m, scored = holed(seed)
    p, t = ([float(v) for v in values[scored]] for values in (depth_m, truth_m))
    pairs = list(zip(p, t, strict=True))
    logs = [math.log(a) - math.log(b) for a, b in pairs]
    n = len(pairs)
    bands = [
        [abs(a - b) / b for a, b in pairs if low < b <= high]
        for low, high in ((0, 1), (1, 2), (2, 4), (4, 8))
    ]
    expected = {
        'abs_rel': sum(abs(a - b) / b for a, b in pairs) / n,
        'sq_rel': sum((a - b) ** 2 / b for a, b in pairs) / n,
        'rmse': math.sqrt(sum((a - b) ** 2 for a, b in pairs) / n),
        'mae': sum(abs(a - b) for a, b in pairs) / n,
        'silog': 100 * math.sqrt(sum(e * e for e in logs) / n - (sum(logs) / n) ** 2),
        'rmse_log': math.sqrt(sum(e * e for e in logs) / n),
        'log10': sum(abs(math.log10(a) - math.log10(b)) for a, b in pairs) / n,
        'delta05': sum(max(a / b, b / a) < 1.25**0.5 for a, b in pairs) / n,
        **{f'delta{k}': sum(max(a / b, b / a) < 1.25**k for a, b in pairs) / n for k in (1, 2, 3)},
        **{name: sum(band) / len(band) for name, band in zip(BANDED, bands, strict=True)},
    }
    view = View(depth_m, truth_m, scored, 8.0)
    found = {name: METRICS[name].of(view) for name in chosen_metrics()}
    assert found == pytest.approx(expected, rel=1e-5)


def test_bands_follow_the_range_and_are_left_out_where_hardly_a_pixel_is():
    assert band_edges_m(80.0) == (10.0, 20.0, 40.0, 80.0)
    truth_m = np.repeat([0.5, 1.5, 3.0, 6.0], [100, 99, 200, 100])
    view = View.of_pixels(truth_m * [1.1], truth_m)
    found = [METRICS[name].of(view) for name in BANDED]
    assert found == pytest.approx([0.1, math.nan, 0.1, 0.1], rel=1e-5, nan_ok=True)
