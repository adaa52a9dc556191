"""Depth models of the transformers library, by their id on the Hugging Face hub or a folder."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from depth_anything_ros.errors import (
    BackendError,
    CheckpointError,
    DepthAnythingError,
    MissingDependencyError,
)
from depth_anything_ros.home import expand_user
from depth_anything_ros.inference.backends.torch_backend import (
    DTYPES,
    TorchBackend,
    narrow_products,
)
from depth_anything_ros.lab.benchmark.failures import failures, first_line
from depth_anything_ros.lab.benchmark.hub_processing import Processing, open_processing
from depth_anything_ros.lab.benchmark.network import (
    NetworkRequest,
    NetworkSummary,
    PartCounts,
    count,
)
from depth_anything_ros.models.hub import HubFile, hub_file, is_hub_id
from depth_anything_ros.models.pickles import pickles_are_safe
from depth_anything_ros.types import UInt8Array

T = TypeVar('T')

OPTION = '--hub-model FOLDER (a folder with all files of the model)'
_SEED = 0
# Where the library's networks keep their image encoder, the more exact places first.
_ENCODERS = ('depth_pro.encoder', 'glpn.encoder', 'backbone', 'dpt')
# The first fusion has nothing to add to, so that files made from the authors' own, as that of
# Intel/dpt-large, leave these weights out (huggingface/transformers, issue 28292).
_NEVER_RUN = re.compile(r'(^|\.)fusion_stage\.layers\.0\.residual_layer1\.')
_NAMED = 4


class HubNetwork:
    """
    A depth model of transformers as that library runs it, with its own processing of images.

    Parts: the encoder is the backbone, the decoder all that follows it (in Depth Pro also the
    network for the field of view). In bf16 and fp16 the weights of products are narrow, under
    autocast, as in the torch backend of this package.

    :param request: its model is an id OWNER/NAME or a folder; its weights may be random,
        which takes the configuration only; its size, if any, is asked of the image processor.
    :raises MissingDependencyError: if transformers or Pillow is not installed.
    :raises CheckpointError: if the model cannot be had, is no depth model or lacks weights.
    :raises BackendError: if precision or device cannot be had, or the memory does not hold it.
    """

    def __init__(self, request: NetworkRequest) -> None:
        for module in ('transformers', 'PIL'):
            if find_spec(module) is None:
                raise MissingDependencyError(module, 'hub')
        TorchBackend.require(request.selection.device, request.selection.precision)
        source = find_model(request.options.model)
        _import_library(source)
        start_s = time.perf_counter()
        self.device = torch.device(request.selection.device)
        self._dtype = DTYPES[request.selection.precision]
        self._precision = request.selection.precision
        self.processing: Processing = open_processing(source, request.size)
        network = _load(source, request.options.weights == 'random')
        with failures(f'torch cannot load {request.options.model}'):
            narrow_products(network, self._dtype)
            self.module: nn.Module = network.to(self.device)
        self.encoder = _encoder(self.module)
        self.summary = NetworkSummary(
            weights=request.options.weights,
            sha256='',
            recipe='',
            load_s=time.perf_counter() - start_s,
            revision=str(getattr(network.config, '_commit_hash', None) or ''),
            note=self.processing.note,
        )

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
            raise BackendError(
                f'transformers gave values that are not finite in {self._precision.value}; '
                'try precision fp32'
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


def find_model(source: str) -> str:
    """
    Return the folder or the id of a model, of which at least the configuration is at hand.

    :raises CheckpointError: if there is no such folder, or the hub does not give the model.
    """
    path = expand_user(source)
    if path.is_dir():
        if not (path / 'config.json').is_file():
            raise CheckpointError(f"folder '{path}' has no config.json of a model in it")
        return str(path)
    if not is_hub_id(source):
        raise CheckpointError(
            f"'{source}' is neither a folder nor an id OWNER/NAME of the Hugging Face hub"
        )
    hub_file(HubFile(source, 'config.json', 'licence'), f"the model '{source}'", OPTION)
    return source


def _load(source: str, random: bool) -> nn.Module:
    """Return the network in fp32 on the CPU, in evaluation mode."""
    from transformers import AutoConfig, AutoModelForDepthEstimation

    models: Any = AutoModelForDepthEstimation
    with _quiet(), _explained(source):
        if random:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(_SEED)
                config = AutoConfig.from_pretrained(source, local_files_only=True)
                network = models.from_config(config)
        else:
            load = partial(
                models.from_pretrained,
                output_loading_info=True,
                use_safetensors=None if pickles_are_safe() else True,
            )
            network, info = from_cache_or_hub(load, source)
            check_complete(source, info)
        loaded: nn.Module = network.float().eval()
    return loaded


def check_complete(source: str, info: dict[str, Any]) -> None:
    """
    Check that every weight that runs came from the file: the library makes up what is missing.

    :param info: what the library says of loading.
    :raises CheckpointError: if weights are missing or have another shape.
    """
    mismatched = {str(entry[0]) for entry in info['mismatched_keys']}
    missing = {key for key in info['missing_keys'] if not _NEVER_RUN.search(key)} - mismatched
    for keys, what in ((missing, 'lack'), (mismatched, 'have another shape for')):
        if keys:
            named = ', '.join(sorted(keys)[:_NAMED])
            more = f' and {len(keys) - _NAMED} more' if len(keys) > _NAMED else ''
            raise CheckpointError(f"the weights of '{source}' {what} {named}{more}")


def _import_library(source: str) -> None:
    """Import what loading a model needs, so that the load time does not contain it."""
    with _explained(source):
        from transformers import MODEL_FOR_DEPTH_ESTIMATION_MAPPING, AutoConfig

        import_module('transformers.models.auto.image_processing_auto')
        # Looking a class up imports the module that it is in.
        classes: Any = MODEL_FOR_DEPTH_ESTIMATION_MAPPING
        classes.get(type(from_cache_or_hub(AutoConfig.from_pretrained, source)), None)


def from_cache_or_hub(load: Callable[..., T], source: str) -> T:
    """
    Load from the cache, and ask the hub only for what is not in it.

    The library asks the hub also for what it has, which takes long without a network.
    """
    try:
        return load(source, local_files_only=True)
    except OSError:
        return load(source)


@contextmanager
def _explained(source: str) -> Iterator[None]:
    """Turn what the library raises into an error that names model, cache and cure."""
    from huggingface_hub.constants import HF_HUB_CACHE

    try:
        yield
    except OSError as error:
        if Path(source).is_dir():
            raise CheckpointError(
                f"the model in '{source}' cannot be read: {first_line(error)}. Give a folder with "
                'all its files, or take --weights random'
            ) from error
        raise CheckpointError(
            f"the weights of '{source}' are neither there nor in the cache ({HF_HUB_CACHE}) and "
            f'could not be downloaded ({first_line(error)}). Connect to the network once, give '
            f'{OPTION}, or take --weights random'
        ) from error
    except DepthAnythingError:
        raise
    except Exception as error:
        # The readers of weights and configurations raise errors of many kinds.
        raise CheckpointError(
            f"transformers cannot make a depth model of '{source}': {first_line(error)}"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's bars away; ours show how far the loading is."""
    from transformers.utils import logging

    library: Any = logging
    library.disable_progress_bar()
    try:
        yield
    finally:
        library.enable_progress_bar()


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
