"""Networks of the package that run without torch where an export of them is kept."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from depth_anything_ros.errors import (
    BackendError,
    CheckpointError,
    MissingDependencyError,
    OutputError,
)
from depth_anything_ros.inference import export_process, stored_network
from depth_anything_ros.inference.backends.base import ExportForm
from depth_anything_ros.inference.export_process import export_apart
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.hub import published_file
from depth_anything_ros.models.stored_weights import stored_weights
from depth_anything_ros.types import Precision

FORM = ExportForm((32, 32), (), 'cpu', Precision.FP32)
IMAGE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
PREDICT = """
import sys
import numpy as np
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions

options = NetworkOptions('tiny', backend=sys.argv[1], input_size=32, precision='fp32', threads=1,
                         cache_dir=sys.argv[2], checkpoint=sys.argv[3])
image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
print(float(create_predictor(options).predict(image).values.sum()), 'torch' in sys.modules)
"""


def options(backend, folder, **changes):
    given = {'input_size': 32, 'precision': 'fp32', 'threads': 1, 'cache_dir': str(folder)}
    return NetworkOptions('tiny', backend=backend, **{**given, **changes})


@pytest.fixture
def own(tmp_path):
    """Return weights without a graph that ships with them."""
    path = tmp_path / 'own.safetensors'
    path.write_bytes(published_file(MODELS['tiny']).read_bytes())
    return str(path)


@pytest.fixture
def missing(monkeypatch):
    monkeypatch.setattr(stored_network, 'find_spec', lambda _: None)


@pytest.mark.parametrize(
    'backend', [pytest.param('openvino', marks=pytest.mark.slow), 'onnxruntime']
)
def test_a_warm_cache_runs_without_importing_torch(backend, tmp_path, own):
    pytest.importorskip(backend)
    asked = options(backend, tmp_path, checkpoint=own)
    exported = create_predictor(asked).predict(IMAGE).values
    command = [sys.executable, '-c', PREDICT, backend, str(tmp_path), own]
    warm = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert warm[1] == 'False'
    assert float(warm[0]) == pytest.approx(float(exported.sum()), rel=1e-6)


def test_a_kept_export_is_run_and_its_weights_are_not_read(tmp_path, monkeypatch, own):
    pytest.importorskip('onnxruntime')
    asked = options('onnxruntime', tmp_path, checkpoint=own)
    first = create_predictor(asked).predict(IMAGE).values
    monkeypatch.setattr(stored_network, 'find_spec', lambda _: None)
    again = create_predictor(asked)
    np.testing.assert_array_equal(again.predict(IMAGE).values, first)
    assert (again.identity.weights, again.identity.sha256) == ('checkpoint', MODELS['tiny'].sha256)
    assert str(again.weights_path) == own
    with pytest.raises(MissingDependencyError, match=r"'torch' is not .*\[torch\].*verb export"):
        again.predict(np.zeros((64, 32, 3), np.uint8))  # another size was never exported


@pytest.mark.parametrize('apart', [False, True])
def test_what_was_never_exported_says_what_helps_without_torch(tmp_path, missing, apart, own):
    pytest.importorskip('onnxruntime')
    with pytest.raises(MissingDependencyError, match=r"'torch' is not .*\[torch\].*verb export"):
        create_predictor(options('onnxruntime', tmp_path, checkpoint=own), apart)


@pytest.mark.parametrize('backend', ['openvino', 'onnxruntime'])
def test_a_shipped_model_is_exported_without_torch(backend, tmp_path, missing):
    pytest.importorskip(backend)
    predictor = create_predictor(options(backend, tmp_path))
    in_torch = create_predictor(options('torch', tmp_path))
    for image in (IMAGE, np.ascontiguousarray(np.tile(IMAGE, (1, 3, 1)))):
        found, wanted = predictor.predict(image).values, in_torch.predict(image).values
        assert np.abs(found - wanted).max() <= 1e-5 * np.ptp(wanted)
    assert predictor.identity.weights == 'pretrained'
    assert predictor.weights_path.name == 'tiny.safetensors'


@pytest.mark.slow
def test_a_changed_checkpoint_is_exported_anew(tmp_path):
    pytest.importorskip('onnxruntime')
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    source = stored_weights(MODELS['tiny']).path
    tensors = load_file(source)
    with safe_open(source, 'pt') as opened:
        entries = opened.metadata()
    path = tmp_path / 'own.safetensors'
    sums = []
    for factor in (1.0, 2.0):
        tensors['depth_head.output.2.weight'] *= factor
        tensors['depth_head.output.2.bias'] *= factor
        save_file(tensors, path, entries)
        asked = options('onnxruntime', tmp_path / 'cache', checkpoint=str(path))
        sums.append(create_predictor(asked).predict(IMAGE).values.sum())
    assert sums[1] == pytest.approx(2.0 * sums[0], rel=1e-4)


def test_weights_that_changed_before_they_are_read_are_refused(tmp_path, own):
    pytest.importorskip('onnxruntime')
    asked = options('onnxruntime', tmp_path / 'cache', checkpoint=own)
    create_predictor(asked).predict(IMAGE)
    predictor = create_predictor(asked)  # it runs what is kept, and reads no weights
    with Path(own).open('r+b') as file:
        file.seek(-1, os.SEEK_END)
        file.write(b'\x01')
    with pytest.raises(CheckpointError, match='has changed since .*; load the model again'):
        predictor.predict(np.zeros((64, 32, 3), np.uint8))
    (kept,) = (tmp_path / 'cache').glob('*/')
    assert '32x32' in kept.name


@pytest.mark.parametrize(('device', 'products'), [('cuda', 'float16'), ('tensorrt', 'float32')])
def test_a_shipped_model_runs_on_a_gpu_without_torch(
    tmp_path, missing, made_gpu, device, products
):
    onnx = pytest.importorskip('onnx')
    asked = options('onnxruntime', tmp_path / 'cache', device=device, precision='fp16')
    found = create_predictor(asked).predict(IMAGE).values
    wanted = create_predictor(options('onnxruntime', tmp_path, device='cpu')).predict(IMAGE).values
    assert np.abs(found - wanted).max() <= 1e-2 * np.ptp(wanted)
    (path,) = (tmp_path / 'cache').glob('*/model.onnx')
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    convolved = {kinds[node.output[0]] for node in model.graph.node if node.op_type == 'Conv'}
    assert convolved == {onnx.helper.np_dtype_to_tensor_dtype(np.dtype(products))}


def test_torch_exports_for_a_gpu_where_it_is_there():
    source = stored_network.StoredNetwork(stored_weights(MODELS['tiny']))
    assert source.graph_for('cpu') is not None
    assert source.graph_for('cuda') is None


# In a process of its own


@pytest.mark.slow
@pytest.mark.parametrize('backend', ['openvino', 'onnxruntime'])
def test_an_export_in_a_process_of_its_own_is_the_same(backend, tmp_path, own, caplog):
    pytest.importorskip(backend)
    caplog.set_level('INFO')
    apart = create_predictor(options(backend, tmp_path / 'apart', checkpoint=own), apart=True)
    here = create_predictor(options(backend, tmp_path / 'here', checkpoint=own))
    np.testing.assert_array_equal(apart.predict(IMAGE).values, here.predict(IMAGE).values)
    assert 'exported in' in caplog.text
    names = [
        sorted(path.name for path in (tmp_path / name).iterdir()) for name in ('apart', 'here')
    ]
    assert names[0] == names[1]


@pytest.mark.slow
def test_what_is_wrong_with_weights_comes_through(tmp_path):
    stored = stored_weights(MODELS['tiny'])
    other = replace(stored, spec=replace(stored.spec, name='tiny', features=8))
    with pytest.raises(CheckpointError, match="does not belong to model 'tiny'"):
        export_apart(other, 'onnxruntime', FORM, tmp_path)


def test_weights_that_changed_meanwhile_are_refused(tmp_path):
    path = tmp_path / 'own.safetensors'
    path.write_bytes(stored_weights(MODELS['tiny']).path.read_bytes())
    stored = stored_weights(MODELS['tiny'], str(path))
    path.write_bytes(b'another')
    assert hashlib.sha256(b'another').hexdigest() != stored.sha256
    with pytest.raises(CheckpointError, match='has changed since'):
        export_apart(stored, 'onnxruntime', FORM, tmp_path)


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_an_output_error(tmp_path):
    pytest.importorskip('openvino')
    file = tmp_path / 'file'
    file.touch()
    with pytest.raises(OutputError, match='file'):
        export_apart(stored_weights(MODELS['tiny']), 'openvino', FORM, file)


def test_the_process_imports_no_file_of_the_folder_it_is_started_in(tmp_path, monkeypatch):
    (tmp_path / 'json.py').write_text('raise SystemExit("of somebody else")')
    monkeypatch.chdir(tmp_path)
    stored = stored_weights(MODELS['tiny'])
    with pytest.raises(CheckpointError, match='has changed since'):
        export_apart(replace(stored, sha256='another'), 'onnxruntime', FORM, tmp_path)


def test_what_a_start_up_file_prints_is_no_answer(tmp_path, monkeypatch):
    (tmp_path / 'sitecustomize.py').write_text('print("welcome to this robot")')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    stored = stored_weights(MODELS['tiny'])
    with pytest.raises(CheckpointError, match='has changed since'):
        export_apart(replace(stored, sha256='another'), 'onnxruntime', FORM, tmp_path)


@pytest.mark.parametrize(
    ('script', 'message'),
    [
        ('import os; os.kill(os.getpid(), 9)', 'ended by SIGKILL, as .* lack of memory; the verb'),
        ('raise SystemExit("no such thing")', r'ended with 1: no such thing; the verb export'),
    ],
)
def test_a_process_that_ends_untimely_says_how(tmp_path, monkeypatch, script, message):
    (tmp_path / 'ends.py').write_text(script)
    monkeypatch.setattr(export_process, '__name__', 'ends')
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(BackendError, match=message):
        export_apart(stored_weights(MODELS['tiny']), 'openvino', FORM, tmp_path)
