"""Depth models of transformers as predictors, with what their numbers mean."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np
import torch

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.inference.clock import NETWORKS
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.inference.selection import select
from depth_anything_ros.lab.benchmark.hub_model import HubNetwork
from depth_anything_ros.lab.benchmark.hub_processing import PlainProcessing
from depth_anything_ros.lab.benchmark.network import NetworkKind, NetworkRequest
from depth_anything_ros.types import (
    MetricDepth,
    ModelIdentity,
    OutputKind,
    RelativeInverseDepth,
    UInt8Array,
)

_BACKEND = 'transformers'
_INVERSE, _METRIC = OutputKind.RELATIVE_INVERSE_DEPTH, OutputKind.METRIC_DEPTH
# By the library's `model_type`; Depth Anything tells it in its configuration.
_KINDS = {'dpt': _INVERSE, 'glpn': _METRIC, 'zoedepth': _METRIC, 'depth_pro': _METRIC}
_OUTPUTS = {_INVERSE: 'relative inverse depth', _METRIC: 'depth in metres'}


class HubPredictor:
    """
    Predict with a model of transformers, as that library runs it.

    :param options: the model is an id of the hub or a folder; backend and checkpoint do not count.
    :raises MissingDependencyError: if transformers or Pillow is not installed.
    :raises CheckpointError: if the model cannot be had, or it is not known what it predicts.
    :raises BackendError: if precision or device cannot be had.
    """

    def __init__(self, options: NetworkOptions) -> None:
        self._options = options
        self._selection = select('torch', options.precision, options.device)
        request = NetworkRequest(
            NetworkOptions(
                options.model,
                weights=options.weights,
                backend='torch',
                precision=self._selection.precision.value,
                device=self._selection.device,
                threads=options.threads,
            ),
            NetworkKind.TRANSFORMERS,
        )
        self._network = HubNetwork(request)
        self._output_kind = _kind(options.model, self._network)
        self._input_size = (0, 0)
        self._turn = Lock()

    @property
    def identity(self) -> ModelIdentity:
        """Return what makes the predictions; the library does not tell the licence."""
        summary = self._network.summary
        return ModelIdentity(
            name=self._options.model,
            weights=summary.weights,
            sha256='',
            backend=_BACKEND,
            precision=self._selection.precision.value,
            device=self._selection.device,
            input_size=self._input_size,
            licence='',
            output=_OUTPUTS[self._output_kind],
        )

    @property
    def output_kind(self) -> OutputKind:
        """Return what the numbers of its predictions mean."""
        return self._output_kind

    @property
    def weights_path(self) -> None:
        """Return None: tables of errors are kept beside files of ours."""

    @property
    def metres_at_focal_px(self) -> None:
        """Return None: no type that is known goes by the focal length."""

    def network_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) that the model's processing makes of an image."""
        blank = np.zeros((height, width, 3), np.uint8)
        return self._network.input_size(self._network.preprocess(blank))

    def predict(self, rgb: UInt8Array) -> RelativeInverseDepth | MetricDepth:
        """
        Return the depth of an image, uint8 (H, W, 3), at its own size.

        :raises BackendError: if the network cannot run on this image.
        """
        inputs = self._network.preprocess(rgb)
        self._input_size = self._network.input_size(inputs)
        height, width = rgb.shape[:2]
        with self._turn, NETWORKS.running():
            raw = self._network.infer(inputs)
        found: Any = self._network.postprocess(raw, (height, width))
        depth = found if isinstance(found, torch.Tensor) else found[0]['predicted_depth']
        values = np.ascontiguousarray(depth.float().numpy(), np.float32)
        if self._output_kind is _METRIC:
            return MetricDepth(values)
        return RelativeInverseDepth(values)

    def predict_with_confidence(self, rgb: UInt8Array) -> RelativeInverseDepth | MetricDepth:
        """Return the depth of an image as :meth:`predict`: the library tells no confidence."""
        return self.predict(rgb)


def _kind(model: str, network: HubNetwork) -> OutputKind:
    config: Any = network.module.config
    if config.model_type == 'depth_anything':
        return _METRIC if config.depth_estimation_type == 'metric' else _INVERSE
    if config.model_type not in _KINDS:
        known = ', '.join(('depth_anything', *_KINDS))
        raise CheckpointError(
            f"it is not known whether '{model}', of type '{config.model_type}', predicts depth or "
            f'inverse depth; known types: {known}'
        )
    if config.model_type == 'depth_pro' and isinstance(network.processing, PlainProcessing):
        # Its own processing makes metres of inverse depth.
        return _INVERSE
    return _KINDS[config.model_type]
