"""depth.launch.py, started by `ros2 launch`: images in, depth and a cloud out, a clean end."""

import atexit
import itertools
import shutil
import tempfile
import time
import unittest
from array import array
from pathlib import Path
from typing import ClassVar

import pytest

pytest.importorskip('launch_testing', reason='launch_testing is not installed; source a ROS 2')

import launch_testing
from launch import LaunchDescription
from launch.actions import ExecuteProcess
from launch_testing.actions import ReadyToTest
from launch_testing.asserts import assertExitCodes
from node_world import Domain
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from started_by_launch import WithNode, launch_test

DOMAIN = Domain()
ENVIRONMENT = {'ROS_DOMAIN_ID': str(DOMAIN.number)}
WIDTH, HEIGHT = 64, 48
FRAME_ID = 'camera_color_optical_frame'
# 1 / depth = scale · relative + shift: with this scale, every pixel is 1 / shift metres away.
CONFIG = """
/**/depth_node:
  ros__parameters:
    scale_source: fixed
    fixed_scale: 1.0e-9
    fixed_shift: 0.25
"""
TIMEOUT_S = 60.0
# Never used twice: answers to the images of one test may come in the next.
STAMPS_S = itertools.count(1)


@launch_test
def generate_test_description() -> tuple[LaunchDescription, dict[str, ExecuteProcess]]:
    folder = Path(tempfile.mkdtemp(prefix='depth_launch_'))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / 'depth.yaml').write_text(CONFIG)
    depth = ExecuteProcess(
        cmd=[
            'ros2', 'launch', 'depth_anything_ros', 'depth.launch.py',
            'namespace:=robot', 'image:=eye/image',
            'weights:=random', 'backend:=torch', 'precision:=fp32', 'device:=cpu',
            'input_size:=56', f'warmup_width:={WIDTH}', f'warmup_height:={HEIGHT}',
            f'config:={folder}/depth.yaml', 'fixed_shift:=0.5',
        ],
        additional_env=ENVIRONMENT,
        sigterm_timeout='20',
        output='screen',
    )  # fmt: skip
    return LaunchDescription([depth, ReadyToTest()]), {'depth': depth}


class TestDepthLaunch(WithNode, unittest.TestCase):
    domain, name = DOMAIN.number, 'camera'
    sent: ClassVar[set[int]] = set()

    def setUp(self) -> None:
        super().setUp()
        self.images = self.node.create_publisher(Image, '/robot/eye/image', 5)
        self.infos = self.node.create_publisher(CameraInfo, '/robot/eye/camera_info', 5)

    def answers(self, message_type: type, topic: str, count: int) -> list:
        """Send images until there are `count` messages on a topic."""
        received: list = []
        subscription = self.node.create_subscription(message_type, topic, received.append, 10)
        end = time.monotonic() + TIMEOUT_S
        while len(received) < count and time.monotonic() < end:
            self.send_image(next(STAMPS_S))
            self.executor.spin_once(timeout_sec=0.1)
        self.node.destroy_subscription(subscription)
        self.assertGreaterEqual(len(received), count, f'nothing on {topic}')
        return received

    def send_image(self, stamp_s: int) -> None:
        self.sent.add(stamp_s)
        image = Image(height=HEIGHT, width=WIDTH, encoding='rgb8', step=3 * WIDTH)
        image.header.frame_id = FRAME_ID
        image.header.stamp.sec = stamp_s
        image.data = array('B', bytes(i % 251 for i in range(3 * WIDTH * HEIGHT)))
        info = CameraInfo(header=image.header, height=HEIGHT, width=WIDTH)
        info.distortion_model, info.d = 'plumb_bob', [0.0] * 5
        info.k = [60.0, 0.0, 32.0, 0.0, 60.0, 24.0, 0.0, 0.0, 1.0]
        info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        info.p = [60.0, 0.0, 32.0, 0.0, 0.0, 60.0, 24.0, 0.0, 0.0, 0.0, 1.0, 0.0]
        self.infos.publish(info)
        self.images.publish(image)

    def test_depth_has_stamp_frame_and_size_of_its_image(self) -> None:
        for name in ('relative', 'depth'):
            topic = f'/robot/depth_node/{name}/image_raw'
            for message in self.answers(Image, topic, count=3):
                self.assertIn(message.header.stamp.sec, self.sent)
                self.assertEqual(message.header.frame_id, FRAME_ID)
                self.assertEqual((message.width, message.height), (WIDTH, HEIGHT))
                self.assertEqual((message.encoding, message.step), ('32FC1', 4 * WIDTH))

    def test_argument_overrides_the_config_file_and_leaves_the_rest(self) -> None:
        (message, *_) = self.answers(Image, '/robot/depth_node/depth/image_raw', count=1)
        depth_m = memoryview(message.data).cast('f').tolist()
        self.assertEqual(len(depth_m), WIDTH * HEIGHT)
        self.assertAlmostEqual(min(depth_m), 2.0, delta=1e-5)
        self.assertAlmostEqual(max(depth_m), 2.0, delta=1e-5)

    def test_cloud_is_organised_like_the_image(self) -> None:
        (cloud, *_) = self.answers(PointCloud2, '/robot/depth_node/points', count=1)
        self.assertEqual((cloud.width, cloud.height, cloud.point_step), (WIDTH, HEIGHT, 16))
        self.assertEqual([field.name for field in cloud.fields], ['x', 'y', 'z', 'rgb'])
        self.assertEqual(cloud.header.frame_id, FRAME_ID)


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):
    def test_launch_ends_cleanly_on_sigint(
        self, proc_info: launch_testing.ProcInfoHandler, depth: ExecuteProcess
    ) -> None:
        assertExitCodes(proc_info, [0], process=depth)

    def test_node_ends_by_itself_after_sigint(
        self, proc_output: launch_testing.IoHandler, depth: ExecuteProcess
    ) -> None:
        text = b''.join(output.text for output in proc_output[depth]).decode()
        self.assertIn('random weights', text)
        self.assertIn('process has finished cleanly', text)
        self.assertNotIn('Traceback', text)
