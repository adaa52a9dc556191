import json

import pytest
from narrow_models import narrow_models

from depth_anything_ros.errors import (
    BackendError,
    CheckpointError,
    ConfigError,
    MissingDependencyError,
    OutputError,
)
from depth_anything_ros.lab.exporting import check, folder, formats
from depth_anything_ros.lab.exporting.check import readers, relative_error
from depth_anything_ros.lab.exporting.folder import check_replaceable, export_folder
from depth_anything_ros.lab.exporting.formats import Format, Numbers, chosen_numbers
from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.models.network_folder import read_folder
from depth_anything_ros.models.quantised import quantise_inputs

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('openvino')

NAME = 'depth_anything_v2_vits'
SIZE = (42, 56)


@pytest.fixture
def loaded():
    with narrow_models():
        yield load_estimator(NAME, weights='random')


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    """Return a folder that nobody may change, by format and numbers."""
    made = {}

    def make(form, numbers):
        if (form, numbers) not in made:
            out = tmp_path_factory.mktemp('exported') / 'out'
            with narrow_models():
                model = load_estimator(NAME, weights='random')
                made[form, numbers] = out, export_folder(model, [SIZE], form, numbers, out)
        return made[form, numbers]

    return make


@pytest.mark.parametrize('form', list(Format), ids=lambda form: form.value)
def test_the_folder_says_what_it_was_made_of(exported, form):
    out, result = exported(form, Numbers.FP32)
    content = json.loads((out / 'network.json').read_text())
    assert content['files'].keys() == {item.name for item in out.iterdir()} - {'network.json'}
    made = content['made_by']
    assert (made['model'], made['weights'], made['sha256']) == (NAME, 'random', '')
    assert (made['recipe'], made['precision'], made['integers']) == ('', 'fp32', '')
    assert {'depth_anything_ros', 'torch', *form.libraries} == made['versions'].keys()
    assert read_folder(str(out)).contract == result.contract


@pytest.mark.parametrize(
    'form', [Format.ONNX, pytest.param(Format.OPENVINO, marks=pytest.mark.slow)]
)
def test_numbers_in_16_bits_take_half_and_cost_little(exported, form):
    whole, (_, half) = exported(form, Numbers.FP32), exported(form, Numbers.FP16)
    sizes = [
        sum(item.stat().st_size for item in out.iterdir() if item.suffix in ('.bin', '.onnx'))
        for out in (whole[0], exported(form, Numbers.FP16)[0])
    ]
    assert sizes[1] < 0.75 * sizes[0]  # the graph is as large as the weights of this network
    for one, exact in zip(half.agreements, whole[1].agreements, strict=True):
        assert exact.error < 1e-5 < one.error < 5e-3
    assert half.contract.made_by.precision == 'fp16'


def test_a_damaged_file_is_told(exported, tmp_path):
    out, _ = exported(Format.ONNX, Numbers.FP32)
    for item in out.iterdir():
        (tmp_path / item.name).write_bytes(item.read_bytes())
    (network,) = tmp_path.glob('*.onnx')
    content = bytearray(network.read_bytes())
    content[len(content) // 2] ^= 1
    network.write_bytes(content)
    with pytest.raises(CheckpointError, match='it is damaged or another network'):
        read_folder(str(tmp_path))


def test_what_is_too_far_from_torch_is_not_kept(loaded, tmp_path, monkeypatch):
    monkeypatch.setitem(check.LARGEST_ERRORS, Numbers.FP32, 0.0)
    with pytest.raises(BackendError, match=r'at 42×56 is off by .* of its output; allowed in fp3'):
        export_folder(loaded, [SIZE], Format.ONNX, None, tmp_path / 'out')
    assert list(tmp_path.iterdir()) == []


def test_sky_elsewhere_is_not_kept(loaded, tmp_path):
    import numpy as np

    from depth_anything_ros.inference.backends.base import NetworkOutput

    found, wanted = np.ones((2, 10, 10), np.float32)
    found[0, 0] = 0.0
    with pytest.raises(BackendError, match=r'sky where torch does not.* 1\.00% of the pixels'):
        check._agreement('x', (10, 10), NetworkOutput(found), NetworkOutput(wanted), sky=True)


def test_integers_may_be_off_by_two_roundings():
    one = check.Agreement('openvino', SIZE, 0.1, 0.0, rounding=0.06)
    assert one.allowed(Numbers.INT8) == 0.12
    assert one.allowed(Numbers.FP32) == 1e-4


def test_the_error_is_that_of_the_range():
    import numpy as np

    wanted = np.array([[1.0, 3.0]], np.float32)
    assert relative_error(wanted + np.float32([[0.0, 0.5]]), wanted) == 0.25
    flat = np.full((1, 2), 4.0, np.float32)
    assert relative_error(flat + 1, flat) == 0.25
    assert relative_error(flat * 0 + 1, flat * 0) == 1.0
    with pytest.raises(BackendError, match=r'gives \(1, 2\) values, torch \(2, 1\)'):
        relative_error(flat, flat.T)


def test_integers_are_for_weights_that_have_them(loaded):
    estimator, _ = loaded
    assert chosen_numbers(estimator, None) is Numbers.FP32
    assert chosen_numbers(estimator, Numbers.FP16) is Numbers.FP16
    with pytest.raises(ConfigError, match='pack them first with `compress --recipe int8_static`'):
        chosen_numbers(estimator, Numbers.INT8)
    quantise_inputs(estimator, {'pretrained.blocks.0.mlp.fc1': (-4.0, 4.0)})
    assert chosen_numbers(estimator, None) is Numbers.INT8
    with pytest.raises(ConfigError, match='fp16: the layers of this checkpoint multiply integers'):
        chosen_numbers(estimator, Numbers.FP16)


def test_layers_of_integers_are_counted(loaded):
    estimator, _ = loaded
    assert formats.integers_text(estimator) == ''
    quantise_inputs(estimator, {'pretrained.blocks.0.mlp.fc1': (-4.0, 4.0)})
    layer = estimator.get_submodule('pretrained.blocks.0.mlp.fc1')
    layer.weight.data[:, ::2] = 0.0
    assert formats.integers_text(estimator) == '8-bit weights in 1 layers'
    layer.weight.data[:] = 1.0
    assert formats.integers_text(estimator) == '8-bit weights in 1 layers, 7-bit in 1 of them'


def test_only_an_exported_network_is_replaced(exported, tmp_path):
    out, _ = exported(Format.ONNX, Numbers.FP32)
    check_replaceable(tmp_path / 'new', False)
    check_replaceable(out, True)
    with pytest.raises(OutputError, match='exists; --force replaces an exported network'):
        check_replaceable(out, False)
    (tmp_path / 'diary.txt').write_text('dear')
    with pytest.raises(OutputError, match='is no exported network; --force replaces those only'):
        check_replaceable(tmp_path, True)


def test_a_library_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(formats, 'find_spec', lambda _: None)
    with pytest.raises(MissingDependencyError, match=r"'onnx' .*depth_anything_ros\[onnx\]"):
        Format.ONNX.require()
    for module in ('openvino_backend', 'onnxruntime_backend'):
        name = f'depth_anything_ros.inference.backends.{module}.find_spec'
        monkeypatch.setattr(name, lambda _: None)
    with pytest.raises(MissingDependencyError, match='is not installed'):
        readers('.onnx')


def test_what_is_known_of_errors_goes_along(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, 'agreements', lambda *_: iter(()))
    monkeypatch.setattr(folder, 'write_network', lambda *given: given[-1].write_text('no network'))
    model = load_estimator('tiny')
    result = export_folder(model, [(32, 32)], Format.ONNX, None, tmp_path / 'out')
    table = tmp_path / 'out' / 'tiny-32x32.onnx.sigma.json'
    assert (
        table.read_bytes() == model[1].path.with_name('tiny.safetensors.sigma.json').read_bytes()
    )
    assert list(result.contract.files) == ['tiny-32x32.onnx']
    check_replaceable(tmp_path / 'out', True)
