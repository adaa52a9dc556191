"""The publishers of the depth node: what is wanted, how it is encoded, when it goes out."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import QoSHistoryPolicy, QoSPolicyKind, QoSProfile, QoSReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, Image, LaserScan, PointCloud2, PointField

from depth_anything_ros.colormap import apply_colormap
from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import CameraError
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
from depth_anything_ros.nodes.managed import ManagedNode
from depth_anything_ros.types import DepthResult, ScaleState
from depth_anything_ros.types import LaserScan as Scan

RELATIVE = '~/relative/image_raw'
DEPTH = '~/depth/image_raw'
CAMERA_INFO = '~/depth/camera_info'
POINTS = '~/points'
PREVIEW = '~/preview/image_raw'
SCAN = '~/scan'
SCALE = '~/scale'

MESSAGE_TYPES: dict[str, type] = {
    RELATIVE: Image,
    DEPTH: Image,
    CAMERA_INFO: CameraInfo,
    POINTS: PointCloud2,
    PREVIEW: Image,
    SCAN: LaserScan,
    SCALE: DiagnosticArray,
}

# Nearer than this, ~/scan shows nothing.
SCAN_NEAREST_M = 0.05

# Enough for a subscriber that pauses for two frames; more would only deliver old depth.
QUEUE_DEPTH = 3


@dataclass(frozen=True)
class Published:
    """
    Hold which outputs went out for a frame, and which were wanted and could not be made.

    `failures` says why the camera gives no point cloud or no scan, where that was found out only
    now: topic → reason.
    """

    topics: tuple[str, ...]
    missing: tuple[str, ...]
    failures: Mapping[str, str] = field(default_factory=dict)


class DepthOutputs:
    """
    Publish the results of the pipeline, each only while somebody subscribes to it.

    :param node: the lifecycle node that owns the publishers.
    """

    def __init__(self, node: ManagedNode) -> None:
        self._node = node
        self._publishers: dict[str, Any] = {
            topic: node.create_lifecycle_publisher(
                message_type,
                topic,
                QoSProfile(
                    history=QoSHistoryPolicy.KEEP_LAST,
                    depth=QUEUE_DEPTH,
                    reliability=QoSReliabilityPolicy.RELIABLE,
                ),
                qos_overriding_options=QoSOverridingOptions(
                    (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY)
                ),
            )
            for topic, message_type in MESSAGE_TYPES.items()
        }

    def destroy(self) -> None:
        """End the publishers."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)

    def wanted(self) -> frozenset[str]:
        """Return the outputs that somebody subscribes to."""
        return frozenset(
            topic
            for topic, publisher in self._publishers.items()
            if publisher.get_subscription_count() > 0
        )

    def publish(
        self,
        result: DepthResult,
        header: Any,
        camera_info: CameraInfo | None,
        config: DepthNodeConfig,
        stages_ms: dict[str, float],
    ) -> Published:
        """
        Encode and publish what is wanted and there; the stamp and frame are the image's.

        :param camera_info: under the image's header, or None where it does not fit the image.
        :param stages_ms: `cloud`, `encode` and `publish` are added to it.
        """
        wanted, sent = self.wanted(), []
        failures: dict[str, str] = {}
        encoders = _encoders(result, header, camera_info, config)
        for topic in MESSAGE_TYPES:
            if topic not in wanted or topic not in encoders:
                continue
            stage = 'cloud' if topic == POINTS else 'encode'
            try:
                with _added(stages_ms, stage):
                    message = encoders[topic]()
            except CameraError as error:
                failures[topic] = str(error)
                continue
            with _added(stages_ms, 'publish'):
                self._publishers[topic].publish(message)
            sent.append(topic)
        missing = tuple(topic for topic in (DEPTH, POINTS, SCAN) if topic in wanted - set(sent))
        return Published(tuple(sent), missing, failures)


def _encoders(
    result: DepthResult, header: Any, camera_info: CameraInfo | None, config: DepthNodeConfig
) -> Mapping[str, Any]:
    encoders: dict[str, Any] = {}
    relative, metric, frame = result.relative, result.metric, result.frame
    if relative is not None:
        encoders[RELATIVE] = lambda: image_message(header, image_fields(relative.values, '32FC1'))
    shown = relative or metric
    if shown is not None:
        encoders[PREVIEW] = lambda: image_message(
            header,
            image_fields(apply_colormap(inverse_depth(shown), config.preview_colormap), 'rgb8'),
        )
    if metric is not None:
        encoders[DEPTH] = lambda: image_message(
            header, depth_image_fields(metric.depth_m, config.depth_encoding)
        )
        if camera_info is not None:
            encoders[CAMERA_INFO] = lambda: camera_info
        if frame.camera is not None:
            encoders[POINTS] = lambda: cloud_message(
                header,
                point_cloud_fields(
                    build_point_cloud(
                        metric,
                        frame.rgb,
                        frame.camera,
                        config.cloud_stride,
                        config.cloud_edge_jump,
                    )
                ),
            )
            encoders[SCAN] = lambda: scan_message(
                header,
                scan_of_depth(
                    metric,
                    frame.camera,
                    band_m=(config.scan_min_height_m, config.scan_max_height_m),
                    range_m=(SCAN_NEAREST_M, config.max_depth_m),
                    pitch_rad=math.radians(config.camera_pitch_deg),
                ),
                level_frame(header.frame_id, config.scan_frame),
            )
    if result.relative is not None:
        encoders[SCALE] = lambda: scale_message(result, header)
    return encoders


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


@contextmanager
def _added(stages_ms: dict[str, float], name: str) -> Iterator[None]:
    start_ns = perf_counter_ns()
    yield
    stages_ms[name] = stages_ms.get(name, 0.0) + (perf_counter_ns() - start_ns) * 1e-6
