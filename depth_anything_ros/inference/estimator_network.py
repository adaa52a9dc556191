"""A network of the package: weights of a row of MODELS, run as they are or exported."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.backends.base import Backend, BackendOptions
from depth_anything_ros.inference.backends.cache import ExportCache, NoRoomError
from depth_anything_ros.inference.backends.processor import integers_text
from depth_anything_ros.inference.devices import AUTO
from depth_anything_ros.inference.failures import failures
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.inference.selection import Selection, select
from depth_anything_ros.models.checkpoint import Weights, load_estimator
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.spec import ModelSpec
from depth_anything_ros.types import Float32Array, ModelIdentity

logger = logging.getLogger(__name__)


class EstimatorNetwork:
    """
    Run a network of the package in the backends, which export it where they have to.

    :param estimator: the network in evaluation mode, with its weights.
    :param weights: where these came from.
    :param selection: backend, precision and device, known to run here.
    :param threads: CPU threads; 0 leaves it to the library.
    :param cache: keeps exported networks.
    :param fallback: what runs the network where its export can be written nowhere, or None.
    """

    def __init__(
        self,
        estimator: DepthEstimator,
        weights: Weights,
        selection: Selection,
        threads: int,
        cache: ExportCache,
        fallback: Selection | None = None,
    ) -> None:
        self.estimator = estimator
        self.selection = selection
        self._weights = weights
        self._threads = threads
        self._cache = cache
        self._fallback = fallback
        self._integers = self._integers_text()

    @property
    def spec(self) -> ModelSpec:
        """Return the row of the model, with the output that the weights have."""
        return self.estimator.spec

    @property
    def identity(self) -> ModelIdentity:
        """Return what makes its output; the input size is (0, 0)."""
        return ModelIdentity(
            name=self.spec.name,
            weights=self._weights.origin,
            sha256=self._weights.sha256,
            backend=self.selection.backend,
            precision=self.selection.precision.value,
            device=self.selection.device,
            input_size=(0, 0),
            licence=self.spec.licence,
            integers=self._integers,
            output=self.spec.output,
        )

    @property
    def weights_path(self) -> Path | None:
        """Return the file of the weights, None of random ones."""
        return self._weights.path

    @property
    def recipe(self) -> str:
        """Return the recipe that packed the weights, empty if none did."""
        return self._weights.recipe

    @property
    def cache_problem(self) -> str:
        """Return why the export is not kept, empty if it is or there is none."""
        return self._cache.problem

    def backend(self, size: tuple[int, int]) -> Backend:
        """
        Return what runs it at the network's (height, width).

        :raises BackendError: if it cannot be built.
        """
        try:
            return self._make(size)
        except NoRoomError as error:
            if self._fallback is None:
                raise
            self._cache.problem = f'{error}; running with {self._fallback.backend}'
            logger.warning('%s', self._cache.problem)
            self.selection, self._fallback = self._fallback, None
            self._integers = self._integers_text()
            return self._make(size)

    def field_of_view(self, pixels: Float32Array) -> tuple[float, float]:
        """
        Return the field of view down and across an image in radians, by PyTorch in float32.

        What is exported leaves it out, as few images are asked for it.

        :param pixels: normalised image, float32 (1, 3, h, w).
        :raises BackendError: if the network does not find it, or fails, e.g. for lack of memory.
        """
        with failures('torch cannot find the field of view'), torch.inference_mode():
            down, across = self.estimator.field_of_view(torch.from_numpy(pixels))[0].tolist()
        return down, across

    def _integers_text(self) -> str:
        selection = self.selection
        narrowed = BACKENDS[selection.backend].narrowed(self.estimator, selection.device)
        return integers_text(self.estimator, narrowed)

    def _make(self, size: tuple[int, int]) -> Backend:
        return BACKENDS[self.selection.backend](
            BackendOptions(
                estimator=self.estimator,
                weights_key=self._weights.key,
                size=size,
                precision=self.selection.precision,
                device=self.selection.device,
                threads=self._threads,
                cache=self._cache,
            )
        )


def load_network(options: NetworkOptions) -> EstimatorNetwork:
    """
    Load a model of MODELS and choose what runs it; nothing is exported yet.

    :raises UnknownNameError: if model, backend or precision is not known.
    :raises ConfigError: if `weights` is not one of its values.
    :raises CheckpointError: if the weights cannot be had.
    :raises MissingDependencyError: if the library of the backend asked for is not installed.
    :raises BackendError: if backend, precision and device cannot go together here.
    """
    selection = select(options.backend, options.precision, options.device)
    estimator, loaded = load_estimator(
        options.model, options.checkpoint, options.weights, options.seed
    )
    return EstimatorNetwork(
        estimator,
        loaded,
        selection,
        options.threads,
        ExportCache(options.cache_folder, options.cache_limit_gb),
        _without_export(options) if options.backend == AUTO else None,
    )


def _without_export(options: NetworkOptions) -> Selection | None:
    """Return what runs a network as it is, or None if nothing here can as asked."""
    try:
        return select('torch', options.precision, options.device)
    except BackendError:
        return None
