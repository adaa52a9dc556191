import numpy as np

from depth_anything_ros.bag import (
    RgbdFrame,
    RgbdTopics,
)
from depth_anything_ros.types import Camera, Frame

CAMERA = Camera(8, 6, 10.0, 11.0, 3.5, 2.5)
TOPICS = RgbdTopics()
IMAGE = 'sensor_msgs/msg/Image'


def rgbd_frames(count=3, period_ns=100_000_000):
    generator = np.random.default_rng(3)
    for index in range(count):
        depth_m = np.rint(generator.uniform(300, 8000, (6, 8))).astype(np.float32) / 1000
        depth_m[0, 0] = np.nan
        rgb = generator.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        stamp_ns = 1_700_000_000_000_000_000 + index * period_ns
        yield RgbdFrame(Frame(rgb, stamp_ns, 'camera_color_optical_frame', CAMERA), depth_m)
