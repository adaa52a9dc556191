"""Opening what is to be measured: a backend, the plain network, or a comparator of the hub."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch import nn

from depth_anything_ros.errors import BackendError, ConfigError, DepthAnythingError
from depth_anything_ros.inference import create_predictor
from depth_anything_ros.inference.backends.torch_backend import TorchBackend
from depth_anything_ros.inference.predictor import check_finite
from depth_anything_ros.inference.preprocess import Preprocessor, resize_align_corners
from depth_anything_ros.inference.selection import Selection
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.operations import operations_of, without_numbers
from depth_anything_ros.types import Float32Array, ModelInput, Precision, UInt8Array

IMAGE_SIZE = (480, 640)
# Errors whose message is a sentence; that of a KeyError is the bare key.
_SPEAKING = (DepthAnythingError, RuntimeError, ValueError, MemoryError, OSError, ImportError)
_LIBRARIES = {'torch': (), 'openvino': ('openvino',), 'onnxruntime': ('onnx', 'onnxruntime')}


class NetworkKind(str, Enum):
    """
    How a network is run.

    `backend` as a node does it; `eager` in plain torch with attention written out, as public code
    has it; `transformers` as the library of that name has it, the model being its id or folder.
    """

    BACKEND = 'backend'
    EAGER = 'eager'
    TRANSFORMERS = 'transformers'


@dataclass(frozen=True)
class Load:
    """
    Say what is to be loaded and run.

    `checkpoint` is a file of weights for `model`, None for those that `weights` names: pretrained
    or random. `size` is the network's (height, width); None takes what a comparator of the hub
    makes of an image by itself. `threads` 0 leaves the number of CPU threads to the library.
    `cache_dir` holds exported networks: with an export in it the process loads that, as a node
    does from its second start.
    """

    model: str
    checkpoint: Path | None
    selection: Selection
    size: tuple[int, int] | None
    threads: int
    cache_dir: Path | None
    weights: str = 'pretrained'
    kind: NetworkKind = NetworkKind.BACKEND


@dataclass(frozen=True)
class Parts:
    """Count something in a whole network, and in its parts; None where these are not known."""

    total: int
    encoder: int | None = None
    decoder: int | None = None


@dataclass(frozen=True)
class Facts:
    """
    Say what an opened network is.

    `weights` is pretrained, checkpoint or random, `sha256` that of their file, `revision` the
    commit of a comparator of the hub, `recipe` what packed them; empty where there is none.
    `integers` tells whether layers multiply integers. `load_s` is how long opening took, export
    included. `note` says what a reader has to know.
    """

    weights: str
    sha256: str
    recipe: str
    load_s: float
    integers: bool = False
    revision: str = ''
    note: str = ''


class Network(Protocol):
    """
    A network that can be measured.

    `facts` say what it is, `device` where it runs.
    """

    facts: Facts
    device: torch.device

    @property
    def module(self) -> nn.Module | None:
        """Return the torch network, None where an exported graph runs."""

    @property
    def encoder(self) -> nn.Module | None:
        """Return the first part of the torch network, None where it is not known."""

    def preprocess(self, rgb: UInt8Array) -> Any:
        """Return what the network reads, for an image uint8 (H, W, 3)."""

    def infer(self, inputs: Any) -> Any:
        """
        Run the network and wait for its output on the CPU.

        :raises BackendError: if it fails, e.g. for lack of memory.
        """

    def postprocess(self, output: Any, size: tuple[int, int]) -> object:
        """Return depth or inverse depth at (height, width) of the image."""

    def input_size(self, inputs: Any) -> tuple[int, int]:
        """Return the (height, width) of what :meth:`preprocess` gave."""

    def parameters(self) -> Parts:
        """Return how many parameters there are."""

    def operations(self, inputs: Any) -> Parts:
        """
        Return the multiply-accumulates of one image.

        :raises BackendError: if the network cannot run.
        """


def open_network(load: Load) -> Network:
    """
    Load what :class:`Load` says, ready to run.

    :raises DepthAnythingError: if it cannot be had or cannot run here; the message says why.
    """
    if load.kind is NetworkKind.TRANSFORMERS:
        from depth_anything_ros.inference.benchmark.hub_model import HubNetwork

        return HubNetwork(load)
    return EagerNetwork(load) if load.kind is NetworkKind.EAGER else BackendNetwork(load)


def example_image() -> UInt8Array:
    """Return a smooth, colourful, always equal image, uint8 (480, 640, 3)."""
    coarse = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    image = cv2.resize(coarse, IMAGE_SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(image, np.uint8)


class _OwnNetwork:
    """A model of this package, with its pre- and post-processing."""

    def __init__(self, load: Load) -> None:
        self._start_s = time.perf_counter()
        self.device = torch.device(load.selection.device)
        self._selection = load.selection
        self._size = _size_of(load)
        self._preprocessor = Preprocessor(MODELS[load.model], self._size)

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

    def parameters(self) -> Parts:
        """Return how many parameters there are."""
        encoder, decoder = count(self._shapes.pretrained), count(self._shapes.depth_head)
        return Parts(encoder + decoder, encoder, decoder)

    def operations(self, inputs: ModelInput) -> Parts:
        """Return the multiply-accumulates of one image."""
        found = operations_of(self._shapes, *self.input_size(inputs))
        return Parts(found.total, found.encoder, found.decoder)

    def _opened(self, estimator: DepthEstimator, weights: str, sha256: str, recipe: str) -> Facts:
        """Keep the shapes of a network that is ready to run, and say what it is."""
        load_s = time.perf_counter() - self._start_s
        self._shapes = without_numbers(estimator)
        return Facts(weights, sha256, recipe, load_s, bool(estimator.inputs))


class BackendNetwork(_OwnNetwork):
    """
    A model of this package in one of the backends; the network as loaded is not kept.

    :param load: what to load.
    :raises DepthAnythingError: if it cannot be had or cannot run here.
    """

    def __init__(self, load: Load) -> None:
        import_libraries(load.selection.backend)
        super().__init__(load)
        predictor = create_predictor(
            load.model,
            checkpoint=str(load.checkpoint or ''),
            weights='pretrained' if load.checkpoint else load.weights,
            backend=load.selection.backend,
            precision=load.selection.precision.value,
            device=load.selection.device,
            input_size=self._size,
            threads=load.threads,
            cache_dir=str(load.cache_dir or ''),
        )
        self._backend = predictor.build(self._size)
        identity = predictor.identity
        self.facts = self._opened(
            predictor.estimator, identity.weights, identity.sha256, predictor.recipe
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

    :param load: what to load; its selection says where, not how.
    :raises DepthAnythingError: if it cannot be had or the device does not hold it.
    """

    def __init__(self, load: Load) -> None:
        import_libraries('torch')
        super().__init__(load)
        TorchBackend.require(load.selection.device, Precision.FP32)
        estimator, weights = load_estimator(
            load.model,
            str(load.checkpoint or ''),
            'pretrained' if load.checkpoint else load.weights,
            attention='eager',
        )
        with failures('torch cannot load the network'):
            estimator.to(self.device)
        self.facts = self._opened(estimator, weights.origin, weights.sha256, weights.recipe)
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


def import_libraries(backend: str) -> None:
    """
    Import what a backend imports when it is first used, so that no load time contains it.

    A library that is missing is left out: the backend says so, and how to get it.

    :param backend: a name in BACKENDS.
    """
    for name in ('safetensors.torch', *_LIBRARIES[backend]):
        if find_spec(name.partition('.')[0]) is not None:
            import_module(name)


@contextmanager
def failures(what: str) -> Iterator[None]:
    """
    Turn whatever a library raises, lack of memory too, into an error of ours.

    Errors of ours pass as they are.

    :param what: the start of its message.
    :raises BackendError: in its place.
    """
    try:
        yield
    except DepthAnythingError:
        raise
    except Exception as error:
        raise BackendError(f'{what}: {first_line(error)}') from error


def first_line(error: BaseException) -> str:
    """Return what an error says in one line: its first one, with its kind where that helps."""
    said, kind = str(error).strip(), type(error).__name__
    if not said:
        return kind
    line = said.splitlines()[0]
    return line if isinstance(error, _SPEAKING) else f'{kind}: {line}'


def _size_of(load: Load) -> tuple[int, int]:
    if load.size is None:
        raise ConfigError(f"model '{load.model}' needs the size of its input")
    return load.size


def count(module: nn.Module) -> int:
    """Return the number of parameters of a network or a part of one."""
    return sum(parameter.numel() for parameter in module.parameters())
