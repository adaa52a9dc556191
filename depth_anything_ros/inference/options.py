"""Which network is run, and how: one record for node, verbs and benchmark alike."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.home import expand_user
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.backends.cache import default_cache_dir
from depth_anything_ros.models.hub import HUB
from depth_anything_ros.models.network_folder import is_network_folder
from depth_anything_ros.parameters import Affects, check_type, parameter


@dataclass(frozen=True)
class NetworkOptions:
    """
    Which network is run, with which weights, and what runs it.

    A node has all of it as parameters, but for `seed`, that of random weights. In Python
    `input_size` may be a pair too: the network's (height, width), whatever the image.
    """

    model: str = parameter(
        'depth_anything_v2_vits',
        'Name of the model; `depth_anything_ros info` lists them. Or hub:ID, a depth model of '
        'transformers by its id on the Hugging Face hub or its folder.',
        affects=Affects.MODEL,
    )
    checkpoint: str = parameter(
        '',
        'Local .pth or .safetensors file of the model, which says itself whether it gives metres; '
        'or the folder of a network of your own, which takes the place of the model; empty '
        'downloads the published one into the Hugging Face cache on first use.',
        affects=Affects.MODEL,
    )
    weights: str = parameter(
        'pretrained',
        'Random weights are for timing only: the depth they give means nothing.',
        choices=('pretrained', 'random'),
        affects=Affects.MODEL,
    )
    seed: int = 0
    backend: str = parameter(
        'auto',
        'Inference library: torch, openvino or onnxruntime; auto takes the fastest here.',
        choices=('auto',),
        names=BACKENDS,
        affects=Affects.MODEL,
    )
    precision: str = parameter(
        'auto',
        'Number format to compute in; auto takes the fastest that the device computes natively.',
        choices=('auto', 'fp32', 'bf16', 'fp16'),
        affects=Affects.MODEL,
    )
    device: str = parameter(
        'auto',
        'Where to compute: auto, cpu, cuda, tensorrt, intel_gpu or intel_npu, with :N for another '
        'than the first; auto takes cuda where there is a GPU. tensorrt builds an engine at the '
        'first start, for minutes.',
        affects=Affects.MODEL,
    )
    input_size: int | tuple[int, int] = parameter(
        0,
        'Shorter side of the network input (longer one for Depth Anything 3 and VGGT), a multiple '
        "of the model's patch (14; 16 with DINOv3; 32 for tiny); smaller is faster and coarser; 0 "
        'takes what the model was trained at.',
        unit='px',
        minimum=0,
        maximum=2072,
        affects=Affects.MODEL,
    )
    threads: int = parameter(
        0,
        'CPU threads for inference; 0 leaves it to the library.',
        minimum=0,
        maximum=256,
        affects=Affects.MODEL,
    )
    cache_dir: str = parameter(
        '',
        'Folder for exported networks; empty is $XDG_CACHE_HOME/depth_anything_ros.',
        affects=Affects.MODEL,
    )
    cache_limit_gb: float = parameter(
        8.0,
        'What all exported networks together may take there, in 10⁹ bytes; those used longest ago '
        'go first. The one that runs is kept in any case.',
        unit='GB',
        minimum=0.0,
        maximum=1000.0,
        affects=Affects.MODEL,
    )

    def check_types(self) -> None:
        """
        Check that each is of the type of its default, `input_size` or of a pair of such.

        :raises ConfigError: if one is of another type.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            pair = field.name == 'input_size' and isinstance(value, tuple)
            if pair and len(value) != 2:
                raise ConfigError(
                    f"parameter 'input_size': {value!r} is no pair of height and width"
                )
            for part in value if pair else (value,):
                check_type(field.name, part, field.default)

    @property
    def hub_model(self) -> str:
        """Return the id or folder of a model of transformers, '' where it is another."""
        return self.model[len(HUB) :] if self.model.startswith(HUB) else ''

    @property
    def cache_folder(self) -> Path | None:
        """Return where exported networks are kept, None for a user who has no home."""
        return expand_user(self.cache_dir) if self.cache_dir else default_cache_dir()

    @property
    def network_name(self) -> str:
        """Return the model, or the folder that takes its place, for messages."""
        return self.checkpoint if is_network_folder(self.checkpoint) else self.model
