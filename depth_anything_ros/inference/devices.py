"""Where a network computes: what the parameter `device` names, and which libraries run there."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache

from depth_anything_ros.errors import BackendError

AUTO = 'auto'


class DeviceKind(str, Enum):
    """
    What computes.

    `tensorrt` is an NVIDIA GPU too, with an engine that TensorRT builds for network, input size
    and GPU. `intel_gpu` and `intel_npu` are what OpenVINO calls GPU and NPU.
    """

    CPU = 'cpu'
    CUDA = 'cuda'
    TENSORRT = 'tensorrt'
    INTEL_GPU = 'intel_gpu'
    INTEL_NPU = 'intel_npu'


NUMBERED = (DeviceKind.CUDA, DeviceKind.TENSORRT, DeviceKind.INTEL_GPU)
"""Of which a computer may have several."""

RUN_BY: Mapping[DeviceKind, tuple[str, ...]] = {
    DeviceKind.CUDA: ('torch', 'onnxruntime'),
    DeviceKind.TENSORRT: ('onnxruntime',),
    DeviceKind.INTEL_GPU: ('openvino',),
    DeviceKind.INTEL_NPU: ('openvino',),
}
"""The backends that run on a device besides the CPU, the one that `auto` takes first."""

DEVICE_NAMES = ', '.join(
    [AUTO, *(f'{kind.value}{"[:N]" * (kind in NUMBERED)}' for kind in DeviceKind)]
)
"""All names, for help and messages."""


@dataclass(frozen=True)
class Device:
    """Name what computes, and which of several."""

    kind: DeviceKind
    index: int = 0

    @classmethod
    def parse(cls, text: str) -> Device:
        """
        Return the device of a name as `cpu`, `cuda`, `cuda:1` or `tensorrt`.

        :raises BackendError: if there is no such name; 'auto' is none.
        """
        name, colon, index = text.partition(':')
        try:
            kind = DeviceKind(name)
        except ValueError:
            raise BackendError(f"unknown device '{text}'; known: {DEVICE_NAMES}") from None
        if colon and not (kind in NUMBERED and index.isdecimal()):
            raise BackendError(f"unknown device '{text}'; known: {DEVICE_NAMES}")
        return cls(kind, int(index or 0))

    @property
    def is_nvidia(self) -> bool:
        """Return whether it is an NVIDIA GPU, whichever library computes there."""
        return self.kind in (DeviceKind.CUDA, DeviceKind.TENSORRT)

    @property
    def torch_name(self) -> str:
        """Return what PyTorch calls it, `cpu` where PyTorch lacks it."""
        if not self.is_nvidia:
            return 'cpu'
        return f'cuda:{self.index}' if self.index else 'cuda'


def runs_on(backend: str, device: str) -> bool:
    """
    Return whether a backend runs on a device by its kind, whether that is here or not.

    :raises BackendError: if there is no such device.
    """
    kind = DeviceKind.CPU if device == AUTO else Device.parse(device).kind
    return kind is DeviceKind.CPU or backend in RUN_BY[kind]


def require_device(backend: str, device: str, kinds: Iterable[DeviceKind]) -> Device:
    """
    Return the device of a name, which has to be one that the backend runs on.

    :param backend: its name.
    :param kinds: where it runs.
    :raises BackendError: if it is none of these.
    """
    found, allowed = Device.parse(device), tuple(kinds)
    if found.kind in allowed:
        return found
    others = ' or '.join(RUN_BY.get(found.kind, ('torch', 'openvino', 'onnxruntime')))
    raise BackendError(
        f"{backend} runs on {', '.join(kind.value for kind in allowed)}, not on '{device}'; "
        f'use backend {others} there'
    )


@cache
def nvidia_gpus() -> int:
    """
    Return how many NVIDIA GPUs the driver of this machine shows, 0 without a driver.

    It asks the driver itself, so that nothing large is imported; on a Jetson as on a desktop.
    Source: cuInit and cuDeviceGetCount of the CUDA driver API.
    """
    try:
        driver = ctypes.CDLL('libcuda.so.1')
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value
