"""What is to be measured: the network that is asked for, and what one that was opened answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.inference.selection import Selection
from depth_anything_ros.types import Precision, UInt8Array

if TYPE_CHECKING:
    import torch
    from torch import nn

IMAGE_SIZE = (480, 640)


class NetworkKind(str, Enum):
    """
    How a network is run.

    `backend` as a node does it; `eager` in plain torch with attention written out, as public code
    has it; `transformers` as the library of that name has it, the model being its id or folder;
    `detector` as ultralytics has it, the model being the name of one of its networks; `folder` as
    a node runs a network of somebody else, the checkpoint being its folder.
    """

    BACKEND = 'backend'
    EAGER = 'eager'
    TRANSFORMERS = 'transformers'
    DETECTOR = 'detector'
    FOLDER = 'folder'


@dataclass(frozen=True)
class NetworkRequest:
    """
    What is to be loaded and run.

    Of `options`, backend, precision and device are what they are to be, nothing is automatic. A
    checkpoint goes before `weights`. `input_size` is the network's (height, width); 0 takes what a
    comparator makes of an image by itself. With an export in `cache_dir` the process
    loads that, as a node does from its second start.
    """

    options: NetworkOptions
    kind: NetworkKind = NetworkKind.BACKEND

    @property
    def selection(self) -> Selection:
        """Return what runs the network."""
        options = self.options
        return Selection(options.backend, Precision(options.precision), options.device)

    @property
    def size(self) -> tuple[int, int] | None:
        """Return the network's (height, width), None where it follows from the image."""
        size = self.options.input_size
        return size if isinstance(size, tuple) else None

    @property
    def file(self) -> str:
        """Return the name of the checkpoint without its ending, '' where there is none."""
        return Path(self.options.checkpoint).stem


@dataclass(frozen=True)
class PartCounts:
    """Count something in a whole network, and in its parts; None where these are not known."""

    total: int
    encoder: int | None = None
    decoder: int | None = None


@dataclass(frozen=True)
class NetworkSummary:
    """
    What an opened network is.

    `weights` is pretrained, checkpoint or random, `sha256` that of their file, `revision` the
    commit of a comparator of the hub, `recipe` what packed them; empty where there is none.
    `integers` tells whether layers multiply integers. `load_s` is how long opening took, export
    included. `note` says what a reader has to know.
    """

    weights: str
    sha256: str
    recipe: str
    load_s: float
    integers: bool = False
    revision: str = ''
    note: str = ''


class Network(Protocol):
    """
    A network that can be measured.

    `summary` says what it is.
    """

    summary: NetworkSummary

    @property
    def device(self) -> torch.device | None:
        """Return where torch keeps its numbers, None where it holds none."""

    @property
    def module(self) -> nn.Module | None:
        """Return the torch network, None where an exported graph runs."""

    @property
    def encoder(self) -> nn.Module | None:
        """Return the first part of the torch network, None where it is not known."""

    def preprocess(self, rgb: UInt8Array) -> Any:
        """Return what the network reads, for an image uint8 (H, W, 3)."""

    def infer(self, inputs: Any) -> Any:
        """
        Run the network and wait for its output on the CPU.

        :raises BackendError: if it fails, e.g. for lack of memory.
        """

    def postprocess(self, output: Any, size: tuple[int, int]) -> object:
        """Return depth or inverse depth at (height, width) of the image."""

    def input_size(self, inputs: Any) -> tuple[int, int]:
        """Return the (height, width) of what :meth:`preprocess` gave."""

    def parameters(self) -> PartCounts:
        """Return how many parameters there are."""

    def operations(self, inputs: Any) -> PartCounts:
        """
        Return the multiply-accumulates of one image.

        :raises BackendError: if the network cannot run.
        """


def example_image() -> UInt8Array:
    """Return a smooth, colourful, always equal image, uint8 (480, 640, 3)."""
    coarse = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    image = cv2.resize(coarse, IMAGE_SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(image, np.uint8)


def count(module: nn.Module) -> int:
    """Return the number of parameters of a network or a part of one."""
    return sum(parameter.numel() for parameter in module.parameters())
