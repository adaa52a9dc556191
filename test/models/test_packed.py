"""Reading packed checkpoints: every way in which one can be wrong has its own words."""

import json
import logging
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint import load_weights
from depth_anything_ros.models.checkpoint_file import CheckpointFile
from depth_anything_ros.models.metadata import HEADER_KEY
from depth_anything_ros.models.state_file import read_state

HEADER = {
    'format': 2,
    'model': 'tiny',
    'max_depth_m': None,
    'recipe': 'prune(0.3)',
    'parent_sha256': 'ab',
    'parent_origin': 'checkpoint',
    'calibration': None,
    'versions': {'torch': '2'},
    'shapes': {'sparse': [3, 3], 'both': [2, 2]},
    'inputs': {'fixed': [-1.5, 2.0], 'found': 'dynamic'},
}
TENSORS = {
    'dense': torch.tensor([1.0, 2.5]),
    'half': torch.tensor([0.5, -0.25], dtype=torch.float16),
    'count': torch.tensor(3),
    'quantised': torch.tensor([[1, -2], [3, 32767]], dtype=torch.int16),
    'quantised:scale': torch.tensor([[0.5], [2.0]]),
    'eight': torch.tensor([[127, -128]], dtype=torch.int8),
    'eight:scale': torch.tensor([[0.5]]),
    # Bits 0 and 4 of the first byte, and bit 8: nine numbers, two bytes.
    'sparse:mask': torch.tensor([0b00010001, 0b00000001], dtype=torch.uint8),
    'sparse:values': torch.tensor([7.0, 8.0, 9.0]),
    'both:mask': torch.tensor([0b00001010], dtype=torch.uint8),
    'both:values': torch.tensor([-4, 6], dtype=torch.int16),
    'both:scale': torch.tensor([[0.25, 0.5]]),
}


def written(folder: Path, header: object = None, tensors: object = None) -> Path:
    path = folder / 'packed.safetensors'
    header = HEADER if header is None else header
    text = header if isinstance(header, str) else json.dumps(header)
    save_file(TENSORS if tensors is None else tensors, path, {HEADER_KEY: text})
    return path


def test_every_layout_is_read_by_hand(tmp_path):
    state = read_state(written(tmp_path))
    assert {name: values.tolist() for name, values in state.items()} == {
        'dense': [1.0, 2.5],
        'half': [0.5, -0.25],
        'count': 3,
        'quantised': [[0.5, -1.0], [6.0, 65534.0]],
        'eight': [[63.5, -64.0]],
        'sparse': [[7.0, 0.0, 0.0], [0.0, 8.0, 0.0], [0.0, 0.0, 9.0]],
        'both': [[0.0, -2.0], [0.0, 3.0]],
    }
    assert {state[name].dtype for name in state if name != 'count'} == {torch.float32}
    assert state['count'].dtype == torch.int64


def test_header_is_read_without_the_tensors(tmp_path):
    header = CheckpointFile.read(written(tmp_path)).packed
    assert (header.model, header.recipe, header.calibration) == ('tiny', 'prune(0.3)', None)
    assert header.shapes == {'sparse': (3, 3), 'both': (2, 2)}
    assert header.inputs == {'fixed': (-1.5, 2.0), 'found': 'dynamic'}
    assert json.loads(header.to_json()) == HEADER


def test_ordinary_file_has_no_header(tmp_path):
    path = tmp_path / 'plain.safetensors'
    save_file({'a': torch.zeros(2)}, path, {'depth_anything_ros': '{}'})
    assert CheckpointFile.read(path).packed is None


@pytest.mark.parametrize('number', [0, 3, '1', None])
def test_unknown_format_is_refused_by_number(tmp_path, number):
    path = written(tmp_path, {**HEADER, 'format': number})
    with pytest.raises(CheckpointError, match=f'packed in format {number!r}; known: 1, 2$'):
        read_state(path)


@pytest.mark.parametrize('text', ['', 'nonsense', '[]', '{}', '3', '[' * 100_000])
def test_header_that_is_no_header_is_refused(tmp_path, text):
    with pytest.raises(CheckpointError, match='is damaged: its header cannot be read'):
        read_state(written(tmp_path, text))


@pytest.mark.parametrize(
    'name', ['model', 'recipe', 'parent_sha256', 'calibration', 'shapes', 'inputs']
)
def test_header_without_an_entry_is_refused(tmp_path, name):
    header = {key: value for key, value in HEADER.items() if key != name}
    with pytest.raises(CheckpointError, match=f'has not the entries of its format: {name}'):
        read_state(written(tmp_path, header))


@pytest.mark.parametrize(
    'entry',
    [{'model': 3}, {'max_depth_m': 0}, {'max_depth_m': '9'}, {'calibration': 1},
     {'versions': []}, {'versions': {'torch': 2}},
     {'shapes': []}, {'shapes': {'sparse': 9}}, {'shapes': {'sparse': [3, -3]}},
     {'shapes': {'sparse': [3.0, 3]}}, {'shapes': {'sparse': [True, 9]}},
     {'inputs': []}, {'inputs': {'fixed': 'static'}}, {'inputs': {'fixed': [2.0, 1.0]}},
     {'inputs': {'fixed': [1, 2]}}, {'inputs': {'fixed': [1.0]}},
     {'inputs': {'fixed': [0.0, math.inf]}}, {'inputs': {'fixed': [0.0, 1e300]}}],
)  # fmt: skip
def test_header_with_an_entry_of_another_type_is_refused(tmp_path, entry):
    with pytest.raises(CheckpointError, match='an entry of its header has the wrong type'):
        read_state(written(tmp_path, {**HEADER, **entry}))


def changed(**changes):
    """Return the tensors with some replaced; None leaves one out, and __ stands for a colon."""
    replaced = {name.replace('__', ':'): values for name, values in changes.items()}
    return {name: v for name, v in {**TENSORS, **replaced}.items() if v is not None}


@pytest.mark.parametrize(
    ('tensors', 'message'),
    [
        (changed(quantised__scale=None), 'quantised has int16 values and no scale'),
        (changed(eight__scale=None), 'eight has int8 values and no scale'),
        (changed(dense__scale=torch.ones(1)), 'dense has float32 values and a scale'),
        (changed(sparse__mask=None), "sparse is not whole; the file has 'sparse:values' of it"),
        (changed(sparse__values=None), "sparse is not whole; the file has 'sparse:mask' of it"),
        (changed(quantised=None), "quantised is not whole; the file has 'quantised:scale'"),
        (changed(dense__other=torch.ones(1)), "the file has 'dense', 'dense:other' of it"),
        (changed(quantised__scale=torch.ones(2)), r'scale of quantised is float32 \(2,\), which'),
        (changed(quantised__scale=torch.ones(3, 1)), r'scale of quantised is float32 \(3, 1\)'),
        (changed(quantised__scale=torch.ones(2, 1).half()), 'scale of quantised is float16'),
        (changed(sparse__mask=torch.zeros(3, dtype=torch.uint8)),
         r'mask of sparse is uint8 \(3,\) for 9 numbers'),
        (changed(sparse__mask=torch.zeros(2)), 'mask of sparse is float32'),
        (changed(sparse__values=torch.ones(2)), 'mask of sparse keeps 3 numbers, not 2'),
        (changed(sparse__values=torch.ones(3, 1)), 'mask of sparse keeps 3 numbers'),
        (changed(sparse__mask=torch.tensor([17, 2], dtype=torch.uint8)),
         'mask of sparse keeps 3 numbers'),
        (changed(extra__mask=torch.zeros(1, dtype=torch.uint8), extra__values=torch.ones(0)),
         'the header lacks the shape of extra'),
        (changed(dense=torch.ones(2, dtype=torch.uint8)), 'dense is uint8, which no recipe'),
        (changed(quantised__scale=torch.tensor([[1.0], [float('nan')]])),
         'holds NaN or infinity in quantised'),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_are_refused(tmp_path, tensors, message):
    with pytest.raises(CheckpointError, match=message):
        read_state(written(tmp_path, tensors=tensors))


def test_huge_shape_takes_no_memory(tmp_path):
    header = {**HEADER, 'shapes': {**HEADER['shapes'], 'sparse': [2**40, 2**40]}}
    with pytest.raises(CheckpointError, match=rf'asks for {2**80 + 4} numbers; allowed: 8130818'):
        read_state(written(tmp_path, header))


def test_first_format_has_the_range_of_its_row(tmp_path):
    first = {key: value for key, value in HEADER.items() if key != 'max_depth_m'}
    for model, limit_m in (('tiny', None), ('depth_anything_v2_metric_vkitti_vits', 80.0)):
        header = CheckpointFile.read(
            written(tmp_path, {**first, 'format': 1, 'model': model})
        ).packed
        assert header.max_depth_m == limit_m


@pytest.mark.parametrize('share', [0.0, 0.1, 0.5, 0.99])
def test_truncated_packed_file_is_called_damaged(tmp_path, share):
    path = written(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match='is damaged or not a checkpoint'):
        read_state(path)


def test_no_damaged_byte_gives_another_error(tmp_path):
    path = written(tmp_path)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(content), 300):
        damaged = bytearray(content)
        damaged[place] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(damaged))
        try:
            read_state(path)
        except CheckpointError as error:
            assert str(path) in str(error)


def test_file_packed_for_another_model_is_refused(tmp_path):
    path = written(tmp_path, {**HEADER, 'model': 'depth_anything_v2_vitb'})
    message = "is of model 'depth_anything_v2_vitb' according to its own metadata, not of 'tiny'"
    with pytest.raises(CheckpointError, match=message):
        load_weights(MODELS['tiny'], checkpoint=str(path))


def test_packed_file_with_other_tensors_than_the_model_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="does not belong to model 'tiny'"):
        load_weights(MODELS['tiny'], checkpoint=str(written(tmp_path)))


def test_inputs_of_an_unknown_layer_are_refused(tmp_path):
    weights = load_weights(MODELS['tiny'], weights='random')
    for layer in ('no.such', 'pretrained.bn0'):
        header = {**HEADER, 'shapes': {}, 'inputs': {layer: 'dynamic'}}
        path = written(tmp_path, header, weights.state)
        with pytest.raises(CheckpointError, match=f'names the layer {layer}, which the model'):
            load_weights(MODELS['tiny'], checkpoint=str(path))


def test_integers_where_numbers_belong_are_refused(tmp_path):
    state = dict(load_weights(MODELS['tiny'], weights='random').state)
    state['pretrained.conv_stem.weight'] = state['pretrained.conv_stem.weight'].long()
    header = {**HEADER, 'shapes': {}, 'inputs': {}}
    with pytest.raises(CheckpointError, match='has integers in pretrained.conv_stem.weight'):
        load_weights(MODELS['tiny'], checkpoint=str(written(tmp_path, header, state)))


def test_file_packed_from_random_weights_says_so(tmp_path, caplog):
    weights = load_weights(MODELS['tiny'], weights='random')
    header = {**HEADER, 'parent_origin': 'random', 'shapes': {}, 'inputs': {}}
    path = written(tmp_path, header, weights.state)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        load_weights(MODELS['tiny'], checkpoint=str(path))
    assert f'{path} was packed from random weights: its output means nothing' in caplog.text
    assert f'{path}: packed by prune(0.3)' in caplog.text
