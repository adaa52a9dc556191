"""Number formats while training."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def keep_depthwise_in_float32(model: nn.Module) -> None:
    """
    Let depthwise convolutions leave autocast, on the CPU.

    Their backward pass has no fast bfloat16 kernel there: it takes several times as long as in
    float32 and outweighs what bfloat16 gains everywhere else.

    :param model: changed in place; nothing changes where no autocast is on.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and 1 < module.groups == module.in_channels:
            pause = _AutocastPause()
            module.register_forward_pre_hook(pause.begin)
            module.register_forward_hook(pause.end, always_call=True)


class _AutocastPause:
    """Switch autocast off around the forward pass of a module, and back on."""

    def __init__(self) -> None:
        self._off: list[torch.autocast] = []

    def begin(self, _: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        off = torch.autocast('cpu', enabled=False)
        off.__enter__()  # type: ignore[no-untyped-call]
        self._off.append(off)
        return tuple(
            values.float() if values.device.type == 'cpu' else values for values in inputs
        )

    def end(self, *_: object) -> None:
        self._off.pop().__exit__(None, None, None)
