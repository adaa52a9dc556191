"""The exit code of `ros2 launch depth.launch.py` when its node dies."""

import shutil

import pytest

pytest.importorskip('launch_ros', reason='launch is not installed; source a ROS 2')
if shutil.which('ros2') is None:
    pytest.skip('the ros2 command is not installed', allow_module_level=True)

BESIDE = """
from launch import LaunchDescription
from launch.actions import ExecuteProcess, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.substitutions import FindPackageShare

def generate_launch_description():
    path = [FindPackageShare('depth_anything_ros'), '/launch/depth.launch.py']
    other = ExecuteProcess(cmd=['sleep', '100'])
    included = IncludeLaunchDescription(PythonLaunchDescriptionSource(path))
    return LaunchDescription([other, included])
"""


def launch(world, *arguments):
    return world.run('launch', ['ros2', 'launch', *arguments, 'checkpoint:=/nowhere/x.pth'])


def test_a_lone_node_that_dies_is_a_failure_of_the_launch(world):
    process = launch(world, 'depth_anything_ros', 'depth.launch.py', 'name:=eye')
    assert process.wait() == 1
    assert '/nowhere/x.pth' in process.output()
    assert 'failed with exit code 1' in process.output()


def test_nodes_beside_one_that_dies_go_on(world, tmp_path):
    (tmp_path / 'robot.launch.py').write_text(BESIDE)
    process = launch(world, str(tmp_path / 'robot.launch.py'))
    probe = world.probe()
    probe.spin_until(lambda: 'process has died' in process.output())
    probe.spin(1.0)
    assert process.running()


def test_a_node_that_dies_is_started_again_when_asked(world):
    process = launch(world, 'depth_anything_ros', 'depth.launch.py', 'respawn:=true')
    probe = world.probe()
    probe.spin_until(lambda: process.output().count('process started') > 1)
