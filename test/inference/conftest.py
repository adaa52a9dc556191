"""Fixtures of the tests of inference."""

from collections.abc import Iterator

import pytest
from made_gpu import MadeGpu

from depth_anything_ros.inference.backends import onnx_providers


@pytest.fixture
def made_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[MadeGpu]:
    """Return ONNX Runtime as on a Jetson with everything installed, in place of the real one."""
    gpu = MadeGpu()
    gpu.take_place(monkeypatch)
    yield gpu
    onnx_providers._require_nvidia.cache_clear()
