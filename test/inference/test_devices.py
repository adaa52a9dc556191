import pytest

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference.devices import (
    DEVICE_NAMES,
    Device,
    DeviceKind,
    nvidia_gpus,
    require_device,
    runs_on,
)


@pytest.mark.parametrize(
    ('text', 'kind', 'index', 'torch_name'),
    [
        ('cpu', DeviceKind.CPU, 0, 'cpu'),
        ('cuda', DeviceKind.CUDA, 0, 'cuda'),
        ('cuda:1', DeviceKind.CUDA, 1, 'cuda:1'),
        ('tensorrt:2', DeviceKind.TENSORRT, 2, 'cuda:2'),
        ('intel_gpu:1', DeviceKind.INTEL_GPU, 1, 'cpu'),
        ('intel_npu', DeviceKind.INTEL_NPU, 0, 'cpu'),
    ],
)
def test_a_name_says_what_computes(text, kind, index, torch_name):
    device = Device.parse(text)
    assert (device.kind, device.index, device.torch_name) == (kind, index, torch_name)


@pytest.mark.parametrize(
    'text', ['gpu', 'cuda:', 'cuda:x', 'cuda:-1', 'cpu:0', 'intel_npu:1', 'auto', '', 'CUDA']
)
def test_what_is_no_device_is_refused_with_the_names(text):
    with pytest.raises(BackendError, match=f"unknown device '{text}'; known: auto, cpu, cuda"):
        Device.parse(text)


def test_names_say_of_which_there_may_be_several():
    assert DEVICE_NAMES == 'auto, cpu, cuda[:N], tensorrt[:N], intel_gpu[:N], intel_npu'


def test_a_device_of_other_backends_is_refused_with_their_names():
    kinds = (DeviceKind.CPU, DeviceKind.INTEL_GPU)
    assert require_device('openvino', 'intel_gpu:1', kinds).index == 1
    with pytest.raises(
        BackendError,
        match="openvino runs on cpu, intel_gpu, not on 'cuda:1'; use backend torch or onnxruntime",
    ):
        require_device('openvino', 'cuda:1', kinds)


class _Driver:
    def __init__(self, status: int, count: int) -> None:
        self.cuInit = lambda _: status
        self._count = count

    def cuDeviceGetCount(self, place) -> int:
        place._obj.value = self._count
        return 0


@pytest.mark.parametrize(('driver', 'count'), [(_Driver(0, 2), 2), (_Driver(100, 2), 0)])
def test_gpus_are_those_that_the_driver_shows(driver, count, monkeypatch):
    monkeypatch.setattr('ctypes.CDLL', lambda name: driver)
    nvidia_gpus.cache_clear()
    assert nvidia_gpus() == count
    nvidia_gpus.cache_clear()


def test_without_a_driver_there_is_no_gpu(monkeypatch):
    def missing(name):
        raise OSError(f'{name}: cannot open shared object file')

    monkeypatch.setattr('ctypes.CDLL', missing)
    nvidia_gpus.cache_clear()
    assert nvidia_gpus() == 0
    nvidia_gpus.cache_clear()


@pytest.mark.parametrize(
    ('backend', 'device', 'runs'),
    [
        ('torch', 'auto', True), ('torch', 'cuda:1', True), ('torch', 'tensorrt', False),
        ('openvino', 'cuda', False), ('openvino', 'intel_npu', True), ('anything', 'cpu', True),
    ],
)  # fmt: skip
def test_a_backend_runs_on_devices_of_some_kinds(backend, device, runs):
    assert runs_on(backend, device) is runs
