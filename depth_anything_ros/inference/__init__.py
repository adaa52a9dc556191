"""
Running a network on images: pre-processing, backends, post-processing.

A backend is a new file in `backends` and a line in BACKENDS. Importing this package does not
import torch.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from depth_anything_ros.registry import Registry

if TYPE_CHECKING:
    from depth_anything_ros.inference.backends.base import Backend

_BACKENDS = 'depth_anything_ros.inference.backends'

# OpenVINO's converter reports every use to a server, and complains where it cannot. Without this
# library it keeps to itself.
sys.modules.setdefault('openvino_telemetry', None)  # type: ignore[arg-type]

BACKENDS: Registry[type[Backend]] = Registry(
    'backend',
    {
        'torch': f'{_BACKENDS}.torch_backend:TorchBackend',
        'openvino': f'{_BACKENDS}.openvino_backend:OpenVinoBackend',
        'onnxruntime': f'{_BACKENDS}.onnxruntime_backend:OnnxRuntimeBackend',
    },
)
