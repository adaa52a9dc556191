"""Weights of a model: published, from a local file, or random on request."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from depth_anything_ros.errors import CheckpointError, ConfigError
from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.hub import expected_sha256, published_file
from depth_anything_ros.models.initialisation import initialise, state_digest
from depth_anything_ros.models.packed import Inputs, PackedHeader, damaged
from depth_anything_ros.models.quantised import quantise_inputs
from depth_anything_ros.models.spec import ModelSpec
from depth_anything_ros.models.state_file import (
    check_fits,
    file_sha256,
    local_file,
    packed_header,
    read_state,
)
from depth_anything_ros.models.units import narrow

_LOG = logging.getLogger(__name__)

_KINDS = ('pretrained', 'random')

Origin = Literal['pretrained', 'checkpoint', 'random']


@dataclass(frozen=True)
class Weights:
    """
    Hold the weights of one model under the public key names, float32.

    `sha256` is that of the file they came from, empty for random weights; `key` tells these
    weights from any others, random ones too, and names what was made of them in caches. `recipe`
    packed them, empty if none did; `inputs` are those of layers that round what they read to
    8 bits, by their names.
    """

    state: dict[str, Tensor]
    origin: Origin
    sha256: str
    path: Path | None
    key: str
    recipe: str = ''
    inputs: Mapping[str, Inputs] = field(default_factory=dict)


def load_weights(
    spec: ModelSpec, checkpoint: str = '', weights: str = 'pretrained', seed: int = 0
) -> Weights:
    """
    Return the weights of a model, checked against its shapes.

    :param spec: the row of the model.
    :param checkpoint: a local file; empty takes the published one, downloaded on first use.
    :param weights: 'pretrained', or 'random' for weights that mean nothing.
    :param seed: of the random weights.
    :raises ConfigError: if `weights` is unknown, or random weights and a file are asked for.
    :raises CheckpointError: if the file is missing, damaged or of another model, or cannot be
        downloaded.
    """
    if weights not in _KINDS:
        raise ConfigError(
            f"parameter 'weights': unknown value '{weights}'; known: {', '.join(_KINDS)}"
        )
    if weights == 'random':
        if checkpoint:
            raise ConfigError(
                f"parameters 'weights' (random) and 'checkpoint' ({checkpoint}) exclude each other"
            )
        return _random_weights(spec, seed)
    if checkpoint:
        return _weights_of_file(spec, local_file(checkpoint), 'checkpoint')
    return _weights_of_file(spec, published_file(spec), 'pretrained')


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
    spec = MODELS[name]
    loaded = load_weights(spec, checkpoint, weights, seed)
    return build_estimator(spec, loaded.state, loaded.inputs, attention), loaded


def build_estimator(
    spec: ModelSpec,
    state: Mapping[str, Tensor],
    inputs: Mapping[str, Inputs],
    attention: str = 'sdpa',
) -> DepthEstimator:
    """
    Build a model of these tensors, in evaluation mode; it shares their memory.

    :param spec: the row of the model.
    :param state: its tensors, float32; some units may be left out.
    :param inputs: of the layers that round what they read to 8 bits, by their names.
    :param attention: as for :func:`create_model`.
    """
    with torch.device('meta'):
        estimator = create_model(spec, attention)
    narrow(estimator, {name: values.shape for name, values in state.items()})
    estimator.load_state_dict(state, strict=True, assign=True)
    quantise_inputs(estimator, inputs)
    return estimator.eval()


def require_floats(weights: Weights) -> None:
    """
    Check that no layer rounds what it reads, so that the weights may be changed.

    :raises CheckpointError: if one does.
    """
    if weights.inputs:
        raise CheckpointError(
            f"checkpoint '{weights.path}' was packed by {weights.recipe}: its layers multiply "
            'integers; start from the weights before that'
        )


def _weights_of_file(spec: ModelSpec, path: Path, origin: Origin) -> Weights:
    sha256 = file_sha256(path)
    published = next((row for row in MODELS.values() if row.sha256 == sha256), spec)
    if published.name != spec.name:
        raise CheckpointError(
            f"checkpoint '{path}' is the published file of model '{published.name}', "
            f"not of '{spec.name}'"
        )
    wanted = expected_sha256(spec, path) if origin == 'pretrained' else ''
    if wanted and sha256 != wanted:
        raise CheckpointError(
            f"'{path}' is damaged: its sha256 is {sha256}, that of the published "
            f"'{spec.weights_file}' is {wanted}; delete the file and start again"
        )
    state = read_state(path)
    header = packed_header(path)
    if header is not None:
        _check_packing(spec, header, path)
    check_fits(spec, state, path)
    recipe, inputs = (header.recipe, header.inputs) if header else ('', {})
    for layer in inputs:
        if getattr(state.get(f'{layer}.weight'), 'ndim', 0) < 2:
            raise damaged(path, f'its header names the layer {layer}, which the model lacks')
    _log_licence(spec, path, sha256)
    return Weights(state, origin, sha256, path, sha256, recipe, inputs)


def _check_packing(spec: ModelSpec, header: PackedHeader, path: Path) -> None:
    """Check that a packed file was made for this model, and say what it was made of."""
    if header.model != spec.name:
        raise CheckpointError(
            f"checkpoint '{path}' was packed for model '{header.model}', not for '{spec.name}'"
        )
    _LOG.info('%s: packed by %s', path, header.recipe)
    if header.parent_origin == 'random':
        _LOG.warning('%s was packed from random weights: its output means nothing', path)


def _log_licence(spec: ModelSpec, path: Path, sha256: str) -> None:
    non_commercial = '-NC-' in spec.licence
    _LOG.log(
        logging.WARNING if non_commercial else logging.INFO,
        '%s: weights from %s (sha256 %s), licence of the published weights: %s%s',
        spec.name, path, sha256, spec.licence,
        ' (no commercial use)' if non_commercial else '',
    )  # fmt: skip


def _random_weights(spec: ModelSpec, seed: int) -> Weights:
    _LOG.warning(
        '%s runs with random weights (seed %d): its output means nothing', spec.name, seed
    )
    with torch.device('meta'):
        model = create_model(spec)
    model.to_empty(device='cpu')
    initialise(model, seed)
    state = {name: values.detach() for name, values in model.state_dict().items()}
    return Weights(state, 'random', '', None, f'random-{state_digest(state)}')
