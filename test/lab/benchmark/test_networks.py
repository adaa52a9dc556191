from dataclasses import replace

import numpy as np
import pytest
import torch

from depth_anything_ros.errors import (
    BackendError,
    CheckpointError,
    ConfigError,
    DepthAnythingError,
)
from depth_anything_ros.inference.failures import failures
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.benchmark.network import (
    IMAGE_SIZE,
    NetworkKind,
    NetworkRequest,
    example_image,
)
from depth_anything_ros.lab.benchmark.networks import open_network
from depth_anything_ros.lab.benchmark.operations import count_operations
from depth_anything_ros.models import MODELS

OPTIONS = NetworkOptions(
    'tiny', backend='torch', precision='fp32', device='cpu', input_size=(64, 96), threads=1
)


def load(kind: NetworkKind = NetworkKind.BACKEND, **changes: object) -> NetworkRequest:
    return NetworkRequest(replace(OPTIONS, **changes), kind)


def test_image_is_always_the_same_and_colourful():
    image = example_image()
    assert image.shape == (*IMAGE_SIZE, 3)
    assert image.dtype == np.uint8
    assert np.array_equal(image, example_image())
    assert image.std(axis=(0, 1)).min() > 30


def test_eager_network_and_backend_agree_and_know_themselves():
    outputs = []
    for kind in (NetworkKind.EAGER, NetworkKind.BACKEND):
        network = open_network(load(kind))
        inputs = network.preprocess(example_image())
        outputs.append(network.infer(inputs))
        assert network.input_size(inputs) == (64, 96)
        assert outputs[-1].shape == (64, 96)
        assert network.postprocess(outputs[-1], IMAGE_SIZE).shape == IMAGE_SIZE
        assert network.parameters().total == MODELS['tiny'].parameters
        operations = count_operations(MODELS['tiny'], 64, 96)
        assert network.operations(inputs).encoder == operations.encoder
        assert network.operations(inputs).decoder == operations.decoder
        assert network.summary.weights == 'pretrained'
        assert network.summary.sha256 == MODELS['tiny'].sha256
        assert network.summary.load_s > 0
        assert isinstance(network.encoder, torch.nn.Module)
    assert outputs[0] == pytest.approx(outputs[1], rel=1e-3, abs=1e-4)


def test_eager_network_writes_attention_out():
    changes = {'model': 'depth_anything_v2_vits', 'input_size': (28, 28), 'weights': 'random'}
    eager = open_network(load(NetworkKind.EAGER, **changes))
    calls = []
    original = torch.nn.functional.scaled_dot_product_attention
    try:
        torch.nn.functional.scaled_dot_product_attention = lambda *values, **_: calls.append(1)
        eager.infer(eager.preprocess(example_image()))
    finally:
        torch.nn.functional.scaled_dot_product_attention = original
    assert calls == []


def test_output_that_is_not_finite_is_an_error():
    eager = open_network(load(NetworkKind.EAGER))
    with torch.no_grad():
        next(eager.module.depth_head.parameters()).fill_(float('nan'))
    with pytest.raises(BackendError, match='not finite, in fp32'):
        eager.infer(eager.preprocess(example_image()))


def test_checkpoint_is_what_is_opened(tmp_path):
    gone = tmp_path / 'gone.safetensors'
    for kind in (NetworkKind.EAGER, NetworkKind.BACKEND):
        with pytest.raises(CheckpointError, match=r'gone\.safetensors'):
            open_network(load(kind, checkpoint=str(gone), weights='random'))


def test_model_of_this_package_needs_a_size():
    with pytest.raises(ConfigError, match="model 'tiny' needs the size"):
        open_network(load(input_size=0))


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a CUDA device')
def test_device_that_is_not_there_is_an_error():
    for kind in (NetworkKind.EAGER, NetworkKind.BACKEND):
        with pytest.raises(BackendError, match='no CUDA device'):
            open_network(load(kind, device='cuda'))


@pytest.mark.parametrize(
    ('error', 'said'),
    [
        (
            torch.OutOfMemoryError('CUDA out of memory.\nTry less'),
            'it failed: CUDA out of memory.',
        ),
        (MemoryError(), 'it failed: MemoryError'),
        (ValueError('odd'), 'it failed: odd'),
        (KeyError('width'), "it failed: KeyError: 'width'"),
        (CheckpointError('gone'), 'gone'),
    ],
)
def test_what_a_library_raises_is_an_error_of_ours(error, said):
    with pytest.raises(DepthAnythingError) as caught, failures('it failed'):
        raise error
    assert str(caught.value) == said
