"""What the depth node counts and reports, and how a reader gets it back."""

from __future__ import annotations

import math
import re
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from depth_anything_ros.errors import MessageError
from depth_anything_ros.evaluation.latency import PERCENTILES, percentiles
from depth_anything_ros.types import DepthResult, ModelIdentity, ScaleState

# Durations kept for the percentiles: more than five minutes at 30 Hz, and a bounded memory.
STAGE_HISTORY = 10_000
RATE_WINDOW_S = 5.0
# received = all the others, and the image at work and the one that waits, if any. Unwatched are
# those that came while nobody subscribed to an output.
FRAME_COUNTS = ('received', 'processed', 'dropped', 'rejected', 'unwatched')
# An error of inverse depth, dy, is one of z² · dy of depth; shown where a small robot looks.
_SHOWN_AT_M = 2.0
# What is read of other nodes' messages, which anybody may publish.
_MOST_STAGES = 100
_SIZE = re.compile('[0-9]{1,6}x[0-9]{1,6}')
REFERENCE_COUNTS = ('received', 'rejected')

Nested = dict[str, 'str | Nested']


class RunStatistics:
    """
    Count frames and keep stage times since the last `reset`; every method is thread-safe.

    :param clock: monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Start over, as on activation."""
        with self._lock:
            self._frames: Counter[str] = Counter(dict.fromkeys(FRAME_COUNTS, 0))
            self._published: Counter[str] = Counter()
            self._references: Counter[str] = Counter(dict.fromkeys(REFERENCE_COUNTS, 0))
            self._reference_error = ''
            self._reference_error_s: float | None = None
            self._early_references = 0
            self._early_reason = ''
            self._early_s: float | None = None
            self._stages_ms: dict[str, deque[float]] = {}
            self._processed_s: deque[float] = deque()
            self._last_received_s: float | None = None
            self._last_error = ''
            self._last_error_s: float | None = None

    def count(self, name: str) -> None:
        """Count one frame as `received`, `dropped` or `unwatched`."""
        with self._lock:
            self._frames[name] += 1
            if name == 'received':
                self._last_received_s = self._clock()

    def reject(self, error: str) -> None:
        """Count one frame as rejected and remember why."""
        with self._lock:
            self._frames['rejected'] += 1
            self._last_error = error
            self._last_error_s = self._clock()

    def reference(self, error: str = '') -> None:
        """Count one reference message, as rejected if there is an error."""
        with self._lock:
            self._references['received'] += 1
            if error:
                self._references['rejected'] += 1
                self._reference_error = error
                self._reference_error_s = self._clock()
            else:
                self._early_s = None

    def early_reference(self, reason: str) -> None:
        """Count one reference message that came before TF knew where its sensor is."""
        with self._lock:
            self._early_references += 1
            self._early_reason = reason
            self._early_s = self._clock()

    def processed(self, stages_ms: Mapping[str, float], outputs: Iterable[str]) -> None:
        """Count one frame as processed, with its stage durations and what was published."""
        with self._lock:
            now_s = self._clock()
            self._frames['processed'] += 1
            self._published.update(outputs)
            self._processed_s.append(now_s)
            while self._processed_s[0] < now_s - RATE_WINDOW_S:
                self._processed_s.popleft()
            for stage, duration_ms in stages_ms.items():
                history = self._stages_ms.setdefault(stage, deque(maxlen=STAGE_HISTORY))
                history.append(duration_ms)

    def snapshot(self) -> Snapshot:
        """Return all of it at this moment."""
        with self._lock:
            now_s = self._clock()
            recent = [time_s for time_s in self._processed_s if time_s >= now_s - RATE_WINDOW_S]
            stages_ms = {name: list(history) for name, history in self._stages_ms.items()}
            frames, published = dict(self._frames), dict(self._published)
            received_s, error_s = self._last_received_s, self._last_error_s
            last_error = self._last_error
            references, reference_error = dict(self._references), self._reference_error
            reference_error_s = self._reference_error_s
            early_references, early_reason = self._early_references, self._early_reason
            early_s = self._early_s
        span_s = recent[-1] - recent[0] if len(recent) > 1 else 0.0
        return Snapshot(
            frames=frames,
            published=published,
            rate_hz=(len(recent) - 1) / span_s if span_s > 0.0 else 0.0,
            stages_ms={name: percentiles(values) for name, values in stages_ms.items()},
            since_received_s=None if received_s is None else now_s - received_s,
            last_error=last_error,
            since_error_s=None if error_s is None else now_s - error_s,
            references=references,
            reference_error=reference_error,
            since_reference_error_s=(
                None if reference_error_s is None else now_s - reference_error_s
            ),
            early_references=early_references,
            early_reason=early_reason,
            since_early_s=None if early_s is None else now_s - early_s,
        )


@dataclass(frozen=True)
class Snapshot:
    """Hold what :class:`RunStatistics` knew at one moment; durations are None before the first."""

    frames: Mapping[str, int]
    published: Mapping[str, int]
    rate_hz: float
    stages_ms: Mapping[str, Mapping[str, float | None]]
    since_received_s: float | None
    last_error: str
    since_error_s: float | None
    references: Mapping[str, int]
    reference_error: str
    since_reference_error_s: float | None
    early_references: int
    early_reason: str
    since_early_s: float | None


@dataclass(frozen=True)
class NodeState:
    """
    Hold what the depth node is and lacks at one moment, for one diagnostic status.

    An empty reason means that nothing is wrong; `watched` tells whether anybody subscribes,
    `image_hint` why no image may come.
    `building` is the size of images whose network is being built;
    `failure` is why the last lifecycle transition failed, `model_error` why a new network was
    not taken and the running one kept, `passed_over` why preferred scale sources had no scale,
    `no_camera_reason` why the camera gives no `no_camera_outputs`, `cache_problem` why the export
    of the network is not kept for the next start;
    `traps` are faults of the set-up that make results wrong.
    """

    lifecycle: str
    image_topic: str
    model: ModelIdentity | None = None
    failure: str = ''
    model_error: str = ''
    loading: str = ''
    building: str = ''
    watched: bool = False
    no_camera_reason: str = ''
    no_camera_outputs: tuple[str, ...] = ()
    last_result: DepthResult | None = None
    passed_over: str = ''
    traps: tuple[str, ...] = ()
    image_hint: str = ''
    cache_problem: str = ''

    @property
    def no_metric_reason(self) -> str:
        """Return why the last frame has no metric depth, or ''."""
        return self.last_result.no_metric_reason if self.last_result else ''


def judge(state: NodeState, snapshot: Snapshot, recent_s: float) -> tuple[bytes, str]:
    """
    Return the diagnostic level and a message that lists all that is wrong.

    :param recent_s: how long an error, or the absence of images, is news.
    """
    problems = list(_problems(state, snapshot, recent_s))
    if state.failure:
        return DiagnosticStatus.ERROR, '; '.join(problems)
    if problems:
        return DiagnosticStatus.WARN, '; '.join(problems)
    return DiagnosticStatus.OK, state.lifecycle


def _problems(state: NodeState, snapshot: Snapshot, recent_s: float) -> Iterable[str]:
    if state.failure:
        yield state.failure
    if state.model_error and state.model is not None:
        yield f'kept {state.model.name}: {state.model_error}'
    if state.lifecycle != 'active':
        busy = f', loading {state.loading}' if state.loading else ''
        yield f'not active but {state.lifecycle}{busy}'
        return
    if state.building:
        yield f'building the network for images of {state.building}, which wait for it'
    hint = f': {state.image_hint}' if state.image_hint else ''
    if snapshot.since_received_s is None:
        yield f'no images yet on {state.image_topic}{hint}'
    elif snapshot.since_received_s > recent_s:
        yield f'no images on {state.image_topic} for {snapshot.since_received_s:.0f} s{hint}'
    if snapshot.since_error_s is not None and snapshot.since_error_s <= recent_s:
        yield f'last frame rejected: {snapshot.last_error}'
    since_s = snapshot.since_reference_error_s
    if since_s is not None and since_s <= recent_s:
        yield f'last reference rejected: {snapshot.reference_error}'
    if snapshot.since_early_s is not None and snapshot.since_early_s <= recent_s:
        yield f'reference waits for TF: {snapshot.early_reason}'
    if snapshot.frames['processed']:
        if state.no_camera_reason:
            yield f'no {" or ".join(state.no_camera_outputs)}: {state.no_camera_reason}'
        if state.no_metric_reason:
            yield f'no metric depth: {state.no_metric_reason}'
        result = state.last_result
        if result is not None and result.scale_state is ScaleState.STALE:
            yield f'stale scale: {result.no_fit_reason}'
        if state.passed_over:
            yield f'scale from a fallback: {state.passed_over}'
    yield from state.traps
    if state.model is not None and state.model.weights == 'random':
        yield 'random weights: the depth means nothing'


def to_status(
    name: str, state: NodeState, snapshot: Snapshot, recent_s: float
) -> DiagnosticStatus:
    """Return the status of the depth node, ready to be published."""
    level, message = judge(state, snapshot, recent_s)
    status = DiagnosticStatus(level=level, name=name, message=message)
    status.hardware_id = state.model.name if state.model else ''
    status.values = key_values(_sections(state, snapshot))
    return status


def _sections(state: NodeState, snapshot: Snapshot) -> dict[str, object]:
    return {
        'state': state.lifecycle,
        'watched': state.watched,
        'frames': snapshot.frames,
        'references': {
            **snapshot.references,
            'early': snapshot.early_references,
            'last_error': snapshot.reference_error,
        },
        'published': snapshot.published,
        'rate_hz': snapshot.rate_hz,
        'stages_ms': snapshot.stages_ms,
        'last_error': snapshot.last_error,
        'model': identity_section(state.model) if state.model else {},
        'failure': state.failure,
        'loading': state.loading,
        'building': state.building,
        'model_error': state.model_error,
        'cache_problem': state.cache_problem,
        'scale': alignment_section(state.last_result) if state.last_result else {},
        'passed_over': state.passed_over,
        'traps': '; '.join(state.traps),
        'no_metric_reason': state.no_metric_reason,
        'no_fit_reason': state.last_result.no_fit_reason if state.last_result else '',
        'no_camera_reason': state.no_camera_reason,
    }


def identity_section(model: ModelIdentity) -> dict[str, object]:
    """Return the network's identity under the key names of reports."""
    height, width = model.input_size
    return {
        'name': model.name,
        'weights': model.weights,
        'sha256': model.sha256,
        'backend': model.backend,
        'precision': model.precision,
        'device': model.device,
        'input_size': f'{height}x{width}',
        'licence': model.licence,
        'integers': model.integers,
        'output': model.output,
    }


def alignment_section(result: DepthResult) -> dict[str, object]:
    """Return a frame's scale and shift as `~/scale` and `/diagnostics` name them; {} if none."""
    alignment = result.alignment
    if alignment is None:
        return {}
    return {
        'state': result.scale_state.value if result.scale_state else '',
        'source': alignment.source,
        'scale': alignment.scale,
        'shift': alignment.shift,
        'points': alignment.points,
        'inlier_ratio': alignment.inlier_ratio,
        'residual': alignment.residual,
        'residual_cm_at_2m': 100.0 * alignment.residual * _SHOWN_AT_M**2,
        'age_s': alignment.age_s(result.frame.stamp_ns),
    }


def key_values(sections: Mapping[str, object]) -> list[KeyValue]:
    """Return nested values as diagnostic pairs; the key 'a.b' holds member b of a."""
    return [KeyValue(key=key, value=value) for key, value in _flat(sections)]


def _flat(sections: Mapping[str, object], prefix: str = '') -> Iterable[tuple[str, str]]:
    for key, value in sections.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f'{prefix}{key}.')
        elif isinstance(value, float):
            yield prefix + key, f'{value:.6g}'
        else:
            yield prefix + key, '' if value is None else str(value)


def to_dict(status: DiagnosticStatus) -> Nested:
    """
    Return the pairs of a status nested by the dots in their keys; every value is a string.

    The inverse of :func:`key_values`: what one node writes, another reads by the same names.
    """
    nested: Nested = {}
    for pair in status.values:
        *sections, name = pair.key.split('.')
        place = nested
        for section in sections:
            inner = place.setdefault(section, {})
            if isinstance(inner, dict):
                place = inner
        place[name] = pair.value
    return nested


@dataclass(frozen=True)
class NodeReport:
    """Hold what a reader of `/diagnostics` needs for a report on a depth node."""

    model: ModelIdentity | None
    stages_ms: Mapping[str, Mapping[str, float | None]]
    rejected: int
    received: int


def read_report(nested: Nested) -> NodeReport:
    """
    Return the report that :func:`to_status` wrote, from what :func:`to_dict` made of it.

    :raises MessageError: if a number is none, or there are more stages than a node has.
    """
    stages = _section(nested.get('stages_ms'))
    if len(stages) > _MOST_STAGES:
        raise MessageError(f'stages_ms has {len(stages)} stages; {_MOST_STAGES} at most')
    stages_ms = {
        stage: {
            name: _number(f'stages_ms.{stage}.{name}', _section(values).get(name))
            for name in PERCENTILES
        }
        for stage, values in stages.items()
    }
    frames = _section(nested.get('frames'))
    rejected, received = (
        int(_number(f'frames.{name}', frames.get(name)) or 0) for name in ('rejected', 'received')
    )
    return NodeReport(_identity(_section(nested.get('model'))), stages_ms, rejected, received)


def _identity(section: Nested) -> ModelIdentity | None:
    if 'name' not in section:
        return None
    fields = {name: section.get(name, '') for name in ModelIdentity.__dataclass_fields__}
    for name, value in fields.items():
        if not isinstance(value, str):
            raise MessageError(f'model.{name} is a section; a text is allowed')
    size = str(fields.pop('input_size'))
    if not _SIZE.fullmatch(size):
        raise MessageError(f"model.input_size is '{size[:40]}'; HEIGHTxWIDTH is allowed")
    height, width = map(int, size.split('x'))
    texts = {name: str(value) for name, value in fields.items()}
    return ModelIdentity(**texts, input_size=(height, width))


def _section(value: str | Nested | None) -> Nested:
    return value if isinstance(value, dict) else {}


def _number(name: str, value: str | Nested | None) -> float | None:
    """Return a duration or a count, or None where the node had none to tell."""
    if value is None or value == '':
        return None
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        number = math.nan
    if not 0.0 <= number < math.inf:
        shown = value[:40] if isinstance(value, str) else 'a section'
        raise MessageError(f"{name} is '{shown}'; a number of at least 0 is allowed")
    return number
