"""Networks in folders, small enough to be computed by hand, and their contracts."""

import copy
import inspect
import json
from pathlib import Path

import numpy as np

CONTRACT = {
    'name': 'grey',
    'licence': 'MIT',
    'files': {'model.onnx': None},
    'input': {
        'channels': 'rgb',
        'range': 1,
        'mean': [0.0, 0.0, 0.0],
        'std': [1.0, 1.0, 1.0],
        'resize': 'shorter_side',
        'size': 32,
        'multiple': 8,
        'interpolation': 'linear',
    },
    'output': {
        'name': None,
        'kind': 'relative_inverse_depth',
        'max_depth_m': None,
        'metres_per_unit': None,
        'metres_at_focal_px': None,
    },
}
WEIGHTS = np.float32([0.5, 0.3, 0.2])
BIAS = 0.1


def contract(**changes) -> dict:
    """Return CONTRACT with keys changed, those of a group as `input_size=…`."""
    changed = copy.deepcopy(CONTRACT)
    for key, value in changes.items():
        group, _, name = key.partition('_')
        if group in ('input', 'output'):
            changed[group][name] = value
        else:
            changed[key] = value
    return changed


def write_folder(folder: Path, **changes) -> Path:
    """Write a contract with the network :func:`write_grey` makes beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / 'model.onnx').exists():
        write_grey(folder / 'model.onnx')
    (folder / 'network.json').write_text(json.dumps(contract(**changes)))
    return folder


def write_grey(
    path: Path,
    shape=('n', 3, 'h', 'w'),
    *,
    dtype='float32',
    squeezed=False,
    opset=17,
    external=False,
    outputs=('values',),
    inputs=('pixels',),
) -> None:
    """
    Write a network that weighs the three colours: WEIGHTS · colours + BIAS for each pixel.

    :param shape: of its input; planar or not.
    :param dtype: of its input and output.
    :param squeezed: whether it gives (N, h, w), or else (N, 1, h, w).
    :param outputs: names, each with the same values.
    :param inputs: names, of which the first is read.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    kind = {'float32': TensorProto.FLOAT, 'float16': TensorProto.FLOAT16,
            'uint8': TensorProto.UINT8}[dtype]  # fmt: skip
    given = TensorProto.FLOAT if dtype == 'uint8' else kind
    number = np.float32 if dtype == 'uint8' else np.dtype(dtype)
    planar = shape[1] == 3
    nodes, last = [], inputs[0]

    def then(operation, *more, **attributes):
        nonlocal last
        nodes.append(
            helper.make_node(operation, [last, *more], [f'{operation}_out'], **attributes)
        )
        last = f'{operation}_out'

    if dtype == 'uint8':
        then('Cast', to=TensorProto.FLOAT)
    if not planar:
        then('Transpose', perm=[0, 3, 1, 2])
    then('Conv', 'weights', 'bias')
    constants = {
        'weights': WEIGHTS.reshape(1, 3, 1, 1).astype(number),
        'bias': np.array([BIAS], number),
    }
    if squeezed:
        then('Squeeze', 'axis')
        constants['axis'] = np.int64([1])
    nodes += [helper.make_node('Identity', [last], [name]) for name in outputs]
    rows, columns = shape[2:] if planar else shape[1:3]
    result = (shape[0], rows, columns) if squeezed else (shape[0], 1, rows, columns)
    graph = helper.make_graph(
        nodes,
        'grey',
        [helper.make_tensor_value_info(name, kind, shape) for name in inputs],
        [helper.make_tensor_value_info(name, given, result) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', opset)], ir_version=8)
    where = {'location': f'{path.name}.data', 'size_threshold': 0} if external else {}
    onnx.save(model, str(path), save_as_external_data=external, **where)


def write_identity(path: Path, shape) -> None:
    """Write a network that gives back the colours it reads."""
    import onnx
    from onnx import TensorProto, helper

    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name in ('pixels', 'values')
    ]
    node = helper.make_node('Identity', ['pixels'], ['values'])
    graph = helper.make_graph([node], 'same', ports[:1], ports[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    onnx.save(model, str(path))


def grey(rgb: np.ndarray) -> np.ndarray:
    """Return what the network gives for pixels (h, w, 3) as it reads them."""
    return rgb.astype(np.float32) @ WEIGHTS + np.float32(BIAS)


def write_random(path: Path, seed: int = 0) -> None:
    """Write a small network of random weights that sees 11 pixels far and gives 0.2 to 5."""
    import torch
    from torch import nn

    parameters = inspect.signature(torch.onnx.export).parameters
    classic = {'dynamo': False} if 'dynamo' in parameters else {}

    torch.manual_seed(seed)
    layers = [nn.Conv2d(3, 8, 5, padding=2), nn.Tanh(), nn.Conv2d(8, 8, 5, padding=2), nn.Tanh()]
    network = nn.Sequential(*layers, nn.Conv2d(8, 1, 3, padding=1), nn.Sigmoid())
    axes = {name: {0: 'n', 2: 'h', 3: 'w'} for name in ('pixels', 'values')}
    torch.onnx.export(
        network, (torch.zeros(1, 3, 16, 16),), str(path), input_names=['pixels'],
        output_names=['values'], dynamic_axes=axes, opset_version=17, **classic,
    )  # fmt: skip
