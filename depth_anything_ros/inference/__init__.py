"""
Running a network on images: pre-processing, backends, post-processing.

A backend is a new file in `backends` and a line in BACKENDS; what reads network files as they are
has its line in FILE_READERS, under the name of the backend that runs them. Importing this package
does not import torch.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from depth_anything_ros.registry import Registry

if TYPE_CHECKING:
    from depth_anything_ros.inference.backends.base import Backend
    from depth_anything_ros.inference.backends.network_file import NetworkFile

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

FILE_READERS: Registry[type[NetworkFile]] = Registry(
    'reader of network files',
    {
        'openvino': f'{_BACKENDS}.openvino_file:OpenVinoFile',
        'onnxruntime': f'{_BACKENDS}.onnx_file:OnnxFile',
    },
)
