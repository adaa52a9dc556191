"""What the processor offers, and what follows for integers."""

import pytest
from torch import nn

from depth_anything_ros.inference.backends import processor
from depth_anything_ros.inference.backends.processor import (
    cpu_has_bf16,
    integers_text,
    narrowed_layers,
    products_saturate,
)

HASWELL = 'fpu avx2'
SKYLAKE = 'fpu avx2 avx512f'
CASCADE_LAKE = 'fpu avx2 avx512f avx512_vnni'
ALDER_LAKE = 'fpu avx2 avx_vnni'
SAPPHIRE_RAPIDS = 'fpu avx2 avx_vnni avx512f avx512_vnni avx512_bf16 amx_bf16 amx_int8'


@pytest.fixture(autouse=True)
def _nothing_held(monkeypatch):
    monkeypatch.delenv('ONEDNN_MAX_CPU_ISA', raising=False)
    monkeypatch.delenv('DNNL_MAX_CPU_ISA', raising=False)


@pytest.fixture
def cpuinfo(tmp_path):
    def write(flags):
        path = tmp_path / 'cpuinfo'
        path.write_text(f'processor : 0\nflags : {flags}\n')
        return path

    return write


@pytest.mark.parametrize(
    ('flags', 'held', 'saturates', 'bf16'),
    [
        (HASWELL, '', True, False),
        (SKYLAKE, '', True, False),
        (CASCADE_LAKE, '', False, False),
        (ALDER_LAKE, '', False, False),
        (SAPPHIRE_RAPIDS, '', False, True),
        (SAPPHIRE_RAPIDS, 'DEFAULT', False, True),
        (SAPPHIRE_RAPIDS, 'AVX512_CORE_AMX', False, True),
        (SAPPHIRE_RAPIDS, 'AVX512_CORE_BF16', False, True),
        (SAPPHIRE_RAPIDS, 'AVX512_CORE_VNNI', False, False),
        (SAPPHIRE_RAPIDS, 'AVX512_CORE', True, False),
        (SAPPHIRE_RAPIDS, 'AVX2_VNNI', False, False),
        (CASCADE_LAKE, 'AVX2_VNNI', True, False),
        (SAPPHIRE_RAPIDS, 'avx2', True, False),
        (SAPPHIRE_RAPIDS, 'SSE41', True, False),
    ],
)
def test_flags_and_what_onednn_is_held_to(flags, held, saturates, bf16, cpuinfo, monkeypatch):
    for variable in ('ONEDNN_MAX_CPU_ISA', 'DNNL_MAX_CPU_ISA'):
        monkeypatch.setenv(variable, held)
        assert products_saturate('x86_64', cpuinfo(flags)) is saturates
        assert cpu_has_bf16(cpuinfo(flags)) is bf16
        monkeypatch.delenv(variable)


def test_arm_adds_up_in_32_bits_with_or_without_dot_products(cpuinfo):
    assert products_saturate('aarch64', cpuinfo('fp asimd asimddp i8mm')) is False
    assert products_saturate('aarch64', cpuinfo('fp asimd')) is False


def test_where_nothing_tells_products_may_saturate(tmp_path):
    assert products_saturate('x86_64', tmp_path / 'missing') is True
    assert cpu_has_bf16(tmp_path / 'missing') is False


class Two(nn.Module):
    """Two layers with the largest weights side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.fixed, self.dynamic = nn.Linear(2, 1), nn.Linear(2, 1)
        nn.init.ones_(self.fixed.weight)
        nn.init.ones_(self.dynamic.weight)
        self.activation_ranges = {'fixed': (0.0, 1.0), 'dynamic': 'dynamic'}


@pytest.mark.parametrize(
    ('saturates', 'dynamic', 'narrowed'),
    [(False, True, ()), (True, True, ('fixed', 'dynamic')), (True, False, ('fixed',))],
)
def test_layers_are_narrowed_only_where_this_processor_saturates(
    saturates, dynamic, narrowed, monkeypatch
):
    monkeypatch.setattr(processor, 'products_saturate', lambda: saturates)
    assert narrowed_layers(Two(), 'cpu', dynamic) == narrowed
    assert narrowed_layers(Two(), 'cuda', dynamic) == ()


def test_bits_are_told(monkeypatch):
    network = Two()
    assert integers_text(network, ()) == '8-bit weights in 2 layers'
    assert integers_text(network, ('fixed',)).startswith('7-bit weights in 1 of 2 layers, as')
    network.activation_ranges = {}
    assert integers_text(network, ()) == ''
