"""From an image to what a model of transformers reads, and from its output back to the image."""

from __future__ import annotations

import inspect
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.inference.failures import first_line
from depth_anything_ros.json_text import parse_json
from depth_anything_ros.models.hub import HubFile, hub_file
from depth_anything_ros.types import UInt8Array

_FILE = 'preprocessor_config.json'


class Processing(Protocol):
    """What is done before and after a network; `note` says where it is not the model's own."""

    note: str

    def preprocess(self, rgb: UInt8Array) -> dict[str, torch.Tensor]:
        """Return the tensors that the network reads, for an image uint8 (H, W, 3)."""

    def postprocess(self, output: Any, size: tuple[int, int]) -> object:
        """Return the depth at (height, width) of the image."""


def open_processing(source: str, size: tuple[int, int] | None) -> Processing:
    """
    Return the image processor of a model, or a plain one where its own needs torchvision.

    :param source: folder or id of the model.
    :param size: asked (height, width) of the input, None for the model's own.
    :raises CheckpointError: if the file that describes it is missing or says too little.
    """
    path = Path(source) / _FILE
    if not Path(source).is_dir():
        path = hub_file(
            HubFile(source, _FILE, 'licence'), f"the image processor of '{source}'",
            '--hub-model FOLDER or model:=hub:FOLDER',
        )  # fmt: skip
    if not path.is_file():
        raise CheckpointError(f"'{path.parent}' has no {_FILE}, which describes the input")
    # Not from the top of the library: there version 5 asks for torchvision, whatever the model.
    from transformers.models.auto.image_processing_auto import AutoImageProcessor

    processors: Any = AutoImageProcessor
    try:
        processor = processors.from_pretrained(str(path.parent), local_files_only=True)
    except Exception as error:
        # What its file may hold wrong raises errors of many kinds.
        if 'torchvision' in str(error).lower() and find_spec('torchvision') is None:
            return PlainProcessing(_read(path), size, path)
        raise CheckpointError(f"transformers cannot read '{path}': {first_line(error)}") from error
    return OwnProcessing(processor, size)


def _read(path: Path) -> dict[str, Any]:
    config = parse_json(path.read_text(encoding='utf-8'))
    if not isinstance(config, dict):
        raise CheckpointError(f"'{path}' holds no table of names and values")
    return config


class OwnProcessing:
    """
    The image processor of the model.

    :param processor: of transformers.
    :param size: asked (height, width) of the input, None for the model's own; the processor may
        round it.
    """

    def __init__(self, processor: Any, size: tuple[int, int] | None) -> None:
        self._processor = processor
        self._options: dict[str, Any] = {'return_tensors': 'pt'}
        if size is not None:
            self._options['size'] = {'height': size[0], 'width': size[1]}
        self._post = getattr(processor, 'post_process_depth_estimation', None)
        accepted = inspect.signature(self._post).parameters if self._post else {}
        self._needs_source = 'source_sizes' in accepted
        self.note = ''
        if self._post is None or (self._needs_source and find_spec('torchvision') is None):
            # Without saying so, the one of ZoeDepth calls torchvision to cut its margins off.
            self._post = None
            if self._needs_source:
                self._options['do_pad'] = False  # nothing would cut its margins off
            self.note = 'post-processing: a plain resize, as its own needs torchvision'

    def preprocess(self, rgb: UInt8Array) -> dict[str, torch.Tensor]:
        """Return the tensors that the network reads."""
        return dict(self._processor(images=rgb, **self._options))

    def postprocess(self, output: Any, size: tuple[int, int]) -> object:
        """Return the depth at (height, width) of the image."""
        if self._post is None:
            return resize(output, size)
        options = {'source_sizes': [size]} if self._needs_source else {}
        return self._post(output, target_sizes=[size], **options)


class PlainProcessing:
    """
    A processor with the numbers of the model's own: rescale, normalise, resize bilinearly.

    Source: DepthProImageProcessor of transformers, which does this in this order.

    :param config: what the model's file says.
    :param size: asked (height, width) of the input, None for the model's own.
    :param path: of the file, for messages.
    :raises CheckpointError: if the file lacks a number.
    """

    note = 'processing: a plain resize with its mean and std, as its own needs torchvision'

    def __init__(self, config: dict[str, Any], size: tuple[int, int] | None, path: Path) -> None:
        try:
            factor = config['rescale_factor'] if config['do_rescale'] else 1.0
            mean, std = np.float32(config['image_mean']), np.float32(config['image_std'])
            self._size = size or (int(config['size']['height']), int(config['size']['width']))
            if self._size[0] < 1 or self._size[1] < 1:
                raise ValueError(f'a size of pixels, but {self._size}')
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"'{path}' does not tell {error}, and its own image processor needs torchvision: "
                'install torchvision'
            ) from error
        self._scale, self._shift = np.float32(factor) / std, -mean / std

    def preprocess(self, rgb: UInt8Array) -> dict[str, torch.Tensor]:
        """Return the tensors that the network reads."""
        normalised = rgb * self._scale + self._shift
        resized = cv2.resize(normalised, self._size[::-1], interpolation=cv2.INTER_LINEAR)
        planes = np.ascontiguousarray(resized.transpose(2, 0, 1)[None], np.float32)
        return {'pixel_values': torch.from_numpy(planes)}

    def postprocess(self, output: Any, size: tuple[int, int]) -> object:
        """Return the output at (height, width) of the image."""
        return resize(output, size)


def resize(output: Any, size: tuple[int, int]) -> torch.Tensor:
    """Return the predicted depth (1, h, w) at (height, width), bilinearly, (H, W)."""
    depth: torch.Tensor = output.predicted_depth[:, None]
    return F.interpolate(depth, size=size, mode='bilinear', align_corners=False)[0, 0]
