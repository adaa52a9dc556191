import logging
from pathlib import Path

import pytest
import torch

from depth_anything_ros.errors import BackendError, MissingDependencyError, UnknownNameError
from depth_anything_ros.inference import BACKENDS, selection
from depth_anything_ros.inference.selection import Selection, choices, select
from depth_anything_ros.types import Precision


@pytest.fixture(autouse=True)
def _cpu_with_everything_installed(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    set_gpus(monkeypatch, 0)
    for module in ('openvino_backend', 'onnxruntime_backend'):
        monkeypatch.setattr(
            f'depth_anything_ros.inference.backends.{module}.find_spec', lambda _: object()
        )
    set_native_bf16(monkeypatch, False)


def set_gpus(monkeypatch, count: int) -> None:
    monkeypatch.setattr(selection, 'nvidia_gpus', lambda: count)
    monkeypatch.setattr(selection, '_AMD_DRIVER', Path('/there/is/none'))


def set_native_bf16(monkeypatch, native: bool) -> None:
    for module in ('torch_backend', 'openvino_backend'):
        monkeypatch.setattr(
            f'depth_anything_ros.inference.backends.{module}.cpu_has_bf16', lambda: native
        )


def take_away(monkeypatch, *names: str) -> None:
    for name in names:
        module = f'depth_anything_ros.inference.backends.{name}_backend'
        monkeypatch.setattr(f'{module}.find_spec', lambda _: None)


def test_auto_takes_openvino_in_fp32_on_x86_without_bf16():
    assert select('auto', 'auto', 'auto', 'x86_64') == Selection('openvino', Precision.FP32, 'cpu')


def test_auto_takes_bf16_where_the_cpu_has_it(monkeypatch):
    set_native_bf16(monkeypatch, True)
    monkeypatch.setattr(BACKENDS['openvino'], 'require', lambda *_: None)
    assert select('auto', 'auto', 'auto', 'AMD64') == Selection('openvino', Precision.BF16, 'cpu')


def test_auto_takes_onnxruntime_on_arm():
    assert select('auto', 'auto', 'auto', 'aarch64') == Selection(
        'onnxruntime', Precision.FP32, 'cpu'
    )


def test_auto_takes_torch_in_fp16_on_cuda(monkeypatch):
    set_gpus(monkeypatch, 1)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    assert select('auto', 'auto', 'auto', 'x86_64') == Selection('torch', Precision.FP16, 'cuda')
    assert select('auto', 'auto', 'cpu', 'x86_64').backend == 'openvino'
    assert select('openvino', 'auto', 'auto', 'x86_64').device == 'cpu'


def test_auto_falls_through_missing_libraries_and_says_so(monkeypatch, caplog):
    take_away(monkeypatch, 'openvino')
    with caplog.at_level(logging.INFO):
        assert select('auto', 'auto', 'auto', 'x86_64').backend == 'onnxruntime'
    assert "backend openvino left out: 'openvino' is not installed" in caplog.text
    take_away(monkeypatch, 'onnxruntime')
    assert select('auto', 'auto', 'auto', 'x86_64') == Selection('torch', Precision.FP32, 'cpu')


def test_auto_passes_over_backends_that_lack_the_precision_asked_for(monkeypatch):
    take_away(monkeypatch, 'openvino')
    assert select('auto', 'bf16', 'auto', 'x86_64') == Selection('torch', Precision.BF16, 'cpu')


def test_auto_says_why_nothing_can_run():
    with pytest.raises(BackendError, match=r'no backend .* openvino cannot .* torch cannot'):
        select('auto', 'fp16', 'cpu', 'x86_64')


def test_auto_with_cuda_asked_for_and_absent_is_an_error():
    with pytest.raises(BackendError, match="no CUDA device for 'cuda'"):
        select('auto', 'auto', 'cuda', 'x86_64')


def test_library_asked_for_by_name_must_be_there(monkeypatch):
    take_away(monkeypatch, 'openvino')
    with pytest.raises(MissingDependencyError, match=r'depth_anything_ros\[openvino\]'):
        select('openvino', 'fp32', 'auto', 'x86_64')


def test_backend_asked_for_by_name_is_not_replaced():
    with pytest.raises(BackendError, match='onnxruntime cannot compute in bf16 on cpu'):
        select('onnxruntime', 'bf16', 'auto', 'x86_64')


def test_unknown_backend_is_named_with_the_known():
    with pytest.raises(UnknownNameError, match="'tensorrt'; known: torch, openvino, onnxruntime"):
        select('tensorrt', 'auto', 'auto')


def test_unknown_precision_is_named_with_the_known():
    with pytest.raises(UnknownNameError, match="'int4'; known: auto, fp32, bf16, fp16"):
        select('torch', 'int4', 'auto')


def test_what_cannot_run_a_network_is_refused_without_importing_it(monkeypatch):
    def imported():
        raise ImportError('there is no torch here')

    monkeypatch.setattr(selection, '_gpu_in_sight', imported)
    with pytest.raises(UnknownNameError, match="'torch' cannot run this; allowed: auto, openvino"):
        next(choices('torch', 'auto', 'auto', ('openvino', 'onnxruntime')))


def test_a_gpu_that_torch_cannot_use_is_told_and_the_cpu_taken(monkeypatch, caplog):
    set_gpus(monkeypatch, 1)
    assert select('auto', 'auto', 'auto', 'x86_64').device == 'cpu'
    assert "has a GPU, which is not used: no CUDA device for 'cuda'" in caplog.text
    assert 'onnxruntime-gpu' in caplog.text


def test_a_library_that_does_not_load_is_told_and_another_taken(monkeypatch, tmp_path, caplog):
    # As torch of another JetPack.
    (tmp_path / 'broken_torch.py').write_text('raise ImportError("libcudnn.so.8: no such file")')
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(BACKENDS._entries, 'torch', 'broken_torch:TorchBackend')
    set_gpus(monkeypatch, 1)
    assert select('auto', 'auto', 'auto', 'x86_64').device == 'cpu'
    assert 'not used: torch is installed but does not load: libcudnn.so.8: no' in caplog.text
    with pytest.raises(BackendError, match='torch is installed but does not load: libcudnn'):
        select('torch', 'auto', 'cpu', 'x86_64')


def test_without_a_gpu_in_sight_torch_is_not_asked(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: pytest.fail('torch was asked'))
    assert select('auto', 'auto', 'auto', 'x86_64').device == 'cpu'


def test_torch_on_a_gpu_of_amd_is_asked(monkeypatch, tmp_path):
    monkeypatch.setattr(selection, '_AMD_DRIVER', tmp_path)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    assert select('auto', 'auto', 'auto', 'x86_64') == Selection('torch', Precision.FP16, 'cuda')


@pytest.mark.parametrize(
    ('device', 'reason'),
    [
        ('tensorrt', 'onnxruntime .* has no TensorrtExecutionProvider'),
        ('intel_gpu', "openvino sees no GPU, only CPU: 'intel_gpu' needs Intel's OpenCL driver"),
        ('intel_npu', "openvino sees no NPU, only CPU: 'intel_npu' needs Intel's linux-npu"),
        ('tpu', "unknown device 'tpu'; known: auto, cpu, cuda"),
    ],
)
def test_a_device_asked_for_and_absent_is_an_error(device, reason):
    pytest.importorskip('openvino')
    with pytest.raises(BackendError, match=reason):
        select('auto', 'auto', device, 'x86_64')


def test_a_device_that_no_allowed_backend_runs_on_names_those_that_do():
    with pytest.raises(BackendError, match='device tensorrt is for onnxruntime, .*allowed: cpu'):
        next(choices('auto', 'auto', 'tensorrt', ('openvino',)))
