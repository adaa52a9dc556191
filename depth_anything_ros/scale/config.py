"""The parameters of the scale: which sources there are, and what is asked of their fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from depth_anything_ros.parameters import (
    Affects,
    check_names,
    group_of_each,
    parameter,
    split_names,
)
from depth_anything_ros.references import ReferenceTopic
from depth_anything_ros.registry import Registry
from depth_anything_ros.scale.base import FollowsCamera, ScaleSource

C = TypeVar('C')

SCALE_SOURCES: Registry[type[ScaleSource]] = Registry(
    'scale source',
    {
        'fixed': 'depth_anything_ros.scale.fixed:FixedScale',
        'depth_image': 'depth_anything_ros.scale.depth_image:DepthImageScale',
        'laser_scan': 'depth_anything_ros.scale.laser_scan:LaserScanScale',
        'camera_height': 'depth_anything_ros.scale.camera_height:CameraHeightScale',
        'motion': 'depth_anything_ros.scale.motion:MotionScale',
    },
)


@dataclass(frozen=True)
class ScaleConfig:
    """
    Where metres come from, and how scale and shift go on over time.

    `sources` has the parameters of each source of the table by its name, of the class that the
    source declares.
    """

    scale_source: str = parameter(
        'none',
        'Where metres come from for a relative model: none, fixed (fixed_scale, fixed_shift), '
        'depth_image (topic `reference/depth`), laser_scan (topic `scan`), camera_height (the '
        'ground in the image) or motion (odometry or TF, see motion_source).',
        choices=('none',),
        names=SCALE_SOURCES,
        affects=Affects.SCALE,
    )
    scale_fallbacks: str = parameter(
        '',
        'Sources to fall back on, in order, for frames that scale_source has no scale for: names '
        'as above separated by commas. Not asked where scale_source is none.',
        affects=Affects.SCALE,
    )
    sources: Mapping[str, Any] = group_of_each(SCALE_SOURCES)
    smoothing_time_s: float = parameter(
        0.5,
        'Time constant of the Kalman filter of scale and shift; 0 takes every fit as it is.',
        unit='s',
        minimum=0.0,
        maximum=60.0,
        affects=Affects.SCALE,
    )
    alignment_expiry_s: float = parameter(
        2.0,
        'A scale is stale when the last good fit is older than this.',
        unit='s',
        minimum=0.0,
        maximum=3600.0,
        affects=Affects.SCALE,
    )
    stale_scale: str = parameter(
        'stop',
        'Whether metric depth stops while the scale is stale, or continues with a warning.',
        choices=('stop', 'continue'),
        affects=Affects.SCALE,
    )
    scale_gate: float = parameter(
        0.3,
        'Largest relative change of depth in the image, from 0.3 to 3 m, that one frame may '
        'bring; fits that ask for more are believed after 0.6 s of agreement and a pause of '
        'metric depth. 0 believes every fit.',
        minimum=0.0,
        maximum=100.0,
        affects=Affects.SCALE,
    )
    scale_field: bool = parameter(
        False,
        'Correct depth locally, smoothly over image and depth, by what scale and shift leave over '
        'at the points of the reference. For depth_image and laser_scan.',
        affects=Affects.SCALE,
    )
    align_by_confidence: bool = parameter(
        False,
        'Let points count by how sure the network is of them, least where it is least sure, when '
        'scale and shift are fitted; parameter `confidence` says what tells that.',
        affects=Affects.SCALE,
    )
    scene_cut_correlation: float = parameter(
        0.3,
        'Two images in a row that correlate less than this show another scene, and the scale '
        'starts afresh; -1 never.',
        minimum=-1.0,
        maximum=1.0,
        affects=Affects.SCALE,
    )

    def __post_init__(self) -> None:
        """
        Check what the table of sources decides.

        :raises ConfigError: if a fallback is not in it.
        """
        check_names(self, 'scale_fallbacks', tuple(SCALE_SOURCES))

    def of(self, kind: type[C]) -> C:
        """Return the parameters of the source that declares this class of them."""
        return next(own for own in self.sources.values() if isinstance(own, kind))

    def topics(self) -> Iterator[tuple[ReferenceTopic, Any]]:
        """Return the topics that the sources to ask listen to, with the source's parameters."""
        for name in self.names:
            own = self.sources[name]
            yield from ((one, own) for one in SCALE_SOURCES[name].references if one.needed(own))

    @property
    def follows_camera(self) -> bool:
        """Return whether a source to ask goes by how the camera moves."""
        return any(issubclass(SCALE_SOURCES[name], FollowsCamera) for name in self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all sources to ask, the preferred one first; () for none."""
        if self.scale_source == 'none':
            return ()
        names = (self.scale_source, *split_names(self.scale_fallbacks))
        return tuple(dict.fromkeys(names))
