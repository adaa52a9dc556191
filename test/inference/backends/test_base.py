import numpy as np
import pytest

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference.backends.base import (
    check_pixels,
    cpu_has_bf16,
    require_cpu,
    require_precision,
)
from depth_anything_ros.types import Precision


@pytest.mark.parametrize(
    ('flags', 'expected'),
    [('fpu avx2 avx512f', False), ('avx512f avx512_bf16', True), ('amx_bf16 amx_tile', True)],
)
def test_cpu_has_bf16_reads_the_flags(tmp_path, flags, expected):
    cpuinfo = tmp_path / 'cpuinfo'
    cpuinfo.write_text(f'processor : 0\nflags : {flags}\n')
    assert cpu_has_bf16(cpuinfo) is expected


def test_cpu_has_no_bf16_where_nothing_tells(tmp_path):
    assert cpu_has_bf16(tmp_path / 'missing') is False


def test_require_cpu_names_the_device():
    require_cpu('openvino', 'cpu')
    with pytest.raises(BackendError, match="openvino runs on cpu here, not on 'cuda:1'"):
        require_cpu('openvino', 'cuda:1')


def test_require_precision_names_those_allowed():
    require_precision('b', 'cpu', Precision.FP32, (Precision.FP32,))
    with pytest.raises(BackendError, match='b cannot compute in fp16 on cpu; allowed: fp32, bf16'):
        require_precision('b', 'cpu', Precision.FP16, (Precision.FP32, Precision.BF16))


def test_check_pixels_names_both_shapes():
    check_pixels(np.zeros((1, 3, 14, 28), np.float32), (14, 28))
    with pytest.raises(BackendError, match=r'\(1, 3, 28, 14\).*\(1, 3, 14, 28\)'):
        check_pixels(np.zeros((1, 3, 28, 14), np.float32), (14, 28))
