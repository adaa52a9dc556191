"""Parameters of the depth node."""

from __future__ import annotations

from dataclasses import dataclass

from depth_anything_ros.config.depth_unit import check_depth_unit
from depth_anything_ros.config.parameter import (
    check_names,
    check_order,
    check_pose,
    parameter,
    split_names,
)

SCALE_SOURCES = ('fixed', 'depth_image', 'laser_scan', 'camera_height')
# The last part of an image's topic, as image_transport names it; raw has none.
IMAGE_TRANSPORTS = ('raw', 'compressed')
DEPTH_TRANSPORTS = ('raw', 'compressedDepth', 'compressed')
PREVIEW_COLORMAPS = ('Spectral_r', 'viridis', 'plasma', 'magma', 'inferno', 'turbo')


@dataclass(frozen=True)
class DepthNodeConfig:
    """Parameters of `depth_node`."""

    model: str = parameter(
        'depth_anything_v2_vits',
        'Name of the model; `depth_anything_ros info` lists them.',
    )
    checkpoint: str = parameter(
        '',
        'Local .pth or .safetensors file of the model, which says itself whether it gives metres; '
        'empty downloads the published one into the Hugging Face cache on first use.',
    )
    weights: str = parameter(
        'pretrained',
        'Random weights are for timing only: the depth they give means nothing.',
        choices=('pretrained', 'random'),
    )
    backend: str = parameter(
        'auto',
        'Inference library: torch, openvino or onnxruntime; auto takes the fastest here.',
        choices=('auto', 'torch', 'openvino', 'onnxruntime'),
    )
    precision: str = parameter(
        'auto',
        'Number format to compute in; auto takes the fastest that the device computes natively.',
        choices=('auto', 'fp32', 'bf16', 'fp16'),
    )
    device: str = parameter(
        'auto',
        'Where to compute: auto, cpu, cuda or cuda:N.',
    )
    input_size: int = parameter(
        0,
        "Shorter side of the network input, a multiple of the model's patch (14; 16 with DINOv3; "
        '32 for tiny); smaller is faster and coarser; 0 takes what the model was trained at.',
        unit='px',
        minimum=0,
        maximum=2072,
    )
    threads: int = parameter(
        0,
        'CPU threads for inference; 0 leaves it to the library.',
        minimum=0,
        maximum=256,
    )
    cache_dir: str = parameter(
        '',
        'Folder for exported networks; empty is $XDG_CACHE_HOME/depth_anything_ros.',
    )
    cache_limit_gb: float = parameter(
        8.0,
        'What all exported networks together may take there, in 10⁹ bytes; those used longest ago '
        'go first. The one that runs is kept in any case.',
        unit='GB',
        minimum=0.0,
        maximum=1000.0,
    )
    warmup_width: int = parameter(
        640,
        'Image width the network is built and warmed up for before the first frame is accepted, '
        'and shared memory is made for at start.',
        unit='px',
        minimum=16,
        maximum=8192,
    )
    warmup_height: int = parameter(
        480,
        'Image height the network is built and warmed up for before the first frame is accepted, '
        'and shared memory is made for at start.',
        unit='px',
        minimum=16,
        maximum=8192,
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
    )
    scale_source: str = parameter(
        'none',
        'Where metres come from for a relative model: none, fixed (fixed_scale, fixed_shift), '
        'depth_image (topic `reference/depth`), laser_scan (topic `scan`) or camera_height (the '
        'ground in the image).',
        choices=('none', *SCALE_SOURCES),
    )
    scale_fallbacks: str = parameter(
        '',
        'Sources to fall back on, in order, for frames that scale_source has no scale for: names '
        'as above separated by commas. Not asked where scale_source is none.',
    )
    fixed_scale: float = parameter(
        1.0,
        'Scale of the fixed source: 1 / depth = scale · relative + shift.',
        unit='1/m',
        minimum=1e-9,
        maximum=1e9,
    )
    fixed_shift: float = parameter(
        0.0,
        'Shift of the fixed source: 1 / depth = scale · relative + shift.',
        unit='1/m',
        minimum=-100.0,
        maximum=100.0,
    )
    reference_min_depth_m: float = parameter(
        0.2,
        'Reference depth, or a scan point, nearer than this is ignored.',
        unit='m',
        minimum=0.01,
        maximum=100.0,
    )
    reference_max_depth_m: float = parameter(
        8.0,
        'Reference depth, or a scan point, farther than this is ignored.',
        unit='m',
        minimum=0.1,
        maximum=1000.0,
    )
    reference_max_offset_s: float = parameter(
        0.05,
        'Largest difference between the stamps of an image and of the reference used for it.',
        unit='s',
        minimum=0.0,
        maximum=10.0,
    )
    reference_transport: str = parameter(
        'raw',
        'How the reference depth comes: raw is an Image on `reference/depth`; compressedDepth, or '
        'compressed for plain 16-bit PNG, a CompressedImage on the topic that it is remapped to '
        'with the word after it.',
        choices=DEPTH_TRANSPORTS,
        read_only=True,
    )
    reference_depth_unit: str = parameter(
        'mm',
        'Step of a 16UC1 reference depth: mm, cm, 0.1mm, tum (5000/m), kitti (256/m), any other '
        'number of steps as `5000/m`, or metres as `0.0002`.',
    )
    reference_registration: str = parameter(
        'auto',
        'Whether reference depth is registered to the image: auto goes by the frame ids, and by '
        '`reference/camera_info` where one is empty; registered believes it, unregistered '
        'reprojects always.',
        choices=('auto', 'registered', 'unregistered'),
    )
    reference_pose: str = parameter(
        '',
        'Pose of the depth camera from the lens of the image, `x y z roll pitch yaw` in metres '
        "and radians along the cameras' body axes (x ahead along the optical axis, y left, z "
        'up), for depth that is not registered; empty takes it from TF.',
    )
    scan_max_offset_s: float = parameter(
        0.1,
        'Largest difference between the stamps of an image and of the scan used for it.',
        unit='s',
        minimum=0.0,
        maximum=10.0,
    )
    scan_with_ground: bool = parameter(
        False,
        'Whether laser_scan also goes by the ground in the image, where there is any: far closer '
        'with a network, if camera_height_m is right (an error of 5 % of it is one of 5 % of '
        'depth). The laser must lie level.',
    )
    laser_pose: str = parameter(
        '',
        'Pose of the laser from the lens of the image, `x y z roll pitch yaw` in metres and '
        "radians along the camera's body axes (x ahead along the optical axis, y left, z up); "
        'empty takes it from TF.',
    )
    camera_height_m: float = parameter(
        0.15,
        'Height of the lens above the ground, for camera_height, and for laser_scan with '
        'scan_with_ground.',
        unit='m',
        minimum=0.01,
        maximum=10.0,
    )
    camera_pitch_deg: float = parameter(
        0.0,
        'How far the camera looks down, for camera_height; with camera_tilt_source imu, on the '
        'body.',
        unit='°',
        minimum=-60.0,
        maximum=60.0,
    )
    camera_roll_deg: float = parameter(
        0.0,
        'How far the camera leans to the right, for camera_height; with camera_tilt_source imu, '
        'on the body.',
        unit='°',
        minimum=-60.0,
        maximum=60.0,
    )
    camera_tilt_source: str = parameter(
        'parameters',
        'Whether the body counts as level, or its tilt is taken from the gravity on topic `imu` '
        '(for ground that stays level while the body tilts, not for a robot on a ramp).',
        choices=('parameters', 'imu'),
    )
    smoothing_time_s: float = parameter(
        0.5,
        'Time constant of the Kalman filter of scale and shift; 0 takes every fit as it is.',
        unit='s',
        minimum=0.0,
        maximum=60.0,
    )
    alignment_expiry_s: float = parameter(
        2.0,
        'A scale is stale when the last good fit is older than this.',
        unit='s',
        minimum=0.0,
        maximum=3600.0,
    )
    stale_scale: str = parameter(
        'stop',
        'Whether metric depth stops while the scale is stale, or continues with a warning.',
        choices=('stop', 'continue'),
    )
    scale_gate: float = parameter(
        0.3,
        'Largest relative change of depth in the image, from 0.3 to 3 m, that one frame may '
        'bring; fits that ask for more are believed after 0.6 s of agreement and a pause of '
        'metric depth. 0 believes every fit.',
        minimum=0.0,
        maximum=100.0,
    )
    scene_cut_correlation: float = parameter(
        0.3,
        'Two images in a row that correlate less than this show another scene, and the scale '
        'starts afresh; -1 never.',
        minimum=-1.0,
        maximum=1.0,
    )
    max_depth_m: float = parameter(
        20.0,
        'Metric depth beyond this is published as unknown.',
        unit='m',
        minimum=0.1,
        maximum=1000.0,
    )
    flip_augmentation: bool = parameter(
        False,
        'Run the network on the mirrored image too and average; twice the time of inference.',
    )
    edge_filter_px: int = parameter(
        0,
        'Radius of the guided filter that brings edges of the depth to edges of the image; 6 is '
        'a start for 640x480, 0 is off.',
        unit='px',
        minimum=0,
        maximum=64,
    )
    temporal_smoothing_s: float = parameter(
        0.0,
        'Time constant of the filter of metric depth over time, pixel by pixel where image and '
        'depth stay alike; depth lags by up to as much. 0.3 is a start, 0 is off.',
        unit='s',
        minimum=0.0,
        maximum=10.0,
    )
    depth_encoding: str = parameter(
        '32FC1',
        'Encoding of ~/depth/image_raw: 32FC1 metres with NaN, or 16UC1 millimetres with 0 '
        'where unknown.',
        choices=('32FC1', '16UC1'),
    )
    cloud_stride: int = parameter(
        1,
        'Every how manieth pixel of each row and column becomes a point.',
        unit='px',
        minimum=1,
        maximum=64,
    )
    cloud_edge_jump: float = parameter(
        0.0,
        'Leave out of the cloud where inverse depth changes by more than this share of itself '
        'within 1/160 of the image width, beyond what the surroundings explain (flying pixels '
        'at edges); 0.02 is a start, 0 keeps all.',
        minimum=0.0,
        maximum=1.0,
    )
    cloud_dir: str = parameter(
        '.',
        'Folder that ~/save_cloud writes PLY files into.',
    )
    scan_frame: str = parameter(
        '',
        "Frame of ~/scan, at the lens with x ahead and level; empty is the image's frame with "
        '_frame for _optical_frame.',
    )
    scan_min_height_m: float = parameter(
        -0.05,
        'Lowest height above the lens of what ~/scan shows.',
        unit='m',
        minimum=-10.0,
        maximum=10.0,
    )
    scan_max_height_m: float = parameter(
        0.2,
        'Highest height above the lens of what ~/scan shows.',
        unit='m',
        minimum=-10.0,
        maximum=10.0,
    )
    preview_colormap: str = parameter(
        'Spectral_r',
        'Colormap of ~/preview/image_raw.',
        choices=PREVIEW_COLORMAPS,
    )
    diagnostics_period_s: float = parameter(
        1.0,
        'Time between two messages on /diagnostics.',
        unit='s',
        minimum=0.1,
        maximum=60.0,
        read_only=True,
    )

    def __post_init__(self) -> None:
        """
        Check what involves two parameters.

        :raises ConfigError: if a range is empty, a fallback or unit unknown, or a pose not six
            numbers.
        """
        check_order(self, 'reference_min_depth_m', 'reference_max_depth_m')
        check_order(self, 'scan_min_height_m', 'scan_max_height_m')
        check_names(self, 'scale_fallbacks', SCALE_SOURCES)
        check_depth_unit(self, 'reference_depth_unit')
        check_pose(self, 'reference_pose')
        check_pose(self, 'laser_pose')

    @property
    def scale_sources(self) -> tuple[str, ...]:
        """Return the names of all scale sources, the preferred one first; () for none."""
        if self.scale_source == 'none':
            return ()
        names = (self.scale_source, *split_names(self.scale_fallbacks))
        return tuple(dict.fromkeys(names))
