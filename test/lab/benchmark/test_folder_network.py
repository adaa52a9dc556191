import numpy as np
import pytest
from made_networks import write_folder, write_random

from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.benchmark.folder_network import FolderNetwork
from depth_anything_ros.lab.benchmark.graph_costs import count_costs
from depth_anything_ros.lab.benchmark.network import (
    NetworkKind,
    NetworkRequest,
    example_image,
)
from depth_anything_ros.lab.benchmark.operations import operations_of
from depth_anything_ros.models.checkpoint import load_estimator

pytest.importorskip('onnx')
pytest.importorskip('openvino')


def test_parameters_and_operations_are_those_of_the_layers(tmp_path):
    write_random(tmp_path / 'model.onnx')
    weights = 3 * 8 * 25 + 8 * 8 * 25 + 8 * 9
    parameters, operations = count_costs(tmp_path / 'model.onnx', (1, 3, 16, 24))
    assert operations == weights * 16 * 24
    assert parameters == weights + 8 + 8  # the one bias of the last layer counts as a factor


@pytest.mark.slow
def test_operations_of_an_exported_model_are_those_that_torch_counts(tmp_path):
    import torch

    estimator, _ = load_estimator('tiny')
    estimator.prepare(64, 96)
    torch.onnx.export(
        estimator, (torch.zeros(1, 3, 64, 96),), str(tmp_path / 'tiny.onnx'), dynamo=False
    )
    parameters, operations = count_costs(tmp_path / 'tiny.onnx', (1, 3, 64, 96))
    assert operations == operations_of(estimator, 64, 96).total
    known = sum(one.numel() for one in estimator.parameters())
    assert parameters == pytest.approx(known, rel=0.02)


@pytest.mark.parametrize('library', ['onnxruntime', 'openvino'])
def test_a_folder_is_measured_as_a_node_runs_it(tmp_path, library):
    pytest.importorskip(library)
    write_random(tmp_path / 'model.onnx')
    write_folder(tmp_path, input_size=48)
    options = NetworkOptions(
        'grey', str(tmp_path), backend=library, precision='fp32', device='cpu',
        input_size=(48, 64), threads=1,
    )  # fmt: skip
    network = FolderNetwork(NetworkRequest(options, NetworkKind.FOLDER))
    inputs = network.preprocess(example_image())
    assert network.input_size(inputs) == (48, 64)
    output = network.infer(inputs)
    assert output.shape == (48, 64)
    assert np.asarray(network.postprocess(output, (480, 640))).shape == (480, 640)
    assert network.parameters().total > 1000
    assert network.operations(inputs).total == 48 * 64 * (3 * 8 * 25 + 8 * 8 * 25 + 8 * 9)
    assert len(network.summary.sha256) == 64


def test_an_exported_folder_is_told_as_its_weights_and_laid_as_its_contract_says(tmp_path):
    write_random(tmp_path / 'model.onnx')
    made_by = {
        'model': 'tiny', 'weights': 'random', 'sha256': 'a' * 64, 'recipe': 'int8_static',
        'precision': 'int8', 'integers': '8-bit weights in 3 layers', 'versions': {'torch': '2'},
    }  # fmt: skip
    write_folder(tmp_path, input_size=48, output_upsampling='half_pixel', made_by=made_by)
    options = NetworkOptions(
        'grey', str(tmp_path), backend='onnxruntime', precision='fp32', device='cpu'
    )
    network = FolderNetwork(NetworkRequest(options, NetworkKind.FOLDER))
    summary = network.summary
    assert (summary.weights, summary.sha256) == ('random', 'a' * 64)
    assert (summary.recipe, summary.integers) == ('int8_static', True)
    laid = network.postprocess(np.float32([[0, 4], [0, 4]]), (2, 4))
    np.testing.assert_allclose(laid, [[0, 1, 3, 4]] * 2, atol=1e-5)
