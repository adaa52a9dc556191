"""A network of the package: weights of a row of MODELS, run as they are or exported."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from depth_anything_ros.errors import BackendError, MissingDependencyError, torch_named
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.backends.base import Backend, BackendOptions
from depth_anything_ros.inference.backends.cache import ExportCache, NoRoomError
from depth_anything_ros.inference.backends.export_key import is_kept
from depth_anything_ros.inference.backends.processor import integers_text
from depth_anything_ros.inference.backends.source import (
    LoadedNetwork,
    NetworkSource,
    exporting,
)
from depth_anything_ros.inference.devices import AUTO
from depth_anything_ros.inference.failures import failures
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.inference.selection import Selection, select
from depth_anything_ros.inference.stored_network import (
    ExportApart,
    StoredNetwork,
    require_torch,
)
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.spec import ModelSpec
from depth_anything_ros.models.stored_weights import StoredWeights, check_kind, stored_weights
from depth_anything_ros.types import Float32Array, ModelIdentity

if TYPE_CHECKING:
    from depth_anything_ros.models.estimator import DepthEstimator

logger = logging.getLogger(__name__)


class WeightsRecord(Protocol):
    """Where weights came from."""

    @property
    def origin(self) -> str:
        """Return pretrained, checkpoint or random."""

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of their file, empty for random ones."""

    @property
    def path(self) -> Path | None:
        """Return their file, None of random ones."""

    @property
    def recipe(self) -> str:
        """Return the recipe that packed them, empty if none did."""


def _no_fallback() -> None:
    return None


class EstimatorNetwork:
    """
    Run a network of the package in the backends, which export it where they have to.

    :param source: the network.
    :param weights: where its weights came from.
    :param selection: backend, precision and device, known to run here.
    :param threads: CPU threads; 0 leaves it to the library.
    :param cache: keeps exported networks.
    :param fallback: returns what runs the network where its export can be written nowhere, or
        None.
    """

    def __init__(
        self,
        source: NetworkSource,
        weights: WeightsRecord,
        selection: Selection,
        threads: int,
        cache: ExportCache,
        fallback: Callable[[], Selection | None] = _no_fallback,
    ) -> None:
        self.selection = selection
        self._source = source
        self._weights = weights
        self._threads = threads
        self._cache = cache
        self._fallback = fallback
        self._integers = self._integers_text()

    @property
    def estimator(self) -> DepthEstimator:
        """
        Return the network in evaluation mode, on the CPU in fp32, read from its file if need be.

        :raises CheckpointError: if its weights are damaged, or of another model.
        :raises MissingDependencyError: if torch is not installed.
        """
        return self._source.estimator()

    @property
    def spec(self) -> ModelSpec:
        """Return the row of the model, with the output that the weights have."""
        return self._source.spec

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
        :raises CheckpointError: if it is read for that, and its weights are damaged.
        :raises MissingDependencyError: if it has to be exported, and torch is not installed.
        """
        try:
            return self._make(size)
        except NoRoomError as error:
            fallback = self._fallback()
            if fallback is None:
                raise
            self._cache.problem = f'{error}; running with {fallback.backend}'
            logger.warning('%s', self._cache.problem)
            self.selection, self._fallback = fallback, _no_fallback
            self._integers = self._integers_text()
            return self._make(size)

    def field_of_view(self, pixels: Float32Array) -> tuple[float, float]:
        """
        Return the field of view down and across an image in radians, by PyTorch in float32.

        What is exported leaves it out, as few images are asked for it.

        :param pixels: normalised image, float32 (1, 3, h, w).
        :raises BackendError: if the network does not find it, or fails, e.g. for lack of memory.
        """
        estimator = self.estimator
        import torch

        with failures('torch cannot find the field of view'), torch.inference_mode():
            down, across = estimator.field_of_view(torch.from_numpy(pixels))[0].tolist()
        return down, across

    def _integers_text(self) -> str:
        if not self._source.integers:
            return ''
        estimator, selection = self.estimator, self.selection
        narrowed = BACKENDS[selection.backend].narrowed(estimator, selection.device)
        return integers_text(estimator, narrowed)

    def _make(self, size: tuple[int, int]) -> Backend:
        return BACKENDS[self.selection.backend](
            BackendOptions(
                source=self._source,
                size=size,
                precision=self.selection.precision,
                device=self.selection.device,
                threads=self._threads,
                cache=self._cache,
            )
        )


def load_network(options: NetworkOptions, apart: ExportApart | None = None) -> EstimatorNetwork:
    """
    Find the weights of a model of MODELS and choose what runs it; nothing is exported yet.

    The weights are read, unless an export of them is kept or is to be made `apart`.

    :param apart: exports the network in a process of its own, where it can; None does it here.
    :raises UnknownNameError: if model, backend or precision is not known.
    :raises ConfigError: if `weights` is not one of its values.
    :raises CheckpointError: if the weights cannot be had.
    :raises MissingDependencyError: if the library of the backend asked for is not installed, or
        torch where it is needed.
    :raises BackendError: if backend, precision and device cannot go together here.
    """
    selection = select(options.backend, options.precision, options.device)
    cache = ExportCache(options.cache_folder, options.cache_limit_gb)

    def fallback() -> Selection | None:
        return _without_export(options) if options.backend == AUTO else None

    check_kind(options.weights, options.checkpoint)
    row = MODELS[options.model]
    if options.weights == 'random':
        return EstimatorNetwork(*_random(options), selection, options.threads, cache, fallback)
    stored = stored_weights(row, options.checkpoint)
    source = StoredNetwork(stored, apart)
    if not _can_wait(source, stored, selection, cache, apart is not None):
        source.estimator()
    return EstimatorNetwork(source, stored, selection, options.threads, cache, fallback)


def _random(options: NetworkOptions) -> tuple[LoadedNetwork, WeightsRecord]:
    with torch_named():
        from depth_anything_ros.models.checkpoint import load_estimator

        estimator, weights = load_estimator(
            options.model, weights=options.weights, seed=options.seed
        )
    return LoadedNetwork(estimator, weights.key), weights


def _can_wait(
    source: NetworkSource,
    stored: StoredWeights,
    selection: Selection,
    cache: ExportCache,
    apart: bool,
) -> bool:
    """
    Return whether weights need not be read before an image comes.

    :raises MissingDependencyError: if they must, and torch is not installed.
    """
    if stored.integers or exporting(selection.backend) is None:
        return False
    if source.graph_for(selection.device) is not None:
        return True
    if is_kept(source, BACKENDS[selection.backend].libraries, cache):
        return True
    require_torch()
    return apart


def _without_export(options: NetworkOptions) -> Selection | None:
    """Return what runs a network as it is, or None if nothing here can as asked."""
    try:
        return select('torch', options.precision, options.device)
    except (BackendError, MissingDependencyError):
        return None
