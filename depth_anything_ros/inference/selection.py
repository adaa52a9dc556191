"""Choosing the backend, precision and device that fit this machine."""

from __future__ import annotations

import logging
import platform
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from depth_anything_ros.errors import (
    BackendError,
    MissingDependencyError,
    UnknownNameError,
    torch_named,
)
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.backends.processor import X86
from depth_anything_ros.inference.devices import AUTO, RUN_BY, Device, DeviceKind, nvidia_gpus
from depth_anything_ros.types import Precision

logger = logging.getLogger(__name__)

# The driver of AMD's GPUs, on which torch calls its device cuda too.
_AMD_DRIVER = Path('/dev/kfd')


@dataclass(frozen=True)
class Selection:
    """Name a backend of BACKENDS, with a precision and a device that it can run here."""

    backend: str
    precision: Precision
    device: str


def select(
    backend: str, precision: str, device: str, machine: str = platform.machine()
) -> Selection:
    """
    Return what to run: what is asked for, the fastest of this machine where it is 'auto'.

    :param backend: a name in BACKENDS or 'auto'.
    :param precision: a value of Precision or 'auto'.
    :param device: one of `devices.DEVICE_NAMES`.
    :param machine: the processor's family as `platform.machine()` names it.
    :raises UnknownNameError: if backend or precision is not known.
    :raises MissingDependencyError: if the library of the backend asked for is not installed.
    :raises BackendError: if what is asked for cannot run here; the message says why.
    """
    return next(choices(backend, precision, device, BACKENDS, machine))


def choices(
    backend: str,
    precision: str,
    device: str,
    known: Collection[str],
    machine: str = platform.machine(),
) -> Iterator[Selection]:
    """
    Yield all that can run here as asked, the fastest first; one where a backend is named.

    None is looked at, nor its library imported, before it is asked for.

    :param known: names of the backends that are allowed.

    The other parameters and what is raised are those of :func:`select`.
    """
    wanted = _parse_precision(precision)
    if backend != AUTO:
        # Before anything is imported: torch may be missing where it is not among the known.
        if backend in BACKENDS and backend not in known:
            raise UnknownNameError(
                f"backend '{backend}' cannot run this; allowed: {', '.join([AUTO, *known])}"
            )
        yield _check(backend, wanted, _asked_device(device, (backend,)))
        return
    where = _asked_device(device, known)
    reasons, found = [], False
    for name in _preference(where, machine):
        if name not in known:
            continue
        try:
            selection = _check(name, wanted, where)
        except MissingDependencyError as error:
            logger.info('backend %s left out: %s', name, error)
            reasons.append(str(error))
        except BackendError as error:
            reasons.append(str(error))
        else:
            found = True
            yield selection
    if not found and not reasons:
        others = ' or '.join(_preference(where, machine))
        reasons = [f'device {where} is for {others}, which cannot run this; allowed: cpu']
    if not found:
        raise BackendError(f'no backend can run here as asked: {"; ".join(reasons)}')


def _parse_precision(precision: str) -> Precision | None:
    if precision == AUTO:
        return None
    known = [item.value for item in Precision]
    if precision not in known:
        raise UnknownNameError(
            f"unknown precision '{precision}'; known: {', '.join([AUTO, *known])}"
        )
    return Precision(precision)


def _preference(device: str, machine: str) -> tuple[str, ...]:
    """Return the backends that run on a device, from the fastest on."""
    kind = Device.parse(device).kind
    if kind is not DeviceKind.CPU:
        return RUN_BY[kind]
    if machine.lower() in X86:
        return ('openvino', 'onnxruntime', 'torch')
    return ('onnxruntime', 'openvino', 'torch')


def _asked_device(device: str, backends: Collection[str]) -> str:
    """Return the device asked for; 'auto' is a GPU where there is one on which a backend runs."""
    if device != AUTO:
        return device
    candidates = [name for name in RUN_BY[DeviceKind.CUDA] if name in backends]
    # Asked first, as it takes no time: torch takes seconds to import, and is not always there.
    if not candidates or not _gpu_in_sight():
        return DeviceKind.CPU.value
    reasons = []
    for name in candidates:
        try:
            _check(name, None, DeviceKind.CUDA.value)
        except (BackendError, MissingDependencyError) as error:
            reasons.append(str(error))
        else:
            return DeviceKind.CUDA.value
    logger.warning('this computer has a GPU, which is not used: %s', '; '.join(reasons))
    return DeviceKind.CPU.value


def _gpu_in_sight() -> bool:
    return nvidia_gpus() > 0 or _AMD_DRIVER.exists()


def _check(backend: str, precision: Precision | None, device: str) -> Selection:
    try:
        with torch_named():
            entry = BACKENDS[backend]
        chosen = precision or entry.fastest_precision(device)
        entry.require(device, chosen)
    except (ImportError, OSError) as error:  # a shared library is missing, or is of another NumPy
        raise BackendError(f'{backend} is installed but does not load: {error}') from error
    return Selection(backend, chosen, device)
