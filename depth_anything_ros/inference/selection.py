"""Choosing the backend, precision and device that fit this machine."""

from __future__ import annotations

import logging
import platform
from collections.abc import Collection
from dataclasses import dataclass

from depth_anything_ros.errors import BackendError, MissingDependencyError, UnknownNameError
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.backends.processor import X86
from depth_anything_ros.types import Precision

logger = logging.getLogger(__name__)

AUTO = 'auto'


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
    :param device: 'cpu', 'cuda', 'cuda:N' or 'auto'.
    :param machine: the processor's family as `platform.machine()` names it.
    :raises UnknownNameError: if backend or precision is not known.
    :raises MissingDependencyError: if the library of the backend asked for is not installed.
    :raises BackendError: if what is asked for cannot run here; the message says why.
    """
    return choices(backend, precision, device, BACKENDS, machine)[0]


def choices(
    backend: str,
    precision: str,
    device: str,
    known: Collection[str],
    machine: str = platform.machine(),
) -> list[Selection]:
    """
    Return all that can run here as asked, the fastest first; one where a backend is named.

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
        return [_check(backend, wanted, _device_for(backend, device))]
    reasons, found = [], []
    for name in _preference(device, machine, known):
        if name not in known:
            continue
        try:
            found.append(_check(name, wanted, _device_for(name, device)))
        except MissingDependencyError as error:
            logger.info('backend %s left out: %s', name, error)
            reasons.append(str(error))
        except BackendError as error:
            reasons.append(str(error))
    if not found and not reasons:
        reasons = [f'device {device} is for torch alone, which cannot run this; allowed: cpu']
    if not found:
        raise BackendError(f'no backend can run here as asked: {"; ".join(reasons)}')
    return found


def _parse_precision(precision: str) -> Precision | None:
    if precision == AUTO:
        return None
    known = [item.value for item in Precision]
    if precision not in known:
        raise UnknownNameError(
            f"unknown precision '{precision}'; known: {', '.join([AUTO, *known])}"
        )
    return Precision(precision)


def _preference(device: str, machine: str, known: Collection[str]) -> tuple[str, ...]:
    """Return the backends from the fastest on; only torch runs on a GPU."""
    if device.startswith('cuda') or (device == AUTO and 'torch' in known and _has_gpu()):
        return ('torch',)
    if machine.lower() in X86:
        return ('openvino', 'onnxruntime', 'torch')
    return ('onnxruntime', 'openvino', 'torch')


def _device_for(backend: str, device: str) -> str:
    if device != AUTO:
        return device
    return 'cuda' if backend == 'torch' and _has_gpu() else 'cpu'


def _has_gpu() -> bool:
    # Imported here: what runs a network in a folder does without torch.
    import torch

    return torch.cuda.is_available()


def _check(backend: str, precision: Precision | None, device: str) -> Selection:
    entry = BACKENDS[backend]
    chosen = precision or entry.fastest_precision(device)
    entry.require(device, chosen)
    return Selection(backend, chosen, device)
