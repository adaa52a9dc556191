import platform
import subprocess
import sys

import numpy as np

from depth_anything_ros.evaluation.environment import environment


def test_the_machine_and_the_versions_are_named(monkeypatch):
    monkeypatch.setenv('ROS_DISTRO', 'humble')
    found = environment()
    assert found['python'] == platform.python_version()
    assert found['numpy'] == np.__version__
    assert found['ros_distro'] == 'humble'
    assert found['cpu']
    assert found['cores'] >= 1
    assert found['os']


def test_without_ros_its_name_is_empty(monkeypatch):
    monkeypatch.delenv('ROS_DISTRO', raising=False)
    assert environment()['ros_distro'] == ''


def test_asking_imports_no_heavy_library():
    code = (
        'import sys; from depth_anything_ros.evaluation.run import RunEvaluation; '
        'from depth_anything_ros.evaluation.environment import environment; environment(); '
        "print([name for name in ('torch', 'openvino', 'onnxruntime') if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == '[]'
