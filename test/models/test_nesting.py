"""State dicts in the files of training programs: each wrapping, and what is told of the rest."""

import logging
from argparse import Namespace
from pathlib import Path

import pytest
import torch

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint import load_weights
from depth_anything_ros.models.nesting import PREFIXES, WRAPPERS
from depth_anything_ros.models.state_file import read_state

STATE = {'a.weight': torch.arange(6.0).reshape(2, 3), 'a.bias': torch.tensor([1.0, 2.0])}
OTHER = {key: values + 1 for key, values in STATE.items()}


def saved(folder: Path, content: object, name: str = 'latest.pth', **options: bool) -> Path:
    path = folder / name
    torch.save(content, path, **options)
    return path


def prefixed(prefix: str, state: dict[str, torch.Tensor] = STATE) -> dict[str, torch.Tensor]:
    return {f'{prefix}{key}': values for key, values in state.items()}


def check(path: Path, wanted: dict[str, torch.Tensor] = STATE) -> None:
    state = read_state(path)
    assert set(state) == set(wanted)
    assert all(torch.equal(state[key], wanted[key]) for key in wanted)


@pytest.mark.parametrize('wrapper', WRAPPERS)
def test_each_wrapper_is_taken_off(tmp_path, wrapper):
    check(saved(tmp_path, {wrapper: STATE, 'epoch': 3, 'best': None}))


@pytest.mark.parametrize('prefix', PREFIXES)
def test_each_prefix_is_taken_off(tmp_path, prefix):
    check(saved(tmp_path, prefixed(prefix)))


def test_state_of_the_official_metric_training_loads(tmp_path):
    state = load_weights(MODELS['tiny'], weights='random').state
    network = torch.nn.Linear(2, 2)
    optimiser = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    path = saved(tmp_path, {
        'model': prefixed('module.', state), 'optimizer': optimiser.state_dict(), 'epoch': 3,
        'previous_best': {'d1': 0.9, 'abs_rel': 0.1},
    })  # fmt: skip
    loaded = load_weights(MODELS['tiny'], str(path))
    assert set(loaded.state) == set(state)
    assert all(torch.equal(loaded.state[key], state[key]) for key in state)


@pytest.mark.parametrize(
    'content',
    [
        {'state_dict': prefixed('model.'), 'epoch': 1, 'pytorch-lightning_version': '2'},
        {'state_dict': prefixed('model._orig_mod.')},
        {'model': {'state_dict': prefixed('module.')}, 'optimizer': {'state': {}}},
        {'model_state_dict': prefixed('module.model.'), 'loss': 0.5},
        {'ema': {'decay': 0.999, 'module': STATE}, 'model': None},
        {'network': {'model': {'state_dict': STATE}}},
    ],
)
def test_nested_wrappings_are_taken_off(tmp_path, content):
    check(saved(tmp_path, content))
    check(saved(tmp_path, content, 'last.ckpt'))


def test_averaged_weights_come_first_and_the_choice_is_told(tmp_path, caplog):
    path = saved(tmp_path, {'model': OTHER, 'ema': STATE})
    with caplog.at_level(logging.WARNING):
        check(path)
    assert f"{path} holds weights under ema and model; taking 'ema'" in caplog.text


def test_name_that_only_some_tensors_begin_with_stays(tmp_path):
    state = {'model.a': torch.zeros(1), 'b': torch.ones(1)}
    check(saved(tmp_path, state), state)


def test_files_of_the_first_format_of_torch_load(tmp_path):
    check(saved(tmp_path, {'model': STATE}, _use_new_zipfile_serialization=False))


@pytest.mark.parametrize(
    ('content', 'advice'),
    [
        ({'epoch': 3, 'best': 0.5}, r'no state dict of tensors but epoch, best; looked for under'),
        ({'state': {}, 'param_groups': []}, 'looks like the state of an optimiser'),
        ({'model': {'a': STATE}}, 'no state dict of tensors but a; looked for under ema'),
        ({'model': STATE, 'args': Namespace()}, r'an object of argparse\.Namespace, .*weights'),
        (torch.nn.Linear(2, 2), r'an object of torch\.nn\.modules\.linear\.Linear, .*state_dict'),
        ([torch.zeros(2)], 'no state dict of tensors but a list; save model.state_dict'),
        (torch.zeros(2), 'no state dict of tensors but a Tensor; save'),
        ({}, 'no state dict of tensors but a dict, empty; save'),
        ({**STATE, 'epoch': 3}, 'not a plain state dict; not tensors: epoch; save'),
        ({'a': torch.eye(3).to_sparse()}, r': a is a sparse_coo tensor; save its to_dense\(\)'),
        ({'a': torch.zeros(3, device='meta')}, ': a is a meta tensor, .* save the loaded network'),
        ({'a': torch.zeros(1).expand(2**20, 2**20)},
         r': a is a tensor of shape \(1048576, 1048576\) with fewer numbers .* expanded'),
        ({'a': torch.zeros(2, dtype=torch.complex64)}, ': a is of type complex64; save floating'),
        ({'a': torch.tensor([1.0, float('nan')])}, 'holds NaN or infinity in a'),
    ],
)  # fmt: skip
def test_what_cannot_be_loaded_gets_advice_in_one_line(tmp_path, content, advice):
    path = saved(tmp_path, content)
    with pytest.raises(CheckpointError, match=advice) as error:
        read_state(path)
    assert str(path) in str(error.value)
    assert '\n' not in str(error.value)
    assert 'weights_only' not in str(error.value)


@pytest.mark.filterwarnings('ignore')
def test_quantised_tensor_gets_advice(tmp_path):
    content = {'a': torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)}
    with pytest.raises(CheckpointError, match=r': a is a quantised tensor; save its dequantize'):
        read_state(saved(tmp_path, content))


@pytest.mark.filterwarnings('ignore')
def test_torchscript_gets_advice(tmp_path):
    path = tmp_path / 'script.pt'
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), path)
    with pytest.raises(CheckpointError, match='it is a TorchScript program, not weights; save'):
        read_state(path)


@pytest.mark.parametrize(
    ('name', 'what'),
    [('core.core.a', 'ZoeDepth'), ('blocks.0.norm1.weight', 'encoder')],
)
def test_file_of_another_network_is_told_what_it_looks_like(tmp_path, name, what):
    path = saved(tmp_path, {'model': {name: torch.zeros(3)}})
    with pytest.raises(CheckpointError, match=f'It looks like .*{what}'):
        load_weights(MODELS['tiny'], str(path))
