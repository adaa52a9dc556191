"""Detectors of the ultralytics library, to say how a depth network's time compares with theirs."""

from __future__ import annotations

import os
import re
import tempfile
import time
from importlib import import_module
from importlib.util import find_spec

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from depth_anything_ros.errors import CheckpointError, ConfigError, MissingDependencyError
from depth_anything_ros.inference.backends.torch_backend import DTYPES, TorchBackend
from depth_anything_ros.inference.failures import failures
from depth_anything_ros.inference.preprocess import network_size
from depth_anything_ros.lab.benchmark.network import (
    NetworkRequest,
    NetworkSummary,
    PartCounts,
    count,
)
from depth_anything_ros.types import UInt8Array

_NAME = re.compile(r'yolo[a-z0-9]+')
_STRIDE = 32
_LONGER_SIDE = 640
_SEED = 0


class Detector:
    """
    A detector as ultralytics runs it: batch norms folded, the image with its longer side at 640.

    Its weights are random: published ones are pickles, and time does not depend on them. What it
    gives is not made boxes of.

    :param request: its model is the name of a network that the library describes, as 'yolo11n'.
    :raises ConfigError: if its weights are asked for, or the name cannot be one.
    :raises MissingDependencyError: if ultralytics is not installed.
    :raises CheckpointError: if the library knows no such network.
    :raises BackendError: if precision or device cannot be had, or the memory does not hold it.
    """

    def __init__(self, request: NetworkRequest) -> None:
        name = request.options.model
        if not _NAME.fullmatch(name):
            raise ConfigError(f"'{name}' is no name of a detector; example: yolo11n")
        if request.options.weights != 'random':
            raise ConfigError(f"detector '{name}' runs with --weights random only")
        if find_spec('ultralytics') is None:
            raise MissingDependencyError('ultralytics', 'detector')
        TorchBackend.require(request.selection.device, request.selection.precision)
        _import_library()
        start_s = time.perf_counter()
        self.device = torch.device(request.selection.device)
        self._dtype = DTYPES[request.selection.precision]
        self._size = request.size
        with failures(f'ultralytics cannot load {name}'):
            self.module: nn.Module = _network(name).to(self.device)
        self.encoder: nn.Module | None = None
        self.summary = NetworkSummary(
            weights='random',
            sha256='',
            recipe='',
            load_s=time.perf_counter() - start_s,
            note='a detector of ultralytics, for its time alone',
        )

    def preprocess(self, rgb: UInt8Array) -> Tensor:
        """Return the image at the size of the network, float32 (1, 3, h, w) in 0..1."""
        height, width = self._size or network_size(
            rgb.shape[0], rgb.shape[1], _LONGER_SIDE, _STRIDE, longer_side=True
        )
        size = tuple(max(1, round(side / _STRIDE)) * _STRIDE for side in (width, height))
        resized = cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR)
        planes = np.ascontiguousarray(resized.transpose(2, 0, 1)[None])
        return torch.from_numpy(planes).float() / 255

    def infer(self, inputs: Tensor) -> Tensor:
        """
        Return boxes and scores before any is chosen, on the CPU in fp32, (1, 4 + classes, N).

        :raises BackendError: if the network fails.
        """
        narrow = self._dtype is not torch.float32
        with (
            failures('ultralytics failed'),
            torch.inference_mode(),
            torch.autocast(self.device.type, self._dtype, enabled=narrow),
        ):
            found: Tensor = self.module(inputs.to(self.device))[0]
            return found.float().cpu()

    def postprocess(self, output: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the output as it is."""
        del size
        return output

    def input_size(self, inputs: Tensor) -> tuple[int, int]:
        """Return the (height, width) of the input."""
        return int(inputs.shape[2]), int(inputs.shape[3])

    def parameters(self) -> PartCounts:
        """Return how many parameters there are."""
        return PartCounts(count(self.module))

    def operations(self, inputs: Tensor) -> PartCounts:
        """
        Return the multiply-accumulates of one image, counted while it runs.

        :raises BackendError: if the network fails.
        """
        with FlopCounterMode(display=False) as counter:
            self.infer(inputs)
        return PartCounts(counter.get_total_flops() // 2)


def _import_library() -> None:
    """Import what builds a network; it asks no network and leaves no settings of its own."""
    os.environ.setdefault('YOLO_OFFLINE', 'true')
    os.environ.setdefault('YOLO_VERBOSE', 'false')
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault('YOLO_CONFIG_DIR', folder)
        with failures('ultralytics cannot be imported'):
            import_module('ultralytics.nn.tasks')


def _network(name: str) -> nn.Module:
    """
    Return a network with random weights, in evaluation mode, batch norms folded.

    :raises CheckpointError: if the library has no description of it.
    """
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(_SEED)
    try:
        network = DetectionModel(f'{name}.yaml', verbose=False)
    except FileNotFoundError as error:
        raise CheckpointError(f"ultralytics has no network '{name}'") from error
    folded: nn.Module = network.eval().fuse(verbose=False)
    return folded
