"""What the depth nodes of one process share: loaded networks, and turns at running them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from weakref import WeakValueDictionary

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.inference.predictor import KEPT_BACKENDS, Predictor
from depth_anything_ros.models.local_file import written_at
from depth_anything_ros.nodes.pipeline_host import load_predictor
from depth_anything_ros.nodes.turns import Turn, Turns

_LOGGER = logging.getLogger(__name__)

# Name of each file of a checkpoint, and what `written_at` says of it.
_State = tuple[tuple[str, tuple[int, int] | None], ...]


class Company:
    """
    Let depth nodes whose parameters describe the same network run one, each in its turn.

    A network stays loaded while one of them runs it. For each size of images it is built once.

    :param names: full names of the nodes.
    :param load: makes a predictor from a config; replaced in tests.
    """

    def __init__(
        self,
        names: Sequence[str],
        load: Callable[[DepthNodeConfig], Predictor] = load_predictor,
    ) -> None:
        self.names = tuple(names)
        self._load = load
        self._turns = Turns()
        self._lock = threading.Lock()
        self._loaded: WeakValueDictionary[tuple[NetworkOptions, _State], Predictor] = (
            WeakValueDictionary()
        )

    def turn(self) -> Turn:
        """Return the turns at the network of another node."""
        return self._turns.join()

    def load(self, config: DepthNodeConfig) -> Predictor:
        """
        Return the network that the parameters describe, built and warmed up.

        One that another node runs is taken as it is, unless its checkpoint has changed since.

        :raises DepthAnythingError: if checkpoint, backend or device do not allow it.
        """
        key = config.network, _state_of(config.network.checkpoint)
        # One after another, so that two that start together load one.
        with self._lock:
            predictor = self._loaded.get(key)
            if predictor is None:
                predictor = self._loaded[key] = self._load(config)
                predictor.kept_sizes = KEPT_BACKENDS * len(self.names)
                return predictor
            height, width = config.warmup_height, config.warmup_width
            if not predictor.is_built(height, width):
                predictor.warm_up(height, width)
        _LOGGER.info('%s is shared with a camera that runs it', config.network.network_name)
        return predictor


def _state_of(checkpoint: str) -> _State:
    """Return what tells whether a file or folder has been written anew; () if there is none."""
    if not checkpoint:
        return ()
    try:
        path = Path(checkpoint).expanduser()
        files = sorted(path.iterdir()) if path.is_dir() else [path]
    except (OSError, ValueError, RuntimeError):
        return ()  # told when it is loaded
    return tuple((file.name, written_at(file)) for file in files)
