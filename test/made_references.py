"""What becomes of reference messages, without a network or a ROS graph."""

from types import SimpleNamespace

import numpy as np
from sensor_msgs.msg import CameraInfo, Image

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.messages import camera_info_fields
from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.scale.depth_image import DepthImageScale
from depth_anything_ros.stream.camera_input import CameraInput
from depth_anything_ros.stream.references import References
from depth_anything_ros.stream.registration import DepthRegistration
from depth_anything_ros.stream.run_statistics import RunStatistics
from depth_anything_ros.types import Camera

OPTICAL = 'camera_color_optical_frame'


def camera_info(focal_px=60.0, frame_id=OPTICAL):
    fields = camera_info_fields(Camera(64, 48, focal_px, focal_px, 31.5, 23.5))
    info = CameraInfo(**{name: value for name, value in fields.items() if name != 'd'})
    info.header.frame_id = frame_id
    return info


class World:
    """Hold what stands round the references: a scale source, a config, who watches."""

    def __init__(self, source, **config):
        self.source = source
        self.warnings = []
        self.watched = True
        self.statistics = RunStatistics()
        self.lookups = []
        self.lookup_answer = None
        self.poses = PoseHistory()
        color = CameraInput('/color/camera_info')
        color.update(camera_info())
        self.references = References(
            SimpleNamespace(pipeline=SimpleNamespace(scale_source=source, poses=self.poses)),
            self.lookup,
            {
                'reference/depth': DepthRegistration(
                    color, CameraInput('/depth/camera_info'), self.lookup
                )
            },
            self.statistics,
            lambda: from_mapping(DepthNodeConfig, config),
            lambda: self.watched,
            self.warnings.append,
        )

    def lookup(self, target, source):
        self.lookups.append((target, source))
        if self.lookup_answer is not None:
            return self.lookup_answer
        raise AlignmentError(f"TF does not connect '{source}' with '{target}'")

    def counts(self):
        return self.statistics.snapshot().references


def depth(encoding='16UC1'):
    values = np.full((48, 64), 1500, np.uint16)
    return Image(height=48, width=64, step=128, encoding=encoding, data=values.tobytes())


def depth_world(**config):
    world = World(DepthImageScale(0.2, 8.0, 0.05), **config)
    world.references.see_image(OPTICAL)
    return world


def kept(world):
    return world.source._references.nearest(0)[1]
