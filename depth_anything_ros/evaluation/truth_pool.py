"""Measured depth that waits for the prediction it belongs to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from depth_anything_ros.types import Float32Array

# Four seconds at 30 Hz, and what that may take of large images.
_WAITING = 128
_WAITING_BYTES = 256 * 2**20
AMBIGUOUS_TRUTH = 'different truth images share its stamp'


@dataclass
class Truth:
    """
    Measured depth, or the `problem` why an image can have no score from it.

    :param depth_m: float32 (H, W) in metres, NaN unknown; None where there is a problem.
    :param content: equal for messages of equal content.
    """

    stamp_ns: int
    depth_m: Float32Array | None
    content: int = 0
    problem: str = ''

    def meet(self, other: Truth) -> None:
        """Take note of another truth of the same stamp; one with other content spoils both."""
        if other.content != self.content:
            self.depth_m, self.problem = None, AMBIGUOUS_TRUTH

    @property
    def bytes(self) -> int:
        """Return what the depth takes in memory."""
        return 0 if self.depth_m is None else self.depth_m.nbytes


class TruthPool:
    """
    Keep truth by stamp until a frame takes it; the oldest goes first where there is too much.

    :param tolerance_ns: largest difference between the stamps of a frame and its truth.
    """

    def __init__(self, tolerance_ns: int) -> None:
        self._tolerance_ns = tolerance_ns
        self._waiting: OrderedDict[int, Truth] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        """Return how many truth images wait."""
        return len(self._waiting)

    def add(self, truth: Truth) -> None:
        """Take in a truth image."""
        waiting = self._waiting.get(truth.stamp_ns)
        if waiting is not None:
            self._bytes -= waiting.bytes
            waiting.meet(truth)
            self._bytes += waiting.bytes
            return
        self._waiting[truth.stamp_ns] = truth
        self._bytes += truth.bytes
        while len(self._waiting) > _WAITING or (
            self._bytes > _WAITING_BYTES and len(self._waiting) > 1
        ):
            self._bytes -= self._waiting.popitem(last=False)[1].bytes

    def take(self, stamp_ns: int) -> Truth | None:
        """Return the truth of exactly this stamp and forget it, or None."""
        truth = self._waiting.pop(stamp_ns, None)
        if truth is not None:
            self._bytes -= truth.bytes
        return truth

    def take_nearest(self, stamp_ns: int, rivals: Iterable[int]) -> Truth | None:
        """
        Return the truth that a frame gets where each goes to the nearest, and forget it.

        :param stamp_ns: of the frame.
        :param rivals: stamps of the other frames that have no truth yet.
        """
        distances = sorted(
            (abs(truth_ns - frame_ns), frame_ns, truth_ns)
            for frame_ns in {stamp_ns, *rivals}
            for truth_ns in self._waiting
            if abs(truth_ns - frame_ns) <= self._tolerance_ns
        )
        taken: set[int] = set()
        served: set[int] = set()
        for _, frame_ns, truth_ns in distances:
            if frame_ns in served or truth_ns in taken:
                continue
            if frame_ns == stamp_ns:
                return self.take(truth_ns)
            served.add(frame_ns)
            taken.add(truth_ns)
        return None
