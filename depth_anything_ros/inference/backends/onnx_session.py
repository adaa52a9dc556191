"""Sessions of ONNX Runtime, on the device that was asked for or not at all."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference.backends.cache import ENGINES
from depth_anything_ros.inference.backends.onnx_rewriting import rounds_to_integers
from depth_anything_ros.inference.building import LONG_WORK
from depth_anything_ros.inference.devices import Device, DeviceKind
from depth_anything_ros.types import Precision

logger = logging.getLogger(__name__)

CPU, CUDA, TENSORRT = 'CPUExecutionProvider', 'CUDAExecutionProvider', 'TensorrtExecutionProvider'

_ENGINE = '*.engine'
# Its kind of error, the file that is named already, and the function that raised.
_PLACES = re.compile(
    r'^\[ONNXRuntimeError\] : \d+ : \w+ : |Load model from \S+ failed:|'
    r'/onnxruntime_src/.*?\) (?=[A-Z])|'
    r'^/onnxruntime_src/\S+ \w+ onnxruntime::.*?(?=[A-Z][a-z]+ [a-z])'
)

Provider = tuple[str, Mapping[str, str]]
"""The name of an execution provider and its options."""


@dataclass(frozen=True)
class Engine:
    """
    What TensorRT builds its engine of a network by.

    `folder` keeps it for the next start, None where nothing can be kept. `integers` tells whether
    the network rounds to integers; `profile` is the (name, shape) of its input where the file
    leaves sides open.
    """

    folder: Path | None
    integers: bool = False
    profile: tuple[str, tuple[int, ...]] | None = None

    @classmethod
    def kept(
        cls,
        cached: Path,
        network: Path,
        precision: Precision,
        profile: tuple[str, tuple[int, ...]] | None = None,
    ) -> Engine:
        """
        Return what is kept in the folder of one network in the cache, and goes with that.

        A folder for each: the library tells engines apart by the names in a network, not by its
        weights and sizes.
        Source: TRTGenerateId of ONNX Runtime's tensorrt_execution_provider_utils.h.

        :param cached: that folder.
        :param network: the file.
        """
        folder = cached / ENGINES / precision.value
        integers = rounds_to_integers(network)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            writable = os.access(folder, os.W_OK)
        except OSError:
            writable = False
        engine = cls(folder, integers, profile)
        return engine if writable or engine.is_built else cls(None, integers, profile)

    @property
    def is_built(self) -> bool:
        """Return whether an engine is there."""
        return self.folder is not None and any(self.folder.glob(_ENGINE))

    @property
    def problem(self) -> str:
        """Return why the next start has to build it again, '' if it need not."""
        if self.folder is not None:
            return ''
        return 'the TensorRT engine can be written nowhere: every start builds it, for minutes'

    def discard(self) -> None:
        """Remove what was built."""
        for path in self.folder.glob(_ENGINE) if self.folder else ():
            path.unlink()


def providers(
    device: Device, precision: Precision, engine: Engine | None = None
) -> list[Provider]:
    """
    Return the execution providers of a device, the first to be asked first.

    :param precision: fp16 lets TensorRT choose narrow numbers; others compute as the file says.
    :param engine: for TensorRT.
    """
    if device.kind is DeviceKind.CPU:
        return [(CPU, {})]
    number = str(device.index)
    cuda = {'device_id': number}
    if precision is Precision.FP32:
        cuda['use_tf32'] = '0'  # which rounds factors to 10 bits
    if device.kind is DeviceKind.CUDA:
        return [(CUDA, cuda)]
    # What TensorRT cannot compute goes to CUDA: else it would go to the CPU, one copy each.
    return [(TENSORRT, _tensorrt_options(number, precision, engine or Engine(None))), (CUDA, cuda)]


def _tensorrt_options(number: str, precision: Precision, engine: Engine) -> dict[str, str]:
    half = precision is Precision.FP16
    options = {
        'device_id': number,
        'trt_fp16_enable': str(half),
        # Sums of squares in layer norms leave the range of float16.
        'trt_layer_norm_fp32_fallback': str(half),
        'trt_int8_enable': str(engine.integers),
        'trt_engine_cache_enable': str(engine.folder is not None),
    }
    if engine.folder is not None:
        options['trt_engine_cache_path'] = str(engine.folder)
        options['trt_timing_cache_enable'] = 'True'
    if engine.profile is not None:
        name, shape = engine.profile
        text = f'{name}:{"x".join(map(str, shape))}'
        for end in ('min', 'opt', 'max'):
            options[f'trt_profile_{end}_shapes'] = text
    return options


def open_session(
    network: Path | bytes,
    threads: int,
    device: Device = Device(DeviceKind.CPU),  # noqa: B008 - it is frozen
    precision: Precision = Precision.FP32,
    engine: Engine | None = None,
) -> Any:
    """
    Return what runs a network on a device, and nowhere else.

    :param network: an ONNX file, or its bytes.
    :param threads: CPU threads; 0 leaves it to the library.
    :param engine: for TensorRT, which builds it where it is not there yet.
    :raises BackendError: if it cannot be loaded, or the device's provider cannot.
    """
    asked = providers(device, precision, engine)
    if engine is None or device.kind is not DeviceKind.TENSORRT:
        return _open(network, threads, asked)
    if not engine.is_built:
        kept = '' if engine.folder else ' at every start, as nothing can be kept'
        logger.info('no engine of %s yet', _named(network))
        with LONG_WORK.doing(f'building the TensorRT engine, which takes minutes{kept}'):
            return _open(network, threads, asked)
    try:
        return _open(network, threads, asked)
    except BackendError as error:
        logger.warning('engine in %s: %s; building it again', engine.folder, error)
    engine.discard()
    return open_session(network, threads, device, precision, engine)


def _open(network: Path | bytes, threads: int, asked: Sequence[Provider]) -> Any:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.log_severity_level = 3
    given = str(network) if isinstance(network, Path) else network
    try:
        session = onnxruntime.InferenceSession(
            # The library would otherwise go on without a provider that fails, also in a run.
            given, settings, providers=[(name, dict(options)) for name, options in asked],
            enable_fallback=0,
        )  # fmt: skip
    except failures() as error:
        raise BackendError(
            f'onnxruntime cannot load {_named(network)}: {reason(error)}'
        ) from error
    # It goes on without one whose shared library does not load, whatever is asked of it.
    found = session.get_providers()
    lacking = [name for name, _ in asked if name not in found]
    if lacking:
        raise BackendError(
            f'onnxruntime did not load {" and ".join(lacking)} for {_named(network)}, only '
            f'{", ".join(found)}'
        )
    return session


def failures() -> tuple[type[Exception], ...]:
    """Return what ONNX Runtime raises; its errors share no base class but Exception."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    named = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf)
    others = (state.NoSuchFile, state.NotImplemented, state.RuntimeException, state.EPFail)
    return (*named, *others, RuntimeError, ValueError)


def reason(error: Exception) -> str:
    """Return why the library raised, in one line, without the places in its source."""
    return _PLACES.sub('', ' '.join(str(error).split()))


def _named(network: Path | bytes) -> str:
    return f"'{network}'" if isinstance(network, Path) else 'a network'
