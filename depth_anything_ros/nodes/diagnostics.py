"""The status of the depth node as diagnostic pairs, and the pairs as nested values again."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from depth_anything_ros.nodes.judgement import NodeState, judge
from depth_anything_ros.stream.run_statistics import Snapshot
from depth_anything_ros.stream.sections import (
    alignment_section,
    fused_section,
    key_values,
    lens_section,
)
from depth_anything_ros.types import ModelIdentity

Nested = dict[str, 'str | Nested']


def to_status(
    name: str, state: NodeState, snapshot: Snapshot, recent_s: float
) -> DiagnosticStatus:
    """Return the status of the depth node, ready to be published."""
    level, message = judge(state, snapshot, recent_s)
    status = DiagnosticStatus(level=level, name=name, message=message)
    status.hardware_id = state.model.name if state.model else ''
    status.values = [KeyValue(**pair) for pair in key_values(_sections(state, snapshot))]
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
        'image_ago_s': snapshot.image.ago_s,
        'stages_ms': snapshot.stages_ms,
        'last_error': snapshot.error.text,
        'model': identity_section(state.model) if state.model else {},
        'failure': state.failure,
        'loading': state.loading,
        'building': state.building,
        'long_work': state.long_work,
        'model_error': state.model_error,
        'cache_problem': state.cache_problem,
        'scale': alignment_section(state.last_result) if state.last_result else {},
        'fused': fused_section(state.last_result) if state.last_result else {},
        'sigma': state.sigma,
        'predicted_camera': lens_section(state.last_result) if state.last_result else {},
        'passed_over': state.passed_over,
        'refinement': state.refinement,
        'traps': '; '.join(state.traps),
        'no_metric_reason': state.no_metric_reason,
        'no_fused_reason': state.last_result.no_fused_reason if state.last_result else '',
        'no_sigma_reason': state.last_result.no_sigma_reason if state.last_result else '',
        'no_confidence_reason': state.last_result.no_confidence_reason
        if state.last_result
        else '',
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


def to_dict(status: DiagnosticStatus) -> Nested:
    """
    Return the pairs of a status nested by the dots in their keys; every value is a string.

    The inverse of `sections.key_values`: what one node writes, another reads by the same names.
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
