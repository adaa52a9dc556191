"""What the instructions of this processor are good for, as libraries that run networks see it."""

from __future__ import annotations

import os
import platform
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from depth_anything_ros.models.estimator import DepthEstimator

X86 = ('x86_64', 'amd64', 'i686')
_BF16 = frozenset({'avx512_bf16', 'amx_bf16'})
# Products of 8 bits and their sum in 32: what Linux calls VNNI of 256 and 512 bits, and AMX.
_WIDE_SUMS = frozenset({'avx_vnni', 'avx512_vnni', 'amx_int8'})

_HOLDS = ('ONEDNN_MAX_CPU_ISA', 'DNNL_MAX_CPU_ISA')
# What oneDNN, and so OpenVINO and torch, leaves unused when one of these variables says so.
# Source: "CPU Dispatcher Control" in the oneDNN developer guide.
_AMX = frozenset({'amx_bf16', 'amx_int8'})
_HIDDEN: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(('sse41', 'avx', 'avx2', 'avx512_core'), _BF16 | _WIDE_SUMS),
    **dict.fromkeys(('avx2_vnni', 'avx2_vnni_2'), _BF16 | _AMX | {'avx512_vnni'}),
    'avx512_core_vnni': _BF16 | _AMX,
    **dict.fromkeys(('avx512_core_bf16', 'avx512_core_fp16'), _AMX),
}

CPUINFO = Path('/proc/cpuinfo')


def cpu_has_bf16(cpuinfo: Path = CPUINFO) -> bool:
    """Return whether the x86 CPU multiplies bf16 natively (AVX-512 BF16 or AMX), and may."""
    return bool(_BF16 & _flags(cpuinfo))


def products_saturate(machine: str = platform.machine(), cpuinfo: Path = CPUINFO) -> bool:
    """
    Return whether 8-bit products are added up in 16 bits here, which stop at ±32767.

    So does every x86 CPU without VNNI (`vpmaddubsw` adds two products); ARM does not. A limit
    that ONEDNN_MAX_CPU_ISA sets counts. ONNX Runtime has no such variable and asks the CPU itself:
    it then runs the network of the lesser CPU on its better instructions.
    """
    return machine.lower() in X86 and not _WIDE_SUMS & _flags(cpuinfo)


def narrowed_layers(estimator: DepthEstimator, device: str, dynamic: bool) -> tuple[str, ...]:
    """
    Return the layers whose weights take 7 bits here, as products with 8 could saturate.

    :param estimator: the network.
    :param device: where it runs; what is no CPU has wide sums.
    :param dynamic: whether layers that find the range of what they read for every image multiply
        integers here too; where they do not, nothing of theirs saturates.
    """
    if device != 'cpu' or not estimator.activation_ranges or not products_saturate():
        return ()
    from depth_anything_ros.models.quantised import dynamic_layers, saturating_layers

    floats = () if dynamic else dynamic_layers(estimator)
    return tuple(name for name in saturating_layers(estimator) if name not in floats)


def integers_text(estimator: DepthEstimator, narrowed: Collection[str]) -> str:
    """
    Say with how many bits the weights of a network are multiplied, empty if as floats.

    :param narrowed: names of the layers with fewer than 8 bits.
    """
    count = len(estimator.activation_ranges)
    if not count:
        return ''
    if not narrowed:
        return f'8-bit weights in {count} layers'
    return (
        f'7-bit weights in {len(narrowed)} of {count} layers, as this processor has no VNNI '
        'and 8 bits could saturate'
    )


def _flags(cpuinfo: Path) -> frozenset[str]:
    """Return the names of what the CPU can do and may, empty where nothing tells."""
    try:
        flags = frozenset(cpuinfo.read_text(errors='replace').split())
    except OSError:
        return frozenset()
    held = next(filter(None, map(os.environ.get, _HOLDS)), '')
    return flags - _HIDDEN.get(held.lower(), frozenset())
