"""cameras.launch.py, started by `ros2 launch`: two cameras of a drive, each with its own scale."""

import atexit
import shutil
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('launch_testing', reason='launch_testing is not installed; source a ROS 2')

import launch_testing
from diagnostic_msgs.msg import DiagnosticArray
from launch import LaunchDescription
from launch.actions import ExecuteProcess
from launch_testing.actions import ReadyToTest
from launch_testing.asserts import assertExitCodes
from node_world import Domain
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from started_by_launch import WithNode, launch_test

import depth_anything_ros
from depth_anything_ros.bag import BagReader
from depth_anything_ros.messages import decode_any_depth, stamp_ns
from depth_anything_ros.nodes.diagnostics import to_dict

DOMAIN = Domain()
ENVIRONMENT = {'ROS_DOMAIN_ID': str(DOMAIN.number)}
SAMPLE = Path(depth_anything_ros.__file__).parent / 'cli' / 'sample_drive'
TYPES = {
    'color/camera_info': CameraInfo,
    'depth/image_raw/compressedDepth': CompressedImage,
    'color/image_raw/compressed': CompressedImage,
}
CAMERAS = ('front', 'rear')
FRAMES = 6
TIMEOUT_S = 90.0


@launch_test
def generate_test_description() -> tuple[LaunchDescription, dict[str, ExecuteProcess]]:
    folder = Path(tempfile.mkdtemp(prefix='cameras_launch_'))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    cameras = ExecuteProcess(
        cmd=[
            'ros2', 'launch', 'depth_anything_ros', 'cameras.launch.py',
            f'cameras:={",".join(CAMERAS)}', 'namespace:=robot', 'model:=tiny',
            'backend:=torch', 'precision:=fp32', 'device:=cpu', 'image_transport:=compressed',
            'scale_source:=depth_image', 'reference_transport:=compressedDepth',
            'rear.scale_source:=camera_height', 'rear.camera_height_m:=0.149',
        ],
        additional_env={**ENVIRONMENT, 'ROS_LOG_DIR': str(folder)},
        sigterm_timeout='20',
        output='screen',
    )  # fmt: skip
    return LaunchDescription([cameras, ReadyToTest()]), {'cameras': cameras}


class TestCamerasLaunch(WithNode, unittest.TestCase):
    domain, name = DOMAIN.number, 'drive'

    def spin_until(self, done, what: str) -> None:
        end_s = time.monotonic() + TIMEOUT_S
        while not done():
            self.assertLess(time.monotonic(), end_s, f'no {what}')
            self.executor.spin_once(timeout_sec=0.05)

    def test_each_camera_has_metres_by_its_own_source(self) -> None:
        publishers = {
            (camera, topic): self.node.create_publisher(kind, f'/robot/{camera}/{topic}', 10)
            for camera in CAMERAS
            for topic, kind in TYPES.items()
        }
        depths: dict[str, list[Image]] = {camera: [] for camera in CAMERAS}
        statuses = {}
        for camera, received in depths.items():
            topic = f'/robot/{camera}/depth_node/depth/image_raw'
            self.node.create_subscription(Image, topic, received.append, QoSProfile(depth=10))
            self.spin_until(lambda topic=topic: self.node.count_publishers(topic), topic)
        self.node.create_subscription(
            DiagnosticArray,
            '/diagnostics',
            lambda message: statuses.update((one.name, one) for one in message.status),
            10,
        )
        images = [publishers[camera, 'color/image_raw/compressed'] for camera in CAMERAS]
        self.spin_until(lambda: all(one.get_subscription_count() for one in images), 'subscriber')
        truths = self.play(publishers, depths)
        for camera, limit in (('front', 0.2), ('rear', 0.35)):
            errors = [
                np.nanmedian(np.abs(decode_any_depth(message) / truths[stamp] - 1))
                for message in depths[camera]
                if (stamp := stamp_ns(message.header)) in truths
            ]
            self.assertLess(np.median(errors), limit, camera)
        names = [f'robot/{camera}/depth_node' for camera in CAMERAS]
        self.spin_until(lambda: statuses.keys() >= set(names), 'diagnostics')
        statuses.clear()
        self.spin_until(lambda: statuses.keys() >= set(names), 'diagnostics')
        sources = [to_dict(statuses[name])['scale']['source'] for name in names]
        self.assertEqual(sources, ['depth_image', 'camera_height'])

    def play(self, publishers, depths) -> dict[int, np.ndarray]:
        """Send frames of the drive to both cameras; return their depth in metres by stamp."""
        truths = {}
        with BagReader(SAMPLE) as bag:
            for message in bag.messages(list(bag.topics)):
                topic = message.topic.removeprefix('/camera/')
                for camera in CAMERAS:
                    if topic in TYPES:
                        publishers[camera, topic].publish(message.cdr)
                if topic.endswith('compressedDepth'):
                    depth = message.deserialize()
                    truths[stamp_ns(depth.header)] = decode_any_depth(depth)
                if topic.endswith('/compressed'):
                    self.spin_until(
                        lambda: all(len(depths[camera]) >= len(truths) - 1 for camera in CAMERAS),
                        f'depth of frame {len(truths)}',
                    )
                    if len(truths) == FRAMES:
                        return truths
        return truths


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):
    def test_launch_ends_cleanly_on_sigint(
        self, proc_info: launch_testing.ProcInfoHandler, cameras: ExecuteProcess
    ) -> None:
        assertExitCodes(proc_info, [0], process=cameras)

    def test_one_process_with_one_network_ends_by_itself(
        self, proc_output: launch_testing.IoHandler, cameras: ExecuteProcess
    ) -> None:
        text = b''.join(output.text for output in proc_output[cameras]).decode()
        self.assertEqual(text.count('building torch for tiny'), 1)
        self.assertEqual(text.count('process started with pid'), 1)
        self.assertIn('process has finished cleanly', text)
        self.assertNotIn('Traceback', text)
