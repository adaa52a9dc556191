"""What the scale sources measure with: reference messages in, references of the sources out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu, LaserScan

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import AlignmentError, reason_of
from depth_anything_ros.geometry.registration import RegistrationRule
from depth_anything_ros.geometry.transform import RigidTransform, optical_pose
from depth_anything_ros.messages import decode_scan, stamp_ns
from depth_anything_ros.nodes.decoding import decode_any_depth
from depth_anything_ros.nodes.pipeline_host import PipelineHost
from depth_anything_ros.nodes.registration import DepthRegistration
from depth_anything_ros.nodes.run_statistics import RunStatistics
from depth_anything_ros.nodes.topics import image_type
from depth_anything_ros.nodes.transforms import TransformMissingError
from depth_anything_ros.nodes.unit_watch import UnitWatch
from depth_anything_ros.parameters import steps_per_metre
from depth_anything_ros.scale import find_source
from depth_anything_ros.scale.camera_height import CameraHeightConfig, CameraHeightScale
from depth_anything_ros.scale.depth_image import DepthImageConfig, DepthImageScale
from depth_anything_ros.scale.gravity import GravityFilter
from depth_anything_ros.scale.laser_scan import LaserScanConfig, LaserScanScale
from depth_anything_ros.types import DepthReference


def topics_of(config: DepthNodeConfig) -> dict[str, type]:
    """Return base topic → message class of what the scale sources of a config need."""
    names, scale = config.scale.names, config.scale
    topics: dict[str, type] = {}
    if DepthImageScale.name in names:
        depth = image_type(scale.of(DepthImageConfig).reference_transport)
        topics.update({'reference/camera_info': CameraInfo, 'reference/depth': depth})
    if LaserScanScale.name in names:
        topics['scan'] = LaserScan
    tilt_source = scale.of(CameraHeightConfig).camera_tilt_source
    if CameraHeightScale.name in names and tilt_source == 'imu':
        topics['imu'] = Imu
    return topics


def needs_tf(config: DepthNodeConfig) -> bool:
    """Tell whether a scale source of a config may ask TF where its sensor is."""
    names, own = config.scale.names, config.scale.of(DepthImageConfig)
    depth = own.reference_registration != 'registered' and not own.reference_pose
    return (depth and DepthImageScale.name in names) or (
        not config.scale.of(LaserScanConfig).laser_pose and LaserScanScale.name in names
    )


class References:
    """
    Give reference messages to the scale sources; a bad one is counted and the next one taken.

    :param host: has the pipeline.
    :param lookup: returns the second frame in the first, from TF; see `TransformLookup.lookup`.
    :param registration: says how reference depth lies to the image.
    :param statistics: told what became of each reference.
    :param config: gives the parameters in force.
    :param watched: tells whether anybody wants depth; while nobody does, only the newest message
        of each topic is kept.
    :param warn: writes to the log, throttled.
    """

    def __init__(
        self,
        host: PipelineHost,
        lookup: Callable[[str, str], RigidTransform],
        registration: DepthRegistration,
        statistics: RunStatistics,
        config: Callable[[], DepthNodeConfig],
        watched: Callable[[], bool],
        warn: Callable[[str], None],
    ) -> None:
        self._host = host
        self._lookup = lookup
        self._registration = registration
        self._statistics = statistics
        self._config = config
        self._watched = watched
        self._warn = warn
        self._newest: dict[str, Any] = {}
        self._take: dict[str, Callable[[Any], bool]] = {
            'reference/camera_info': self._take_depth_info,
            'reference/depth': self._take_depth,
            'scan': self._take_scan,
            'imu': self._take_imu,
        }
        self._gravity = GravityFilter()
        self.image_frame_id: str | None = None  # before the first image
        self._waiting: set[str] = set()
        self._early: dict[str, Any] = {}
        self._unit = UnitWatch('reference/depth', 'reference_depth_unit')

    @property
    def doubt(self) -> str:
        """Return why the unit of the first reference depth cannot be right, or ''."""
        return self._unit.impossible

    def forget(self) -> None:
        """Forget the newest messages, as when nothing is subscribed to any more."""
        self._newest.clear()
        self._waiting.clear()
        self._early.clear()
        self._unit.forget()
        self._gravity.reset()

    def add(self, topic: str, message: Any) -> None:
        """Take a message of one of the topics of `topics_of`."""
        self._newest[topic] = message
        if self._watched():
            self._use(topic, message)

    def catch_up(self) -> None:
        """Use the newest messages now, where nobody watched when they came."""
        if not self._watched():
            for topic, message in list(self._newest.items()):
                self._use(topic, message)

    def refuse(self, reason: str) -> None:
        """Count and report a reference that cannot be used."""
        self._statistics.reference(reason)
        self._warn(f'reference rejected: {reason}')

    def see_image(self, frame_id: str) -> None:
        """Take note of the frame of an image; the first one lets in what waited for it."""
        self.image_frame_id = frame_id
        waiting, self._waiting = self._waiting, set()
        for topic in waiting:
            self._use(topic, self._newest[topic])

    def _use(self, topic: str, message: Any) -> None:
        try:
            taken = self._take[topic](message)
        except TransformMissingError as error:
            self._await_tf(topic, message, f'{topic}: {error}')
        except Exception as error:  # noqa: BLE001 - the next good reference must be taken
            self.refuse(f'{topic}: {reason_of(error)}')
        else:
            if taken:
                self._statistics.reference()

    def _await_tf(self, topic: str, message: Any, reason: str) -> None:
        """Keep a message that came before TF knew its frame for the next image."""
        self._waiting.add(topic)
        if self._early.get(topic) is not message:
            self._early[topic] = message
            self._statistics.early_reference(reason)
            self._warn(f'reference waits for TF: {reason}')

    def _take_depth(self, message: Image | CompressedImage) -> bool:
        source = self._source(DepthImageScale)
        if source is None:
            return False
        own = self._config().scale.of(DepthImageConfig)
        # How depth lies to the image follows from the frames of both.
        if self.image_frame_id is None and own.reference_registration != 'registered':
            self._waiting.add('reference/depth')
            return False
        registration = self._registration.of(
            message.header.frame_id,
            self.image_frame_id or '',
            RegistrationRule(own.reference_registration, own.reference_pose),
            self._config().image_is_rectified,
        )
        unit = own.reference_depth_unit
        depth_m = decode_any_depth(message, steps_per_metre(unit))
        source.add_reference(DepthReference(depth_m, stamp_ns(message.header)), registration)
        doubt = self._unit.look(message, depth_m, unit)
        if doubt:
            self._warn(doubt)
        return True

    def _take_depth_info(self, message: CameraInfo) -> bool:
        self._registration.depth.update(message)
        return False

    def _take_scan(self, message: LaserScan) -> bool:
        source = self._source(LaserScanScale)
        pose = self._config().scale.of(LaserScanConfig).laser_pose
        if source is None:
            return False
        # TF names the camera by the frame of its images.
        if self.image_frame_id is None and not pose:
            self._waiting.add('scan')
            return False
        scan = decode_scan(message)
        source.add_scan(scan, self._place(pose, scan.frame_id))
        return True

    def _take_imu(self, message: Imu) -> bool:
        source = self._source(CameraHeightScale)
        if source is None:
            return False
        read, time_ns = message.linear_acceleration, stamp_ns(message.header)
        source.set_body_tilt(*self._gravity.update((read.x, read.y, read.z), time_ns), time_ns)
        return True

    def _place(self, pose: str, frame_id: str) -> RigidTransform:
        """Return where a sensor lies in the camera's optical frame."""
        if pose:
            return optical_pose(pose)
        if not self.image_frame_id:
            raise AlignmentError('images without frame_id have no place in TF; set laser_pose')
        return self._lookup(self.image_frame_id, frame_id)

    def _source(self, kind: type[Any]) -> Any:
        pipeline = self._host.pipeline
        return find_source(pipeline.scale_source, kind) if pipeline else None
