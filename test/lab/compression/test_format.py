"""Writing packed checkpoints."""

import hashlib
import json
from importlib import metadata
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from depth_anything_ros.errors import CompressionError, OutputError
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.compression.chain import parse_chain
from depth_anything_ros.lab.compression.format import (
    check_target,
    nonzero_weights,
    pack_mask,
    to_entries,
    write_packed,
)
from depth_anything_ros.lab.compression.recipe import compress
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint import load_weights
from depth_anything_ros.models.checkpoint_file import CheckpointFile
from depth_anything_ros.models.metadata import HEADER_KEY
from depth_anything_ros.models.packed import PackedTensor, unpack
from depth_anything_ros.models.packed_header import PackedHeader

TINY = MODELS['tiny']
VITS = MODELS['depth_anything_v2_vits']


@pytest.fixture(scope='module')
def parent():
    return load_weights(TINY, weights='random', seed=1)


def round_trip(state):
    stored = to_entries(state)
    header = PackedHeader('tiny', None, 'prune(0.3)', '', 'random', None, {}, stored.shapes, {})
    return unpack(stored.entries, header, Path('x'))


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.int16])
@pytest.mark.parametrize('count', [1, 7, 8, 9, 15, 16, 17, 1000])
def test_mask_and_values_come_back_whatever_the_count(count, dtype):
    generator = torch.Generator().manual_seed(count)
    values = torch.randint(-3, 4, (count,), generator=generator).to(dtype)
    mask, kept = pack_mask(values)
    assert mask.dtype == torch.uint8
    assert mask.numel() == -(-count // 8)
    assert kept.dtype == dtype
    assert kept.numel() == int(values.count_nonzero())
    bits = [mask[place // 8].item() >> place % 8 & 1 for place in range(count)]
    assert bits == (values != 0).int().tolist()


@pytest.mark.parametrize('shape', [(40, 30), (13, 7, 11, 1), (1, 1201)])
@pytest.mark.parametrize('zeros', [0.0, 0.5, 1.0])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.int16])
def test_tensor_comes_back_bit_for_bit(shape, zeros, dtype):
    generator = torch.Generator().manual_seed(0)
    values = (torch.randn(shape, generator=generator) * 100).to(dtype)
    values[torch.rand(shape, generator=generator) < zeros] = 0
    scale = torch.rand(shape[0], *[1] * (len(shape) - 1)) if dtype == torch.int16 else None
    tensor = PackedTensor(values, scale)
    got = round_trip({'a.weight': tensor})['a.weight']
    assert got.numpy().tobytes() == tensor.numbers().numpy().tobytes()


def test_zero_with_a_minus_sign_keeps_it():
    values = torch.zeros(100, 100)
    values[3, 4] = -0.0
    got = round_trip({'a': PackedTensor(values)})['a']
    assert got.signbit().nonzero().tolist() == [[3, 4]]


def test_mask_is_stored_only_where_it_is_smaller():
    dense = torch.rand(64, 64) + 1
    sparse = dense.clone()
    sparse[:32] = 0
    entries = to_entries(
        {'dense': PackedTensor(dense), 'sparse': PackedTensor(sparse),
         'bias': PackedTensor(torch.zeros(4096))}
    )  # fmt: skip
    assert set(entries.entries) == {'dense', 'sparse:mask', 'sparse:values', 'bias'}
    assert entries.shapes == {'sparse': (64, 64)}


def test_numbers_that_float16_holds_are_stored_so_and_no_others():
    entries = to_entries(
        {'exact': PackedTensor(torch.rand(9).half().float()),
         'other': PackedTensor(torch.tensor([1.0, 1 / 3])),
         'large': PackedTensor(torch.tensor([1.0, 1e6]))}
    ).entries  # fmt: skip
    assert {name: values.dtype for name, values in entries.items()} == {
        'exact': torch.float16, 'other': torch.float32, 'large': torch.float32,
    }  # fmt: skip


def test_file_tells_what_it_was_made_of(parent, tmp_path):
    recipes = parse_chain('prune(0.5)+int16_static')
    path = tmp_path / 'new' / 'small.safetensors'
    write_packed(path, compress(TINY, parent.state, recipes), 'tiny', recipes, parent)
    header = CheckpointFile.read(path).packed
    assert (header.model, header.recipe) == ('tiny', 'prune(0.5)+int16_static')
    assert (header.parent_origin, header.parent_sha256) == ('random', '')
    assert header.calibration is None
    assert header.versions['torch'] == metadata.version('torch')
    with safe_open(path, framework='pt') as file:
        assert list(file.metadata()) == [HEADER_KEY]
        assert json.loads(file.metadata()[HEADER_KEY])['format'] == 2
    assert not path.read_bytes().startswith((b'PK', b'\x80'))
    assert [item.name for item in path.parent.iterdir()] == ['small.safetensors']


def test_same_tensors_give_the_same_bytes(parent, tmp_path):
    recipes = parse_chain('prune(0.3)')
    digests = set()
    for name in ('a', 'b'):
        path = tmp_path / f'{name}.safetensors'
        write_packed(path, compress(TINY, parent.state, recipes), 'tiny', recipes, parent)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_sha256_of_the_parent_is_kept_and_that_of_the_file_is_its_key(parent, tmp_path):
    first, second = tmp_path / 'first.safetensors', tmp_path / 'second.safetensors'
    recipes = parse_chain('prune(0.3)')
    write_packed(first, compress(TINY, parent.state, recipes), 'tiny', recipes, parent)
    middle = load_weights(TINY, checkpoint=str(first))
    digest = hashlib.sha256(first.read_bytes()).hexdigest()
    assert middle.key == middle.sha256 == digest
    half = parse_chain('fp16')
    write_packed(second, compress(TINY, middle.state, half), 'tiny', half, middle)
    header = CheckpointFile.read(second).packed
    assert (header.parent_sha256, header.parent_origin) == (digest, 'checkpoint')
    assert second.stat().st_size < first.stat().st_size


def test_failed_write_leaves_the_old_file_and_nothing_else(parent, tmp_path, small_files):
    path = tmp_path / 'old.safetensors'
    path.write_bytes(b'old')

    recipes = parse_chain('fp16')
    with pytest.raises(OutputError, match='old.safetensors.: File too large'):
        write_packed(path, compress(TINY, parent.state, recipes), 'tiny', recipes, parent)
    assert path.read_bytes() == b'old'
    assert [item.name for item in tmp_path.iterdir()] == ['old.safetensors']


def test_target_is_checked(tmp_path):
    old = tmp_path / 'old.safetensors'
    old.touch()
    check_target(tmp_path / 'new.safetensors', overwrite=False)
    check_target(old, overwrite=True)
    with pytest.raises(CompressionError, match=r"old\.safetensors' exists; --force replaces it"):
        check_target(old, overwrite=False)
    with pytest.raises(CompressionError, match=r"ends in '\.pth'; needed: \.safetensors"):
        check_target(tmp_path / 'new.pth', overwrite=True)
    folder = tmp_path / 'folder.safetensors'
    folder.mkdir()
    with pytest.raises(CompressionError, match='is a folder'):
        check_target(folder, overwrite=True)


def test_weights_that_are_not_zero_are_counted():
    state = {
        'a': PackedTensor(torch.tensor([0.0, 1.0, 2.0])),
        'b': PackedTensor(torch.tensor([0, 5], dtype=torch.int16), torch.ones(1)),
        'c': PackedTensor(torch.zeros(9)),
    }
    assert nonzero_weights(state, ['a', 'b']) == (3, 5)


@pytest.mark.parametrize(
    'backend',
    [
        'torch',
        *(pytest.param(name, marks=pytest.mark.slow) for name in ('openvino', 'onnxruntime')),
    ],
)
def test_packed_file_runs_on_every_backend(backend, parent, tmp_path):
    pytest.importorskip(backend)
    recipes = parse_chain('prune(0.3)+int16_static')
    packed, plain = tmp_path / 'packed.safetensors', tmp_path / 'plain.pth'
    state = compress(TINY, parent.state, recipes)
    write_packed(packed, state, 'tiny', recipes, parent)
    torch.save({name: tensor.numbers() for name, tensor in state.items()}, plain)
    rgb = torch.randint(0, 256, (64, 64, 3), generator=torch.Generator().manual_seed(0))
    outputs = [
        create_predictor(NetworkOptions(
            'tiny', checkpoint=str(path), backend=backend, precision='fp32', device='cpu',
            input_size=64, threads=1, cache_dir=str(tmp_path / 'cache'),
        )).predict(rgb.to(torch.uint8).numpy()).values
        for path in (packed, plain)
    ]  # fmt: skip
    assert (outputs[0] == outputs[1]).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ('chain', 'most_mb'),
    [('int16_static', 50.5), ('fp16', 50.5), ('prune(0.5)+int16_static', 30.0)],
)
def test_sizes_of_a_vision_transformer(chain, most_mb, tmp_path):
    weights = load_weights(VITS, weights='random')
    recipes = parse_chain(chain)
    path = tmp_path / 'vits.safetensors'
    state = compress(VITS, weights.state, recipes)
    write_packed(path, state, VITS.name, recipes, weights)
    assert path.stat().st_size <= most_mb * 1e6
    loaded = load_weights(VITS, checkpoint=str(path)).state
    assert all(torch.equal(loaded[name], state[name].numbers()) for name in state)
