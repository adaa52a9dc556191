"""PyTorch itself, on the CPU or on CUDA; needs no export and no other library."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference.backends.base import (
    BackendOptions,
    NetworkOutput,
    check_pixels,
    require_precision,
)
from depth_anything_ros.inference.backends.cuda_graph import CudaGraph
from depth_anything_ros.inference.backends.processor import cpu_has_bf16
from depth_anything_ros.inference.devices import DeviceKind, require_device
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.folding import fold_batch_norms
from depth_anything_ros.types import Float32Array, Precision

logger = logging.getLogger(__name__)

DTYPES = {
    Precision.FP32: torch.float32,
    Precision.BF16: torch.bfloat16,
    Precision.FP16: torch.float16,
}
_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


class TorchBackend:
    """
    Run a network with PyTorch.

    In bf16 and fp16 the matrix products and convolutions are narrow, while the residual
    stream, norms and softmax stay in fp32, so that nothing overflows. `estimator` is what runs:
    a copy of the network on the device. On a GPU single images replay a recording of it.

    :param options: what to run and how.
    :raises BackendError: if the device's memory does not hold the network.
    """

    name: ClassVar[str] = 'torch'
    libraries: ClassVar[tuple[str, ...]] = ()

    def __init__(self, options: BackendOptions) -> None:
        self._threads = options.threads
        self._size = options.size
        self._device = torch.device(options.device)
        self._dtype = DTYPES[options.precision]
        # By whether they give confidence too; None where the network cannot be recorded.
        self._recordings: dict[bool, CudaGraph | None] = {}
        try:
            self.estimator = _copy_for(options.source.estimator(), self._device, self._dtype)
            self.estimator.prepare(*options.size)
        except RuntimeError as error:
            raise BackendError(f'torch cannot load the network: {error}') from error

    @classmethod
    def require(cls, device: str, precision: Precision) -> None:
        """
        Check that this machine has the device, and the device the precision.

        :raises BackendError: if not.
        """
        found = require_device(cls.name, device, (DeviceKind.CPU, DeviceKind.CUDA))
        if found.kind is DeviceKind.CPU:
            # Half precision has no vector instructions on most CPUs; torch takes minutes.
            require_precision(cls.name, device, precision, (Precision.FP32, Precision.BF16))
            return
        if not torch.cuda.is_available():
            raise BackendError(
                f"no CUDA device for '{device}': torch {torch.__version__} sees none"
            )
        count = torch.cuda.device_count()
        if found.index >= count:
            raise BackendError(f"no CUDA device '{device}'; this machine has {count}")

    @classmethod
    def fastest_precision(cls, device: str) -> Precision:
        """Return fp16 on CUDA; bf16 on a CPU that has instructions for it, else fp32."""
        if device.startswith('cuda'):
            return Precision.FP16
        return Precision.BF16 if cpu_has_bf16() else Precision.FP32

    @classmethod
    def narrowed(cls, estimator: DepthEstimator, device: str) -> tuple[str, ...]:
        """Return none: torch multiplies the integers as floats, which are wide enough."""
        del estimator, device
        return ()

    def infer(self, pixels: Float32Array) -> Float32Array:
        """
        Return the network's output, float32 (h, w).

        :param pixels: normalised image, float32 (1, 3, h, w).
        :raises BackendError: if the size is not the one built for, or torch fails, e.g. for
            lack of memory.
        """
        check_pixels(pixels, self._size)
        (values,) = self.infer_batch(pixels)
        return np.asarray(values, np.float32)

    def infer_batch(self, pixels: Float32Array) -> Float32Array:
        """
        Return the network's outputs, float32 (N, h, w).

        :param pixels: normalised images, float32 (N, 3, h, w).
        :raises BackendError: if torch fails, e.g. for lack of memory.
        """
        (values,) = self._run(pixels, with_confidence=False)
        return values

    def infer_with_confidence(self, pixels: Float32Array) -> NetworkOutput:
        """
        Return the network's output, with its confidence where it tells one.

        :raises BackendError: as :meth:`infer`.
        """
        if not self.estimator.spec.confidence:
            return NetworkOutput(self.infer(pixels))
        check_pixels(pixels, self._size)
        values, confidence = self._run(pixels, with_confidence=True)
        return NetworkOutput(values[0], confidence[0])

    def _run(self, pixels: Float32Array, with_confidence: bool) -> list[Float32Array]:
        take_threads(self._threads)
        narrow = self._dtype is not torch.float32
        # Recorded numbers must not go to a cache of autocast, which is emptied at its end.
        autocast = torch.autocast(
            self._device.type, self._dtype, enabled=narrow, cache_enabled=False
        )
        try:
            with torch.inference_mode(), autocast:
                recording = self._recording(pixels, with_confidence)
                if recording is not None:
                    return recording(pixels)
                outputs = self._outputs(with_confidence)(self._to_device(pixels))
                results = [output.cpu().numpy() for output in outputs]
        except RuntimeError as error:
            raise BackendError(f'torch failed: {error}') from error
        return [np.ascontiguousarray(result) for result in results]

    def _recording(self, pixels: Float32Array, with_confidence: bool) -> CudaGraph | None:
        """Return what replays the network on a GPU for one image, recorded at the first."""
        if self._device.type != 'cuda' or pixels.shape != (1, 3, *self._size):
            return None
        if with_confidence not in self._recordings:
            try:
                found = CudaGraph(self._outputs(with_confidence), pixels.shape, self._device)
            except RuntimeError as error:
                logger.warning(
                    'torch cannot record %s as a CUDA graph: %s; it runs step by step, on %s all '
                    'the same', self.estimator.spec.name, error, self._device,
                )  # fmt: skip
                self._recordings[with_confidence] = None
            else:
                self._recordings[with_confidence] = found
        return self._recordings[with_confidence]

    def _outputs(self, with_confidence: bool) -> Callable[[Tensor], list[Tensor]]:
        """Return the network as a function from pixels to its outputs in float32."""

        def run(pixels: Tensor) -> list[Tensor]:
            if with_confidence:
                return [output.float() for output in self.estimator.with_confidence(pixels)]
            return [self.estimator(pixels).float()]

        return run

    def _to_device(self, pixels: Float32Array) -> Tensor:
        given = torch.from_numpy(pixels)
        return given.pin_memory().to(self._device) if self._device.type == 'cuda' else given


def _copy_for(
    estimator: DepthEstimator, device: torch.device, dtype: torch.dtype
) -> DepthEstimator:
    """
    Return a copy for inference: weights of matrix products in `dtype`, convolutions channels-last.

    On the CPU those of the head alone: 8 % of the whole time; the kernels otherwise reorder every
    activation. On a GPU all of them in narrow formats, whose kernels read nothing else.
    Source: the tutorial "Channels Last Memory Format in PyTorch".
    """
    duplicate = copy.deepcopy(estimator).requires_grad_(False).eval()
    fold_batch_norms(duplicate)
    narrow_products(duplicate, dtype)
    everywhere = device.type == 'cuda' and dtype is not torch.float32
    for module in (duplicate if everywhere else duplicate.depth_head).modules():
        if isinstance(module, _CONVOLUTIONS):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
    return duplicate.to(device)


def take_threads(count: int) -> None:
    """
    Let the calling thread compute with so many CPU threads; 0 leaves it to the library.

    The number holds for the thread that sets it, and images come on another than the one that
    opened the network.
    """
    if count not in (0, torch.get_num_threads()):
        torch.set_num_threads(count)


def narrow_products(network: nn.Module, dtype: torch.dtype) -> None:
    """Store the weights of matrix products and convolutions in `dtype`, in place."""
    for module in network.modules():
        if isinstance(module, (nn.Linear, *_CONVOLUTIONS)):
            module.to(dtype)
