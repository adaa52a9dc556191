"""
Running a network on images: pre-processing, backends, post-processing.

A backend is a new file in `backends` and a line in BACKENDS. Importing this package does not
import torch.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from depth_anything_ros.registry import Registry

if TYPE_CHECKING:
    from depth_anything_ros.inference.backends.base import Backend
    from depth_anything_ros.inference.predictor import Predictor

_BACKENDS = 'depth_anything_ros.inference.backends'

# OpenVINO's converter reports every use to a server, and complains where it cannot. Without this
# library it keeps to itself.
sys.modules.setdefault('openvino_telemetry', None)  # type: ignore[arg-type]

BACKENDS: Registry[type[Backend]] = Registry(
    'backend',
    {
        'torch': f'{_BACKENDS}.torch_backend:TorchBackend',
        'openvino': f'{_BACKENDS}.openvino_backend:OpenVinoBackend',
        'onnxruntime': f'{_BACKENDS}.onnxruntime_backend:OnnxRuntimeBackend',
    },
)


def create_predictor(
    model: str,
    *,
    checkpoint: str = '',
    weights: str = 'pretrained',
    seed: int = 0,
    backend: str = 'auto',
    precision: str = 'auto',
    device: str = 'auto',
    input_size: int | tuple[int, int] = 0,
    threads: int = 0,
    cache_dir: str = '',
    cache_limit_gb: float = 8.0,
) -> Predictor:
    """
    Load a model and choose what runs it; the network is built at the first image.

    :param model: a name in MODELS.
    :param checkpoint: file of the weights; empty takes the published ones.
    :param weights: 'pretrained' or 'random' (for timing only).
    :param seed: seed of random weights.
    :param backend: a name in BACKENDS, or 'auto': torch on CUDA, openvino on x86, onnxruntime
        elsewhere, and the next one where a library is missing.
    :param precision: 'fp32', 'bf16', 'fp16', or 'auto' for the fastest that is native.
    :param device: 'cpu', 'cuda', 'cuda:N' or 'auto'.
    :param input_size: shorter side in pixels, or (height, width) whatever the image; 0 takes
        the model's own shorter side.
    :param threads: CPU threads; 0 leaves it to the library.
    :param cache_dir: folder for exported networks; empty takes the default one.
    :param cache_limit_gb: what this folder may take, in 10⁹ bytes; what was used longest ago goes.
    :raises UnknownNameError: if model, backend, precision or weights is not known.
    :raises ConfigError: if `input_size` is not a multiple of the patch or `threads` negative.
    :raises CheckpointError: if the weights cannot be had.
    :raises MissingDependencyError: if the library of the backend asked for is not installed.
    :raises BackendError: if backend, precision and device cannot go together here.
    """
    from depth_anything_ros.inference.predictor import load_predictor

    return load_predictor(
        model,
        checkpoint=checkpoint,
        weights=weights,
        seed=seed,
        backend=backend,
        precision=precision,
        device=device,
        input_size=input_size,
        threads=threads,
        cache_dir=cache_dir,
        cache_limit_gb=cache_limit_gb,
    )
