import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.benchmark.layers import (
    describe_network,
    fp32_requests,
    layer_statistics,
)
from depth_anything_ros.lab.benchmark.network import NetworkKind, NetworkRequest
from depth_anything_ros.lab.benchmark.plan import Target
from depth_anything_ros.models import MODELS, create_model

LAYERS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def load(model: str, kind: NetworkKind = NetworkKind.EAGER, **changes: object) -> NetworkRequest:
    options = NetworkOptions(
        model, weights='random', backend='torch', precision='fp32', device='cpu',
        input_size=(64, 64), threads=1,
    )  # fmt: skip
    return NetworkRequest(replace(options, **changes), kind)


def test_statistics_of_a_known_output():
    layer = nn.Linear(1, 4, bias=False)
    layer.weight.data = torch.tensor([[0.0], [1.0], [2.0], [5.0]])
    network = nn.Sequential(layer, nn.ReLU(), layer)
    first, _ = layer_statistics(network[:2], lambda: network[0](torch.ones(1, 1))) * 2
    assert (first.name, first.kind, first.shape) == ('0', 'Linear', (1, 4))
    assert (first.minimum, first.maximum, first.mean) == (0.0, 5.0, 2.0)
    assert first.std == pytest.approx(3.5**0.5)
    assert first.sparsity == 0.25


def test_values_that_are_not_finite_are_counted_even_where_they_end_the_run():
    layer = nn.Linear(1, 3, bias=False)
    layer.weight.data = torch.tensor([[0.0], [math.nan], [math.inf]])

    def run():
        layer(torch.ones(1, 1))
        raise BackendError('not finite')

    (found,) = layer_statistics(nn.Sequential(layer), run)
    assert found.not_finite == 2
    assert (found.minimum, found.maximum, found.mean, found.std) == (None,) * 4
    assert found.sparsity == pytest.approx(1 / 3)


def test_run_that_fails_with_finite_layers_is_an_error():
    layer = nn.Linear(1, 1)

    def run():
        layer(torch.ones(1, 1))
        raise BackendError('no memory')

    with pytest.raises(BackendError, match='no memory'):
        layer_statistics(nn.Sequential(layer), run)


def test_size_that_no_network_takes_has_no_layers():
    impossible = Target(load('tiny', input_size=0), (20000, 20000), failure='too large')
    assert fp32_requests([impossible, Target(load('tiny'), (64, 64))]) == [load('tiny')]


def test_layer_that_is_called_again_has_a_row_for_each_call_and_no_hook_stays():
    layer = nn.Conv2d(1, 1, 1)
    network = nn.Sequential(layer)
    rows = layer_statistics(network, lambda: [network(torch.zeros(1, 1, 2, 2)) for _ in range(2)])
    assert [row.name for row in rows] == ['0', '0#2']
    assert not layer._forward_hooks
    assert not layer._forward_pre_hooks


@pytest.mark.parametrize('model', ['tiny', 'depth_anything_v2_vits', 'anydepth_lite_vits'])
def test_every_convolution_and_linear_layer_is_described(model):
    spec = MODELS[model]
    side = 2 * spec.patch
    with torch.device('meta'):
        network = create_model(spec)
    names = {name for name, layer in network.named_modules() if isinstance(layer, LAYERS)}
    rows = describe_network(load(model, input_size=(side, side)))
    missing = names - {row.statistics.name for row in rows}
    # Depth Anything V2 leaves these out where nothing comes from a deeper layer.
    assert all('refinenet4.resConfUnit1' in name for name in missing)
    assert {row.part for row in rows} == {'encoder', 'decoder'}
    assert rows[0].part == 'encoder'
    last = rows[-1].statistics
    assert last.shape[:2] == (1, 1)
    assert last.minimum <= last.mean <= last.maximum


def test_each_model_and_size_is_described_once_in_plain_fp32():
    kinds = (NetworkKind.EAGER, NetworkKind.BACKEND)
    loads = [load('tiny', kind, backend='openvino', precision='bf16') for kind in kinds]
    loads.append(load('tiny', input_size=(32, 32)))
    found = fp32_requests([Target(item, item.size) for item in loads])
    assert found == [load('tiny'), load('tiny', input_size=(32, 32))]


def test_exported_network_does_not_show_its_layers(tmp_path):
    pytest.importorskip('onnxruntime')
    pytest.importorskip('onnx')
    exported = load('tiny', NetworkKind.BACKEND, backend='onnxruntime', cache_dir=str(tmp_path))
    with pytest.raises(BackendError, match='onnxruntime does not show the layers'):
        describe_network(exported)
