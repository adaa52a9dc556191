"""A network of torch on a GPU, recorded once and replayed for each image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from depth_anything_ros.types import Float32Array

# Libraries choose their kernels and take their memory in the first runs, which must not be
# recorded. Source: the notes on CUDA graphs in PyTorch's documentation.
_WARM_UP_RUNS = 3


class CudaGraph:
    """
    Replay what a network does with one input, at a fixed size: one launch for all its kernels.

    An image is copied in once and each output out once, by way of memory that the GPU reads and
    writes directly. It is to be made and called under the same autocast, in inference mode.

    :param network: what is recorded; it must not look at numbers on its way.
    :param shape: of its input.
    :param device: a GPU.
    :raises RuntimeError: if it cannot be recorded, or the memory does not hold it.
    """

    def __init__(
        self,
        network: Callable[[Tensor], Sequence[Tensor]],
        shape: Sequence[int],
        device: torch.device,
    ) -> None:
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._host_input = host_memory(shape)
        self._input = torch.zeros(*shape, device=device)
        self._stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(self._stream):
            for _ in range(_WARM_UP_RUNS):
                network(self._input)
        self._stream.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        # What other threads do meanwhile, as building another network, is no part of it.
        with torch.cuda.graph(self._graph, stream=self._stream, capture_error_mode='thread_local'):
            self._outputs = tuple(network(self._input))
        self._host_outputs = [host_memory(output.shape) for output in self._outputs]

    def __call__(self, pixels: Float32Array) -> list[Float32Array]:
        """
        Return the outputs, float32, the caller's own.

        :param pixels: float32 of the shape that was recorded.
        :raises RuntimeError: if the GPU fails.
        """
        np.copyto(self._host_input.numpy(), pixels)
        with torch.cuda.stream(self._stream):
            self._input.copy_(self._host_input, non_blocking=True)
            self._graph.replay()
            for host, output in zip(self._host_outputs, self._outputs, strict=True):
                host.copy_(output, non_blocking=True)
        self._stream.synchronize()
        return [np.array(host.numpy()) for host in self._host_outputs]


def host_memory(shape: Sequence[int]) -> Tensor:
    """Return memory of the computer that a GPU copies from and to by itself, float32."""
    return torch.empty(*shape, dtype=torch.float32, pin_memory=True)
