"""Scale sources: where the metres of a relative model come from."""

from __future__ import annotations

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.registry import Registry
from depth_anything_ros.scale.base import ScaleSource
from depth_anything_ros.scale.smoothing import AlignmentTracker

__all__ = ['SCALE_SOURCES', 'AlignmentTracker', 'ScaleSource', 'create_scale_source']

SCALE_SOURCES: Registry[type[ScaleSource]] = Registry(
    'scale source',
    {
        'fixed': 'depth_anything_ros.scale.fixed:FixedScale',
        'depth_image': 'depth_anything_ros.scale.depth_image:DepthImageScale',
        'laser_scan': 'depth_anything_ros.scale.laser_scan:LaserScanScale',
        'camera_height': 'depth_anything_ros.scale.camera_height:CameraHeightScale',
    },
)


def create_scale_source(config: DepthNodeConfig) -> ScaleSource | None:
    """
    Return the scale source that the parameters name, or None for 'none'.

    :raises UnknownNameError: if there is no source of that name.
    """
    if config.scale_source == 'none':
        return None
    return SCALE_SOURCES[config.scale_source].from_config(config)
