"""The status of the depth node as diagnostic pairs, and the pairs as nested values again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from depth_anything_ros.nodes.judgement import NodeState, judge
from depth_anything_ros.nodes.run_statistics import Snapshot
from depth_anything_ros.types import DepthResult, ModelIdentity

# An error of inverse depth, dy, is one of z² · dy of depth; shown where a small robot looks.
_SHOWN_AT_M = 2.0

Nested = dict[str, 'str | Nested']


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
            'last_error': snapshot.reference_error.text,
        },
        'published': snapshot.published,
        'rate_hz': snapshot.rate_hz,
        'stages_ms': snapshot.stages_ms,
        'last_error': snapshot.error.text,
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


def _flat(sections: Mapping[str, object], prefix: str = '') -> Iterator[tuple[str, str]]:
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
