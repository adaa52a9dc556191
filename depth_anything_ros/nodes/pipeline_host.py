"""The pipeline a node runs, and its exchange while frames go through."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import DepthAnythingError
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.inference.predictor import Predictor, create_predictor
from depth_anything_ros.inference.preprocess import check_multiple
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.local_file import local_file
from depth_anything_ros.models.meaning import spec_of_file
from depth_anything_ros.nodes.worker import LatestItemWorker
from depth_anything_ros.pipeline import DepthPipeline
from depth_anything_ros.refinement import create_refinements
from depth_anything_ros.scale import create_scale_source, create_scene_cut, create_tracker

_LOGGER = logging.getLogger(__name__)

MODEL_PARAMETERS = frozenset(
    {
        'model',
        'checkpoint',
        'weights',
        'backend',
        'precision',
        'device',
        'input_size',
        'threads',
        'cache_dir',
        'cache_limit_gb',
        'warmup_width',
        'warmup_height',
    }
)
SCALE_PARAMETERS = frozenset(
    {
        'scale_source',
        'scale_fallbacks',
        'fixed_scale',
        'fixed_shift',
        'reference_min_depth_m',
        'reference_max_depth_m',
        'reference_max_offset_s',
        'scan_max_offset_s',
        'scan_with_ground',
        'camera_height_m',
        'camera_pitch_deg',
        'camera_roll_deg',
        'camera_tilt_source',
        'smoothing_time_s',
        'alignment_expiry_s',
        'scale_gate',
        'stale_scale',
        'scene_cut_correlation',
    }
)
REFINEMENT_PARAMETERS = frozenset({'flip_augmentation', 'edge_filter_px', 'temporal_smoothing_s'})


def load_predictor(config: DepthNodeConfig) -> Predictor:
    """
    Return the network that the parameters describe, built and warmed up.

    :raises DepthAnythingError: if checkpoint, backend or device do not allow it.
    """
    predictor = create_predictor(
        NetworkOptions(
            config.model,
            checkpoint=config.checkpoint,
            weights=config.weights,
            backend=config.backend,
            precision=config.precision,
            device=config.device,
            input_size=config.input_size,
            threads=config.threads,
            cache_dir=config.cache_dir,
            cache_limit_gb=config.cache_limit_gb,
        )
    )
    predictor.warm_up(config.warmup_height, config.warmup_width)
    return predictor


def check_config(config: DepthNodeConfig) -> None:
    """
    Check in no time what would make loading fail for certain.

    Of a checkpoint that is what it says itself; its sha256 takes too long.

    :raises DepthAnythingError: naming the value and what is allowed.
    """
    spec = MODELS[config.model]
    if config.backend != 'auto' and config.backend not in BACKENDS:
        BACKENDS[config.backend]
    check_multiple("parameter 'input_size':", config.input_size or spec.input_size, spec.patch)
    if config.checkpoint:
        spec_of_file(spec, local_file(config.checkpoint), sha256='')
    create_scale_source(config)


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
    def loading(self) -> str:
        """Return the name of the model that is being loaded, or ''."""
        wanted = self._wanted
        return wanted.model if wanted else ''

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
        check_config(config)
        with self._lock:
            self._config = self._wanted = config
        try:
            predictor = self._load(config)
            with self._lock:
                if self._wanted is not config:
                    raise DepthAnythingError(f'stopped while {config.model} was being loaded')
                self._pipeline = _assemble(predictor, self._config)
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

        :param config: checked by :func:`check_config`.
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
            if _differ(before, config, REFINEMENT_PARAMETERS):
                self._pipeline.refinements = create_refinements(config)
            if _differ(before, config, SCALE_PARAMETERS):
                self._pipeline = _assemble(self._pipeline.predictor, config)
            if names & MODEL_PARAMETERS:
                self._turn_to(config)

    def _turn_to(self, config: DepthNodeConfig) -> None:
        """Load a network unless it runs or is on its way; to be called under the lock."""
        self.error = ''
        if not _differ(config, self._running, MODEL_PARAMETERS):
            self._wanted = None
        elif _differ(config, self._wanted, MODEL_PARAMETERS):
            self._wanted = config
            self._exchange.submit(config)

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until no exchange is under way; return False at the timeout."""
        return self._exchange.wait_idle(timeout_s)

    def _exchange_model(self, config: DepthNodeConfig) -> None:
        predictor, problem = None, ''
        try:
            predictor = self._load(self._for_seen_images(config))
        except Exception as error:  # noqa: BLE001 - the running network must survive
            problem = f'could not load {config.model}: {error}'
        with self._lock:
            if self._wanted is not config or self._config is None:
                return
            self._wanted = None
            self.error = problem
            if predictor is not None:
                self._running = config
                self._pipeline = _assemble(predictor, self._config)
        if problem:
            _LOGGER.error('%s; the running network is kept', problem)
            self._refused()
        else:
            _LOGGER.info('now running %s', config.model)

    def _for_seen_images(self, config: DepthNodeConfig) -> DepthNodeConfig:
        """Warm up for the size of the images that come, so that none waits for a rebuild."""
        if self.image_size is None:
            return config
        height, width = self.image_size
        return replace(config, warmup_height=height, warmup_width=width)


def _differ(
    one: DepthNodeConfig | None, other: DepthNodeConfig | None, names: frozenset[str]
) -> bool:
    return any(getattr(one, name, None) != getattr(other, name, None) for name in names)


def _assemble(predictor: Predictor, config: DepthNodeConfig) -> DepthPipeline:
    # A new tracker each time: scale and shift of one network mean nothing to another.
    return DepthPipeline(
        predictor,
        create_scale_source(config),
        create_tracker(config),
        config.max_depth_m,
        create_scene_cut(config),
        create_refinements(config),
    )
