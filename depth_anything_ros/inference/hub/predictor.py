"""Depth models of transformers as predictors, with what their numbers mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch

from depth_anything_ros.errors import BackendError, CheckpointError
from depth_anything_ros.inference.backends.base import NetworkOutput, Runner
from depth_anything_ros.inference.backends.torch_backend import take_threads
from depth_anything_ros.inference.clock import NETWORKS
from depth_anything_ros.inference.hub.model import HubModel
from depth_anything_ros.inference.hub.processing import PlainProcessing
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.inference.selection import Selection, select
from depth_anything_ros.models.spec import LARGEST_RANGE_M, NetworkSpec
from depth_anything_ros.types import (
    Float32Array,
    ModelIdentity,
    ModelInput,
    OutputKind,
    UInt8Array,
)

_BACKEND = 'transformers'
_LICENCE = 'not told by transformers'
_INVERSE, _METRIC = OutputKind.RELATIVE_INVERSE_DEPTH, OutputKind.METRIC_DEPTH
# By the library's `model_type`; Depth Anything tells it in its configuration.
KINDS = {'dpt': _INVERSE, 'glpn': _METRIC, 'zoedepth': _METRIC, 'depth_pro': _METRIC}
_OUTPUTS = {_INVERSE: 'relative inverse depth', _METRIC: 'depth in metres'}


class HubNetwork:
    """
    Say of a model of transformers what a predictor asks; it has no backends of ours.

    :param options: the model is hub:ID or hub:FOLDER.
    :raises MissingDependencyError: if transformers or Pillow is not installed.
    :raises CheckpointError: if the model cannot be had, or it is not known what it predicts.
    :raises BackendError: if precision or device cannot be had.
    """

    def __init__(self, options: NetworkOptions) -> None:
        name = options.hub_model
        chosen = select('torch', options.precision, options.device)
        self.selection = Selection(_BACKEND, chosen.precision, chosen.device)
        self.model = HubModel(name, chosen, options.weights == 'random')
        kind = _kind(name, self.model)
        # Its processing normalises, and finds the size: of all that only the output counts here.
        self.spec = NetworkSpec(
            name=name,
            licence=_LICENCE,
            patch=1,
            mean=(0.0, 0.0, 0.0),
            std=(1.0, 1.0, 1.0),
            input_size=1,
            max_depth_m=_range_m(self.model) if kind is _METRIC else None,
        )
        self.identity = ModelIdentity(
            name=name,
            weights=options.weights,
            sha256='',
            backend=_BACKEND,
            precision=chosen.precision.value,
            device=chosen.device,
            input_size=(0, 0),
            licence=_LICENCE,
            output=_OUTPUTS[kind],
        )
        # Tables of errors are kept beside files of ours.
        self.weights_path: Path | None = None
        self.recipe = self.cache_problem = ''

    def backend(self, size: tuple[int, int]) -> Runner:
        """
        Return nothing: the library runs it.

        :raises BackendError: always.
        """
        raise BackendError(f'{_BACKEND} runs {self.spec.name} at {size} by itself')


class HubPredictor(Predictor):
    """
    Predict with a model of transformers, with that library's own processing of images.

    What it infers has the size of the image already.

    :param network: the model.
    :param threads: CPU threads; 0 leaves it to the library.
    """

    def __init__(self, network: HubNetwork, threads: int) -> None:
        super().__init__(network)
        self._threads = threads
        self._model = network.model
        self._turn = Lock()
        # Size of the last image that was asked about → what the processing makes of it.
        self._asked_size = ((0, 0), (0, 0))

    def preprocess(self, rgb: UInt8Array) -> ModelInput:
        """
        Return the pixels that the model's processing makes of an image, uint8 (H, W, 3).

        :raises BackendError: if it cannot.
        """
        if rgb.ndim != 3:
            raise BackendError(f'image has shape {rgb.shape}; (height, width, 3) is needed')
        pixels = self._model.preprocess(rgb)['pixel_values']
        values: Float32Array = np.ascontiguousarray(pixels.numpy(), np.float32)
        return ModelInput(values, (rgb.shape[0], rgb.shape[1]))

    def infer(self, model_input: ModelInput) -> Float32Array:
        """
        Return inverse depth or metres, float32 (H, W) at the size of the image, finite.

        :raises BackendError: if the network cannot run on this image.
        """
        height, width = model_input.pixels.shape[2:]
        self._current_size = height, width
        inputs = {'pixel_values': torch.from_numpy(model_input.pixels)}
        take_threads(self._threads)
        with self._turn, NETWORKS.running():
            raw = self._model.infer(inputs)
        found: Any = self._model.postprocess(raw, model_input.source_size)
        depth = found if isinstance(found, torch.Tensor) else found[0]['predicted_depth']
        values: Float32Array = np.ascontiguousarray(depth.float().numpy(), np.float32)
        return values

    def infer_with_confidence(self, model_input: ModelInput) -> NetworkOutput:
        """Return what :meth:`infer` does; no model here tells confidence."""
        return NetworkOutput(self.infer(model_input))

    def infer_batch(self, model_inputs: Sequence[ModelInput]) -> list[Float32Array]:
        """Return what :meth:`infer` gives of each image."""
        return [self.infer(one) for one in model_inputs]

    def network_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) that the model's processing makes of an image."""
        asked, found = self._asked_size
        if asked != (height, width):
            blank = np.zeros((height, width, 3), np.uint8)
            found = self._model.input_size(self._model.preprocess(blank))
            self._asked_size = (height, width), found
        return found

    def is_built(self, height: int, width: int) -> bool:
        """Return True: the library runs it at any size."""
        del height, width
        return True


def load_hub_predictor(options: NetworkOptions) -> HubPredictor:
    """
    Load a model of transformers.

    :raises DepthAnythingError: as :class:`HubNetwork`.
    """
    return HubPredictor(HubNetwork(options), options.threads)


def _range_m(model: HubModel) -> float:
    """Return how far the metres of a model reach, where its configuration tells."""
    config: Any = model.module.config
    told = config.to_dict().get('max_depth')
    return float(told) if told else LARGEST_RANGE_M


def _kind(name: str, model: HubModel) -> OutputKind:
    config: Any = model.module.config
    if config.model_type == 'depth_anything':
        return _METRIC if config.depth_estimation_type == 'metric' else _INVERSE
    if config.model_type not in KINDS:
        known = ', '.join(('depth_anything', *KINDS))
        raise CheckpointError(
            f"it is not known whether '{name}', of type '{config.model_type}', predicts depth or "
            f'inverse depth; known types: {known}'
        )
    if config.model_type == 'depth_pro' and isinstance(model.processing, PlainProcessing):
        # Its own processing makes metres of inverse depth.
        return _INVERSE
    return KINDS[config.model_type]
