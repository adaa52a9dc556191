"""Every model as a folder at two sizes, against the same weights in torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from narrow_models import narrow_models, network_cases

from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.exporting.check import readers
from depth_anything_ros.lab.exporting.folder import (
    export_folder,
    input_contract,
    output_contract,
)
from depth_anything_ros.lab.exporting.formats import Format
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint import Weights, load_estimator
from depth_anything_ros.models.contract import Contract
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.spec import NetworkSpec
from depth_anything_ros.types import MetricDepth

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('openvino')

GRIDS = ((3, 5), (4, 4))
# Differences of float32 by the order of sums, with random weights, which spread them.
CLOSE = 5e-5


@pytest.mark.parametrize('row', MODELS.values(), ids=list(MODELS))
def test_a_contract_says_all_that_a_row_says(row):
    side = row.input_size
    contract = Contract(
        row.name, row.licence, {}, input_contract(row, (side, side)), output_contract(row)
    )
    for field in fields(NetworkSpec):
        # Sky is in the values.
        if field.name != 'sky':
            assert getattr(contract.spec, field.name) == getattr(row, field.name)
    assert contract.spec.output_kind is row.output_kind


@pytest.fixture(scope='module', params=network_cases('tiny_sdt_lite'))
def loaded(request: pytest.FixtureRequest) -> Iterator[tuple[DepthEstimator, Weights]]:
    with narrow_models():
        yield load_estimator(request.param, weights='random')


# OpenVINO exports the other grid in test/inference/backends/test_every_model_exported.py.
@pytest.mark.parametrize(
    ('form', 'grids'),
    [('onnx', GRIDS), pytest.param('openvino', GRIDS[1:], marks=pytest.mark.slow)],
    ids=('onnx', 'openvino'),
)
def test_a_model_in_a_folder_gives_what_it_gives_in_torch(
    form: str,
    grids: tuple[tuple[int, int], ...],
    loaded: tuple[DepthEstimator, Weights],
    tmp_path: Path,
) -> None:
    spec = loaded[0].spec
    sizes = [(rows * spec.patch, columns * spec.patch) for rows, columns in grids]
    result = export_folder(loaded, sizes, Format(form), None, tmp_path / 'out')
    libraries = readers(Format(form).suffix)
    assert [(one.size, one.library) for one in result.agreements] == [
        (size, library) for size in sizes for library in libraries
    ]
    assert max(one.error for one in result.agreements) < CLOSE
    for size in sizes:
        image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
        side = max(size) if spec.longer_side else min(size)
        options = {'precision': 'fp32', 'input_size': side, 'threads': 1}
        own = create_predictor(
            NetworkOptions(spec.name, weights='random', backend='torch', **options)
        )
        wanted = own.predict_with_confidence(image)
        for library in libraries:
            predictor = create_predictor(
                NetworkOptions('', str(tmp_path / 'out'), backend=library, **options)
            )
            assert predictor.metres_at_focal_px == own.metres_at_focal_px
            found = predictor.predict_with_confidence(image)
            assert type(found) is type(wanted)
            assert_close(numbers(found), numbers(wanted), spec.sky)
            assert (found.confidence is None) is (wanted.confidence is None)
            if found.confidence is not None:
                assert_close(found.confidence, wanted.confidence, False)


def numbers(prediction):
    if isinstance(prediction, MetricDepth):
        return prediction.depth_m
    return prediction.values


def assert_close(found, wanted, sky):
    assert np.ptp(wanted) > 0
    off = np.abs(found - wanted) / np.ptp(wanted)
    if sky:  # a pixel at the threshold may fall on either side
        off = off[(found > 0) == (wanted > 0)]
    assert off.max() < CLOSE
