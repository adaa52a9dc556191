"""What comes out of the layers of a network: range, mean, spread and zeros."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from depth_anything_ros.errors import BackendError
from depth_anything_ros.lab.benchmark.network import NetworkKind, NetworkRequest, example_image
from depth_anything_ros.lab.benchmark.networks import open_network
from depth_anything_ros.lab.benchmark.plan import Target
from depth_anything_ros.lab.benchmark.rows import LayerRow, LayerStatistics

_LAYERS = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)


def layer_statistics(network: nn.Module, run: Callable[[], object]) -> list[LayerStatistics]:
    """
    Run a network once and describe what every convolution and linear layer gave.

    A run that fails after a layer gave NaN or infinity is described as far as it came.

    :param network: whose layers are watched.
    :param run: runs it.
    :return: in the order of the calls; layers that were not called are left out.
    :raises BackendError: if the run fails though all layers gave finite numbers.
    """
    found: list[LayerStatistics] = []
    calls: Counter[str] = Counter()

    def watch(name: str, layer: nn.Module, _: object, output: Tensor) -> None:
        calls[name] += 1
        label = name if calls[name] == 1 else f'{name}#{calls[name]}'
        found.append(_describe(label, type(layer).__name__, output))

    with ExitStack() as stack:
        for name, layer in network.named_modules():
            if isinstance(layer, _LAYERS):
                # A readout calls its layer as a whole only where something comes before it.
                stack.enter_context(layer.register_forward_pre_hook(lambda *_: None))
                stack.enter_context(layer.register_forward_hook(partial(watch, name)))
        try:
            run()
        except BackendError:
            if not any(layer.not_finite for layer in found):
                raise
    return found


def _describe(name: str, kind: str, output: Tensor) -> LayerStatistics:
    values = output.detach().float()
    # In float64 the sum of a hundred million numbers keeps its digits.
    mean = float(values.mean(dtype=torch.float64))
    variance = float((values - mean).square_().mean(dtype=torch.float64))
    found = (float(values.min()), float(values.max()), mean, math.sqrt(variance))
    minimum, maximum, average, std = (value if math.isfinite(value) else None for value in found)
    return LayerStatistics(
        name=name,
        kind=kind,
        shape=tuple(output.shape),
        minimum=minimum,
        maximum=maximum,
        mean=average,
        std=std,
        sparsity=1.0 - float(torch.count_nonzero(values)) / values.numel(),
        not_finite=values.numel() - int(torch.isfinite(values).sum()),
    )


def fp32_requests(targets: Sequence[Target]) -> list[NetworkRequest]:
    """Return each model, checkpoint and size of some rows once, to be run in plain fp32."""
    found: dict[tuple[object, ...], NetworkRequest] = {}
    for target in targets:
        request = target.request
        if target.asked and request.size is None:
            continue  # no network takes what was asked for, as its row says
        if request.kind is NetworkKind.BACKEND:
            request = replace(request, kind=NetworkKind.EAGER)
        options = replace(request.options, backend='torch', precision='fp32', device='cpu')
        key = (request.kind, options.model, options.checkpoint, request.size)
        found.setdefault(key, replace(request, options=options))
    return list(found.values())


def describe_network(request: NetworkRequest) -> list[LayerRow]:
    """
    Return what every convolution and linear layer of a network gives for the example image.

    :param request: one that torch runs.
    :raises DepthAnythingError: if it cannot be had or cannot run here.
    """
    network = open_network(request)
    inputs = network.preprocess(example_image())
    if network.module is None:
        raise BackendError(f'{request.selection.backend} does not show the layers of a network')
    in_encoder = set() if network.encoder is None else set(network.encoder.modules())
    parts = {name: layer in in_encoder for name, layer in network.module.named_modules()}
    return [
        LayerRow(
            model=request.options.model,
            checkpoint=request.options.checkpoint,
            file=request.file,
            weights=network.summary.weights,
            input_size=network.input_size(inputs),
            part='encoder' if parts[layer.name.partition('#')[0]] else 'decoder',
            statistics=layer,
        )
        for layer in layer_statistics(network.module, partial(network.infer, inputs))
    ]
