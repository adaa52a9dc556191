"""ONNX files made over for a GPU, run on the CPU."""

from __future__ import annotations

import numpy as np
import pytest
from made_networks import write_grey, write_random

from depth_anything_ros.errors import BackendError, MissingDependencyError
from depth_anything_ros.inference.backends import onnx_rewriting
from depth_anything_ros.inference.backends.onnx_rewriting import (
    Rewriting,
    rewrite,
    rewriting_for,
    rounds_to_integers,
)
from depth_anything_ros.inference.backends.onnx_session import open_session
from depth_anything_ros.inference.devices import Device
from depth_anything_ros.types import Precision

onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

HIGH = 6.0  # of the range of an input without a sign


def run(path, numbers):
    session = open_session(path, 1)
    return session.run(None, {session.get_inputs()[0].name: numbers})[0]


def write_rounding(path, *, zero=0, unsigned=True, stored=False, shared=False):
    """Write a network that rounds 0..HIGH to 256 steps, or -HIGH..HIGH to 255, and back."""
    step, kind = (HIGH / 255, np.uint8) if unsigned else (HIGH / 127, np.int8)
    constants = [
        numpy_helper.from_array(np.float32(step), 'step'),
        numpy_helper.from_array(kind(zero), 'zero'),
    ]
    nodes = [helper.make_node('QuantizeLinear', ['x', 'step', 'zero'], ['q'], 'rounding')]
    read = 'q'
    if stored:
        constants.append(numpy_helper.from_array(np.array([200], np.uint8), 'stored'))
        nodes, read = [helper.make_node('Identity', ['x'], ['unused'])], 'stored'
    if shared:  # as torch's exporter writes a constant that several nodes read
        nodes.insert(0, helper.make_node('Identity', ['zero'], ['same']))
    names = [read, 'step', 'same' if shared else 'zero']
    nodes.append(helper.make_node('DequantizeLinear', names, ['y'], 'back'))
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ['n']) for name in ('x', 'y')]
    graph = helper.make_graph(nodes, 'rounding', ports[:1], ports[1:], constants)
    opset = [helper.make_opsetid('', 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))


def zero_types(path):
    """Return the number formats that rounding nodes of a file write and read."""
    model = onnx.load(path)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    names = [node.input[2] for node in model.graph.node if 'quantize' in node.op_type.lower()]
    return {constants[name].data_type for name in names}


@pytest.mark.parametrize('shared', [False, True])
def test_integers_without_a_sign_get_one_in_the_same_range(tmp_path, shared):
    write_rounding(tmp_path / 'a.onnx', shared=shared)
    rewrite(Rewriting.SIGNED, tmp_path / 'a.onnx', tmp_path / 'b.onnx')
    assert zero_types(tmp_path / 'b.onnx') == {TensorProto.INT8}
    numbers = np.linspace(0, HIGH, 1000).astype(np.float32)
    found = run(tmp_path / 'b.onnx', numbers)
    # Half a step of 127, over the whole range: nothing of its upper half is clipped.
    assert np.abs(found - numbers).max() <= 0.5 * HIGH / 127 + 1e-6
    assert found[-1] == pytest.approx(HIGH)


def test_integers_with_a_sign_stay_as_they_are(tmp_path):
    write_rounding(tmp_path / 'a.onnx', unsigned=False)
    rewrite(Rewriting.SIGNED, tmp_path / 'a.onnx', tmp_path / 'b.onnx')
    numbers = np.linspace(-HIGH, HIGH, 1000).astype(np.float32)
    np.testing.assert_array_equal(
        run(tmp_path / 'b.onnx', numbers), run(tmp_path / 'a.onnx', numbers)
    )


@pytest.mark.parametrize(
    ('written', 'why'),
    [({'zero': 3}, "in 'rounding', which has .* a zero point but 0"),
     ({'stored': True}, "in 'back', which reads integers that are stored")],
)  # fmt: skip
def test_integers_that_tensorrt_would_misread_are_refused(tmp_path, written, why):
    write_rounding(tmp_path / 'a.onnx', **written)
    with pytest.raises(BackendError, match=f'{why}: TensorRT would misread them; .*device cuda'):
        rewrite(Rewriting.SIGNED, tmp_path / 'a.onnx', tmp_path / 'b.onnx')


def test_products_compute_in_half_and_the_rest_does_not(tmp_path):
    write_random(tmp_path / 'a.onnx')
    rewrite(Rewriting.HALF, tmp_path / 'a.onnx', tmp_path / 'b.onnx')
    model = onnx.shape_inference.infer_shapes(onnx.load(tmp_path / 'b.onnx'))
    kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    for node in model.graph.node:
        if node.op_type == 'Conv':
            assert kinds[node.output[0]] == TensorProto.FLOAT16
        elif node.op_type in ('Tanh', 'Sigmoid'):
            assert kinds.get(node.input[0]) == TensorProto.FLOAT
    ports = (*model.graph.input, *model.graph.output)
    assert {port.type.tensor_type.elem_type for port in ports} == {TensorProto.FLOAT}
    pixels = np.random.default_rng(0).standard_normal((1, 3, 24, 32)).astype(np.float32)
    exact, found = (run(tmp_path / name, pixels) for name in ('a.onnx', 'b.onnx'))
    assert 1e-5 < np.abs(found - exact).max() / np.ptp(exact) < 1e-2
    size = (tmp_path / 'b.onnx').stat().st_size
    assert size < 0.75 * (tmp_path / 'a.onnx').stat().st_size


def test_weights_beyond_half_keep_their_layer_whole(tmp_path):
    write_grey(tmp_path / 'a.onnx')
    model = onnx.load(tmp_path / 'a.onnx')
    (weights,) = (one for one in model.graph.initializer if one.name == 'weights')
    weights.CopyFrom(numpy_helper.from_array(1e6 * numpy_helper.to_array(weights), 'weights'))
    onnx.save(model, str(tmp_path / 'a.onnx'))
    rewrite(Rewriting.HALF, tmp_path / 'a.onnx', tmp_path / 'b.onnx')
    pixels = np.random.default_rng(0).random((1, 3, 4, 6), np.float32)
    np.testing.assert_array_equal(
        run(tmp_path / 'b.onnx', pixels), run(tmp_path / 'a.onnx', pixels)
    )


@pytest.mark.parametrize(
    ('device', 'precision', 'integers', 'expected'),
    [
        ('cpu', Precision.FP32, True, Rewriting.NONE),
        ('cuda', Precision.FP32, True, Rewriting.NONE),
        ('cuda', Precision.FP16, False, Rewriting.HALF),
        ('tensorrt', Precision.FP16, False, Rewriting.NONE),
        ('tensorrt', Precision.FP32, True, Rewriting.SIGNED),
    ],
)
def test_what_is_made_over_follows_from_device_and_file(
    tmp_path, device, precision, integers, expected
):
    path = tmp_path / 'a.onnx'
    (write_rounding if integers else write_grey)(path)
    assert rounds_to_integers(path) is integers
    assert rewriting_for(Device.parse(device), precision, path) is expected


def test_integers_that_are_stored_are_seen(tmp_path):
    write_rounding(tmp_path / 'a.onnx', stored=True)
    assert rounds_to_integers(tmp_path / 'a.onnx')


@pytest.mark.parametrize(('kind', 'right'), [(np.int8, True), (np.uint8, False)])
def test_stored_integers_without_a_zero_go_by_their_own_sign(tmp_path, kind, right):
    write_rounding(tmp_path / 'a.onnx', stored=True)
    model = onnx.load(tmp_path / 'a.onnx')
    del model.graph.node[-1].input[2:]
    (stored,) = (one for one in model.graph.initializer if one.name == 'stored')
    stored.CopyFrom(numpy_helper.from_array(np.array([100], kind), 'stored'))
    onnx.save(model, str(tmp_path / 'a.onnx'))
    if not right:
        with pytest.raises(BackendError, match='TensorRT would misread them'):
            rewrite(Rewriting.SIGNED, tmp_path / 'a.onnx', tmp_path / 'b.onnx')
        return
    rewrite(Rewriting.SIGNED, tmp_path / 'a.onnx', tmp_path / 'b.onnx')
    numbers = np.zeros(1, np.float32)
    assert run(tmp_path / 'b.onnx', numbers) == pytest.approx(100 * HIGH / 255)


def test_constants_that_only_a_branch_reads_stay(tmp_path):
    write_grey(tmp_path / 'a.onnx')
    model = onnx.load(tmp_path / 'a.onnx')
    graph = model.graph
    constants = {'always': np.bool_(True), 'one': np.float32(1.0), 'two': np.float32(2.0)}
    graph.initializer.extend(numpy_helper.from_array(v, n) for n, v in constants.items())
    (output,) = graph.output
    branches = {
        f'{side}_branch': helper.make_graph(
            [helper.make_node('Add', ['grey', number], [side])], side, [],
            [helper.make_tensor_value_info(side, TensorProto.FLOAT, None)],
        )
        for side, number in (('then', 'one'), ('else', 'two'))
    }  # fmt: skip
    for node in graph.node:
        node.output[:] = ['grey' if name == output.name else name for name in node.output]
    graph.node.append(helper.make_node('If', ['always'], [output.name], **branches))
    onnx.save(model, str(tmp_path / 'a.onnx'))
    rewrite(Rewriting.HALF, tmp_path / 'a.onnx', tmp_path / 'b.onnx')
    pixels = np.random.default_rng(0).random((1, 3, 4, 6), np.float32)
    exact, found = (run(tmp_path / name, pixels) for name in ('a.onnx', 'b.onnx'))
    np.testing.assert_allclose(found, exact, atol=2e-3)


def test_without_onnx_nothing_is_made_over(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_rewriting, 'find_spec', lambda _: None)
    with pytest.raises(MissingDependencyError, match=r'depth_anything_ros\[onnx\]'):
        rewrite(Rewriting.HALF, tmp_path / 'a.onnx', tmp_path / 'b.onnx')
