"""Weights of models of transformers: of a folder, of the cache, or from the hub."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from depth_anything_ros.errors import (
    CheckpointError,
    DepthAnythingError,
    MissingDependencyError,
)
from depth_anything_ros.home import expand_user
from depth_anything_ros.inference.failures import first_line
from depth_anything_ros.models.hub import HubFile, hub_file, is_hub_id
from depth_anything_ros.models.pickles import pickles_are_safe

T = TypeVar('T')

OPTION = '--hub-model FOLDER or model:=hub:FOLDER (a folder with all files of the model)'
_SEED = 0
# The first fusion has nothing to add to, so that files made from the authors' own, as that of
# Intel/dpt-large, leave these weights out (huggingface/transformers, issue 28292).
_NEVER_RUN = re.compile(r'(^|\.)fusion_stage\.layers\.0\.residual_layer1\.')
_NAMED = 4


def require_libraries() -> None:
    """
    Check that transformers and what it reads pictures with are installed.

    :raises MissingDependencyError: if not; the message names the extra.
    """
    for module in ('transformers', 'PIL'):
        if find_spec(module) is None:
            raise MissingDependencyError(module, 'hub')


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


def load_model(source: str, random: bool) -> nn.Module:
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


def import_library(source: str) -> None:
    """
    Import what loading a model needs, so that the load time does not contain it.

    :raises CheckpointError: if it is no depth model, or its configuration cannot be had.
    """
    with _explained(source):
        from transformers import MODEL_FOR_DEPTH_ESTIMATION_MAPPING, AutoConfig

        import_module('transformers.models.auto.image_processing_auto')
        # Looking a class up imports the module that it is in.
        classes: Any = MODEL_FOR_DEPTH_ESTIMATION_MAPPING
        config: Any = from_cache_or_hub(AutoConfig.from_pretrained, source)
        if classes.get(type(config), None) is None:
            made = ', '.join(config.architectures or ()) or 'no class is named'
            raise CheckpointError(
                f"'{source}' is no depth model: it is of type '{config.model_type}' ({made}), of "
                'which transformers makes none; docs/models.md names the types that run'
            )


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
