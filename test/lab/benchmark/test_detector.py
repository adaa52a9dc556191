"""Detectors of ultralytics: what is refused, and, where the library is, what is measured."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from depth_anything_ros.errors import CheckpointError, ConfigError, MissingDependencyError
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.benchmark import detector
from depth_anything_ros.lab.benchmark.network import NetworkKind, NetworkRequest, example_image
from depth_anything_ros.lab.benchmark.networks import open_network


def request(name: str, weights: str = 'random', **options: object) -> NetworkRequest:
    asked = NetworkOptions(
        name, weights=weights, backend='torch', precision='fp32', device='cpu', **options
    )
    return NetworkRequest(asked, NetworkKind.DETECTOR)


@pytest.mark.parametrize(
    ('name', 'weights', 'message'),
    [
        ('../yolo11n', 'random', "'../yolo11n' is no name of a detector; example: yolo11n"),
        ('yolo11n.pt', 'random', 'is no name of a detector'),
        ('yolo11n', 'pretrained', "detector 'yolo11n' runs with --weights random only"),
    ],
)
def test_what_is_no_network_of_the_library_is_refused(name, weights, message) -> None:
    with pytest.raises(ConfigError, match=message):
        open_network(request(name, weights))


def test_missing_library_is_named_with_its_extra(monkeypatch) -> None:
    monkeypatch.setattr(detector, 'find_spec', lambda _: None)
    with pytest.raises(MissingDependencyError, match=r'depth_anything_ros\[detector\]'):
        open_network(request('yolo11n'))


@pytest.fixture(scope='module')
def network():
    pytest.importorskip('ultralytics', reason='ultralytics is not installed')
    return open_network(request('yolo11n'))


def test_detector_has_its_published_size_and_reads_the_image_at_640(network) -> None:
    # As the library itself counts it with batch norms folded.
    assert network.parameters().total == 2_616_248
    inputs = network.preprocess(example_image())
    assert network.input_size(inputs) == (480, 640)
    assert float(inputs.min()) >= 0
    assert float(inputs.max()) <= 1
    boxes = network.infer(inputs)
    assert boxes.shape == (1, 84, 480 * 640 * (1 / 64 + 1 / 256 + 1 / 1024))
    assert np.isfinite(boxes.numpy()).all()
    # Published: 6.5 thousand million operations at 640×640, two a multiply-accumulate.
    assert network.operations(inputs).total == pytest.approx(6.5e9 / 2 * 0.75, rel=0.02)


def test_size_asked_for_is_rounded_to_whole_strides(network) -> None:
    asked = open_network(request('yolo11n', input_size=(250, 330)))
    assert asked.input_size(asked.preprocess(example_image())) == (256, 320)


def test_network_the_library_does_not_have_is_named(network) -> None:
    with pytest.raises(CheckpointError, match="ultralytics has no network 'yolo0q'"):
        open_network(request('yolo0q'))


def test_listing_the_models_does_not_import_the_library() -> None:
    code = (
        'import sys, depth_anything_ros.lab.benchmark.detector; '
        "sys.exit('ultralytics' in sys.modules)"
    )
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0
