"""
Images, depth, clouds, scans and scale in the viewer Rerun, without ROS.

The modules here import Rerun; `check_viewer` says first what to install.
"""

from __future__ import annotations

from importlib.util import find_spec

from depth_anything_ros.errors import MissingDependencyError

_LIBRARY = 'rerun'


def check_viewer() -> None:
    """
    Make sure that the viewer is installed.

    :raises MissingDependencyError: if it is not.
    """
    if find_spec(_LIBRARY) is None:
        raise MissingDependencyError(_LIBRARY, 'view')
