"""Weights of a model: published, from a local file, or random on request."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.initialisation import initialise, state_digest
from depth_anything_ros.models.spec import ModelSpec

_LOG = logging.getLogger(__name__)

Origin = Literal['pretrained', 'checkpoint', 'random']


@dataclass(frozen=True)
class Weights:
    """
    Hold the weights of one model under the public key names, float32.

    `sha256` is that of the file they came from, empty for random weights; `key` tells these
    weights from any others, random ones too, and names what was made of them in caches.
    """

    state: dict[str, Tensor]
    origin: Origin
    sha256: str
    path: Path | None
    key: str


def load_weights(
    spec: ModelSpec, checkpoint: str = '', weights: str = 'pretrained', seed: int = 0
) -> Weights:
    """
    Return the weights of a model, checked against its shapes.

    :param spec: the row of the model.
    :param checkpoint: a local file; empty takes the published one, downloaded on first use.
    :param weights: 'pretrained', or 'random' for weights that mean nothing.
    :param seed: of the random weights.
    """
    if weights == 'random':
        return _random_weights(spec, seed)
    raise ConfigError(f"parameter 'weights': unknown value '{weights}'; known: pretrained, random")


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
    """
    spec = MODELS[name]
    with torch.device('meta'):
        estimator = create_model(spec, attention)
    loaded = load_weights(spec, checkpoint, weights, seed)
    estimator.load_state_dict(loaded.state, strict=True, assign=True)
    return estimator.eval(), loaded


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
