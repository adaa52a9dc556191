"""Models of this package as they are measured: in a backend, and as plain torch."""

from __future__ import annotations

import time
from dataclasses import replace

import torch
from safetensors import torch as _  # noqa: F401 - here, so that no load time contains it
from torch import nn

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.inference.backends.torch_backend import TorchBackend
from depth_anything_ros.inference.devices import Device
from depth_anything_ros.inference.estimator_network import load_network
from depth_anything_ros.inference.failures import failures
from depth_anything_ros.inference.predictor import check_finite
from depth_anything_ros.inference.preprocess import Preprocessor, resize_align_corners
from depth_anything_ros.lab.benchmark.imports import import_libraries
from depth_anything_ros.lab.benchmark.network import (
    NetworkRequest,
    NetworkSummary,
    PartCounts,
)
from depth_anything_ros.lab.benchmark.operations import (
    operations_of,
    parameters_of,
    without_numbers,
)
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.types import Float32Array, ModelInput, Precision, UInt8Array


class _OwnNetwork:
    """A model of this package, with its pre- and post-processing."""

    def __init__(self, request: NetworkRequest) -> None:
        self._start_s = time.perf_counter()
        self.device = torch.device(Device.parse(request.selection.device).torch_name)
        self._selection = request.selection
        self._size = _size_of(request)
        options = request.options
        self._options = replace(options, weights='pretrained') if options.checkpoint else options
        self._preprocessor = Preprocessor(MODELS[options.model], self._size)

    def preprocess(self, rgb: UInt8Array) -> ModelInput:
        """Return the input as a node makes it."""
        return self._preprocessor(rgb)

    def postprocess(self, output: Float32Array, size: tuple[int, int]) -> Float32Array:
        """Return the output at the size of the image, float32 (H, W)."""
        return resize_align_corners(output, size)

    def input_size(self, inputs: ModelInput) -> tuple[int, int]:
        """Return the (height, width) of the input."""
        height, width = inputs.pixels.shape[2:]
        return height, width

    def parameters(self) -> PartCounts:
        """Return how many parameters there are."""
        return parameters_of(self._shapes)

    def operations(self, inputs: ModelInput) -> PartCounts:
        """Return the multiply-accumulates of one image."""
        found = operations_of(self._shapes, *self.input_size(inputs))
        return PartCounts(found.total, found.encoder, found.decoder)

    def _opened(
        self, estimator: DepthEstimator, weights: str, sha256: str, recipe: str
    ) -> NetworkSummary:
        """Keep the shapes of a network that is ready to run, and say what it is."""
        load_s = time.perf_counter() - self._start_s
        self._shapes = without_numbers(estimator)
        return NetworkSummary(weights, sha256, recipe, load_s, bool(estimator.activation_ranges))


class BackendNetwork(_OwnNetwork):
    """
    A model of this package in one of the backends; the network as loaded is not kept.

    :param request: what to load.
    :raises DepthAnythingError: if it cannot be had or cannot run here.
    """

    def __init__(self, request: NetworkRequest) -> None:
        import_libraries(request.selection.backend)
        super().__init__(request)
        network = load_network(self._options)
        self._backend = network.backend(self._size)
        identity = network.identity
        self.summary = self._opened(
            network.estimator, identity.weights, identity.sha256, network.recipe
        )
        self.module: nn.Module | None = None
        self.encoder: nn.Module | None = None
        if isinstance(self._backend, TorchBackend):
            self.module = self._backend.estimator
            self.encoder = self._backend.estimator.pretrained

    def infer(self, inputs: ModelInput) -> Float32Array:
        """
        Return the output, float32 (h, w), finite.

        :raises BackendError: if the backend fails.
        """
        output = self._backend.infer(inputs.pixels)
        check_finite(output, self._selection)
        return output


class EagerNetwork(_OwnNetwork):
    """
    A model of this package as public code writes it: plain torch fp32, attention written out.

    :param request: what to load; its selection says where, not how.
    :raises DepthAnythingError: if it cannot be had or the device does not hold it.
    """

    def __init__(self, request: NetworkRequest) -> None:
        import_libraries('torch')
        super().__init__(request)
        TorchBackend.require(request.selection.device, Precision.FP32)
        options = self._options
        estimator, weights = load_estimator(
            options.model, options.checkpoint, options.weights, options.seed, attention='eager'
        )
        with failures('torch cannot load the network'):
            estimator.to(self.device)
        self.summary = self._opened(estimator, weights.origin, weights.sha256, weights.recipe)
        self.module = estimator
        self.encoder = estimator.pretrained

    def infer(self, inputs: ModelInput) -> Float32Array:
        """
        Return the output, float32 (h, w), finite.

        :raises BackendError: if torch fails.
        """
        with failures('torch failed'), torch.inference_mode():
            pixels = torch.from_numpy(inputs.pixels).to(self.device)
            output: Float32Array = self.module(pixels)[0].cpu().numpy()
        check_finite(output, self._selection)
        return output


def _size_of(request: NetworkRequest) -> tuple[int, int]:
    if request.size is None:
        raise ConfigError(f"model '{request.options.model}' needs the size of its input")
    return request.size
