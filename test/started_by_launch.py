"""What tests of launch files share: when they can run, and a node beside what they start."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor

_INSTALLED = any(
    (Path(prefix) / 'share' / 'depth_anything_ros').is_dir()
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
)


def launch_test(describe: Callable) -> Callable:
    """Mark what describes a launch test of the installed package by `ros2 launch`."""
    for mark in (
        pytest.mark.skipif(
            not _INSTALLED, reason='depth_anything_ros is not installed, only its tree'
        ),
        pytest.mark.skipif(
            shutil.which('ros2') is None, reason='the ros2 command is not installed'
        ),
        pytest.mark.launch_test,
    ):
        describe = mark(describe)
    return describe


class WithNode:
    """
    Give each test of a TestCase a node of its own.

    `domain` is the ROS domain, `name` that of the node.
    """

    domain: int
    name = 'listener'

    def setUp(self) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=self.domain)
        self.node = rclpy.create_node(self.name, context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)

    def tearDown(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)
