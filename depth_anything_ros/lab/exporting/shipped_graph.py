"""
The graph of a shipped model, as an ONNX file whose weights stay in the checkpoint beside it.

So the model runs where torch is not installed, at every size that its patch divides, and no weight
is shipped twice. `python -m depth_anything_ros.lab.exporting.shipped_graph` in a checkout writes
the files anew; that is needed where the network or its weights change, and a test says so.
"""

from __future__ import annotations

import json
import struct
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from depth_anything_ros.errors import BackendError
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.shipped_graph import SHIPPED_GRAPHS, graph_beside
from depth_anything_ros.models.stored_weights import stored_weights

_OPSET = 17
# Each map of the decoder is brought to twice its size; the graph must not name sizes.
_FACTORS = (1.0, 1.0, 2.0, 2.0)
_DTYPES = {'F16': 'float16', 'F32': 'float32'}


def write_graph(name: str, folder: Path) -> Path:
    """
    Write the graph of a model, to lie beside its checkpoint.

    :param name: of a row of MODELS whose checkpoint is a safetensors file with plain tensors.
    :param folder: of the file.
    :return: the file.
    :raises BackendError: if the network has another form than a graph for every size can have.
    """
    import onnx

    estimator, weights = load_estimator(name)
    assert weights.path is not None, 'it is shipped'
    model = _traced(estimator)
    _free_sizes(model)
    _point_at(model, weights.path)
    path = folder / graph_beside(weights.path).name
    onnx.save(model, path)
    return path


def _traced(estimator: DepthEstimator) -> Any:
    """Return the network as ONNX, its norms as they are and its tensors under their names."""
    import onnx
    import torch

    side = 2 * estimator.spec.patch
    with tempfile.TemporaryDirectory() as folder, torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # sizes of the trace, which are freed below
        path = Path(folder) / 'traced.onnx'
        torch.onnx.export(
            estimator, (torch.zeros(1, 3, side, side),), str(path), input_names=['pixels'],
            output_names=['values'], opset_version=_OPSET, dynamo=False,
            do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE,
        )  # fmt: skip
        return onnx.load(path)


def _free_sizes(model: Any) -> None:
    """Let the graph read every size: upsampling goes by its factor, and nothing names a side."""
    import numpy as np
    from onnx import helper
    from onnx.numpy_helper import from_array

    graph = model.graph
    graph.initializer.append(from_array(np.array(_FACTORS, np.float32), 'factors'))
    for node in graph.node:
        if node.op_type == 'Resize':
            del node.input[1:]
            node.input.extend(['', 'factors'])
    _prune(graph)
    pixels, values = graph.input[0].type.tensor_type, graph.output[0].type.tensor_type
    graph.input[0].CopyFrom(
        helper.make_tensor_value_info('pixels', pixels.elem_type, [1, 3, 'height', 'width'])
    )
    graph.output[0].CopyFrom(
        helper.make_tensor_value_info('values', values.elem_type, [1, 'height', 'width'])
    )
    del graph.value_info[:]


def _prune(graph: Any) -> None:
    """Remove the nodes that nothing reads any more."""
    needed = {graph.output[0].name}
    kept = []
    for node in reversed(graph.node):
        if needed & {*node.output}:
            kept.append(node)
            needed |= {*node.input}
    del graph.node[:]
    graph.node.extend(reversed(kept))


def _point_at(model: Any, checkpoint: Path) -> None:
    """Take the tensors out of the graph; it names the places in the checkpoint instead."""
    from onnx import TensorProto, helper

    start, entries = _entries(checkpoint)
    casts = []
    for tensor in model.graph.initializer:
        if tensor.name not in entries:
            if len(tensor.raw_data) > len(_FACTORS) * 4:
                raise BackendError(f"'{tensor.name}' of the graph is not in '{checkpoint}'")
            continue
        entry = entries[tensor.name]
        name, dtype, (first, last) = tensor.name, entry['dtype'], entry['data_offsets']
        if dtype not in _DTYPES or [*tensor.dims] != entry['shape']:
            raise BackendError(f"'{name}' is stored as {dtype} {entry['shape']}")
        tensor.ClearField('raw_data')
        tensor.data_location = TensorProto.EXTERNAL
        place = {'location': checkpoint.name, 'offset': start + first, 'length': last - first}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        if dtype == 'F16':
            tensor.data_type, tensor.name = TensorProto.FLOAT16, f'{name}:stored'
            casts.append(
                helper.make_node(
                    'Cast', [tensor.name], [name], f'{name}:cast', to=TensorProto.FLOAT
                )
            )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _entries(checkpoint: Path) -> tuple[int, dict[str, Any]]:
    """Return where the numbers of a safetensors file begin, and its table of tensors."""
    with checkpoint.open('rb') as file:
        (length,) = struct.unpack('<Q', file.read(8))
        return 8 + length, json.loads(file.read(length))


def _main() -> None:
    for name in SHIPPED_GRAPHS:
        path = write_graph(name, stored_weights(MODELS[name]).path.parent)
        sys.stdout.write(f'wrote {path}, {path.stat().st_size} bytes\n')


if __name__ == '__main__':
    _main()
