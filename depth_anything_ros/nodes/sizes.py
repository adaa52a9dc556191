"""Networks for sizes of images that come up while frames go through, built beside them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.nodes.worker import LatestItemWorker

_LOGGER = logging.getLogger(__name__)

Size = tuple[int, int]
# What failed for want of memory or disk may do better after a while.
RETRY_S = 30.0
# Of more sizes that failed, the oldest may be tried again at once.
_KEPT_FAILURES = 32


class SizeBuilder:
    """
    Build and warm up networks for sizes of images, one at a time, in a thread of its own.

    A size is (height, width). One that was waiting gives way to one that came later; one that
    failed is tried again after `RETRY_S`.

    :param done: called, in that thread, after each, whether it went well or not.
    :param clock: gives seconds that only grow; replaced in tests.
    """

    def __init__(
        self, done: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._done = done
        self._clock = clock
        self._lock = threading.Lock()
        self._predictor: Predictor | None = None
        self._asked: Size | None = None
        # Why, and when it failed.
        self._failures: dict[Size, tuple[str, float]] = {}
        self._worker = LatestItemWorker(self._build, 'network building')

    @property
    def building(self) -> str:
        """Return the size that is being built, as WIDTHxHEIGHT, or ''."""
        asked = self._asked
        return f'{asked[1]}x{asked[0]}' if asked else ''

    def is_built(self, predictor: Predictor, size: Size) -> bool:
        """
        Return whether images of a size find their network; if not, it is on its way.

        :raises BackendError: if it cannot be built, or failed with this predictor a while ago.
        """
        with self._lock:
            if predictor is not self._predictor:
                self._predictor, self._asked = predictor, None
                self._failures.clear()
            if predictor.is_built(*size):
                return True
            if size == self._asked:
                return False
            problem, failed_s = self._failures.get(size, ('', 0.0))
            if problem and self._clock() - failed_s < RETRY_S:
                raise BackendError(problem)
            self._failures.pop(size, None)
            self._asked = size
        self._worker.submit((predictor, size))
        return False

    def discard(self) -> None:
        """Forget what is waiting; what is being built ends without effect."""
        self._worker.discard()
        with self._lock:
            self._predictor = self._asked = None

    def close(self) -> None:
        """End the thread; it does not wait for a build under way, which takes up to a minute."""
        self._worker.stop(0.0)

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing is being built; return False at the timeout."""
        return self._worker.wait_idle(timeout_s)

    def _build(self, item: tuple[Predictor, Size]) -> None:
        predictor, size = item
        problem = ''
        try:
            predictor.warm_up(*size)
        except Exception as error:  # noqa: BLE001 - the frames that wait for it are told
            problem = f'no network for images of {size[1]}x{size[0]}: {error}'
            _LOGGER.error('%s', problem)
        with self._lock:
            if predictor is self._predictor:
                if problem:
                    self._failures[size] = problem, self._clock()
                while len(self._failures) > _KEPT_FAILURES:
                    del self._failures[next(iter(self._failures))]
                if self._asked == size:
                    self._asked = None
        self._done()
