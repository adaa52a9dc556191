"""Intel's GPUs and NPUs in OpenVINO, on a computer without: what the library is asked for."""

from __future__ import annotations

import pytest
from made_networks import write_grey

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference import BACKENDS
from depth_anything_ros.inference.backends import openvino_backend, openvino_file
from depth_anything_ros.inference.backends.cache import ExportCache
from depth_anything_ros.inference.backends.network_file import FileOptions
from depth_anything_ros.inference.backends.openvino_file import OpenVinoFile, plugin, settings
from depth_anything_ros.inference.devices import Device
from depth_anything_ros.types import Precision

openvino = pytest.importorskip('openvino')


class MadeCore:
    """A core that sees devices which are not here, and keeps what it compiles for them."""

    def __init__(self, *devices: str) -> None:
        self.available_devices = ['CPU', *devices]
        self.compiled: list[tuple[str, dict[str, object]]] = []
        self._real = openvino.Core()

    def read_model(self, path):
        return self._real.read_model(path)

    def compile_model(self, model, device, config):
        self.compiled.append((device, dict(config)))
        return self._real.compile_model(model, 'CPU')


def see(monkeypatch, *devices: str) -> MadeCore:
    core = MadeCore(*devices)
    for module in (openvino_backend, openvino_file):
        monkeypatch.setattr(module, 'core', lambda: core)
    return core


@pytest.mark.parametrize(
    ('seen', 'device'), [(('GPU',), 'intel_gpu'), (('GPU.0', 'GPU.1'), 'intel_gpu'),
                         (('GPU.0', 'GPU.1'), 'intel_gpu:1'), (('NPU',), 'intel_npu')],
)  # fmt: skip
def test_a_device_that_openvino_sees_can_be_had_in_fp16(seen, device, monkeypatch):
    see(monkeypatch, *seen)
    openvino_entry = BACKENDS['openvino']
    openvino_entry.require(device, Precision.FP16)
    assert openvino_entry.fastest_precision(device) is Precision.FP16
    with pytest.raises(BackendError, match=f'cannot compute in bf16 on {device}'):
        openvino_entry.require(device, Precision.BF16)


def test_a_device_that_openvino_does_not_see_is_an_error_that_names_the_driver(monkeypatch):
    see(monkeypatch, 'GPU')
    with pytest.raises(BackendError, match=r"sees no GPU\.1, only CPU, GPU: 'intel_gpu' needs"):
        BACKENDS['openvino'].require('intel_gpu:1', Precision.FP16)


def test_what_a_device_is_called_and_told():
    assert plugin(Device.parse('intel_gpu')) == 'GPU'
    assert plugin(Device.parse('intel_gpu:1')) == 'GPU.1'
    assert plugin(Device.parse('intel_npu')) == 'NPU'
    # Threads are those of the CPU: other devices refuse them.
    assert settings(Precision.FP16, 4, Device.parse('intel_gpu')) == {
        'PERFORMANCE_HINT': 'LATENCY',
        'INFERENCE_PRECISION_HINT': 'f16',
    }
    assert settings(Precision.FP32, 4, Device.parse('cpu'))['INFERENCE_NUM_THREADS'] == 4


def test_a_file_is_compiled_for_the_device_asked_for(tmp_path, monkeypatch):
    core = see(monkeypatch, 'NPU')
    write_grey(tmp_path / 'model.onnx')
    options = FileOptions(Precision.FP16, 'intel_npu', 0, ExportCache(None), '')
    OpenVinoFile(tmp_path / 'model.onnx', options).runner((1, 3, 4, 6), (0,))
    ((device, told),) = core.compiled
    assert (device, told['INFERENCE_PRECISION_HINT']) == ('NPU', 'f16')
