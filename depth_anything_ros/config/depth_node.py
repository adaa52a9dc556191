"""Parameters of the depth node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from depth_anything_ros.colormap import PREVIEW_COLORMAPS
from depth_anything_ros.completion import CompletionConfig
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.messages import JPEG_QUALITY
from depth_anything_ros.motion import MOTION_TOPICS, MotionConfig
from depth_anything_ros.parameters import (
    IMAGE_TRANSPORTS,
    Affects,
    check_order,
    group,
    parameter,
)
from depth_anything_ros.references import ReferenceTopic
from depth_anything_ros.refinement import RefinementConfig
from depth_anything_ros.scale import ScaleConfig
from depth_anything_ros.types import ConfidenceSource, DepthChoice
from depth_anything_ros.uncertainty import UncertaintyConfig

# A million of them reach beyond all depth.
_SMALLEST_VOXEL_M = 0.001


@dataclass(frozen=True)
class DepthNodeConfig:
    """
    Parameters of `depth_node`, in groups that each room takes whole.

    A node knows them by their own names alone: see :func:`parameter_infos`.
    """

    network: NetworkOptions = group(NetworkOptions)
    warmup_width: int = parameter(
        640,
        'Image width the network is built and warmed up for before the first frame is accepted, '
        'and shared memory is made for at start.',
        unit='px',
        minimum=16,
        maximum=8192,
        affects=Affects.MODEL,
    )
    warmup_height: int = parameter(
        480,
        'Image height the network is built and warmed up for before the first frame is accepted, '
        'and shared memory is made for at start.',
        unit='px',
        minimum=16,
        maximum=8192,
        affects=Affects.MODEL,
    )
    autostart: bool = parameter(
        True,
        'Configure and activate at start; false waits for lifecycle transitions.',
        read_only=True,
    )
    image_transport: str = parameter(
        'raw',
        'How the image comes: raw is an Image on `image`; compressed a CompressedImage on the '
        'topic that `image` is remapped to with /compressed after it.',
        choices=IMAGE_TRANSPORTS,
        read_only=True,
    )
    image_reliability: str = parameter(
        'auto',
        'Reliability asked of the camera; auto asks for reliable and falls back to best_effort '
        'where the camera offers only that.',
        choices=('auto', 'reliable', 'best_effort'),
        read_only=True,
    )
    image_is_rectified: bool = parameter(
        True,
        'True uses the projection matrix P of camera_info; false uses K and the lens '
        'distortion D.',
        affects=Affects.FRAME,
    )
    scale: ScaleConfig = group(ScaleConfig)
    max_depth_m: float = parameter(
        20.0,
        'Metric depth beyond this is published as unknown.',
        unit='m',
        minimum=0.1,
        maximum=1000.0,
        affects=Affects.FRAME,
    )
    refinement: RefinementConfig = group(RefinementConfig)
    completion: CompletionConfig = group(CompletionConfig)
    uncertainty: UncertaintyConfig = group(UncertaintyConfig)
    depth_encoding: str = parameter(
        '32FC1',
        'Encoding of ~/depth/image_raw and ~/fused/image_raw: 32FC1 metres with NaN, or 16UC1 '
        'millimetres with 0 where unknown.',
        choices=('32FC1', '16UC1'),
        affects=Affects.FRAME,
    )
    sky_depth: str = parameter(
        'inf',
        'What ~/depth/image_raw says in 32FC1 where the network finds sky: inf, nothing is met '
        'there (REP 117); or nan, as where depth is unknown. 16UC1 says 0.',
        choices=('inf', 'nan'),
        affects=Affects.FRAME,
    )
    confidence: str = parameter(
        'model',
        'What ~/confidence/image_raw goes by: model, what the network tells of itself, as Depth '
        'Anything 3 and VGGT do; or flip, how well its depth agrees with that of the mirrored '
        'image, which takes twice the time of inference.',
        choices=tuple(source.value for source in ConfidenceSource),
        affects=Affects.FRAME,
    )
    cloud_from: str = parameter(
        'depth',
        'What ~/points, ~/scan and saved clouds are made of, and ~/sigma/image_raw is told of: '
        'depth, of the network alone; or fused, measured depth with its holes filled.',
        choices=tuple(choice.value for choice in DepthChoice),
        affects=Affects.FRAME,
    )
    predicted_camera: bool = parameter(
        False,
        'Where there is no camera_info, or it says that the camera is not calibrated, make '
        '~/points, ~/scan and saved clouds by the field of view that the network finds (Depth '
        'Anything 3, VGGT), and the metres of depth_anything_3_nested_giant_large; diagnostics '
        'tell it. No scale source goes by it.',
        affects=Affects.FRAME,
    )
    cloud_stride: int = parameter(
        1,
        'Every n-th pixel of each row and column becomes a point.',
        unit='px',
        minimum=1,
        maximum=64,
        affects=Affects.FRAME,
    )
    cloud_edge_jump: float = parameter(
        0.0,
        'Leave out of the cloud where inverse depth changes by more than this share of itself '
        'within 1/160 of the image width, beyond what the surroundings explain (flying pixels '
        'at edges); 0.02 is a start, 0 keeps all.',
        minimum=0.0,
        maximum=1.0,
        affects=Affects.FRAME,
    )
    cloud_max_hz: float = parameter(
        0.0,
        'Clouds a second on ~/points at most, by the stamps of the images; 0 is one for each '
        'image. The network keeps its rate.',
        unit='Hz',
        minimum=0.0,
        maximum=1000.0,
        affects=Affects.FRAME,
    )
    cloud_voxel_m: float = parameter(
        0.0,
        'Side of the cubes of which ~/points and saved clouds have one point each, the mean of '
        'those in it, with their mean colour; 0 keeps every point, in the order of the image. '
        f'0.05 is a start for Wi-Fi, {_SMALLEST_VOXEL_M} the least.',
        unit='m',
        minimum=0.0,
        maximum=10.0,
        affects=Affects.FRAME,
    )
    cloud_dir: str = parameter(
        '.',
        'Folder that ~/save_cloud writes PLY files into.',
        affects=Affects.FRAME,
    )
    scan_frame: str = parameter(
        '',
        "Frame of ~/scan, at the lens with x ahead and level; empty is the image's frame with "
        '_frame for _optical_frame.',
        affects=Affects.FRAME,
    )
    scan_min_height_m: float = parameter(
        -0.05,
        'Lowest height above the lens of what ~/scan shows.',
        unit='m',
        minimum=-10.0,
        maximum=10.0,
        affects=Affects.FRAME,
    )
    scan_max_height_m: float = parameter(
        0.2,
        'Highest height above the lens of what ~/scan shows.',
        unit='m',
        minimum=-10.0,
        maximum=10.0,
        affects=Affects.FRAME,
    )
    preview_colormap: str = parameter(
        'Spectral_r',
        'Colormap of ~/preview/image_raw.',
        choices=PREVIEW_COLORMAPS,
        affects=Affects.FRAME,
    )
    preview_jpeg_quality: int = parameter(
        JPEG_QUALITY,
        'Quality of the JPEG on ~/preview/image_raw/compressed; less is smaller.',
        minimum=1,
        maximum=100,
        affects=Affects.FRAME,
    )
    diagnostics_period_s: float = parameter(
        1.0,
        'Time between two messages on /diagnostics.',
        unit='s',
        minimum=0.1,
        maximum=60.0,
        read_only=True,
    )

    def topics(self) -> Iterator[tuple[ReferenceTopic, Any]]:
        """Return the topics of references to listen to, with the parameters of their intakes."""
        yield from self.scale.topics()
        yield from self.motion_topics()

    def motion_topics(self) -> Iterator[tuple[ReferenceTopic, MotionConfig]]:
        """Return those of them that tell how the camera moves, where anything goes by it."""
        motion = self.refinement.motion
        if self.refinement.temporal_smoothing_s or self.scale.follows_camera:
            yield from ((one, motion) for one in MOTION_TOPICS if one.needed(motion))

    def __post_init__(self) -> None:
        """
        Check what involves two parameters, or has a gap in its range.

        :raises ConfigError: if the range of heights is empty, a scale source goes by motion that
            nobody is to tell, or voxels are too small.
        """
        if 0.0 < self.cloud_voxel_m < _SMALLEST_VOXEL_M:
            raise ConfigError(
                f"parameter 'cloud_voxel_m': {self.cloud_voxel_m:g} is out of range; allowed: 0, "
                f'which keeps every point, or {_SMALLEST_VOXEL_M:g} … 10 m'
            )
        check_order(self, 'scan_min_height_m', 'scan_max_height_m')
        if self.scale.follows_camera and not self.refinement.motion.wanted:
            raise ConfigError(
                "parameter 'motion_source': off leaves the scale source motion without the motion "
                'of the camera; allowed with it: auto, odom, tf'
            )
