"""Whether ONNX Runtime can compute on a device here, and what to install where it cannot."""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference.backends.onnx_session import (
    CUDA,
    TENSORRT,
    failures,
    open_session,
    reason,
)
from depth_anything_ros.inference.devices import Device, DeviceKind, nvidia_gpus

# One Relu of one number, x to y: 61 bytes of ONNX (opset 17), made with onnx.helper.
PROBE = (
    b'\x08\x08:3\n\x0c\n\x01x\x12\x01y"\x04Relu\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n'
    b'\x02\x08\x01b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\x11'
)
"""A network that is run once to see whether a device computes."""

_PROVIDERS = {DeviceKind.CUDA: CUDA, DeviceKind.TENSORRT: TENSORRT}
_LIBRARIES = {
    CUDA: 'libonnxruntime_providers_cuda.so',
    TENSORRT: 'libonnxruntime_providers_tensorrt.so',
}
_MISSING = 'cannot open shared object file'
_CURES = {
    CUDA: "install CUDA and cuDNN of its version (`pip install 'onnxruntime-gpu[cuda,cudnn]'`, or "
    'with the system)',
    TENSORRT: 'install the TensorRT of its version (libnvinfer and libnvonnxparser; on a Jetson '
    'they come with JetPack) where the loader finds it, as by LD_LIBRARY_PATH, or take device '
    'cuda',
}
_WHEEL = (
    'put onnxruntime-gpu in its place (`pip uninstall onnxruntime`, then `pip install '
    'onnxruntime-gpu`), on a Jetson the wheel of your JetPack, see docs/jetson.md'
)


def require_provider(device: Device) -> None:
    """
    Check that ONNX Runtime computes on a device, by a run of a network of one number.

    The library lists the providers it was built with, whether they load or not, and computes on
    the CPU without a word where they do not.

    :raises BackendError: if it does not; the message says why and what to install.
    """
    if device.kind is not DeviceKind.CPU:
        _require_nvidia(device)


@cache
def _require_nvidia(device: Device) -> None:
    import onnxruntime

    provider = _PROVIDERS[device.kind]
    version = f'onnxruntime {onnxruntime.__version__}'
    known = onnxruntime.get_available_providers()
    if provider not in known:
        raise BackendError(f'{version} has no {provider}, only {", ".join(known)}: {_WHEEL}')
    count = nvidia_gpus()
    if device.index >= count:
        shown = f'shows {count}' if count else 'is not there or shows none'
        raise BackendError(
            f"no NVIDIA GPU {device.index} for '{device.kind.value}': the driver {shown}; in a "
            'container pass the GPU on (`--gpus all`, on a Jetson `--runtime nvidia`)'
        )
    if find_spec('nvidia') is not None and hasattr(onnxruntime, 'preload_dlls'):
        onnxruntime.preload_dlls()  # CUDA and cuDNN as wheels lie where no loader looks
    try:
        session = open_session(PROBE, 1, device)
        (found,) = session.run(None, {'x': np.array([-1.0], np.float32)})
        problem = '' if found[0] == 0.0 else f'it makes max(-1, 0) {found[0]:g}'
    except BackendError as error:
        problem = str(error)
    except failures() as error:
        problem = f'a run of one number failed: {reason(error)}'
    if problem:
        missing = _missing_library(Path(onnxruntime.__file__).parent / 'capi', provider)
        raise BackendError(
            f'{version} cannot compute on {device.kind.value}: {missing or problem}; '
            f'{_CURES[provider]}'
        )


def _missing_library(folder: Path, provider: str) -> str:
    """Return which shared library a provider lacks; it tells a log of its own only."""
    library = folder / _LIBRARIES[provider]
    if not library.is_file():
        return ''
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        return str(error) if _MISSING in str(error) else ''
    return ''
