"""
The config.json that transformers keeps beside a checkpoint, and what it says of the network.

Source: `configuration_depth_anything.py` in github.com/huggingface/transformers; for the files of
Depth Anything V1 on the hub `depth_anything/dpt.py` in github.com/LiheYoung/Depth-Anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.json_text import parse_json
from depth_anything_ros.models.spec import ModelSpec, is_range

_NAME = 'config.json'
_MODEL_TYPE = 'depth_anything'
_LARGEST_BYTES = 1 << 20
# Letters of what stands in the file that a message shows.
_SHOWN = 200
# Arguments of the class that the hub made the files of V1 with; that of V2 is not on the hub.
_FIRST_GENERATION = ('encoder', 'features', 'use_bn', 'use_clstoken')


@dataclass(frozen=True)
class HFConfig:
    """
    What a config.json says.

    `max_depth_m` is None for relative inverse depth. `layers` are the blocks of the encoder that
    the decoder reads, counted from 0; `out_channels` and `features` are the widths of the
    decoder. None or empty where it does not say.
    """

    path: Path
    max_depth_m: float | None
    layers: tuple[int, ...]
    patch: int | None
    out_channels: tuple[int, ...]
    features: int | None


def config_beside(checkpoint: Path) -> HFConfig | None:
    """
    Return what the config.json of a checkpoint says, None where there is none of such a model.

    :raises CheckpointError: if it cannot be read, contradicts itself, or is of Depth Anything V1.
    """
    path = checkpoint.with_name(_NAME)
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > _LARGEST_BYTES:
            raise _unreadable(path, f'it has more than {_LARGEST_BYTES} bytes')
        content = parse_json(path.read_bytes())
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from error
    except ValueError as error:
        raise _unreadable(path, 'it is not JSON') from error
    if not isinstance(content, dict):
        return None
    if all(name in content for name in _FIRST_GENERATION):
        raise CheckpointError(
            f"checkpoint '{checkpoint}' is of Depth Anything V1 according to '{path}'; V1 reads "
            'other layers; take a checkpoint of V2, or keep one in a folder of its own'
        )
    if content.get('model_type') != _MODEL_TYPE and 'depth_estimation_type' not in content:
        return None
    backbone = content.get('backbone_config')
    backbone = backbone if isinstance(backbone, dict) else {}
    return HFConfig(
        path,
        _max_depth_m(content, path),
        _layers(backbone, path),
        _whole(content.get('patch_size'), 'patch_size', path),
        _wholes(content.get('neck_hidden_sizes'), 'neck_hidden_sizes', path),
        _whole(content.get('fusion_hidden_size'), 'fusion_hidden_size', path),
    )


def check_network(config: HFConfig, row: ModelSpec, checkpoint: Path) -> None:
    """
    Check that a config.json describes the network of a row.

    :raises CheckpointError: if it does not; both readings are named.
    """
    for word, said, own in (
        ('blocks of the encoder', config.layers, row.layers),
        ('patch_size', config.patch, row.patch),
        ('neck_hidden_sizes', config.out_channels, row.out_channels),
        ('fusion_hidden_size', config.features, row.features),
    ):
        if said and said != own:
            raise CheckpointError(
                f"checkpoint '{checkpoint}' is of another network than model '{row.name}': "
                f"'{config.path}' says {word} {_text(said)}, the model has {_text(own)}"
                f'{_first_generation(config, row)}'
            )


def _first_generation(config: HFConfig, row: ModelSpec) -> str:
    """Return what explains the layers of Depth Anything V1, the last four of the encoder."""
    last = config.layers[-1:]
    if not last or config.layers != tuple(range(last[0] - 3, last[0] + 1)) or not row.layers:
        return ''
    return (
        '. The last four are those of Depth Anything V1, whose tensors alone look like V2; '
        'take a checkpoint of Depth Anything V2'
    )


def _max_depth_m(content: dict[str, Any], path: Path) -> float | None:
    kind = content.get('depth_estimation_type') or 'relative'
    if kind == 'relative':
        return None
    if kind != 'metric':
        raise _unreadable(path, f'depth_estimation_type {kind!r}; known: relative, metric')
    limit = content.get('max_depth')
    if limit is None or not is_range(limit):
        raise _unreadable(path, f'depth_estimation_type is metric and max_depth {limit!r}')
    return float(limit)


def _layers(backbone: dict[str, Any], path: Path) -> tuple[int, ...]:
    """Return the blocks counted from 0: transformers counts what the embedding gives as 0."""
    numbers = _wholes(backbone.get('out_indices'), 'out_indices', path)
    named = backbone.get('out_features')
    if not numbers and isinstance(named, list):
        texts = [str(name).removeprefix('stage') for name in named]
        numbers = _wholes(
            [int(text) if text.isdecimal() else text for text in texts], 'out_features', path
        )
    return tuple(number - 1 for number in numbers)


def _wholes(value: Any, name: str, path: Path) -> tuple[int, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(type(number) is int for number in value):
        raise _unreadable(path, f'{name} is not a list of whole numbers')
    return tuple(value)


def _whole(value: Any, name: str, path: Path) -> int | None:
    if value is not None and type(value) is not int:
        raise _unreadable(path, f'{name} {value!r} is not a whole number')
    return value


def _text(value: int | tuple[int, ...] | None) -> str:
    text = ', '.join(map(str, value)) if isinstance(value, tuple) else str(value)
    return _short(text)


def _unreadable(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(
        f"'{path}', which says what the checkpoint beside it gives, cannot be read: "
        f'{_short(reason)}; '
        'mend it, or keep the checkpoint in a folder of its own'
    )


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f'{text[:_SHOWN]}…'
