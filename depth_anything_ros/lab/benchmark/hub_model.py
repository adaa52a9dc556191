"""Depth models of the transformers library, by their id on the Hugging Face hub or a folder."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from depth_anything_ros.inference.hub.model import HubModel
from depth_anything_ros.lab.benchmark.network import (
    NetworkRequest,
    NetworkSummary,
    PartCounts,
    count,
)

# Where the library's networks keep their image encoder, the more exact places first.
_ENCODERS = ('depth_pro.encoder', 'glpn.encoder', 'backbone', 'dpt')


class HubNetwork(HubModel):
    """
    A depth model of transformers as it is measured.

    Parts: the encoder is the backbone, the decoder all that follows it (in Depth Pro also the
    network for the field of view).

    :param request: its model is an id OWNER/NAME or a folder; its weights may be random; its size,
        if any, is asked of the image processor.
    :raises DepthAnythingError: as :class:`HubModel`.
    """

    def __init__(self, request: NetworkRequest) -> None:
        options = request.options
        super().__init__(
            options.model, request.selection, options.weights == 'random', request.size
        )
        self.encoder = _encoder(self.module)
        self.summary = NetworkSummary(
            weights=options.weights,
            sha256='',
            recipe='',
            load_s=self.load_s,
            revision=self.revision,
            note=self.processing.note,
        )

    def parameters(self) -> PartCounts:
        """Return how many parameters there are."""
        total = count(self.module)
        encoder = None if self.encoder is None else count(self.encoder)
        return PartCounts(total, encoder, None if encoder is None else total - encoder)

    def operations(self, inputs: dict[str, torch.Tensor]) -> PartCounts:
        """
        Return the multiply-accumulates of one image, counted while it runs.

        :raises BackendError: if the network fails.
        """
        reached: list[int] = []
        # The counter knows attention written out, and the fused one on a GPU only.
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            handle = (self.encoder or self.module).register_forward_hook(
                lambda *_: reached.append(counter.get_total_flops())
            )
            try:
                self.infer(inputs)
            finally:
                handle.remove()
        # The counter takes a multiplication with addition for two operations.
        total = counter.get_total_flops() // 2
        if self.encoder is None or not reached:
            return PartCounts(total)
        encoder = reached[-1] // 2
        return PartCounts(total, encoder, total - encoder)


def _encoder(network: nn.Module) -> nn.Module | None:
    """Return the image encoder of a network, None where it is not known."""
    for path in _ENCODERS:
        part: Any = network
        for name in path.split('.'):
            part = dict(part.named_children()).get(name)
            if part is None:
                break
        else:
            found: nn.Module = part
            return found
    return None
