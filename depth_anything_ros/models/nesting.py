"""State dicts as they lie in the files of training programs: unwrapped, and told what is wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from depth_anything_ros.errors import CheckpointError

_LOG = logging.getLogger(__name__)

# Under which names programs keep weights beside optimiser, epoch and so on, the first that a file
# has is taken: averaged weights are what such programs test and publish.
WRAPPERS = (
    'ema', 'model_ema', 'ema_model', 'ema_state_dict', 'state_dict_ema', 'model',
    'model_state_dict', 'state_dict', 'module', 'net', 'network', 'params', 'weights',
)  # fmt: skip
# What wrappers of a network put before every name: DataParallel and DDP, torch.compile, Lightning
# and classes that hold the network.
PREFIXES = ('module.', '_orig_mod.', 'model.', 'ema_model.', 'net.', 'network.')
_DEEPEST = 4
_DTYPES = (
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn,
    torch.float8_e5m2, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
)  # fmt: skip


def plain_state(content: object, path: Path) -> dict[str, Tensor]:
    """
    Return the state dict that a file holds, by the names of the network, its tensors as they are.

    :param content: of the file.
    :param path: of the file, for messages.
    :raises CheckpointError: if there is none in it, or something in it is no ordinary tensor; the
        message says what it looks like and what to do.
    """
    found = unwrapped(content, path)
    tensors = {str(key): value for key, value in found.items() if isinstance(value, Tensor)}
    if len(tensors) < len(found):
        others = (str(key) for key in found if str(key) not in tensors)
        raise CheckpointError(
            f"checkpoint '{path}' is not a plain state dict; not tensors: {some(others)}; save "
            'model.state_dict() alone'
        )
    state = without_prefix(tensors)
    for name, values in state.items():
        problem = _problem(values)
        if problem:
            raise CheckpointError(f"checkpoint '{path}': {name} is {problem}")
    return state


def unwrapped(content: object, path: Path) -> Mapping[object, object]:
    """
    Return the table in which tensors lie, out of the tables of a training program.

    :raises CheckpointError: if there is none.
    """
    places: list[str] = []
    while isinstance(content, Mapping) and content:
        if any(isinstance(value, Tensor) for value in content.values()):
            return content
        known = [key for key in WRAPPERS if isinstance(content.get(key), Mapping) and content[key]]
        if not known or len(places) == _DEEPEST:
            raise CheckpointError(
                f"checkpoint '{path}' holds no state dict of tensors but "
                f'{some(map(str, content))}{_hint(content)}; looked for under '
                f'{", ".join(WRAPPERS)}; save model.state_dict() alone'
            )
        places.append(known[0])
        if len(known) > 1:
            _LOG.warning(
                "%s holds weights under %s; taking '%s'", path, ' and '.join(known), known[0]
            )
        content = content[known[0]]
    what = f'{type(content).__name__}, empty' if content == {} else type(content).__name__
    raise CheckpointError(
        f"checkpoint '{path}' holds no state dict of tensors but a {what}; save "
        'model.state_dict() alone'
    )


def without_prefix(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict without what wrappers of the network put before every name."""
    while True:
        prefix = next((word for word in PREFIXES if all(k.startswith(word) for k in state)), None)
        if prefix is None:
            return state
        state = {key.removeprefix(prefix): values for key, values in state.items()}


def check_stored(state: Mapping[str, Tensor], path: Path) -> None:
    """
    Check that a pickle stores the numbers of its tensors, and did not have them made.

    :raises CheckpointError: if they are more than the file has bytes.
    """
    storages = (values.untyped_storage() for values in state.values())
    sizes = {storage.data_ptr(): storage.nbytes() for storage in storages}
    size = path.stat().st_size
    if sum(sizes.values()) > size:
        raise CheckpointError(
            f"checkpoint '{path}' has {size} bytes and asks for {sum(sizes.values())} of tensors; "
            'save model.state_dict() alone'
        )


def _problem(values: Tensor) -> str:
    """Return why a tensor cannot be taken, with the cure, or '' where it can."""
    if values.is_meta:
        return 'a meta tensor, which has a shape and no numbers; save the loaded network'
    if values.is_quantized:
        return 'a quantised tensor; save its dequantize()'
    if values.is_nested or values.layout is not torch.strided:
        return f'a {str(values.layout).removeprefix("torch.")} tensor; save its to_dense()'
    if values.dtype not in _DTYPES:
        return f'of type {str(values.dtype).removeprefix("torch.")}; save floating point numbers'
    if values.untyped_storage().nbytes() < values.numel() * values.element_size():
        return (
            f'a tensor of shape {tuple(values.shape)} with fewer numbers in the file, expanded or '
            'cut; save its contiguous()'
        )
    return ''


def _hint(content: Mapping[object, object]) -> str:
    if {'param_groups', 'state'} <= set(content):
        return ', which looks like the state of an optimiser'
    return ''


def some(names: Iterable[str], count: int = 3) -> str:
    """Return the first of some names for a message."""
    names = list(names)
    return ', '.join(names[:count]) + (', …' if len(names) > count else '')
