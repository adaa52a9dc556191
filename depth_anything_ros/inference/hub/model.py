"""A depth model of transformers: its network and its own processing of images."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import nn

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference.backends.torch_backend import (
    DTYPES,
    TorchBackend,
    narrow_products,
)
from depth_anything_ros.inference.failures import failures
from depth_anything_ros.inference.hub.loading import (
    find_model,
    import_library,
    load_model,
    require_libraries,
)
from depth_anything_ros.inference.hub.processing import Processing, open_processing
from depth_anything_ros.inference.selection import Selection
from depth_anything_ros.types import UInt8Array


class HubModel:
    """
    Run a depth model of transformers as that library does.

    In bf16 and fp16 the weights of products are narrow, under autocast, as in the torch backend of
    this package. `load_s` is how long it took to load, `revision` its commit, '' of a folder.

    :param name: an id OWNER/NAME of the hub, or a folder.
    :param selection: precision and device; what runs it is torch.
    :param random: whether its weights are random, which takes the configuration only.
    :param size: (height, width) asked of its image processor, None for its own.
    :raises MissingDependencyError: if transformers or Pillow is not installed.
    :raises CheckpointError: if the model cannot be had, is no depth model or lacks weights.
    :raises BackendError: if precision or device cannot be had, or the memory does not hold it.
    """

    def __init__(
        self, name: str, selection: Selection, random: bool, size: tuple[int, int] | None = None
    ) -> None:
        require_libraries()
        TorchBackend.require(selection.device, selection.precision)
        source = find_model(name)
        import_library(source)
        start_s = time.perf_counter()
        self.device = torch.device(selection.device)
        self._dtype = DTYPES[selection.precision]
        self._precision = selection.precision
        self.processing: Processing = open_processing(source, size)
        network = load_model(source, random)
        with failures(f'torch cannot load {name}'):
            narrow_products(network, self._dtype)
            self.module: nn.Module = network.to(self.device)
        self.load_s = time.perf_counter() - start_s
        self.revision = str(getattr(network.config, '_commit_hash', None) or '')

    def preprocess(self, rgb: UInt8Array) -> dict[str, torch.Tensor]:
        """
        Return the tensors that its own image processor makes, on the CPU.

        :raises BackendError: if that fails.
        """
        with failures('the image processor failed'):
            return self.processing.preprocess(rgb)

    def infer(self, inputs: dict[str, torch.Tensor]) -> Any:
        """
        Return the library's output, its depth (1, h, w) on the CPU in fp32 and finite.

        :raises BackendError: if the network fails.
        """
        narrow = self._dtype is not torch.float32
        with (
            failures('transformers failed'),
            torch.inference_mode(),
            torch.autocast(self.device.type, self._dtype, enabled=narrow),
        ):
            output = self.module(**{key: value.to(self.device) for key, value in inputs.items()})
            output.predicted_depth = output.predicted_depth.float().cpu()
        if not torch.isfinite(output.predicted_depth).all():
            cure = '; try precision fp32' if narrow else ': the network itself gives them'
            raise BackendError(
                f'transformers gave values that are not finite in {self._precision.value}{cure}'
            )
        return output

    def postprocess(self, output: Any, size: tuple[int, int]) -> object:
        """
        Return what its own post-processing makes of the output at (height, width).

        :raises BackendError: if that fails.
        """
        with failures('the post-processing failed'):
            return self.processing.postprocess(output, size)

    def input_size(self, inputs: dict[str, torch.Tensor]) -> tuple[int, int]:
        """Return the (height, width) that the image processor chose."""
        height, width = inputs['pixel_values'].shape[2:]
        return height, width
