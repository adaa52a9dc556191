import hashlib
import json
import re
import statistics
from dataclasses import replace
from pathlib import Path
from time import thread_time

import cv2
import numpy as np
import pytest

from depth_anything_ros import models as weights_folder
from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.memory import keep_large_buffers
from depth_anything_ros.result import DepthOrigin, DepthResult, FusedDepth
from depth_anything_ros.types import (
    Alignment,
    DepthChoice,
    Frame,
    MetricDepth,
    ModelIdentity,
    OutputKind,
    ReferencePoints,
    RelativeInverseDepth,
    ScaleState,
)
from depth_anything_ros.uncertainty import Uncertainty, find_table, read_table, table_beside
from depth_anything_ros.uncertainty.features import Evidence, features_of
from depth_anything_ros.uncertainty.files import GENERIC, write_table
from depth_anything_ros.uncertainty.sigma import part_of, source_keys
from depth_anything_ros.uncertainty.table import PARTS, ErrorModel, Factor

SIZE = 48, 64
RELATIVE = OutputKind.RELATIVE_INVERSE_DEPTH
IDENTITY = ModelIdentity('tiny', 'pretrained', 'a' * 64, '', '', '', (0, 0), '')


def model(share=0.1, **factors):
    return ErrorModel(float(np.log(share)), factors, {})


def table(depth, **others):
    generic = read_table(GENERIC)
    own = dict.fromkeys(PARTS, depth) | {'filled': model(0.2), 'beyond': model(0.4)}
    return replace(generic, **own, **others)


def result(depth_m, reference=None, age_s=0.0, **others):
    frame = Frame(np.zeros((*depth_m.shape, 3), np.uint8), round((1 + age_s) * 1e9), 'camera')
    alignment = Alignment(1.0, 0.0, 'depth_image', 9, 1.0, 0.0, 10**9, reference=reference)
    return DepthResult(
        frame,
        RelativeInverseDepth(1 / depth_m),
        alignment,
        MetricDepth(depth_m),
        scale_state=ScaleState.FITTED,
        **others,
    )


def sigma_of(table, result, choice=DepthChoice.NETWORK):
    found = Uncertainty(table).sigma(result, choice)
    assert found.dtype == np.float32 and not np.isinf(found).any()
    return found


def test_sigma_is_a_share_of_depth_and_unknown_where_depth_is():
    depth_m = np.full(SIZE, 2.0, np.float32)
    depth_m[0, 0], depth_m[1, 1] = np.nan, np.inf
    sigma = sigma_of(table(model(0.1)), result(depth_m))
    assert np.isnan(sigma[:2, :2]).sum() == 2 and np.isnan(sigma[1, 1])
    np.testing.assert_allclose(sigma[2:], 0.2, rtol=1e-5)


def test_a_factor_runs_between_its_knots():
    by_depth = Factor([0.0, np.log(4.0)], [0.0, np.log(2.0)], 0.0)
    for depth_m, share in ((1.0, 0.1), (2.0, 0.1 * 2**0.5), (4.0, 0.2), (8.0, 0.2)):
        sigma = sigma_of(
            table(model(0.1, depth=by_depth)), result(np.full(SIZE, depth_m, np.float32))
        )
        assert sigma[20, 20] / depth_m == pytest.approx(share, rel=0.01)


def test_what_is_not_known_counts_as_unknown():
    factor = Factor([0.0], [0.0], float(np.log(3.0)))
    sigma = sigma_of(table(model(0.1, near=factor)), result(np.ones(SIZE, np.float32)))
    np.testing.assert_allclose(sigma, 0.3, rtol=1e-5)


def test_sigma_grows_with_the_distance_from_the_reference():
    near = Factor([0.0, 0.7], [0.0, 2.0], 0.0)
    one = np.ones(1, np.float32)
    points = ReferencePoints(24 * one, 4 * one, one, one, SIZE)
    sigma = sigma_of(table(model(0.1, near=near)), result(np.ones(SIZE, np.float32), points))
    assert sigma[24, 4] < sigma[24, 30] < sigma[24, 60]


def test_sigma_grows_where_the_reference_contradicts():
    around = Factor([-6.0, 0.0], [0.0, 2.0], 0.0)
    rows, columns = (
        np.tile(a, 2).astype(np.float32) for a in np.mgrid[2:48:4, 2:32:4].reshape(2, -1)
    )
    columns[len(columns) // 2 :] += 32
    measured = np.where(columns < 32, 1.0, 1.5).astype(np.float32)
    points = ReferencePoints(rows, columns, np.ones_like(rows), measured, SIZE)
    sigma = sigma_of(table(model(0.1, around=around)), result(np.ones(SIZE, np.float32), points))
    assert sigma[24, 60] > 2 * sigma[24, 4]


def test_an_error_of_the_fit_is_told_as_a_share_of_depth_of_either_line():
    """Of 2 m an error of 1 / depth counts twice, and one of depth half."""
    depth_m = np.full(SIZE, 2.0, np.float32)
    rgb = np.zeros((*SIZE, 3), np.uint8)
    found = []
    for kind, residual in ((RELATIVE, 0.05), (OutputKind.AFFINE_DEPTH, 0.1)):
        fit = Alignment(
            1.0, 0.0, 'depth_image', 9, 1.0, residual, 0, covariance=(1e-3, 0.0, 0.0), kind=kind
        )
        found.append(features_of(Evidence(depth_m, depth_m, rgb, fit)))
    inverse, affine = found
    for name in ('fit', 'residual'):
        np.testing.assert_array_equal(inverse[name], affine[name])
        assert 0 < inverse[name][0, 0] < 255


def test_uncertainty_is_widened_by_the_source_of_the_scale_and_its_points():
    one = np.ones(50, np.float32)
    points = ReferencePoints(one, one, one, one, SIZE)
    fitted = result(np.ones(SIZE, np.float32), points)
    assert source_keys(fitted.alignment) == ('depth_image/1', 'depth_image', '')
    assert source_keys(replace(fitted.alignment, reference=None)) == ('depth_image', '')
    by_key = {'depth_image/1': 2.0, 'depth_image': 3.0, '': 5.0}
    for left_out in range(3):
        known = list(by_key.items())[left_out:]
        factors = {key: Factor([0.0], [float(np.log(by))], 0.0) for key, by in known}
        sigma = sigma_of(table(replace(model(0.1), widening=factors)), fitted)
        np.testing.assert_allclose(sigma, 0.1 * known[0][1], rtol=1e-5)


def test_each_kind_of_scale_has_an_error_model_of_its_own():
    ones = np.ones(SIZE, np.float32)
    points = ReferencePoints(*np.ones((4, 9), np.float32), SIZE)
    fitted = result(ones, points)
    assert part_of(fitted) == 'fitted'
    corrected = replace(fitted.alignment, factors=NoChange())
    assert part_of(replace(fitted, alignment=corrected)) == 'corrected'
    assert part_of(replace(fitted, scale_state=ScaleState.HELD)) == 'unfitted'
    assert part_of(replace(fitted, alignment=None)) == 'unfitted'
    assert part_of(replace(fitted, alignment=replace(fitted.alignment, points=0))) == 'given'


class NoChange:
    mean_change = 0.0

    def over(self, inverse):
        return np.ones_like(inverse)


def test_sigma_grows_with_the_age_of_the_fit():
    age = Factor([0.0, 5.0], [0.0, 2.0], 0.0)
    ones = np.ones(SIZE, np.float32)
    fresh, old = (
        sigma_of(table(model(0.1, age=age)), result(ones, age_s=s))[0, 0] for s in (0.0, 2.5)
    )
    assert old / fresh == pytest.approx(np.e, rel=0.02)


def test_fused_depth_has_the_noise_of_the_sensor_where_that_measured():
    depth_m = np.full(SIZE, 2.4, np.float32)
    origin = np.full(SIZE, DepthOrigin.MEASURED, np.uint8)
    origin[:, 20:], origin[:, 40:] = DepthOrigin.FILLED, DepthOrigin.BEYOND
    fused = FusedDepth(depth_m, origin)
    sigma = sigma_of(table(model(0.1)), result(depth_m, fused=fused), DepthChoice.FUSED)
    np.testing.assert_allclose(sigma[:, :20], 0.0012 + 0.0019 * 4.0, rtol=1e-5)
    np.testing.assert_allclose(sigma[:, 24:36], 0.2 * 2.4, rtol=1e-5)
    np.testing.assert_allclose(sigma[:, 44:], 0.4 * 2.4, rtol=1e-5)


def test_there_is_no_sigma_of_depth_that_is_not_there():
    ones = np.ones(SIZE, np.float32)
    uncertainty = Uncertainty(table(model()))
    assert uncertainty.sigma(result(ones), DepthChoice.FUSED) is None
    assert uncertainty.sigma(replace(result(ones), metric=None), DepthChoice.NETWORK) is None


def test_a_table_is_found_beside_the_weights_of_its_own(tmp_path):
    weights = tmp_path / 'own.safetensors'
    assert find_table(IDENTITY, RELATIVE, weights).generic
    assert 'generic' in Uncertainty(find_table(IDENTITY, RELATIVE, None)).doubt
    own = table(model(0.05), model='tiny', sha256=IDENTITY.sha256, output=RELATIVE)
    write_table(own, table_beside(weights))
    assert find_table(IDENTITY, RELATIVE, weights) == own
    assert not Uncertainty(own).doubt


@pytest.mark.parametrize(
    'changes, words',
    [
        ({'sha256': 'b' * 64}, ['b' * 64, 'a' * 64, "model 'tiny'"]),
        ({'output': OutputKind.METRIC_DEPTH}, ['metric_depth', 'relative_inverse_depth']),
    ],
)
def test_a_table_of_another_network_is_refused(tmp_path, changes, words):
    own = table(model(), **{'model': 'tiny', 'sha256': 'a' * 64, 'output': RELATIVE, **changes})
    path = tmp_path / 'other.json'
    write_table(own, path)
    with pytest.raises(CheckpointError) as failure:
        find_table(IDENTITY, RELATIVE, None, str(path))
    assert all(word in str(failure.value) for word in [*words, 'other.json', 'calibrate-unc'])


@pytest.mark.parametrize('text', ['', '[]', '{"model": 1}'])
def test_a_file_that_is_no_table_is_refused(tmp_path, text):
    path = tmp_path / 'no.json'
    path.write_text(text)
    with pytest.raises(CheckpointError, match='is no table of errors'):
        read_table(path)
    with pytest.raises(CheckpointError, match='No such file'):
        read_table(tmp_path / 'none.json')


@pytest.mark.parametrize(
    ('old', 'new', 'words'),
    [
        ('"slope"', '"gloss"', ('unknown features gloss', 'depth, ')),
        (r'"logs": \[', '"logs": [0.0,', ('as many logs as knots',)),
        (r'"base": [-.\d]+', '"base": 1e999', ('inf is no number',)),
        (r'"unknown": [-.\d]+', '"unknown": NaN', ('nan is no number',)),
    ],
)
def test_a_table_of_another_version_is_refused_and_says_what_is_wrong(tmp_path, old, new, words):
    path = tmp_path / 'other.json'
    path.write_text(re.sub(old, new, GENERIC.read_text()))
    with pytest.raises(CheckpointError) as failure:
        read_table(path)
    assert all(word in str(failure.value) for word in (*words, 'other.json'))


def test_a_source_that_the_table_does_not_know_is_doubted():
    weights = Path(weights_folder.__file__).with_name('weights') / 'tiny.safetensors'
    own = Uncertainty(read_table(table_beside(weights)))
    depth = result(np.ones(SIZE, np.float32))
    assert own.doubt_of(depth.alignment) == own.doubt_of(None) == ''
    doubt = own.doubt_of(replace(depth.alignment, source='motion+ground'))
    assert "too small: the table of errors knows nothing of scale source 'motion+ground'" in doubt


@pytest.mark.parametrize('name', ['tiny', 'tiny_sdt_lite'])
def test_weights_that_ship_have_a_table_of_their_own(name):
    weights = Path(weights_folder.__file__).with_name('weights') / f'{name}.safetensors'
    own = read_table(table_beside(weights))
    assert own.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert (own.model, own.output) == (name, RELATIVE)
    assert own.calibration.images > 50
    assert all('simulator' in word or 'drives' in word for word in own.calibration.data)


def test_the_generic_table_can_be_read_as_written(tmp_path):
    path = tmp_path / 'generic.json'
    write_table(read_table(GENERIC), path)
    assert json.loads(path.read_text()) == json.loads(GENERIC.read_text())


@pytest.mark.perf
def test_a_vga_frame_takes_two_milliseconds():
    keep_large_buffers()  # as the node does
    depth_m = np.tile(np.linspace(0.5, 6.0, 640, dtype=np.float32), (480, 1))
    rng = np.random.default_rng(0)
    rows, columns = (rng.uniform(0, end, 4096).astype(np.float32) for end in (479, 639))
    measured_m = depth_m[rows.astype(int), columns.astype(int)]
    points = ReferencePoints(rows, columns, 1 / measured_m, measured_m, depth_m.shape)
    frame = replace(
        result(depth_m, points),
        frame=Frame(rng.integers(0, 255, (480, 640, 3), np.uint8), 10**9, 'camera'),
    )
    fitted = replace(frame.alignment, residual=0.01, covariance=(1e-6, -1e-7, 1e-6))
    frame = replace(frame, alignment=fitted)
    uncertainty = Uncertainty(read_table(GENERIC))
    threads, durations = cv2.getNumThreads(), []
    cv2.setNumThreads(1)
    try:
        for _ in range(60):
            start = thread_time()
            uncertainty.sigma(frame, DepthChoice.NETWORK)
            durations.append(thread_time() - start)
    finally:
        cv2.setNumThreads(threads)
    assert statistics.quantiles(durations)[0] < 2e-3
