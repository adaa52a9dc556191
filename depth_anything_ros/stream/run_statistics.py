"""What the depth node counts and times since its activation."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import monotonic

from depth_anything_ros.evaluation.latency import percentiles

# Durations kept for the percentiles: more than five minutes at 30 Hz, and a bounded memory.
STAGE_HISTORY = 10_000
RATE_WINDOW_S = 5.0
# received = all the others, and the image at work and the one that waits, if any. Unwatched are
# those that came while nobody subscribed to an output.
FRAME_COUNTS = ('received', 'processed', 'dropped', 'rejected', 'unwatched')
REFERENCE_COUNTS = ('received', 'rejected')


@dataclass(frozen=True)
class Last:
    """The last event of a kind: what was told of it, and how long ago; None before the first."""

    text: str = ''
    ago_s: float | None = None

    def is_news(self, recent_s: float) -> bool:
        """Return whether it happened within that time."""
        return self.ago_s is not None and self.ago_s <= recent_s


@dataclass(frozen=True)
class Snapshot:
    """
    What :class:`RunStatistics` knew at one moment.

    `early` is of references that came before TF knew where their sensor is; it has happened no
    more once a reference was taken.
    """

    frames: Mapping[str, int]
    references: Mapping[str, int]
    early_references: int
    published: Mapping[str, int]
    rate_hz: float
    stages_ms: Mapping[str, Mapping[str, float | None]]
    image: Last
    error: Last
    reference_error: Last
    early: Last


@dataclass
class _Record:
    frames: Counter[str] = field(default_factory=lambda: _zeros(FRAME_COUNTS))
    references: Counter[str] = field(default_factory=lambda: _zeros(REFERENCE_COUNTS))
    early_references: int = 0
    published: Counter[str] = field(default_factory=Counter)
    processed_s: deque[float] = field(default_factory=deque)
    stages_ms: dict[str, deque[float]] = field(default_factory=dict)
    # Kind of event → what was told of the last one, and when.
    events: dict[str, tuple[str, float]] = field(default_factory=dict)


class RunStatistics:
    """
    Count frames and references, and keep stage times, since the last `reset`.

    Every method is thread-safe.

    :param clock: monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._record = _Record()

    def reset(self) -> None:
        """Start over, as on activation."""
        with self._lock:
            self._record = _Record()

    def count(self, name: str) -> None:
        """Count one frame as `received`, `dropped` or `unwatched`."""
        with self._lock:
            self._record.frames[name] += 1
            if name == 'received':
                self._note('image')

    def reject(self, error: str) -> None:
        """Count one frame as rejected and remember why."""
        with self._lock:
            self._record.frames['rejected'] += 1
            self._note('error', error)

    def reference(self, error: str = '') -> None:
        """Count one reference message, as rejected if there is an error."""
        with self._lock:
            self._record.references['received'] += 1
            if error:
                self._record.references['rejected'] += 1
                self._note('reference_error', error)
            else:
                self._record.events.pop('early', None)

    def early_reference(self, reason: str) -> None:
        """Count one reference message that came before TF knew where its sensor is."""
        with self._lock:
            self._record.early_references += 1
            self._note('early', reason)

    def processed(self, stages_ms: Mapping[str, float], outputs: Iterable[str]) -> None:
        """Count one frame as processed, with its stage durations and what was published."""
        with self._lock:
            record, now_s = self._record, self._clock()
            record.frames['processed'] += 1
            record.processed_s.append(now_s)
            while record.processed_s[0] < now_s - RATE_WINDOW_S:
                record.processed_s.popleft()
            self._add(stages_ms, outputs)

    def followed(self, stages_ms: Mapping[str, float], outputs: Iterable[str]) -> None:
        """Add what was published of a frame after it was processed, with the durations of that."""
        with self._lock:
            self._add(stages_ms, outputs)

    def snapshot(self) -> Snapshot:
        """Return all of it at this moment."""
        with self._lock:
            record, now_s = self._record, self._clock()
            recent_s = [time_s for time_s in record.processed_s if time_s >= now_s - RATE_WINDOW_S]
            stages_ms = {name: list(history) for name, history in record.stages_ms.items()}
            events = dict(record.events)
            frames, references = dict(record.frames), dict(record.references)
            early_references, published = record.early_references, dict(record.published)

        def last(kind: str) -> Last:
            text, at_s = events.get(kind, ('', None))
            return Last(text, None if at_s is None else now_s - at_s)

        # Sorting the durations takes a while: others count on meanwhile.
        return Snapshot(
            frames=frames,
            references=references,
            early_references=early_references,
            published=published,
            rate_hz=_rate_hz(recent_s),
            stages_ms={name: percentiles(values) for name, values in stages_ms.items()},
            image=last('image'),
            error=last('error'),
            reference_error=last('reference_error'),
            early=last('early'),
        )

    def _add(self, stages_ms: Mapping[str, float], outputs: Iterable[str]) -> None:
        self._record.published.update(outputs)
        for stage, duration_ms in stages_ms.items():
            history = self._record.stages_ms.setdefault(stage, deque(maxlen=STAGE_HISTORY))
            history.append(duration_ms)

    def _note(self, kind: str, text: str = '') -> None:
        self._record.events[kind] = text, self._clock()


def _zeros(names: Iterable[str]) -> Counter[str]:
    return Counter(dict.fromkeys(names, 0))


def _rate_hz(times_s: list[float]) -> float:
    span_s = times_s[-1] - times_s[0] if len(times_s) > 1 else 0.0
    return (len(times_s) - 1) / span_s if span_s > 0.0 else 0.0
