"""Whether the tensors of a checkpoint are those of a model, and what they look like if not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.nesting import some
from depth_anything_ros.models.prunable_groups import narrow
from depth_anything_ros.models.spec import ModelSpec

_COUNTER = 'num_batches_tracked'
_MEAN = 'running_mean'
Shapes = dict[str, tuple[int, ...]]
# What the names of other networks begin with, and what to do with their files.
_OTHERS = {
    'core.core.': 'ZoeDepth, as the metric models of Depth Anything V1 are; take one of V2',
    'blocks.': 'an encoder alone; give it to the verb train with --encoder-weights',
    'embeddings.': 'an encoder alone; give it to the verb train with --encoder-weights',
}


def model_of_state(
    spec: ModelSpec, state: Mapping[str, Tensor], path: Path, attention: str = 'sdpa'
) -> DepthEstimator:
    """
    Return the network, without numbers, that has exactly the tensors of a state dict.

    Units that are left out, as by structured pruning, are left out of the model too. Relative and
    metric models of one size have the same tensors, and so has Depth Anything V1; what the output
    means is decided in :mod:`depth_anything_ros.models.meaning`.

    :param path: of the file, for messages.
    :param attention: as for :func:`create_model`.
    :raises CheckpointError: if the model has other tensors; the message names the one it looks
        like.
    """
    given: Shapes = {key: tuple(value.shape) for key, value in state.items()}
    model = empty_model(spec, given, attention)
    wanted = _shapes_of(model)
    if given == wanted:
        integers = [
            key
            for key, value in state.items()
            if not value.is_floating_point() and not key.endswith(_COUNTER)
        ]
        if integers:
            raise CheckpointError(f"checkpoint '{path}' has integers in {some(integers)}")
        return model
    alike = [row.name for row in MODELS.values() if model_shapes(row) == given]
    if alike:
        raise CheckpointError(
            f"checkpoint '{path}' does not belong to model '{spec.name}'; "
            f'its tensors are those of {" or ".join(alike)}'
        )
    missing = [key for key in wanted if key not in given]
    unknown = [key for key in given if key not in wanted]
    differing = [
        f'{key} {given[key]} instead of {wanted[key]}'
        for key in given
        if key in wanted and given[key] != wanted[key]
    ]
    found = (('missing', missing), ('unknown', unknown), ('of another shape', differing))
    details = '; '.join(f'{len(keys)} {word}: {some(keys)}' for word, keys in found if keys)
    raise CheckpointError(
        f"checkpoint '{path}' does not belong to model '{spec.name}' nor to another known "
        f'model; of {len(wanted)} tensors {details}{_looks_like(given)}'
    )


def with_counters(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """
    Return a state dict with the counters of its batch norms, zero where it lacks them.

    Only training reads them, and some programs leave them out.
    """
    norms = [key.removesuffix(_MEAN) for key in state if key.endswith(_MEAN)]
    missing = [norm + _COUNTER for norm in norms if norm + _COUNTER not in state]
    return {**state, **{key: torch.zeros((), dtype=torch.int64) for key in missing}}


def empty_model(
    spec: ModelSpec, like: Mapping[str, Sequence[int]], attention: str = 'sdpa'
) -> DepthEstimator:
    """
    Return a network without numbers.

    :param like: shapes of its tensors, by name; they may lack some units of the model.
    :param attention: as for :func:`create_model`.
    """
    with torch.device('meta'):
        estimator = create_model(spec, attention)
    narrow(estimator, like)
    return estimator


def model_shapes(spec: ModelSpec) -> Shapes:
    """Return the shape of every tensor of a whole model, by its public name."""
    return _shapes_of(empty_model(spec, {}))


def _shapes_of(estimator: DepthEstimator) -> Shapes:
    return {key: tuple(value.shape) for key, value in estimator.state_dict().items()}


def _looks_like(given: Shapes) -> str:
    for start, what in _OTHERS.items():
        if any(name.startswith(start) for name in given):
            return f'. It looks like {what}'
    return ''
