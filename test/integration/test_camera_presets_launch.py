"""Bags under the names of common drivers, played to depth.launch.py with `camera:=`."""

import atexit
import shutil
import tempfile
import time
import unittest
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip('launch_testing', reason='launch_testing is not installed; source a ROS 2')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

import launch_testing
import numpy as np
from driver_topics import TOPICS
from launch import LaunchDescription
from launch.actions import ExecuteProcess
from launch_testing.actions import ReadyToTest
from launch_testing.asserts import assertExitCodes
from made_networks import grey, write_folder
from node_world import Domain
from sensor_msgs.msg import Image, PointCloud2
from started_by_launch import WithNode, launch_test

from depth_anything_ros.bag import BagWriter, RgbdFrame, RgbdTopics
from depth_anything_ros.bag.rgbd_writing import write_rgbd_frame
from depth_anything_ros.types import Camera, Frame

DOMAIN = Domain()
WIDTH, HEIGHT, FRAMES = 64, 48, 10
RELATIVE = 'relative/image_raw'
TIMEOUT_S = 120.0
# All cameras at once, each with a node of its own, and the bag of all of them.
LAUNCH = """
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

def generate_launch_description():
    path = [FindPackageShare('depth_anything_ros'), '/launch/depth.launch.py']
    common = {{
        'checkpoint': '{network}', 'backend': 'onnxruntime', 'warmup_width': '{width}',
        'warmup_height': '{height}', 'smoothing_time_s': '0.0',
    }}
    nodes = [
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(path),
            launch_arguments={{**common, 'camera': camera, 'name': camera + '_depth'}}.items(),
        )
        for camera in {cameras}
    ]
    player = Node(
        package='depth_anything_ros', executable='bag_player', output='screen',
        parameters=[{{
            'bag': '{bag}', 'loop': True, 'restamp': True, 'publish_clock': False,
            'image_topic': '/image_raw', 'settle_s': 0.0,
        }}],
    )
    return LaunchDescription([*nodes, player])
"""


def view(number: int) -> RgbdFrame:
    """Return what the camera of that number sees: its depth, lens and frame are its own."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    rgb = np.stack([80 + columns + rows, 200 - columns, 60 + rows], axis=-1).astype(np.uint8)
    depth_m = 1 / ((0.4 + 0.3 * number) * grey(rgb / np.float32(255)) + 0.05)
    camera = Camera(WIDTH, HEIGHT, 50.0 + 10 * number, 50.0 + 10 * number, 31.5, 23.5)
    return RgbdFrame(Frame(rgb, 0, f'optical_{number}', camera), depth_m.astype(np.float32))


def write_bag(path: Path) -> None:
    """Write what all cameras see, under the names of their drivers."""
    with BagWriter(path) as writer:
        for index in range(FRAMES):
            for number, topics in enumerate(TOPICS.values()):
                seen = view(number)
                stamp_ns = 1_700_000_000_000_000_000 + index * 200_000_000
                frame = replace(seen.frame, stamp_ns=stamp_ns)
                measured = seen.depth_m if len(topics) == 4 else None
                write_rgbd_frame(writer, RgbdFrame(frame, measured), RgbdTopics(*topics))


@launch_test
@pytest.mark.slow
def generate_test_description() -> tuple[LaunchDescription, dict[str, ExecuteProcess]]:
    folder = Path(tempfile.mkdtemp(prefix='camera_presets_'))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_bag(folder / 'bag')
    network = write_folder(folder / 'grey')
    launch_file = folder / 'cameras.launch.py'
    launch_file.write_text(
        LAUNCH.format(
            network=network, bag=folder / 'bag', width=WIDTH, height=HEIGHT,
            cameras=list(TOPICS),
        )
    )  # fmt: skip
    played = ExecuteProcess(
        cmd=['ros2', 'launch', str(launch_file)],
        additional_env={'ROS_DOMAIN_ID': str(DOMAIN.number)},
        sigterm_timeout='30',
        output='screen',
    )
    return LaunchDescription([played, ReadyToTest()]), {'played': played}


class TestCameraPresets(WithNode, unittest.TestCase):
    domain, name = DOMAIN.number, 'listener'

    def test_each_camera_gets_depth_of_its_own_image_reference_and_calibration(self) -> None:
        received: dict[str, list] = {camera: [] for camera in TOPICS}
        for camera, topics in TOPICS.items():
            kind, topic = (PointCloud2, 'points') if len(topics) == 4 else (Image, RELATIVE)
            self.node.create_subscription(
                kind, f'/{camera}_depth/{topic}', received[camera].append, 5
            )
        end = time.monotonic() + TIMEOUT_S
        while not all(received.values()) and time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.1)
        for number, (camera, topics) in enumerate(TOPICS.items()):
            with self.subTest(camera):
                self.assertTrue(received[camera], f'nothing of {camera}')
                message, seen = received[camera][-1], view(number)
                self.assertEqual(message.header.frame_id, f'optical_{number}')
                self.assertEqual((message.height, message.width), (HEIGHT, WIDTH))
                if len(topics) == 4:
                    self.check(message, seen)

    def check(self, cloud: PointCloud2, seen: RgbdFrame) -> None:
        points = np.frombuffer(cloud.data, np.float32).reshape(HEIGHT, WIDTH, 4)
        np.testing.assert_allclose(points[..., 2], seen.depth_m, rtol=0.05)
        columns = np.arange(WIDTH, dtype=np.float32)
        across_m = (columns - 31.5) / seen.frame.camera.fx_px * points[..., 2]
        np.testing.assert_allclose(points[..., 0], across_m, rtol=1e-4, atol=1e-5)


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):
    def test_launch_ends_cleanly_on_sigint(
        self, proc_info: launch_testing.ProcInfoHandler, played: ExecuteProcess
    ) -> None:
        assertExitCodes(proc_info, [0], process=played)
