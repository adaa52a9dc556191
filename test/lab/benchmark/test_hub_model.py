"""Comparators of transformers, against the library itself called by hand."""

import importlib.util
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

pytest.importorskip('transformers', reason='transformers is not installed')
pytest.importorskip('PIL', reason='Pillow is not installed')

from hub_models import KINDS, write_model

from depth_anything_ros.errors import BackendError, CheckpointError, MissingDependencyError
from depth_anything_ros.inference.hub import loading
from depth_anything_ros.inference.hub.loading import find_model
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.benchmark.hub_model import HubNetwork
from depth_anything_ros.lab.benchmark.layers import describe_network
from depth_anything_ros.lab.benchmark.network import (
    IMAGE_SIZE,
    NetworkKind,
    NetworkRequest,
    PartCounts,
    example_image,
)
from depth_anything_ros.lab.benchmark.networks import open_network
from depth_anything_ros.types import Precision

WITHOUT_TORCHVISION = importlib.util.find_spec('torchvision') is None
# With ratios of the image as DPT, Depth Anything and ZoeDepth keep them; GLPN takes the image as
# it is.
SIZES = {
    'dpt': (64, 64),
    'depth_anything': (56, 70),
    'zoedepth': (64, 80),
    'depth_pro': (64, 64),
    'glpn': (480, 640),
}


def load(folder: Path | str, **changes: object) -> NetworkRequest:
    options = NetworkOptions(
        str(folder), backend='torch', precision='fp32', device='cpu', threads=1
    )
    return NetworkRequest(replace(options, **changes), NetworkKind.TRANSFORMERS)


@pytest.mark.parametrize('kind', KINDS)
def test_network_gives_what_the_library_gives(kind, tmp_path):
    direct = write_model(kind, tmp_path)
    network = open_network(load(tmp_path))
    inputs = network.preprocess(example_image())
    output = network.infer(inputs)
    with torch.inference_mode():
        expected = direct(**inputs).predicted_depth
    assert torch.allclose(output.predicted_depth, expected, rtol=1e-4, atol=1e-5)
    height, width = SIZES[kind]
    assert network.input_size(inputs) == (height, width)
    shown = network.postprocess(output, IMAGE_SIZE)
    depth = shown if isinstance(shown, torch.Tensor) else shown[0]['predicted_depth']
    assert depth.shape == IMAGE_SIZE


@pytest.mark.parametrize('kind', KINDS)
def test_parts_are_counted_and_told_apart(kind, tmp_path):
    direct = write_model(kind, tmp_path)
    network = HubNetwork(load(tmp_path))
    inputs = network.preprocess(example_image()[:64, :64])
    parameters, operations = network.parameters(), network.operations(inputs)
    assert parameters.total == sum(values.numel() for values in direct.parameters())
    assert parameters.encoder + parameters.decoder == parameters.total
    assert operations.encoder + operations.decoder == operations.total
    assert min(parameters.encoder, parameters.decoder) > 0
    assert min(operations.encoder, operations.decoder) > 0
    assert not network.encoder._forward_hooks


def test_operations_of_the_encoder_are_those_of_the_closed_form(tmp_path):
    write_model('dpt', tmp_path)
    network = HubNetwork(load(tmp_path))
    tokens, width, hidden = 4 * 4 + 1, 32, 64
    block = (4 * width**2 + 2 * width * hidden) * tokens + 2 * tokens**2 * width
    patches = 3 * 16 * 16 * width * 16
    inputs = network.preprocess(example_image())
    pooler = width**2
    assert network.operations(inputs).encoder in (
        patches + 4 * block,
        patches + 4 * block + pooler,
    )


def test_size_is_asked_of_the_image_processor(tmp_path):
    write_model('depth_anything', tmp_path)
    network = HubNetwork(load(tmp_path, input_size=(112, 149)))
    assert network.input_size(network.preprocess(example_image())) == (112, 154)


def test_size_that_the_network_does_not_take_is_an_error(tmp_path):
    write_model('depth_pro', tmp_path)
    network = HubNetwork(load(tmp_path, input_size=(16, 16)))
    with pytest.raises(BackendError, match='transformers failed'):
        network.infer(network.preprocess(example_image()))


@pytest.mark.parametrize('kind', KINDS)
def test_bf16_is_near_fp32(kind, tmp_path):
    write_model(kind, tmp_path)
    outputs = []
    for precision in (Precision.FP32, Precision.BF16):
        network = HubNetwork(load(tmp_path, precision=precision.value))
        outputs.append(network.infer(network.preprocess(example_image())).predicted_depth)
    assert outputs[1].dtype == torch.float32
    error = (outputs[1] - outputs[0]).abs().mean() / outputs[0].abs().mean()
    assert 0 < error < 0.05


def test_precision_that_a_cpu_lacks_is_refused(tmp_path):
    write_model('dpt', tmp_path)
    with pytest.raises(BackendError, match='cannot compute in fp16 on cpu'):
        HubNetwork(load(tmp_path, precision='fp16'))


def test_values_that_are_not_finite_are_an_error(tmp_path):
    write_model('dpt', tmp_path)
    network = HubNetwork(load(tmp_path))
    inputs = {'pixel_values': torch.full((1, 3, 64, 64), float('nan'))}
    with pytest.raises(BackendError, match='not finite in fp32'):
        network.infer(inputs)


def test_random_weights_need_the_configuration_only(tmp_path):
    write_model('dpt', tmp_path)
    for path in tmp_path.glob('*.safetensors'):
        path.unlink()
    first, second = (HubNetwork(load(tmp_path, weights='random')) for _ in range(2))
    assert first.summary.weights == 'random'
    for one, other in zip(first.module.parameters(), second.module.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(CheckpointError, match=r'cannot be read: .*--weights random'):
        HubNetwork(load(tmp_path))


@pytest.mark.skipif(not WITHOUT_TORCHVISION, reason='torchvision is installed')
@pytest.mark.parametrize(('kind', 'note'), [
    ('dpt', ''),
    ('depth_anything', ''),
    ('zoedepth', 'post-processing: a plain resize'),
    ('depth_pro', 'processing: a plain resize with its mean and std'),
])  # fmt: skip
def test_what_replaces_torchvision_is_said(kind, note, tmp_path):
    write_model(kind, tmp_path)
    assert HubNetwork(load(tmp_path)).summary.note.startswith(note)
    assert bool(HubNetwork(load(tmp_path)).summary.note) == bool(note)


@pytest.mark.skipif(not WITHOUT_TORCHVISION, reason='torchvision is installed')
def test_plain_processing_rescales_normalises_and_resizes(tmp_path):
    write_model('depth_pro', tmp_path)
    path = tmp_path / 'preprocessor_config.json'
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, 'image_mean': [0.1, 0.2, 0.3]}))
    network = HubNetwork(load(tmp_path))
    rgb = np.full((480, 640, 3), (0, 51, 255), np.uint8)
    (pixels,) = network.preprocess(rgb)['pixel_values']
    assert pixels.shape == (3, 64, 64)
    assert pixels.mean(dim=(1, 2)).tolist() == pytest.approx([-0.2, 0.0, 1.4], abs=1e-5)


@pytest.mark.skipif(not WITHOUT_TORCHVISION, reason='torchvision is installed')
def test_processor_that_tells_too_little_is_an_error(tmp_path):
    write_model('depth_pro', tmp_path)
    path = tmp_path / 'preprocessor_config.json'
    path.write_text(json.dumps({'image_processor_type': 'DepthProImageProcessor'}))
    with pytest.raises(CheckpointError, match='does not tell .* install torchvision'):
        HubNetwork(load(tmp_path))


def test_model_without_a_description_of_its_input_is_an_error(tmp_path):
    write_model('dpt', tmp_path)
    (tmp_path / 'preprocessor_config.json').unlink()
    with pytest.raises(CheckpointError, match=r'has no preprocessor_config\.json'):
        HubNetwork(load(tmp_path))


def test_model_that_is_none_of_depth_is_an_error(tmp_path):
    write_model('dpt', tmp_path)
    (tmp_path / 'config.json').write_text(json.dumps({'model_type': 'bert'}))
    with pytest.raises(CheckpointError, match="is no depth model: it is of type 'bert'"):
        HubNetwork(load(tmp_path))


def test_file_of_weights_that_was_cut_is_an_error(tmp_path):
    write_model('dpt', tmp_path)
    (path,) = tmp_path.glob('*.safetensors')
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match='transformers cannot make a depth model of'):
        HubNetwork(load(tmp_path))


def test_pickled_weights_are_not_opened_where_torch_would_execute_them(tmp_path, monkeypatch):
    write_model('depth_anything', tmp_path)
    (path,) = tmp_path.glob('*.safetensors')
    torch.save(load_file(path), tmp_path / 'pytorch_model.bin')
    path.unlink()
    open_network(load(tmp_path))
    monkeypatch.setattr(loading, 'pickles_are_safe', lambda: False)
    with pytest.raises(CheckpointError, match='cannot be read: .*safetensors'):
        open_network(load(tmp_path))


def rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    (path,) = folder.glob('*.safetensors')
    weights = load_file(path)
    change(weights)
    save_file(weights, path, metadata={'format': 'pt'})


def test_weights_of_another_shape_are_an_error(tmp_path):
    write_model('dpt', tmp_path)
    rewrite(tmp_path, lambda weights: weights.update({'head.head.0.weight': torch.ones(3, 3)}))
    with pytest.raises(CheckpointError, match='transformers cannot make a depth model of'):
        HubNetwork(load(tmp_path))


def test_missing_weights_are_an_error_that_names_them(tmp_path):
    write_model('dpt', tmp_path)
    rewrite(tmp_path, lambda weights: weights.pop('head.head.0.weight'))
    with pytest.raises(CheckpointError, match=r"weights of '.*' lack head\.head\.0\.weight$"):
        HubNetwork(load(tmp_path))


def test_mismatched_weights_are_named_where_the_library_only_reports_them():
    info = {
        'missing_keys': [],
        'mismatched_keys': [(f'layer.{number}', (1,), (2,)) for number in range(6)],
    }
    with pytest.raises(CheckpointError, match=r'another shape for layer\.0, .* and 2 more$'):
        loading.check_complete('a/b', info)


@pytest.mark.parametrize('kind', ['dpt', 'depth_anything', 'zoedepth'])
def test_weights_that_never_run_may_be_missing(kind, tmp_path):
    direct = write_model(kind, tmp_path)

    def leave_out(weights):
        unused = [name for name in weights if '.layers.0.residual_layer1.' in name]
        assert len(unused) >= 4
        for name in unused:
            del weights[name]

    rewrite(tmp_path, leave_out)
    network = HubNetwork(load(tmp_path))
    inputs = network.preprocess(example_image())
    with torch.inference_mode():
        expected = direct(**inputs).predicted_depth
    found = network.infer(inputs).predicted_depth
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('text', ['{', '[]', '{"model_type": "dpt", "hidden_size": "wide"}'])
def test_configuration_that_is_damaged_is_an_error(text, tmp_path):
    write_model('dpt', tmp_path)
    (tmp_path / 'config.json').write_text(text)
    with pytest.raises((CheckpointError, BackendError), match='dpt|depth model|cannot be read'):
        HubNetwork(load(tmp_path))


@pytest.mark.parametrize('text', ['{', '[]', '{"image_processor_type": 5}'])
def test_description_of_the_input_that_is_damaged_is_an_error(text, tmp_path):
    write_model('dpt', tmp_path)
    (tmp_path / 'preprocessor_config.json').write_text(text)
    with pytest.raises(CheckpointError, match=r'preprocessor_config\.json'):
        HubNetwork(load(tmp_path))


def test_encoder_that_is_not_called_leaves_the_operations_whole(tmp_path):
    write_model('dpt', tmp_path)
    network = HubNetwork(load(tmp_path))
    inputs = network.preprocess(example_image())
    total = network.operations(inputs).total
    network.encoder = torch.nn.Identity()
    assert network.operations(inputs) == PartCounts(total)


def test_folder_without_a_model_is_an_error(tmp_path):
    with pytest.raises(CheckpointError, match=r'has no config\.json'):
        find_model(str(tmp_path))


@pytest.mark.parametrize(
    'name', ['no_owner', './none', '../none', '/no/such/folder', 'a/b/c', 'with space/x']
)
def test_name_that_is_neither_folder_nor_id_is_an_error(name):
    with pytest.raises(CheckpointError, match='neither a folder nor an id OWNER/NAME'):
        find_model(name)


def test_model_that_cannot_be_downloaded_names_cache_and_cure(monkeypatch):
    def refuse(*_, **__):
        raise OSError('no route to host')

    monkeypatch.setattr('huggingface_hub.get_hf_file_metadata', refuse)
    with pytest.raises(CheckpointError) as caught:
        find_model('nobody/no-such-model')
    for words in (
        "'nobody/no-such-model'",
        'not in the cache (',
        'no route',
        '--hub-model FOLDER',
    ):
        assert words in str(caught.value)


def test_gated_model_says_where_to_ask(monkeypatch):
    from unittest.mock import Mock

    from huggingface_hub.errors import GatedRepoError

    def refuse(*_, **__):
        raise GatedRepoError('gated', response=Mock())

    monkeypatch.setattr('huggingface_hub.get_hf_file_metadata', refuse)
    with pytest.raises(
        CheckpointError, match='is gated: log in at https://huggingface.co/some/one'
    ):
        find_model('some/one')


@pytest.mark.parametrize('module', ['transformers', 'PIL'])
def test_missing_library_names_the_extra(module, monkeypatch, tmp_path):
    write_model('dpt', tmp_path)
    monkeypatch.setattr(loading, 'find_spec', lambda name: None if name == module else name)
    with pytest.raises(MissingDependencyError, match=rf"'{module}'.*depth_anything_ros\[hub\]"):
        HubNetwork(load(tmp_path))


def test_layers_of_a_comparator_are_described(tmp_path):
    write_model('dpt', tmp_path)
    rows = describe_network(load(tmp_path))
    assert {row.part for row in rows} == {'encoder', 'decoder'}
    assert rows[0].statistics.shape == (1, 32, 4, 4)
