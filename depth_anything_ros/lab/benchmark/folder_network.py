"""A network of somebody else in a folder, as it is measured."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from depth_anything_ros.inference.file_network import load_folder
from depth_anything_ros.inference.predictor import Predictor, check_finite
from depth_anything_ros.lab.benchmark.graph_costs import count_costs
from depth_anything_ros.lab.benchmark.imports import import_libraries
from depth_anything_ros.lab.benchmark.network import (
    NetworkRequest,
    NetworkSummary,
    PartCounts,
)
from depth_anything_ros.types import Float32Array, ModelInput, UInt8Array

if TYPE_CHECKING:
    import torch
    from torch import nn


class FolderNetwork:
    """
    A network in a folder, in a library that reads its files.

    :param request: its checkpoint is the folder.
    :raises DepthAnythingError: if it cannot be read or cannot run here.
    """

    module: nn.Module | None = None
    encoder: nn.Module | None = None
    device: torch.device | None = None

    def __init__(self, request: NetworkRequest) -> None:
        import_libraries(request.selection.backend)
        start_s = time.perf_counter()
        self._network = network = load_folder(request.options)
        self._selection = network.selection
        self._predictor = Predictor(network, request.options.input_size)
        if request.size is not None:
            self._predictor.build(request.size)
        self.summary = NetworkSummary(
            weights=network.identity.weights,
            sha256=network.identity.sha256,
            recipe=network.recipe,
            load_s=time.perf_counter() - start_s,
            integers=bool(network.identity.integers),
        )

    def preprocess(self, rgb: UInt8Array) -> ModelInput:
        """Return the input as a node makes it."""
        return self._predictor.preprocess(rgb)

    def infer(self, inputs: ModelInput) -> Float32Array:
        """
        Return inverse depth or metres, float32 (h, w), finite.

        :raises BackendError: if the network fails.
        """
        height, width = self.input_size(inputs)
        output = self._predictor.build((height, width)).infer(inputs.pixels)
        check_finite(output, self._selection)
        return output

    def postprocess(self, output: Float32Array, size: tuple[int, int]) -> Float32Array:
        """Return the output at the size of the image, float32 (H, W)."""
        return self._predictor.enlarge(output, size)

    def input_size(self, inputs: ModelInput) -> tuple[int, int]:
        """Return the (height, width) of the input."""
        height, width = inputs.pixels.shape[2:]
        return height, width

    def parameters(self) -> PartCounts:
        """Return how many parameters there are."""
        return PartCounts(self._costs(self._predictor.identity.input_size)[0])

    def operations(self, inputs: ModelInput) -> PartCounts:
        """Return the multiply-accumulates of one image."""
        return PartCounts(self._costs(self.input_size(inputs))[1])

    def _costs(self, size: tuple[int, int]) -> tuple[int, int]:
        network = self._network.image_network(size)
        return count_costs(network.path, network.shape_at(size))
