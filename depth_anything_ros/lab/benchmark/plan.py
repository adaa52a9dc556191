"""What is measured, at which sizes, and what takes turns with what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from depth_anything_ros.errors import BackendError, ConfigError
from depth_anything_ros.home import expand_user
from depth_anything_ros.inference.preprocess import MAX_NETWORK_PIXELS, network_size
from depth_anything_ros.lab.benchmark.network import IMAGE_SIZE, NetworkKind, NetworkRequest
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.hub import is_hub_id
from depth_anything_ros.models.spec import NetworkSpec
from depth_anything_ros.types import Precision

AskedSize = int | tuple[int, int]
"""Shorter side for a 640×480 image, 0 for the model's own, or (height, width)."""

EAGER = 'torch eager'
TRANSFORMERS = 'transformers'
ULTRALYTICS = 'ultralytics'
_SHARE = 0.7
_MEMORY = Path('/proc/meminfo')
# Maps at the resolution of the input that live at once where a head is widest.
_MAPS = 4
# Depth Pro, the largest comparator that is published, with its 0.95 G parameters in fp32; for
# those whose files are not at hand.
_HUB_BYTES = 4_000_000_000
# The largest detector of ultralytics' newest family, with its 57 M parameters in fp32 and maps.
_DETECTOR_BYTES = 500_000_000
_WEIGHTS = ('*.safetensors', '*.bin')


@dataclass(frozen=True)
class Target:
    """
    Name one row of the answer.

    `request` is what to open. `asked` is the input size as it was asked for. The row that those of
    its model and size are compared with is the `baseline`. `failure` says why it cannot be opened,
    where that is known before.
    """

    request: NetworkRequest
    asked: AskedSize
    baseline: bool = False
    failure: str = ''

    @property
    def backend(self) -> str:
        """Return what runs it, as people read it."""
        named = {
            NetworkKind.EAGER: EAGER,
            NetworkKind.TRANSFORMERS: TRANSFORMERS,
            NetworkKind.DETECTOR: ULTRALYTICS,
        }
        return named.get(self.request.kind, self.request.selection.backend)


def fitting_size(spec: NetworkSpec, asked: AskedSize) -> tuple[int, int]:
    """
    Return the (height, width) that a network gets: what was asked for, to the nearest patches.

    :param spec: the row of the model.
    :param asked: the size as it was asked for.
    :raises BackendError: if that, or a 640×480 image with that shorter side, is too large.
    :raises ConfigError: if the network has a size of its own, and another is asked for.
    """
    if spec.stretch is not None:
        if asked not in (0, spec.stretch):
            raise ConfigError(
                f"network '{spec.name}' stretches every image to {spec.stretch}; allowed: 0"
            )
        return spec.stretch
    if isinstance(asked, tuple):
        height, width = (_nearest(side, spec.patch) for side in asked)
        return _allowed(height, width)
    side = _nearest(asked, spec.patch) if asked else spec.input_size
    return network_size(*IMAGE_SIZE, side, spec.patch, spec.longer_side)


def comparator_size(asked: AskedSize) -> tuple[int, int] | None:
    """
    Return the (height, width) to ask of the image processor of a comparator, None for its own.

    :raises BackendError: as :func:`fitting_size`.
    """
    if isinstance(asked, tuple):
        return _allowed(*asked)
    if not asked:
        return None
    return network_size(*IMAGE_SIZE, asked, 1)


def _allowed(height: int, width: int) -> tuple[int, int]:
    if height * width > MAX_NETWORK_PIXELS:
        raise BackendError(
            f'network input of {height}x{width} (height x width); at most {MAX_NETWORK_PIXELS} '
            'pixels are allowed'
        )
    return height, width


def asked_text(asked: AskedSize) -> str:
    """Return a size as it is given on the command line."""
    return f'{asked[0]}x{asked[1]}' if isinstance(asked, tuple) else str(asked)


def _nearest(side: int, patch: int) -> int:
    return max(1, (side + patch // 2) // patch) * patch


def groups(
    models: Sequence[Sequence[Target]], available_bytes: int, apart: bool
) -> list[list[Target]]:
    """
    Return what takes turns: as many models together as the memory should hold.

    Ratios between rows hold within a group: there all suffered alike from a machine that slowed
    down. Rows of one model stay together.

    :param models: the targets at one size, by model.
    :param available_bytes: memory that is free now, 0 if that is not known.
    :param apart: each model for itself, for the least memory.
    """
    found: list[list[Target]] = []
    for targets in models:
        joined = [*found[-1], *targets] if found else [*targets]
        if found and not apart and needed_bytes(joined) < _SHARE * available_bytes:
            found[-1] = joined
        else:
            found.append([*targets])
    return found


def needed_bytes(targets: Sequence[Target]) -> int:
    """
    Estimate the memory for networks that are all open, one of them running or being loaded.

    Rough, and rather too large: 4 bytes a parameter, 2 where torch stores narrow numbers, 6 in a
    compiled graph, which also keeps the maps of its widest layers.
    """
    requests = [target.request for target in targets if not target.failure]
    kept = sum(_kept_bytes(request) for request in requests)
    return kept + max(map(_passing_bytes, requests), default=0)


def too_large(model: str, available_bytes: int) -> str:
    """
    Return why a model of the package cannot be loaded, '' where it perhaps can.

    :param available_bytes: memory that is free now, 0 if that is not known.
    """
    weights = 4 * MODELS[model].parameters
    if not available_bytes or weights < available_bytes:
        return ''
    return (
        f'its weights alone take {weights / 1e9:.1f} GB; {available_bytes / 1e9:.1f} GB of memory '
        'are free'
    )


def _kept_bytes(request: NetworkRequest) -> int:
    if request.kind is NetworkKind.DETECTOR:
        return _DETECTOR_BYTES
    if request.kind is NetworkKind.FOLDER:
        return _folder_bytes(request.options.checkpoint)
    if request.kind is NetworkKind.TRANSFORMERS:
        return _hub_bytes(request.options.model)
    parameters = MODELS[request.options.model].parameters
    if request.selection.backend != 'torch':
        return 6 * parameters + _map_bytes(request)
    return (4 if request.selection.precision is Precision.FP32 else 2) * parameters


def _passing_bytes(request: NetworkRequest) -> int:
    if request.kind is NetworkKind.DETECTOR:
        return _DETECTOR_BYTES
    if request.kind is NetworkKind.FOLDER:
        return _folder_bytes(request.options.checkpoint)
    if request.kind is NetworkKind.TRANSFORMERS:
        return _hub_bytes(request.options.model)
    return 4 * MODELS[request.options.model].parameters + _map_bytes(request)


def _folder_bytes(folder: str) -> int:
    """Return the size of all files of a network: its weights, which a library keeps once more."""
    return 2 * sum(path.stat().st_size for path in expand_user(folder).iterdir())


def _hub_bytes(model: str) -> int:
    """Return the size of the weights of a comparator, of a folder or the cache of the hub."""
    folder = expand_user(model)
    if not folder.is_dir():
        if not is_hub_id(model) or find_spec('huggingface_hub') is None:
            return 0  # nothing will be loaded
        from huggingface_hub import try_to_load_from_cache

        config = try_to_load_from_cache(model, 'config.json')
        if not isinstance(config, str):
            return _HUB_BYTES
        folder = Path(config).parent
    sizes = [sum(path.stat().st_size for path in folder.glob(pattern)) for pattern in _WEIGHTS]
    return max(sizes) or _HUB_BYTES


def _map_bytes(request: NetworkRequest) -> int:
    height, width = request.size or IMAGE_SIZE
    return 4 * _MAPS * MODELS[request.options.model].features * height * width


def free_bytes(device: str, meminfo: Path = _MEMORY) -> int:
    """
    Return the free memory of a device, 0 where that is not known.

    :param device: 'cpu', 'cuda' or 'cuda:N'.
    :param meminfo: the file of Linux that tells.
    """
    if device.startswith('cuda'):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    lines = meminfo.read_text().splitlines() if meminfo.is_file() else []
    sizes = [line.split()[1] for line in lines if line.startswith('MemAvailable:')]
    return int(sizes[0]) * 1024 if sizes else 0
