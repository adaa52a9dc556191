"""The messages of the depth node: what each topic carries of a frame, and how it is encoded."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import CameraInfo, Image, LaserScan, PointCloud2, PointField

from depth_anything_ros.colormap import apply_colormap
from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.geometry.depth_scan import level_frame, scan_of_depth
from depth_anything_ros.geometry.metric_depth import inverse_depth
from depth_anything_ros.geometry.point_cloud import build_point_cloud
from depth_anything_ros.messages import (
    depth_image_fields,
    image_fields,
    laser_scan_fields,
    point_cloud_fields,
)
from depth_anything_ros.nodes.diagnostics import alignment_section, key_values
from depth_anything_ros.scale.camera_height import CameraHeightConfig
from depth_anything_ros.types import DepthResult, ScaleState
from depth_anything_ros.types import LaserScan as Scan

RELATIVE = '~/relative/image_raw'
DEPTH = '~/depth/image_raw'
CAMERA_INFO = '~/depth/camera_info'
POINTS = '~/points'
PREVIEW = '~/preview/image_raw'
SCAN = '~/scan'
SCALE = '~/scale'

# Nearer than this, ~/scan shows nothing.
SCAN_NEAREST_M = 0.05


@dataclass(frozen=True)
class Finished:
    """
    A frame that is done, to be published.

    `header` is the image's; `camera_info` is under it too, or None where it does not fit.
    """

    result: DepthResult
    header: Any
    camera_info: CameraInfo | None
    config: DepthNodeConfig


@dataclass(frozen=True)
class Output:
    """
    What a topic carries.

    `encode` returns the message of a frame, or None where the frame has nothing for the topic;
    it raises CameraError where the camera gives none. Its time counts to `stage`.
    """

    message_type: type
    encode: Callable[[Finished], Any]
    stage: str = 'encode'


def _relative(frame: Finished) -> Image | None:
    relative = frame.result.relative
    if relative is None:
        return None
    return image_message(frame.header, image_fields(relative.values, '32FC1'))


def _depth(frame: Finished) -> Image | None:
    metric = frame.result.metric
    if metric is None:
        return None
    fields = depth_image_fields(metric.depth_m, frame.config.depth_encoding)
    return image_message(frame.header, fields)


def _camera_info(frame: Finished) -> CameraInfo | None:
    return None if frame.result.metric is None else frame.camera_info


def _points(frame: Finished) -> PointCloud2 | None:
    metric, image, config = frame.result.metric, frame.result.frame, frame.config
    if metric is None or image.camera is None:
        return None
    cloud = build_point_cloud(
        metric, image.rgb, image.camera, config.cloud_stride, config.cloud_edge_jump
    )
    return cloud_message(frame.header, point_cloud_fields(cloud))


def _preview(frame: Finished) -> Image | None:
    shown = frame.result.relative or frame.result.metric
    if shown is None:
        return None
    coloured = apply_colormap(inverse_depth(shown), frame.config.preview_colormap)
    return image_message(frame.header, image_fields(coloured, 'rgb8'))


def _scan(frame: Finished) -> LaserScan | None:
    metric, camera, config = frame.result.metric, frame.result.frame.camera, frame.config
    if metric is None or camera is None:
        return None
    scan = scan_of_depth(
        metric,
        camera,
        band_m=(config.scan_min_height_m, config.scan_max_height_m),
        range_m=(SCAN_NEAREST_M, config.max_depth_m),
        pitch_rad=math.radians(config.scale.of(CameraHeightConfig).camera_pitch_deg),
    )
    frame_id = level_frame(frame.header.frame_id, config.scan_frame)
    return scan_message(frame.header, scan, frame_id)


def _scale(frame: Finished) -> DiagnosticArray | None:
    if frame.result.relative is None:
        return None
    return scale_message(frame.result, frame.header)


# In the order in which they are published.
OUTPUTS = {
    RELATIVE: Output(Image, _relative),
    DEPTH: Output(Image, _depth),
    CAMERA_INFO: Output(CameraInfo, _camera_info),
    POINTS: Output(PointCloud2, _points, stage='cloud'),
    PREVIEW: Output(Image, _preview),
    SCAN: Output(LaserScan, _scan),
    SCALE: Output(DiagnosticArray, _scale),
}


def image_message(header: Any, fields: Mapping[str, Any]) -> Image:
    """Return an Image with the fields given; see `messages.image_fields`."""
    return Image(header=header, **{**fields, 'data': _bytes(fields['data'])})


def cloud_message(header: Any, fields: Mapping[str, Any]) -> PointCloud2:
    """Return a PointCloud2 with the fields given; see `messages.point_cloud_fields`."""
    described = [PointField(**point_field) for point_field in fields['fields']]
    return PointCloud2(
        header=header, **{**fields, 'fields': described, 'data': _bytes(fields['data'])}
    )


def scan_message(header: Any, scan: Scan, frame_id: str) -> LaserScan:
    """Return a LaserScan of the time of an image in the frame given."""
    fields = laser_scan_fields(scan)
    ranges = array('f')
    ranges.frombytes(fields['ranges'].tobytes())
    message = LaserScan(**{**fields, 'ranges': ranges})
    message.header.stamp = header.stamp
    message.header.frame_id = frame_id
    return message


def scale_message(result: DepthResult, header: Any) -> DiagnosticArray:
    """
    Return the alignment used for a frame as one diagnostic status named `scale`.

    The header carries the frame's stamp; the pairs are those of `alignment_section` and
    no_fit_reason. The level is WARN while the scale is held from before or stale, ERROR without.
    """
    level = {
        ScaleState.FITTED: DiagnosticStatus.OK,
        ScaleState.HELD: DiagnosticStatus.WARN,
        ScaleState.STALE: DiagnosticStatus.WARN,
        None: DiagnosticStatus.ERROR,
    }[result.scale_state]
    message = result.scale_state.value if result.scale_state else 'no scale'
    status = DiagnosticStatus(level=level, name='scale', message=message)
    values = {**alignment_section(result), 'no_fit_reason': result.no_fit_reason}
    status.values = key_values(values)
    return DiagnosticArray(header=header, status=[status])


def _bytes(values: Any) -> array[int]:
    """Return the memory as the only type that the message classes take without a loop."""
    data = array('B')
    data.frombytes(memoryview(values).cast('B'))
    return data
