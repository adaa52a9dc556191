"""What is told of a frame in words and numbers, as diagnostic pairs have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import CameraError
from depth_anything_ros.result import DepthOrigin, DepthResult
from depth_anything_ros.stream.camera_words import view_deg
from depth_anything_ros.stream.certain_depth import certain_depth
from depth_anything_ros.types import DepthChoice, MetricDepth

# An error of inverse depth, dy, is one of z² · dy of depth, a share s one of z · s; shown where a
# small robot looks.
_SHOWN_AT_M = 2.0
# Of so many rows and columns one is looked at.
_STRIDE = 4


def alignment_section(result: DepthResult) -> dict[str, object]:
    """Return a frame's scale and shift as `~/scale` and `/diagnostics` name them; {} if none."""
    alignment = result.alignment
    if alignment is None:
        return {}
    field, of_depth = alignment.factors, alignment.kind.is_line_of_depth
    return {
        'state': result.scale_state.value if result.scale_state else '',
        'source': alignment.source,
        'scale': alignment.scale,
        'shift': alignment.shift,
        'points': alignment.points,
        'inlier_ratio': alignment.inlier_ratio,
        'residual': alignment.residual,
        'residual_cm_at_2m': 100.0 * alignment.residual * _SHOWN_AT_M ** (1 if of_depth else 2),
        **({'field_percent': 100.0 * field.mean_change} if field else {}),
        'age_s': alignment.age_s(result.frame.stamp_ns),
    }


def lens_section(result: DepthResult) -> dict[str, object]:
    """Return the field of view that the network predicts, where clouds go by it; {} if not."""
    camera = result.predicted_camera
    if camera is None:
        return {}
    across, down = view_deg(camera)
    return {'across_deg': across, 'down_deg': down, 'fx_px': camera.fx_px, 'fy_px': camera.fy_px}


def fused_section(result: DepthResult) -> dict[str, object]:
    """Return where the pixels of fused depth come from, as shares of the image; {} if none."""
    fused = result.fused
    if fused is None:
        return {}
    return {
        **{origin.name.lower(): fused.share(origin) for origin in DepthOrigin},
        'refused_pixels': fused.refused,
    }


def sigma_section(result: DepthResult, config: DepthNodeConfig) -> dict[str, float]:
    """
    Return how large the uncertainty of a frame is; {} if it was not asked for.

    `median_share` is its median as a share of depth, `left_out` the share of the depth that
    `max_sigma` and `ground_sigmas` leave out, where one is set and the camera known.
    """
    metric = result.depth_by(DepthChoice(config.cloud_from))
    if result.sigma is None or metric is None:
        return {}
    sigma, depth_m = (array[::_STRIDE, ::_STRIDE] for array in (result.sigma, metric.depth_m))
    shares = sigma / depth_m
    shares = shares[np.isfinite(shares)]
    if not len(shares):
        return {}
    left_out = _left_out(result, metric, config) if config.uncertainty.leaves_out else {}
    return {'median_share': float(np.median(shares)), **left_out}


def _left_out(
    result: DepthResult, metric: MetricDepth, config: DepthNodeConfig
) -> dict[str, float]:
    try:
        certain = certain_depth(result, config)
    except CameraError:  # told of the outputs that need it
        return {}
    known = np.isfinite(metric.depth_m)
    return {} if certain is None else {'left_out': 1.0 - float(np.mean(certain[known]))}


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
