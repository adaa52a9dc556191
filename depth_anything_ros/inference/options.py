"""Which network is run, and how: one record for node, verbs and benchmark alike."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkOptions:
    """
    Say which network is run, with which weights, and what runs it.

    `model` is a name in MODELS. `checkpoint` is a file of weights; empty takes those that
    `weights` names: 'pretrained', or 'random' from `seed` (for timing only). `backend` is a name
    in BACKENDS, or 'auto': torch on CUDA, openvino on x86, onnxruntime elsewhere, and the next one
    where a library is missing. `precision` is 'fp32', 'bf16', 'fp16', or 'auto' for the fastest
    that is native. `device` is 'cpu', 'cuda', 'cuda:N' or 'auto'. `input_size` is the shorter side
    in pixels, or (height, width) whatever the image; 0 takes the model's own shorter side.
    `threads` 0 leaves the number of CPU threads to the library. `cache_dir` is the folder for
    exported networks, empty the default one; it may take `cache_limit_gb`, in 10⁹ bytes, and what
    was used longest ago goes.
    """

    model: str
    checkpoint: str = ''
    weights: str = 'pretrained'
    seed: int = 0
    backend: str = 'auto'
    precision: str = 'auto'
    device: str = 'auto'
    input_size: int | tuple[int, int] = 0
    threads: int = 0
    cache_dir: str = ''
    cache_limit_gb: float = 8.0
