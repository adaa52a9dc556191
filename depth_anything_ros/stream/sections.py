"""What is told of a frame in words and numbers, as diagnostic pairs have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from depth_anything_ros.types import DepthOrigin, DepthResult

# An error of inverse depth, dy, is one of z² · dy of depth; shown where a small robot looks.
_SHOWN_AT_M = 2.0


def alignment_section(result: DepthResult) -> dict[str, object]:
    """Return a frame's scale and shift as `~/scale` and `/diagnostics` name them; {} if none."""
    alignment = result.alignment
    if alignment is None:
        return {}
    field = alignment.factors
    return {
        'state': result.scale_state.value if result.scale_state else '',
        'source': alignment.source,
        'scale': alignment.scale,
        'shift': alignment.shift,
        'points': alignment.points,
        'inlier_ratio': alignment.inlier_ratio,
        'residual': alignment.residual,
        'residual_cm_at_2m': 100.0 * alignment.residual * _SHOWN_AT_M**2,
        **({'field_percent': 100.0 * field.mean_change} if field else {}),
        'age_s': alignment.age_s(result.frame.stamp_ns),
    }


def fused_section(result: DepthResult) -> dict[str, object]:
    """Return where the pixels of fused depth come from, as shares of the image; {} if none."""
    fused = result.fused
    if fused is None:
        return {}
    return {
        **{origin.name.lower(): fused.share(origin) for origin in DepthOrigin},
        'refused_pixels': fused.refused,
    }


def key_values(sections: Mapping[str, object]) -> list[dict[str, str]]:
    """
    Return nested values as the fields of diagnostic_msgs/KeyValue, key and value.

    The key 'a.b' holds member b of a.
    """
    return [{'key': key, 'value': value} for key, value in _flat(sections)]


def _flat(sections: Mapping[str, object], prefix: str = '') -> Iterator[tuple[str, str]]:
    for key, value in sections.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f'{prefix}{key}.')
        elif isinstance(value, float):
            yield prefix + key, f'{value:.6g}'
        else:
            yield prefix + key, '' if value is None else str(value)
