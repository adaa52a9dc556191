import math

import numpy as np
import pytest

from depth_anything_ros.errors import UnknownNameError
from depth_anything_ros.evaluation.metrics import METRICS, Better

NAMES = ('abs_rel', 'rmse', 'mae', 'silog', 'delta1', 'delta2', 'delta3')


def score(name, prediction, truth):
    return METRICS[name].function(np.array(prediction, np.float32), np.array(truth, np.float32))


def test_the_table_holds_the_seven_metrics_with_direction():
    assert tuple(METRICS) == NAMES
    better = {name: metric.better for name, metric in METRICS.items()}
    assert better == {
        name: Better.HIGHER if name.startswith('delta') else Better.LOWER for name in NAMES
    }


@pytest.mark.parametrize('name', NAMES)
def test_every_metric_states_formula_and_averaging(name):
    metric = METRICS[name]
    assert metric.name == name
    assert metric.formula
    assert 'images' in metric.averaging


def test_unknown_metrics_are_refused():
    with pytest.raises(UnknownNameError, match='known: abs_rel'):
        METRICS['sq_rel']


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        # p = 1, 3, 4; t = 2, 2, 4: relative errors 1/2, 1/2, 0; differences -1, 1, 0.
        ('abs_rel', 1 / 3),
        ('rmse', math.sqrt(2 / 3)),
        ('mae', 2 / 3),
        # Ratios 2, 1.5, 1 against 1.25, 1.5625, 1.953125.
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


@pytest.mark.parametrize('name', NAMES)
def test_a_perfect_prediction_has_a_perfect_score(name):
    truth = np.random.default_rng(0).uniform(0.5, 8, 100)
    expected = 1.0 if METRICS[name].better is Better.HIGHER else 0.0
    assert score(name, truth, truth) == expected


def test_metrics_equal_a_second_implementation():
    rng = np.random.default_rng(1)
    truth = rng.uniform(0.3, 8, 5000).astype(np.float32)
    prediction = (truth * rng.lognormal(0.1, 0.3, 5000)).astype(np.float32)
    p, t = [float(value) for value in prediction], [float(value) for value in truth]
    pairs = list(zip(p, t, strict=True))
    logs = [math.log(a) - math.log(b) for a, b in pairs]
    n = len(pairs)
    expected = {
        'abs_rel': sum(abs(a - b) / b for a, b in pairs) / n,
        'rmse': math.sqrt(sum((a - b) ** 2 for a, b in pairs) / n),
        'mae': sum(abs(a - b) for a, b in pairs) / n,
        'silog': 100 * math.sqrt(sum(e * e for e in logs) / n - (sum(logs) / n) ** 2),
        **{f'delta{k}': sum(max(a / b, b / a) < 1.25**k for a, b in pairs) / n for k in (1, 2, 3)},
    }
    for name, value in expected.items():
        assert METRICS[name].function(prediction, truth) == pytest.approx(value, rel=1e-5)
