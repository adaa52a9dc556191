"""The messages of the depth node: what each topic carries of a frame, and how it is encoded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter_ns
from typing import Any, TypeAlias

import numpy as np

from depth_anything_ros.colormap import apply_colormap
from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import CameraError
from depth_anything_ros.geometry.depth_scan import level_frame, scan_of_depth
from depth_anything_ros.geometry.metric_depth import inverse_depth, limit_to
from depth_anything_ros.geometry.point_cloud import build_point_cloud
from depth_anything_ros.geometry.voxels import thin_by_voxels
from depth_anything_ros.messages import (
    LIVE_PNG_LEVEL,
    compressed_depth_fields,
    compressed_fields,
    depth_image_fields,
    image_fields,
    laser_scan_fields,
    point_cloud_fields,
)
from depth_anything_ros.result import DepthResult, PointCloud
from depth_anything_ros.scale.camera_height import CameraHeightConfig
from depth_anything_ros.stream.certain_depth import certain_depth
from depth_anything_ros.stream.sections import alignment_section, key_values
from depth_anything_ros.types import (
    DepthChoice,
    Float32Array,
    MetricDepth,
    ScaleState,
    UInt8Array,
)

RELATIVE = '~/relative/image_raw'
DEPTH = '~/depth/image_raw'
CAMERA_INFO = '~/depth/camera_info'
FUSED = '~/fused/image_raw'
FUSED_SOURCE = '~/fused/source'
FUSED_INFO = '~/fused/camera_info'
SIGMA = '~/sigma/image_raw'
CONFIDENCE = '~/confidence/image_raw'
POINTS = '~/points'
PREVIEW = '~/preview/image_raw'
# As image_transport names them.
COMPRESSED_DEPTH = f'{DEPTH}/compressedDepth'
COMPRESSED_FUSED = f'{FUSED}/compressedDepth'
COMPRESSED_PREVIEW = f'{PREVIEW}/compressed'
SCAN = '~/scan'
SCALE = '~/scale'

# Nearer than this, ~/scan shows nothing.
SCAN_NEAREST_M = 0.05

# Levels of diagnostic_msgs/DiagnosticStatus.
OK, WARN, ERROR = 0, 1, 2

Fields = Mapping[str, Any]
# Makes the message of a type, as 'sensor_msgs/msg/Image', from its fields: numbers, texts, arrays
# of numpy, messages, and mappings of fields in the place of messages.
Factory = Callable[[str, Fields], Any]

_IMAGE, _COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
_INFO = 'sensor_msgs/msg/CameraInfo'


@dataclass(frozen=True)
class Finished:
    """
    A frame that is done, to be published.

    `header` is the image's; `camera_info` is under it too, or None where it does not fit.
    """

    result: DepthResult
    header: Any
    camera_info: Any
    config: DepthNodeConfig


# Returns the message of a frame, or None where the frame has nothing for the topic; raises
# CameraError where the camera gives none.
Encode: TypeAlias = Callable[[Finished, Factory], Any]


@dataclass(frozen=True)
class Output:
    """
    What a topic carries.

    The time of `encode` counts to `stage`.
    """

    type_name: str
    encode: Encode
    stage: str = 'encode'


@dataclass(frozen=True)
class Published:
    """
    Which outputs went out for a frame, and which were wanted and could not be made.

    `failures` says why the camera gives no point cloud or no scan, where that was found out only
    now: topic → reason.
    """

    topics: tuple[str, ...]
    missing: tuple[str, ...]
    failures: Mapping[str, str] = field(default_factory=dict)


def _relative(frame: Finished, make: Factory) -> Any:
    relative = frame.result.relative
    if relative is None:
        return None
    return make(_IMAGE, {'header': frame.header, **image_fields(relative.values, '32FC1')})


def _told_depth(frame: Finished) -> Float32Array | None:
    """Return metric depth as it is published, +Inf in the sky where that is asked for."""
    metric, sky = frame.result.metric, frame.result.sky
    if metric is not None and sky is not None and frame.config.sky_depth == 'inf':
        return np.where(sky, np.float32(np.inf), metric.depth_m)
    return None if metric is None else metric.depth_m


def _fused_depth(frame: Finished) -> Float32Array | None:
    return None if frame.result.fused is None else frame.result.fused.depth_m


def _depth_output(
    type_name: str,
    depth_of: Callable[[Finished], Float32Array | None],
    fields_of: Callable[[Float32Array, str], dict[str, Any]],
    stage: str = 'encode',
) -> Output:
    """Return an output of depth; `fields_of` is given it in metres and its encoding."""

    def encode(frame: Finished, make: Factory) -> Any:
        depth_m = depth_of(frame)
        if depth_m is None:
            return None
        fields = fields_of(depth_m, frame.config.depth_encoding)
        return make(type_name, {'header': frame.header, **fields})

    return Output(type_name, encode, stage)


def _camera_info(frame: Finished, _: Factory) -> Any:
    return None if frame.result.metric is None else frame.camera_info


def _fused_source(frame: Finished, make: Factory) -> Any:
    fused = frame.result.fused
    if fused is None:
        return None
    return make(_IMAGE, {'header': frame.header, **image_fields(fused.origin, 'mono8')})


def _fused_info(frame: Finished, _: Factory) -> Any:
    return None if frame.result.fused is None else frame.camera_info


def _sigma(frame: Finished, make: Factory) -> Any:
    sigma = frame.result.sigma
    if sigma is None:
        return None
    return make(_IMAGE, {'header': frame.header, **image_fields(sigma, '32FC1')})


def _confidence(frame: Finished, make: Factory) -> Any:
    confidence = frame.result.confidence
    if confidence is None:
        return None
    return make(_IMAGE, {'header': frame.header, **image_fields(confidence, '32FC1')})


def depth_of_clouds(result: DepthResult, config: DepthNodeConfig) -> MetricDepth | None:
    """
    Return the depth that clouds are made of, by `cloud_from`, without what is too uncertain.

    :raises CameraError: if what may be the ground is left out, and the camera is not known.
    """
    metric = _depth_by(result, config)
    if metric is None or not config.uncertainty.leaves_out:
        return metric
    certain = certain_depth(result, config)
    return None if certain is None else limit_to(metric, certain)


def _depth_by(result: DepthResult, config: DepthNodeConfig) -> MetricDepth | None:
    return result.depth_by(DepthChoice(config.cloud_from))


def cloud_of(result: DepthResult, config: DepthNodeConfig) -> PointCloud | None:
    """
    Return the cloud of a frame, or None where it has no depth that `cloud_from` names.

    :raises CameraError: if the camera gives none.
    """
    metric = depth_of_clouds(result, config)
    if metric is None:
        return None
    cloud = build_point_cloud(
        metric, result.frame.rgb, result.camera, config.cloud_stride, config.cloud_edge_jump
    )
    return thin_by_voxels(cloud, config.cloud_voxel_m) if config.cloud_voxel_m else cloud


def _points(frame: Finished, make: Factory) -> Any:
    cloud = None if frame.result.camera is None else cloud_of(frame.result, frame.config)
    if cloud is None:
        return None
    fields = point_cloud_fields(cloud)
    return make('sensor_msgs/msg/PointCloud2', {'header': frame.header, **fields})


def _coloured(frame: Finished) -> UInt8Array | None:
    shown = frame.result.relative or frame.result.metric
    if shown is None:
        return None
    return apply_colormap(inverse_depth(shown), frame.config.preview_colormap)


def _preview(frame: Finished, make: Factory) -> Any:
    coloured = _coloured(frame)
    if coloured is None:
        return None
    return make(_IMAGE, {'header': frame.header, **image_fields(coloured, 'rgb8')})


def _compressed_preview(frame: Finished, make: Factory) -> Any:
    coloured = _coloured(frame)
    if coloured is None:
        return None
    fields = compressed_fields(coloured, frame.config.preview_jpeg_quality)
    return make(_COMPRESSED, {'header': frame.header, **fields})


def _scan(frame: Finished, make: Factory) -> Any:
    camera, config = frame.result.camera, frame.config
    metric, limited = _depth_by(frame.result, config), config.uncertainty.leaves_out
    if metric is None or camera is None:
        return None
    certain = certain_depth(frame.result, config) if limited else None
    if limited and certain is None:
        return None
    scan = scan_of_depth(
        metric,
        camera,
        band_m=(config.scan_min_height_m, config.scan_max_height_m),
        range_m=(SCAN_NEAREST_M, config.max_depth_m),
        pitch_rad=math.radians(config.scale.of(CameraHeightConfig).camera_pitch_deg),
        sigma=frame.result.sigma,
        certain=certain,
    )
    frame_id = level_frame(frame.header.frame_id, config.scan_frame)
    header = {'stamp': frame.header.stamp, 'frame_id': frame_id}
    return make('sensor_msgs/msg/LaserScan', {'header': header, **laser_scan_fields(scan)})


def _scale(frame: Finished, make: Factory) -> Any:
    """
    Return the alignment used for a frame as one diagnostic status named `scale`.

    The header carries the frame's stamp; the pairs are those of `alignment_section` and
    no_fit_reason. The level is WARN while the scale is held from before or stale, ERROR without.
    """
    result = frame.result
    if result.relative is None:
        return None
    state = result.scale_state
    level = {ScaleState.FITTED: OK, ScaleState.HELD: WARN, ScaleState.STALE: WARN, None: ERROR}
    status = {
        'level': level[state],
        'name': 'scale',
        'message': state.value if state else 'no scale',
        'values': key_values({**alignment_section(result), 'no_fit_reason': result.no_fit_reason}),
    }
    return make(
        'diagnostic_msgs/msg/DiagnosticArray', {'header': frame.header, 'status': [status]}
    )


_LIVE_PNG = partial(compressed_depth_fields, level=LIVE_PNG_LEVEL)

# In the order in which they are published: what a robot acts by first, what takes long last.
OUTPUTS = {
    DEPTH: _depth_output(_IMAGE, _told_depth, depth_image_fields),
    CAMERA_INFO: Output(_INFO, _camera_info),
    SCALE: Output('diagnostic_msgs/msg/DiagnosticArray', _scale),
    SCAN: Output('sensor_msgs/msg/LaserScan', _scan),
    FUSED: _depth_output(_IMAGE, _fused_depth, depth_image_fields),
    FUSED_SOURCE: Output(_IMAGE, _fused_source),
    FUSED_INFO: Output(_INFO, _fused_info),
    SIGMA: Output(_IMAGE, _sigma),
    CONFIDENCE: Output(_IMAGE, _confidence),
    RELATIVE: Output(_IMAGE, _relative),
    POINTS: Output('sensor_msgs/msg/PointCloud2', _points, stage='cloud'),
    PREVIEW: Output(_IMAGE, _preview),
}
# Encoded beside the next frame, as they take longer than all of the above.
COMPRESSED_OUTPUTS = {
    COMPRESSED_PREVIEW: Output(_COMPRESSED, _compressed_preview, stage='compress'),
    COMPRESSED_DEPTH: _depth_output(_COMPRESSED, _told_depth, _LIVE_PNG, 'compress'),
    COMPRESSED_FUSED: _depth_output(_COMPRESSED, _fused_depth, _LIVE_PNG, 'compress'),
}


# Of what goes out only where something gives it; its absence is told.
_TOLD_MISSING = (DEPTH, FUSED, SIGMA, CONFIDENCE, POINTS, SCAN)


def send_outputs(
    frame: Finished,
    outputs: Mapping[str, Output],
    make: Factory,
    send: Callable[[str, Any], object],
    stages_ms: dict[str, float],
) -> Published:
    """
    Encode and send what is wanted of a frame and there.

    :param outputs: what is wanted, by topic.
    :param make: makes the messages.
    :param send: given each topic and message.
    :param stages_ms: the stages of the outputs, and `publish`, are added to it.
    """
    sent: list[str] = []
    failures: dict[str, str] = {}
    for topic, output in outputs.items():
        start_ns = perf_counter_ns()
        try:
            message = output.encode(frame, make)
        except CameraError as error:
            failures[topic] = str(error)
            continue
        if message is None:
            continue
        encoded_ns = perf_counter_ns()
        send(topic, message)
        sent.append(topic)
        for stage, duration_ns in (
            (output.stage, encoded_ns - start_ns),
            ('publish', perf_counter_ns() - encoded_ns),
        ):
            stages_ms[stage] = stages_ms.get(stage, 0.0) + duration_ns * 1e-6
    left = outputs.keys() - set(sent)
    missing = tuple(topic for topic in _TOLD_MISSING if topic in left)
    return Published(tuple(sent), missing, failures)
