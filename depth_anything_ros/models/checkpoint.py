"""Weights of a model: published, from a local file, or random on request."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.activation import ActivationRange
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.fit import empty_model, model_of_state, with_counters
from depth_anything_ros.models.initialisation import initialise, state_digest
from depth_anything_ros.models.metadata import damaged
from depth_anything_ros.models.quantised import quantise_inputs
from depth_anything_ros.models.spec import ModelSpec
from depth_anything_ros.models.state_file import float32_state, read_tensors
from depth_anything_ros.models.stored_weights import (
    Origin,
    StoredWeights,
    check_kind,
    stored_weights,
)

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Weights:
    """
    The weights of one model under the public key names, float32.

    `spec` is the row of the model with the output that these weights have. `sha256` is that of
    the file they came from, empty for random weights; `key` tells these weights from any others,
    random ones too, and names what was made of them in caches. `recipe` packed them, empty if none
    did; `activation_ranges` are those of layers that round what they read to 8 bits, by name.
    """

    spec: ModelSpec
    state: dict[str, Tensor]
    origin: Origin
    sha256: str
    path: Path | None
    key: str
    recipe: str = ''
    activation_ranges: Mapping[str, ActivationRange] = field(default_factory=dict)


def load_weights(
    spec: ModelSpec, checkpoint: str = '', weights: str = 'pretrained', seed: int = 0
) -> Weights:
    """
    Return the weights of a model, checked against its shapes, and what their output means.

    :param spec: the row of the model.
    :param checkpoint: a local file; empty takes the published one, downloaded on first use.
    :param weights: 'pretrained', or 'random' for weights that mean nothing.
    :param seed: of the random weights.
    :raises ConfigError: if `weights` is unknown, or random weights and a file are asked for.
    :raises CheckpointError: if the file is missing, damaged, of another model or of another
        output than the row, or cannot be downloaded.
    """
    return _load(spec, checkpoint, weights, seed)[1]


def load_estimator(
    name: str,
    checkpoint: str = '',
    weights: str = 'pretrained',
    seed: int = 0,
    attention: str = 'sdpa',
) -> tuple[DepthEstimator, Weights]:
    """
    Build a model of MODELS with its weights, on the CPU in float32 and in evaluation mode.

    Model and weights share their memory. The other parameters are those of
    :func:`load_weights` and :func:`create_model`.

    :raises UnknownNameError: if the model or the kind of attention is not known.
    :raises ConfigError: as :func:`load_weights`.
    :raises CheckpointError: as :func:`load_weights`.
    """
    return _load(MODELS[name], checkpoint, weights, seed, attention)


def build_estimator(
    spec: ModelSpec,
    state: Mapping[str, Tensor],
    activation_ranges: Mapping[str, ActivationRange],
    attention: str = 'sdpa',
) -> DepthEstimator:
    """
    Build a model of these tensors, in evaluation mode; it shares their memory.

    :param spec: the row of the model.
    :param state: its tensors, float32; some units may be left out.
    :param activation_ranges: of the layers that round what they read to 8 bits, by their names.
    :param attention: as for :func:`create_model`.
    """
    shapes = {name: values.shape for name, values in state.items()}
    return _filled(empty_model(spec, shapes, attention), state, activation_ranges)


def require_floats(weights: Weights) -> None:
    """
    Check that no layer rounds what it reads, so that the weights may be changed.

    :raises CheckpointError: if one does.
    """
    if weights.activation_ranges:
        raise CheckpointError(
            f"checkpoint '{weights.path}' was packed by {weights.recipe}: its layers multiply "
            'integers; start from the weights before that'
        )


def load_stored(stored: StoredWeights, attention: str = 'sdpa') -> tuple[DepthEstimator, Weights]:
    """
    Build the model of a file of weights, as :func:`load_estimator` does.

    :param attention: as for :func:`create_model`.
    :raises CheckpointError: if the file is damaged, or of another model.
    """
    path, spec = stored.path, stored.spec
    tensors = with_counters(read_tensors(stored.file))
    estimator = model_of_state(spec, tensors, path, attention)
    state = float32_state(tensors, path)
    header = stored.file.packed
    recipe, ranges = (header.recipe, header.inputs) if header else ('', {})
    for layer in ranges:
        if getattr(state.get(f'{layer}.weight'), 'ndim', 0) < 2:
            raise damaged(path, f'its header names the layer {layer}, which the model lacks')
    weights = Weights(spec, state, stored.origin, stored.sha256, path, stored.key, recipe, ranges)
    return _filled(estimator, state, ranges), weights


def _load(
    spec: ModelSpec, checkpoint: str, weights: str, seed: int, attention: str = 'sdpa'
) -> tuple[DepthEstimator, Weights]:
    check_kind(weights, checkpoint)
    if weights == 'random':
        loaded = _random_weights(spec, seed)
        return build_estimator(loaded.spec, loaded.state, {}, attention), loaded
    return load_stored(stored_weights(spec, checkpoint), attention)


def _filled(
    estimator: DepthEstimator,
    state: Mapping[str, Tensor],
    activation_ranges: Mapping[str, ActivationRange],
) -> DepthEstimator:
    """Give an empty network its tensors, whose memory it shares, and its rounding."""
    estimator.load_state_dict(state, strict=True, assign=True)
    quantise_inputs(estimator, activation_ranges)
    return estimator.eval()


def _random_weights(spec: ModelSpec, seed: int) -> Weights:
    _LOG.warning(
        '%s runs with random weights (seed %d): its output means nothing', spec.name, seed
    )
    with torch.device('meta'):
        model = create_model(spec)
    model.to_empty(device='cpu')
    initialise(model, seed)
    state = {name: values.detach() for name, values in model.state_dict().items()}
    return Weights(spec, state, 'random', '', None, f'random-{state_digest(state)}')
