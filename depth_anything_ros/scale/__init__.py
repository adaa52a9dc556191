"""Scale sources: where the metres of a relative model come from."""

from __future__ import annotations

from typing import TypeVar

from depth_anything_ros.scale.base import AlignmentSource, FollowsCamera, ScaleSource
from depth_anything_ros.scale.config import SCALE_SOURCES, ScaleConfig
from depth_anything_ros.scale.priority import PrioritySources
from depth_anything_ros.scale.scene_cut import SceneCutDetector
from depth_anything_ros.scale.smoothing import AlignmentTracker

__all__ = [
    'SCALE_SOURCES',
    'AlignmentSource',
    'AlignmentTracker',
    'FollowsCamera',
    'PrioritySources',
    'ScaleConfig',
    'ScaleSource',
    'SceneCutDetector',
    'create_scale_source',
    'create_scene_cut',
    'create_tracker',
    'find_source',
]

T = TypeVar('T')


def create_scale_source(config: ScaleConfig) -> AlignmentSource | None:
    """
    Return the scale source that the parameters name, or None for 'none'.

    :return: with `scale_fallbacks`, all of them by priority.
    :raises UnknownNameError: if there is no source of that name.
    """
    sources = [SCALE_SOURCES[name].from_config(config.sources[name]) for name in config.names]
    if not sources:
        return None
    return sources[0] if len(sources) == 1 else PrioritySources(sources)


def create_tracker(config: ScaleConfig) -> AlignmentTracker:
    """Return what smooths, guards and lets expire, as the parameters describe it."""
    return AlignmentTracker(
        config.smoothing_time_s,
        config.alignment_expiry_s,
        config.scale_gate,
        keep_stale=config.stale_scale == 'continue',
        with_field=config.scale_field,
    )


def create_scene_cut(config: ScaleConfig) -> SceneCutDetector:
    """Return what tells cuts of the scene, as the parameters describe it."""
    return SceneCutDetector(config.scene_cut_correlation)


def find_source(source: object, kind: type[T]) -> T | None:
    """Return the scale source of a kind, alone or among several, or None."""
    among = source.sources if isinstance(source, PrioritySources) else (source,)
    return next((one for one in among if isinstance(one, kind)), None)
