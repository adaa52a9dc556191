"""What a run was made on: versions and machine, for reports."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

# Distribution names; those that are not installed are left out of the answer.
_LIBRARIES = {
    'package': 'depth_anything_ros',
    'numpy': 'numpy',
    'opencv': 'opencv-python-headless',
    'torch': 'torch',
    'openvino': 'openvino',
    'onnxruntime': 'onnxruntime',
    'rclpy': 'ros-rclpy',
}


def environment() -> dict[str, str | int]:
    """
    Return versions and machine by name.

    Always there: `python`, `os`, `cpu`, `cores` (logical), `ros_distro` and `rmw` (empty where
    not set). Libraries only where installed; none is imported to ask for its version.
    """
    found: dict[str, str | int] = {
        'python': platform.python_version(),
        'os': platform.platform(),
        'cpu': _cpu_name(Path('/proc/cpuinfo')),
        'cores': os.cpu_count() or 1,
        'ros_distro': os.environ.get('ROS_DISTRO', ''),
        'rmw': os.environ.get('RMW_IMPLEMENTATION', ''),
    }
    for name, distribution in _LIBRARIES.items():
        try:
            found[name] = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return found


def _cpu_name(cpuinfo: Path) -> str:
    """Return the processor's name: Linux has it in a file only, ARM boards often nowhere."""
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(errors='replace').splitlines():
            key, _, value = line.partition(':')
            if key.strip() in ('model name', 'Model'):
                return value.strip()
    return platform.processor() or platform.machine()
