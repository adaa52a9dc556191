from dataclasses import replace

import numpy as np
import pytest

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.trials.sigma_fit import fit_model, fit_table, fitted_logs
from depth_anything_ros.lab.trials.sigma_rows import FEATURES, NOT_KNOWN, Rows
from depth_anything_ros.types import ModelIdentity, OutputKind
from depth_anything_ros.uncertainty.features import LEVELS, SPANS
from depth_anything_ros.uncertainty.table import Calibration

COUNT = 20_000
CALIBRATION = Calibration(['made'], 3, '0')
IDENTITY = ModelIdentity('tiny', 'pretrained', 'a' * 64, '', '', '', (0, 0), '')


def made(seed=0, part='fitted', keys=('depth_image', ''), by=1.0, count=COUNT):
    """Return rows whose standard deviation doubles from left to right of one feature."""
    rng = np.random.default_rng(seed)
    codes = np.full((count, len(FEATURES)), NOT_KNOWN, np.int16)
    for name in ('slope', 'near'):
        codes[:, FEATURES.index(name)] = rng.integers(0, LEVELS, count)
    share = codes[:, FEATURES.index('slope')] / (LEVELS - 1)
    sigmas = by * 0.05 * 2.0**share
    errors = np.expm1(rng.standard_normal(count) * sigmas).astype(np.float32)
    return Rows(part, keys, codes, errors), sigmas


def test_what_drives_errors_is_found_and_what_does_not_is_left():
    model = fit_model([made()[0]])
    slope, near = model.factors['slope'], model.factors['near']
    assert set(model.factors) == {'slope', 'near'}
    assert slope.logs[-1] - slope.logs[0] == pytest.approx(np.log(2), abs=0.05)
    assert np.ptp(near.logs) < 0.08
    low, high = SPANS['slope']
    assert low <= slope.knots[0] < slope.knots[-1] <= high


def test_nine_tenths_of_other_pixels_are_within_the_interval_of_nine_tenths():
    model = fit_model([made()[0]])
    rows, sigmas = made(2)
    logs = fitted_logs(model, rows.codes)
    widening = model.widening['depth_image']
    found = np.exp(logs + np.interp(logs, widening.knots, widening.logs))
    np.testing.assert_allclose(found, sigmas, rtol=0.1)
    assert np.mean(np.abs(rows.errors) < 1.645 * found) == pytest.approx(0.9, abs=0.01)


def test_too_far_by_a_factor_counts_as_much_as_too_near_by_it():
    rng = np.random.default_rng(0)
    codes = np.full((COUNT, len(FEATURES)), NOT_KNOWN, np.int16)
    too_far = rng.random(COUNT) < 0.5
    codes[:, FEATURES.index('slope')] = np.where(too_far, 50, 200)
    factors = np.exp(np.abs(rng.standard_normal(COUNT)))
    errors = np.where(too_far, 1 / factors, factors) - 1
    slope = fit_model([Rows('given', ('',), codes, errors.astype(np.float32))]).factors['slope']
    assert np.ptp(slope.logs) < 0.05


def test_what_is_fitted_as_less_certain_stays_less_certain():
    rows, _ = made()
    # As shares of the depth told both are as wrong; as factors the one is the worse.
    left = rows.codes[:, FEATURES.index('slope')] < LEVELS // 2
    errors = np.where(left, 0.5, -0.5).astype(np.float32)
    model = fit_model([replace(rows, errors=errors)])
    widening = model.widening['']
    sigmas = np.array(widening.knots) + widening.logs
    assert (np.diff(sigmas) > 0).all()


def test_each_source_is_widened_by_its_own_errors():
    rows = [made()[0], made(1, keys=('laser_scan', ''), by=3.0)[0]]
    widening = fit_model(rows).widening
    assert set(widening) == {'depth_image', 'laser_scan', ''}
    wider = np.mean(widening['laser_scan'].logs) - np.mean(widening['depth_image'].logs)
    assert wider == pytest.approx(np.log(3.0), abs=0.05)


def test_a_part_that_nothing_is_known_of_takes_what_is_known_of_all():
    table = fit_table([made()[0], made(1, part='beyond', by=4.0)[0]], CALIBRATION, None, None)
    assert table.generic and table.model == 'generic'
    assert table.beyond.base - table.fitted.base == pytest.approx(np.log(4.0), abs=0.05)
    assert table.fitted.base < table.given.base < table.beyond.base
    assert table.given == table.filled


def test_a_table_names_the_network():
    kind = OutputKind.RELATIVE_INVERSE_DEPTH
    table = fit_table([made()[0]], CALIBRATION, IDENTITY, kind)
    assert (table.model, table.sha256, table.output) == ('tiny', 'a' * 64, kind)
    assert table.calibration == CALIBRATION


def test_too_few_pixels_are_refused():
    with pytest.raises(DatasetError, match='10 pixels with known depth are too few'):
        fit_table([made(count=10)[0]], CALIBRATION, None, None)
