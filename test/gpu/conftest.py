"""Tests that need an NVIDIA GPU: all of this folder; where there is none a skip says so."""

from pathlib import Path

import pytest

from depth_anything_ros.inference.devices import nvidia_gpus

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if nvidia_gpus():
        return
    skip = pytest.mark.skip(reason='no NVIDIA GPU: the driver is not there or shows none')
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(skip)
