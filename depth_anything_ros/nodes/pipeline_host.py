"""The pipeline a node runs, and its exchange while frames go through."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import DepthAnythingError
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.nodes.worker import LatestItemWorker
from depth_anything_ros.parameters import Affects, names_affecting, parameter_values
from depth_anything_ros.pipeline import DepthPipeline
from depth_anything_ros.refinement import create_refinements
from depth_anything_ros.stream.assembly import assemble, check_parameters
from depth_anything_ros.types import ModelIdentity

_LOGGER = logging.getLogger(__name__)


def load_predictor(config: DepthNodeConfig) -> Predictor:
    """
    Return the network that the parameters describe, built and warmed up.

    What has to be exported is, in a process of its own: a node would keep the memory it takes.

    :raises DepthAnythingError: if checkpoint, backend or device do not allow it.
    """
    predictor = create_predictor(config.network, apart=True)
    predictor.warm_up(config.warmup_height, config.warmup_width)
    return predictor


class PipelineHost:
    """
    Keep one pipeline running and exchange its parts; a failed exchange keeps the old ones.

    A frame takes `pipeline` once and uses that object to its end, so an exchange never mixes
    two networks in one frame.

    `error` tells why the last exchange failed, or is empty. `image_size`, (height, width) of the
    frames that come, is set from outside.

    :param load: makes a predictor from a config; replaced in tests.
    :param refused: called, in the thread of the exchange, when one has failed.
    """

    def __init__(
        self,
        load: Callable[[DepthNodeConfig], Predictor] = load_predictor,
        refused: Callable[[], None] = lambda: None,
    ) -> None:
        self._load = load
        self._refused = refused
        self._lock = threading.Lock()
        self._pipeline: DepthPipeline | None = None
        self._config: DepthNodeConfig | None = None
        # What the network at work was loaded for.
        self._running: DepthNodeConfig | None = None
        # What is being loaded; a load that ends when this is another has no effect.
        self._wanted: DepthNodeConfig | None = None
        self._exchange = LatestItemWorker(self._exchange_model, 'model exchange')
        self.error = ''
        self.image_size: tuple[int, int] | None = None

    @property
    def pipeline(self) -> DepthPipeline | None:
        """Return the pipeline to use for the next frame, or None when nothing is loaded."""
        return self._pipeline

    @property
    def identity(self) -> ModelIdentity | None:
        """Return what makes the predictions for the images that come, None without a network."""
        pipeline, config = self._pipeline, self._config
        if pipeline is None or config is None:
            return None
        expected = config.warmup_height, config.warmup_width
        return pipeline.predictor.identity_at(*(self.image_size or expected))

    @property
    def loading(self) -> str:
        """Return the name of the network that is being loaded, or ''."""
        wanted = self._wanted
        return wanted.network.network_name if wanted else ''

    @property
    def running(self) -> DepthNodeConfig | None:
        """Return the parameters that the network at work was loaded for, or None without one."""
        return self._running

    def start(self, config: DepthNodeConfig) -> None:
        """
        Load, warm up and run the network that the parameters describe.

        Parameters that change meanwhile are taken over when it runs.

        :raises DepthAnythingError: if it cannot be loaded; nothing runs then.
        """
        check_parameters(config)  # what a checkpoint says, loading finds out
        with self._lock:
            self._config = self._wanted = config
        try:
            loaded = assemble(self._load(config), config)
            with self._lock:
                if self._wanted is not config:
                    name = config.network.network_name
                    raise DepthAnythingError(f'stopped while {name} was being loaded')
                self._pipeline = assemble(loaded.predictor, self._config, loaded.uncertainty)
                self._running = config
                self._turn_to(self._config)
        except Exception:
            self.stop()
            raise

    def stop(self) -> None:
        """Free the network; an exchange under way ends without effect."""
        self._exchange.discard()
        with self._lock:
            self._pipeline = self._config = self._running = self._wanted = None
            self.image_size = None
            self.error = ''

    def close(self, timeout_s: float) -> None:
        """Free the network and end the thread."""
        self.stop()
        self._exchange.stop(timeout_s)

    def change(self, config: DepthNodeConfig, names: frozenset[str]) -> None:
        """
        Take over changed parameters; another model is loaded beside the running one.

        What was set to the value that it had changes nothing.

        :param config: checked by :func:`assembly.check_config`.
        :param names: the parameters that were set.
        """
        with self._lock:
            before = self._config
            if before is None:
                return
            self._config = config
            if self._pipeline is None:
                return
            self._pipeline.max_depth_m = config.max_depth_m
            self._pipeline.refusal = config.completion.fused_refusal
            if _differ(before, config, Affects.REFINEMENT):
                steps = create_refinements(config.refinement, self._pipeline.poses)
                self._pipeline.refinements = steps
            if _differ(before, config, Affects.SCALE):
                # Its table of errors goes with the network: another is named for the next.
                running = self._pipeline
                self._pipeline = assemble(running.predictor, config, running.uncertainty)
            if names & names_affecting(DepthNodeConfig, Affects.MODEL):
                self._turn_to(config)

    def _turn_to(self, config: DepthNodeConfig) -> None:
        """Load a network unless it runs or is on its way; to be called under the lock."""
        self.error = ''
        if not _differ(config, self._running, Affects.MODEL):
            self._wanted = None
        elif _differ(config, self._wanted, Affects.MODEL):
            self._wanted = config
            self._exchange.submit(config)

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until no exchange is under way; return False at the timeout."""
        return self._exchange.wait_idle(timeout_s)

    def _exchange_model(self, config: DepthNodeConfig) -> None:
        loaded, problem = None, ''
        try:
            predictor = self._load(self._for_seen_images(config))
            loaded = assemble(predictor, config)
        except Exception as error:  # noqa: BLE001 - the running network must survive
            problem = f'could not load {config.network.network_name}: {error}'
        with self._lock:
            if self._wanted is not config or self._config is None:
                return
            self._wanted = None
            self.error = problem
            if loaded is not None:
                self._running = config
                # What is no matter of the network may have been set meanwhile.
                self._pipeline = assemble(loaded.predictor, self._config, loaded.uncertainty)
        if problem:
            _LOGGER.error('%s; the running network is kept', problem)
            self._refused()
        else:
            _LOGGER.info('now running %s', config.network.network_name)

    def _for_seen_images(self, config: DepthNodeConfig) -> DepthNodeConfig:
        """Warm up for the size of the images that come, so that none waits for a rebuild."""
        if self.image_size is None:
            return config
        height, width = self.image_size
        return replace(config, warmup_height=height, warmup_width=width)


def _differ(one: DepthNodeConfig | None, other: DepthNodeConfig | None, affects: Affects) -> bool:
    """Return whether parameters that affect something differ; None differs from all else."""
    if one is None or other is None:
        return one is not other
    before, after = parameter_values(one), parameter_values(other)
    names = names_affecting(DepthNodeConfig, affects)
    return any(before[name] != after[name] for name in names)
