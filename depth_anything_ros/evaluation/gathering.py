"""Gathering of what belongs to one image: predictions, truth, thumbnail, times."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from typing import TypeVar

from depth_anything_ros.evaluation.pairing import Pair, StampPairer
from depth_anything_ros.types import Float32Array, OutputKind, UInt8Array

V = TypeVar('V')

# Truth and thumbnails that wait for a prediction: four seconds at 30 Hz.
_WAITING = 128
# A frame goes out with what it has when this many newer ones have predictions.
_OPEN = 8
_STAMPS = 4096


@dataclass
class GatheredFrame:
    """
    Hold what came for one image; None is what did not come.

    `arrival_ns` is when the first prediction came, `sent_ns` when the image came.
    """

    stamp_ns: int
    arrival_ns: int
    relative: Float32Array | None = None
    metric: Float32Array | None = None
    truth_m: Float32Array | None = None
    truth_offset_ns: int | None = None
    sent_ns: int | None = None
    thumbnail: UInt8Array | None = None

    def complete(self) -> bool:
        """Tell whether no further prediction or truth can come."""
        return self.relative is not None and self.metric is not None and self.truth_m is not None


class FrameGatherer:
    """
    Bring together by stamp what comes on separate topics, in bounded memory.

    A frame is ready when relative depth, metric depth and truth are there, or when eight newer
    frames have predictions: by then, what is missing was lost or is not published.

    :param tolerance_ns: largest difference between the stamps of a prediction and its truth.
    """

    def __init__(self, tolerance_ns: int) -> None:
        self.counts: Counter[str] = Counter()
        self.relative_seen = False
        self._tolerance_ns = tolerance_ns
        self._last_sent_ns: int | None = None
        self._ready: deque[GatheredFrame] = deque()
        self._forget()

    def _forget(self) -> None:
        self._pairer: StampPairer[GatheredFrame, Float32Array] = StampPairer(
            self._tolerance_ns, _WAITING
        )
        self._open: OrderedDict[int, GatheredFrame] = OrderedDict()
        self._closed: deque[int] = deque(maxlen=_STAMPS)
        self._sent_ns: OrderedDict[int, int] = OrderedDict()
        self._thumbnails: OrderedDict[int, UInt8Array] = OrderedDict()

    def add_sent(self, stamp_ns: int, arrival_ns: int, thumbnail: UInt8Array | None) -> None:
        """
        Take in an image; a stamp before the last one starts a new pass over the same bag.

        What is left of the last pass becomes ready and cannot meet a frame of the new one.
        """
        if self._last_sent_ns is not None and stamp_ns < self._last_sent_ns:
            self.finish()
            self._forget()
        self._last_sent_ns = stamp_ns
        self.counts['sent'] += 1
        _keep(self._sent_ns, stamp_ns, arrival_ns, _STAMPS)
        if thumbnail is not None:
            _keep(self._thumbnails, stamp_ns, thumbnail, _WAITING)
        self._close()

    def add_prediction(
        self, stamp_ns: int, arrival_ns: int, kind: OutputKind, values: Float32Array
    ) -> None:
        """Take in a prediction; one whose frame went out already only counts as late."""
        if kind is OutputKind.RELATIVE_INVERSE_DEPTH:
            self.relative_seen = True
        frame = self._open.get(stamp_ns)
        if frame is None:
            if stamp_ns in self._closed:
                self.counts['late'] += 1
                return
            frame = self._open[stamp_ns] = GatheredFrame(stamp_ns, arrival_ns)
            self.counts['received'] += 1
            _join(self._pairer.add_left(stamp_ns, frame))
        if kind is OutputKind.RELATIVE_INVERSE_DEPTH:
            frame.relative = values
        else:
            frame.metric = values
        self._close()

    def add_truth(self, stamp_ns: int, depth_m: Float32Array) -> None:
        """Take in measured depth in metres."""
        self.counts['truth'] += 1
        _join(self._pairer.add_right(stamp_ns, depth_m))
        self._close()

    def finish(self) -> None:
        """Make every open frame ready with what it has."""
        _join(self._pairer.flush())
        for frame in list(self._open.values()):
            self._make_ready(frame)

    def ready(self) -> int:
        """Return the number of frames that :meth:`take` would give."""
        return len(self._ready)

    def take(self) -> GatheredFrame | None:
        """Return the oldest ready frame and forget it, or None."""
        return self._ready.popleft() if self._ready else None

    def _close(self) -> None:
        overtaken = len(self._open) - _OPEN
        for index, frame in enumerate(list(self._open.values())):
            # Its image may still wait in another queue; without any image none is expected.
            image_came = frame.stamp_ns in self._sent_ns or not self.counts['sent']
            if index < overtaken or (frame.complete() and image_came):
                self._make_ready(frame)

    def _make_ready(self, frame: GatheredFrame) -> None:
        del self._open[frame.stamp_ns]
        self._closed.append(frame.stamp_ns)
        frame.sent_ns = self._sent_ns.get(frame.stamp_ns)
        frame.thumbnail = self._thumbnails.pop(frame.stamp_ns, None)
        if frame.sent_ns is None and self.counts['sent']:
            self.counts['unknown_stamp'] += 1
        self._ready.append(frame)


def _join(pairs: list[Pair[GatheredFrame, Float32Array]]) -> None:
    for pair in pairs:
        pair.left.truth_m = pair.right
        pair.left.truth_offset_ns = pair.offset_ns


def _keep(mapping: OrderedDict[int, V], key: int, value: V, capacity: int) -> None:
    mapping[key] = value
    if len(mapping) > capacity:
        mapping.popitem(last=False)
