"""Gathering of what belongs to one image: predictions, truth, thumbnail, times."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from depth_anything_ros.evaluation.stamp_watch import StampWatch
from depth_anything_ros.evaluation.truth_pool import Truth, TruthPool
from depth_anything_ros.types import Float32Array, OutputKind, UInt8Array

V = TypeVar('V')

# The kinds that come as topics of their own, whatever the network gives.
TOPIC_KINDS = (OutputKind.RELATIVE_INVERSE_DEPTH, OutputKind.METRIC_DEPTH)

# Thumbnails that wait for a prediction: four seconds at 30 Hz.
_THUMBNAILS = 128
# A frame goes out with what it has when this many newer ones have predictions.
_OPEN = 8
# Doubts of one kind that wait for their frame.
_DOUBTS = 2 * _OPEN
_STAMPS = 4096

UNSTAMPED = 'the image carries no stamp'
AMBIGUOUS = 'a different image has the same stamp'
REPEATED = 'the image repeats the stamp of one that still waited'


class Doubt(str, Enum):
    """What comes beside depth and tells how far off it may be: in metres, or without unit."""

    SIGMA = 'sigma'
    CONFIDENCE = 'confidence'

    @property
    def words(self) -> str:
        """Return what it is, for people."""
        return 'uncertainty' if self is Doubt.SIGMA else 'confidence'


@dataclass
class GatheredFrame:
    """
    What came for one image; None is what did not come.

    `arrival_ns` is when the first prediction came, `sent_ns` when the image came, None also
    where it came more than once. `lost` says why a kind of prediction that came has no values.
    """

    stamp_ns: int
    arrival_ns: int
    relative: Float32Array | None = None
    metric: Float32Array | None = None
    truth: Truth | None = None
    sent_ns: int | None = None
    thumbnail: UInt8Array | None = None
    doubts: dict[Doubt, Float32Array] = field(default_factory=dict)
    lost: dict[OutputKind, str] = field(default_factory=dict)

    @property
    def truth_m(self) -> Float32Array | None:
        """Return the measured depth, float32 (H, W) in metres, or None."""
        return None if self.truth is None else self.truth.depth_m

    @property
    def truth_offset_ns(self) -> int | None:
        """Return the truth's stamp minus the frame's."""
        return None if self.truth is None else self.truth.stamp_ns - self.stamp_ns


@dataclass
class _Record:
    """
    What came under one stamp.

    `place` is the first image's among all, `restarts` how often stamps had started over by then,
    `answer` the first prediction's place among those of other stamps.
    """

    stamp_ns: int
    images: int = 0
    place: int = 0
    restarts: int = 0
    answer: int = 0
    content: int = 0
    sent_ns: int = 0
    thumbnail: UInt8Array | None = None
    predictions: Counter[OutputKind] = field(default_factory=Counter)
    frame: GatheredFrame | None = None
    problem: str = ''

    @property
    def answered(self) -> int:
        """Return how many of the images have a prediction."""
        return min(self.images, max(self.predictions.values(), default=0))

    def complete(self) -> bool:
        """Return whether nothing more is expected."""
        return len(self.predictions) == len(TOPIC_KINDS) and (
            self.frame is not None and self.frame.truth is not None
        )


class FrameGatherer:
    """
    Bring together by stamp what comes on separate topics, in bounded memory.

    A stamp names one image. A frame is ready when relative depth, metric depth and truth of its
    stamp are there, and the doubts that are waited for, or when eight newer frames have
    predictions: by then, what is missing was lost or is not published. It then takes the truth of
    the nearest stamp.

    Images without stamp, and different images of one stamp, give no frame, as nothing tells
    which prediction and which truth belong to them; equal ones give one. Where no image comes at
    all, every prediction gives a frame.

    `counts`: `sent` images; `received`, those with a prediction, and `unstamped_received` of
    them; `unseen`, frames from before any image; `unmatched` frames of no image; `late`
    predictions, of frames that were out; `surplus` ones, more than images; `truth`, and
    `late_truth` of those; the messages of each kind of doubt by its name.

    :param tolerance_ns: largest difference between the stamps of a prediction and its truth.
    :param awaited: the kinds of doubt to wait for, too.
    """

    def __init__(self, tolerance_ns: int, awaited: Collection[Doubt] = ()) -> None:
        self.counts: Counter[str] = Counter()
        self.relative_seen = False
        self.stamps = StampWatch('images')
        self.truth_stamps = StampWatch('truth images')
        # Images with a prediction that give no frame, by reason.
        self.unscorable: Counter[str] = Counter()
        self._tolerance_ns = tolerance_ns
        self._ready: deque[GatheredFrame] = deque()
        self._truths = TruthPool(tolerance_ns)
        # By stamp: those that wait for a prediction or more of it, those of them that have one,
        # in its order, and those that are done.
        self._records: OrderedDict[int, _Record] = OrderedDict()
        self._answered: OrderedDict[int, _Record] = OrderedDict()
        self._done: OrderedDict[int, _Record] = OrderedDict()
        self._thumbnails: deque[_Record] = deque()
        self._answers = 0
        self._answered_places: deque[int] = deque(maxlen=_OPEN)
        self._without_truth: OrderedDict[int, None] = OrderedDict()
        self._awaited = awaited
        self._doubts: dict[Doubt, OrderedDict[int, Float32Array]] = {
            kind: OrderedDict() for kind in Doubt
        }

    def add_sent(
        self, stamp_ns: int, arrival_ns: int, thumbnail: UInt8Array | None, content: int = 0
    ) -> None:
        """
        Take in an image.

        :param content: equal for images of equal content.
        """
        self.stamps.add(stamp_ns)
        record = self._records.get(stamp_ns)
        if record is not None and self._belongs_to_the_past(record):
            self._end(record)
            record = None
        record = record or self._begin(stamp_ns)
        before = record.answered
        if not record.images:
            record.place, record.content = self.counts['sent'], content
            record.sent_ns = arrival_ns
            self._keep_thumbnail(record, thumbnail)
            if record.frame is not None:
                self._answered_places.append(record.place)
        elif content != record.content:
            record.problem = record.problem or AMBIGUOUS
        record.images += 1
        self.counts['sent'] += 1
        self._count_answered(record, before)
        self._close()

    def add_prediction(
        self,
        stamp_ns: int,
        arrival_ns: int,
        kind: OutputKind,
        values: Float32Array | None,
        problem: str = '',
    ) -> None:
        """
        Take in a prediction; one whose frame went out already is only counted.

        :param values: None where the prediction is lost, for the reason given as `problem`.
        """
        self.relative_seen |= kind is OutputKind.RELATIVE_INVERSE_DEPTH
        record = self._records.get(stamp_ns)
        if record is None and stamp_ns in self._done:
            self._count_late(self._done[stamp_ns], kind)
            return
        record = record or self._begin(stamp_ns)
        before = record.answered
        record.predictions[kind] += 1
        self._count_answered(record, before)
        if record.frame is None:
            record.frame = GatheredFrame(stamp_ns, arrival_ns)
            record.frame.truth = None if record.problem else self._truths.take(stamp_ns)
            self._answered[stamp_ns] = record
            self._answers += 1
            record.answer = self._answers
            if record.images:
                self._answered_places.append(record.place)
        if record.predictions[kind] == 1 and not record.problem:
            if values is None:
                record.frame.lost[kind] = problem
            elif kind is OutputKind.RELATIVE_INVERSE_DEPTH:
                record.frame.relative = values
            else:
                record.frame.metric = values
        self._close()

    def add_truth(
        self, stamp_ns: int, depth_m: Float32Array | None, content: int = 0, problem: str = ''
    ) -> None:
        """
        Take in measured depth in metres.

        :param depth_m: None where it cannot be used, for the reason given as `problem`.
        :param content: equal for messages of equal content.
        """
        self.counts['truth'] += 1
        self.truth_stamps.add(stamp_ns)
        if stamp_ns == 0:
            return
        truth = Truth(stamp_ns, depth_m, content, problem)
        record = self._answered.get(stamp_ns)
        frame = record.frame if record is not None and not record.problem else None
        if frame is not None and frame.truth is not None:
            frame.truth.meet(truth)
        else:
            self._note_late(stamp_ns)
            self._truths.add(truth)
            if frame is not None:
                frame.truth = self._truths.take(stamp_ns)
        self._close()

    def add_doubt(self, stamp_ns: int, kind: Doubt, values: Float32Array) -> None:
        """Take in what tells of errors; that of a frame that went out has no effect."""
        self.counts[kind.value] += 1
        kept = self._doubts[kind]
        kept[stamp_ns] = values
        if len(kept) > _DOUBTS:
            kept.popitem(last=False)
        self._close()

    def finish(self) -> None:
        """Make every open frame ready with what it has."""
        for record in list(self._answered.values()):
            self._end(record)

    def ready(self) -> int:
        """Return the number of frames that :meth:`take` would give."""
        return len(self._ready)

    def take(self) -> GatheredFrame | None:
        """Return the oldest ready frame and forget it, or None."""
        return self._ready.popleft() if self._ready else None

    def _begin(self, stamp_ns: int) -> _Record:
        done = self._done.get(stamp_ns)
        problem = UNSTAMPED if stamp_ns == 0 else ''
        if done is not None and done.problem:
            # A prediction that is still on its way could be of any of its images.
            problem = done.problem
        record = _Record(stamp_ns, restarts=self.stamps.restarts, problem=problem)
        self._records[stamp_ns] = record
        if len(self._records) > _STAMPS:
            self._end(next(iter(self._records.values())))
        return record

    def _belongs_to_the_past(self, record: _Record) -> bool:
        """Return whether nothing more can come for the images of a record."""
        if record.frame is not None:
            return record.restarts < self.stamps.restarts
        places = self._answered_places
        return len(places) == _OPEN and min(places) > record.place

    def _close(self) -> None:
        for record in list(self._answered.values()):
            overtaken = self._answers - record.answer >= _OPEN
            # Its image may still wait in another queue; without any image none is expected.
            image_came = record.images or not self.counts['sent']
            doubted = all(record.stamp_ns in self._doubts[kind] for kind in self._awaited)
            if overtaken or (record.complete() and doubted and image_came):
                self._end(record)

    def _end(self, record: _Record) -> None:
        """Let go of a record, with a frame where its parts belong together for certain."""
        del self._records[record.stamp_ns]
        self._answered.pop(record.stamp_ns, None)
        _remember(self._done, record.stamp_ns, record)
        frame, record.frame = record.frame, None
        thumbnail, record.thumbnail = record.thumbnail, None
        if frame is None:
            return
        for came in record.predictions.values():
            self.counts['surplus'] += max(0, came - max(1, record.images))
        if not record.images and self.counts['sent']:
            self.counts['unmatched'] += 1
            return
        answered = record.answered
        if not record.images:
            answered = max(record.predictions.values()) if record.problem else 1
            self.counts['unseen'] += answered
        if record.problem:
            self.unscorable[record.problem] += answered
            return
        self.unscorable[REPEATED] += answered - 1
        self._complete_truth(frame)
        frame.sent_ns = record.sent_ns if record.images == 1 else None
        frame.thumbnail = thumbnail
        for kind, kept in self._doubts.items():
            if (values := kept.pop(record.stamp_ns, None)) is not None:
                frame.doubts[kind] = values
        self._ready.append(frame)

    def _complete_truth(self, frame: GatheredFrame) -> None:
        """Give a frame the nearest truth, or note that it goes without."""
        if frame.truth is None:
            rivals = [
                stamp_ns
                for stamp_ns, other in self._answered.items()
                if other.frame is not None and other.frame.truth is None and not other.problem
            ]
            frame.truth = self._truths.take_nearest(frame.stamp_ns, rivals)
        if frame.truth is None:
            _remember(self._without_truth, frame.stamp_ns, None)

    def _note_late(self, stamp_ns: int) -> None:
        """Count truth whose frame has gone out without it."""
        if not self._without_truth:
            return
        near_ns = min(self._without_truth, key=lambda other_ns: abs(other_ns - stamp_ns))
        distance_ns = abs(near_ns - stamp_ns)
        if distance_ns <= self._tolerance_ns and not any(
            abs(other_ns - stamp_ns) < distance_ns for other_ns in self._records
        ):
            del self._without_truth[near_ns]
            self.counts['late_truth'] += 1

    def _count_late(self, record: _Record, kind: OutputKind) -> None:
        before = record.answered
        record.predictions[kind] += 1
        answered = self._count_answered(record, before)
        if answered:
            self.unscorable[record.problem or REPEATED] += answered
        else:
            self.counts['late' if record.predictions[kind] == 1 else 'surplus'] += 1

    def _count_answered(self, record: _Record, before: int) -> int:
        answered = record.answered - before
        self.counts['received'] += answered
        self.counts['unstamped_received'] += answered if record.stamp_ns == 0 else 0
        return answered

    def _keep_thumbnail(self, record: _Record, thumbnail: UInt8Array | None) -> None:
        if thumbnail is not None:
            record.thumbnail = thumbnail
            self._thumbnails.append(record)
        if len(self._thumbnails) > _THUMBNAILS:
            self._thumbnails.popleft().thumbnail = None


def _remember(mapping: OrderedDict[int, V], stamp_ns: int, item: V) -> None:
    mapping[stamp_ns] = item
    mapping.move_to_end(stamp_ns)
    if len(mapping) > _STAMPS:
        mapping.popitem(last=False)
