"""The depth node knows the motion of the camera by odometry that comes live."""

import numpy as np
import pytest
from nav_msgs.msg import Odometry
from node_world import QUICK
from sensor_msgs.msg import CameraInfo, Image

from depth_anything_ros.messages import stamp_ns

pytestmark = pytest.mark.slow

DEPTH = '/depth_node/depth/image_raw'
PARAMETERS = {
    **QUICK,
    'scale_source': 'fixed',
    'fixed_shift': 0.5,
    'temporal_smoothing_s': 0.3,
    'odometry_pose': '-0.12 0 -0.15 0 0 0',
}


def odometry(time_ns, left_m):
    message = Odometry(child_frame_id='base_link')
    message.header.frame_id = 'odom'
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(time_ns, 10**9)
    message.pose.pose.position.y = left_m
    return message


def test_motion_is_known_once_odometry_comes(world, camera):
    world.start('depth_node', PARAMETERS)
    probe = world.probe()
    probe.publisher(Image, 'image')
    probe.publisher(CameraInfo, 'camera_info')
    probe.publisher(Odometry, 'odom')
    probe.await_subscribers('image', 'camera_info', 'odom')
    depth = probe.listen(Image, DEPTH)
    probe.spin_until(lambda: probe.node.count_publishers(DEPTH) > 0)
    probe.spin(0.5)
    probe.publish('camera_info', camera.info())
    probe.spin(0.2)
    plain = np.full((48, 64, 3), 90, np.uint8)

    def send(number, with_odometry):
        image = camera.image(plain)
        if with_odometry:
            probe.publish('odom', odometry(stamp_ns(image.header), 0.004 * number))
            probe.spin(0.1)
        probe.publish('image', image)
        probe.spin_until(
            lambda: any(item.header.stamp == image.header.stamp for item in depth), 20
        )
        return probe.diagnostics()

    send(0, with_odometry=False)
    told = send(1, with_odometry=False)
    assert told['refinement']['temporal_filter'].endswith('unknown: no pose has come yet')
    assert 'as if the camera stood still' not in told['message']
    for number in (2, 3, 4):
        told = send(number, with_odometry=True)
    # Depth of random weights does not move with the camera; that it was asked is what counts.
    assert told['refinement']['temporal_filter'] in (
        'follows the camera', 'the motion contradicts the image'
    )  # fmt: skip
    assert int(told['references']['received']) == 3
