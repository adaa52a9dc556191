"""Recording and replaying without a GPU: what is copied when, and what happens where it fails."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
import torch
from torch import nn

from depth_anything_ros.inference.backends import cuda_graph, torch_backend
from depth_anything_ros.inference.backends.base import BackendOptions
from depth_anything_ros.inference.backends.cache import ExportCache
from depth_anything_ros.inference.backends.cuda_graph import CudaGraph
from depth_anything_ros.inference.backends.source import LoadedNetwork
from depth_anything_ros.inference.backends.torch_backend import TorchBackend
from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.types import Precision

SHAPE = (1, 3, 4, 6)


class MadeGraph:
    """Record a network by keeping it, and replay it into the tensors that it gave first."""

    replays = 0

    def __init__(self) -> None:
        self.again = None

    def replay(self) -> None:
        MadeGraph.replays += 1
        self.again()


class MadeStream:
    def __init__(self, device=None) -> None:
        self.waits = 0

    def wait_stream(self, other) -> None:
        pass

    def synchronize(self) -> None:
        self.waits += 1


@pytest.fixture
def made_cuda(monkeypatch):
    """Put the CPU in the place of a GPU, as far as recording needs it."""

    @contextmanager
    def record(graph, stream, capture_error_mode):
        assert capture_error_mode == 'thread_local'
        yield

    monkeypatch.setattr(torch.cuda, 'Stream', MadeStream)
    monkeypatch.setattr(torch.cuda, 'current_stream', MadeStream)
    monkeypatch.setattr(torch.cuda, 'stream', lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, 'CUDAGraph', MadeGraph)
    monkeypatch.setattr(torch.cuda, 'graph', record)
    monkeypatch.setattr(cuda_graph, 'host_memory', lambda shape: torch.empty(*shape))
    MadeGraph.replays = 0


def test_an_image_goes_in_and_its_outputs_come_out_without_another_call(made_cuda):
    calls = []

    def network(pixels):
        calls.append(None)
        return [2 * pixels.sum(1), pixels.mean(1)]

    graph = CudaGraph(network, SHAPE, torch.device('cpu'))
    recorded = len(calls)
    outputs, given = graph._outputs, graph._input

    def again():
        outputs[0].copy_(2 * given.sum(1))
        outputs[1].copy_(given.mean(1))

    graph._graph.again = again
    first = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    second = np.zeros(SHAPE, np.float32)
    doubled, mean = graph(first)
    kept = doubled.copy()
    zeros, _ = graph(second)
    np.testing.assert_allclose(doubled, 2 * first.sum(1), rtol=1e-5)
    np.testing.assert_allclose(mean, first.mean(1), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(zeros, 0)
    np.testing.assert_array_equal(doubled, kept)  # the caller's own
    assert len(calls) == recorded == 4  # three to warm up
    assert MadeGraph.replays == 2


@pytest.fixture(scope='module')
def tiny():
    return load_estimator('tiny')


def backend_of(tiny, precision=Precision.FP32):
    estimator, weights = tiny
    return TorchBackend(
        BackendOptions(
            LoadedNetwork(estimator, weights.key), (32, 64), precision, 'cpu', 1, ExportCache(None)
        )
    )


class Device:
    """The CPU under the name of a GPU, for the questions that the backend asks."""

    type = 'cuda'


def test_a_gpu_replays_single_images_and_batches_go_step_by_step(tiny, monkeypatch):
    backend, shapes = backend_of(tiny), []

    class Recording:
        def __init__(self, network, shape, device):
            shapes.append(shape)

        def __call__(self, pixels):
            return [np.full((1, 32, 64), 7, np.float32)]

    monkeypatch.setattr(torch_backend, 'CudaGraph', Recording)
    monkeypatch.setattr(backend, '_device', Device())
    monkeypatch.setattr(backend, '_to_device', torch.from_numpy)
    monkeypatch.setattr(torch, 'autocast', lambda *_, **__: nullcontext())
    pixels = np.zeros((2, 3, 32, 64), np.float32)
    assert backend.infer(pixels[:1]).max() == backend.infer(pixels[1:]).max() == 7
    assert shapes == [(1, 3, 32, 64)]
    assert backend.infer_batch(pixels).shape == (2, 32, 64)
    assert len(shapes) == 1


def test_a_network_that_cannot_be_recorded_runs_step_by_step_and_says_so_once(
    tiny, monkeypatch, caplog
):
    backend = backend_of(tiny)
    pixels = np.random.default_rng(0).standard_normal((1, 3, 32, 64)).astype(np.float32)
    expected = backend.infer(pixels)

    def fail(*_):
        raise RuntimeError('operation not permitted when stream is capturing')

    monkeypatch.setattr(torch_backend, 'CudaGraph', fail)
    monkeypatch.setattr(backend, '_device', Device())
    monkeypatch.setattr(backend, '_to_device', torch.from_numpy)
    monkeypatch.setattr(torch, 'autocast', lambda *_, **__: nullcontext())
    for _ in range(2):
        np.testing.assert_array_equal(backend.infer(pixels), expected)
    (told,) = caplog.messages
    assert told.startswith('torch cannot record tiny as a CUDA graph: operation not permitted')


@pytest.mark.parametrize(
    ('device', 'dtype', 'everywhere'),
    [('cpu', torch.bfloat16, False), ('cuda', torch.float32, False),
     ('cuda', torch.float16, True)],
)  # fmt: skip
def test_convolutions_are_channels_last_where_it_pays(
    tiny, monkeypatch, device, dtype, everywhere
):
    monkeypatch.setattr(nn.Module, 'to', lambda self, *_: self)
    copied = torch_backend._copy_for(tiny[0], torch.device(device), dtype)

    def last(part):
        # Of a kernel of one pixel both orders are the same.
        weights = [module.weight for module in part.modules() if isinstance(module, nn.Conv2d)
                   and module.kernel_size != (1, 1) and module.groups == 1]  # fmt: skip
        assert weights
        return [one.is_contiguous(memory_format=torch.channels_last) for one in weights]

    assert all(last(copied.depth_head))
    assert all(last(copied.pretrained)) is everywhere
