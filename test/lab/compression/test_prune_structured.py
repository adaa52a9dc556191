import pytest
import torch

from depth_anything_ros.errors import CheckpointError, CompressionError
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.compression.chain import parse_chain
from depth_anything_ros.lab.compression.format import write_packed
from depth_anything_ros.lab.compression.prune_structured import PruneStructured, kept_count
from depth_anything_ros.lab.compression.recipe import compress, estimator_of
from depth_anything_ros.models import MODELS
from depth_anything_ros.models.checkpoint import load_estimator, load_weights

VITS = MODELS['depth_anything_v2_vits']


@pytest.fixture(scope='module')
def parent():
    return load_weights(VITS, weights='random')


@pytest.mark.parametrize(
    ('count', 'amount', 'kept'),
    # Six heads; 1536 channels in blocks of 64, 96 in blocks of 4.
    [(6, 0.3, 4), (6, 0.5, 3), (6, 0.9, 1), (1536, 0.3, 1088), (1536, 0.9, 128), (96, 0.3, 68),
     (1, 0.9, 1)],
)  # fmt: skip
def test_how_many_units_stay(count, amount, kept):
    assert kept_count(count, amount) == kept


def test_weakest_heads_and_channels_go(parent):
    state = dict(parent.state)
    name = 'pretrained.blocks.4.attn.proj.weight'
    strong = state[name].clone()
    strong[:, 128:192] *= 9  # the third head
    state[name] = strong
    weak = 'pretrained.blocks.4.mlp.fc1.weight'
    state[weak] = state[weak].clone()
    state[weak][:512] *= 0.01
    packed = compress(VITS, state, [PruneStructured(0.5)])
    assert packed['pretrained.blocks.4.attn.qkv.weight'].values.shape == (3 * 3 * 64, 384)
    assert packed[name].values.shape == (384, 3 * 64)
    assert any(
        torch.equal(packed[name].values[:, 64 * head : 64 * head + 64], strong[:, 128:192])
        for head in range(3)
    )
    left = packed[weak].values
    assert left.shape == (768, 384)
    assert not (left[:, None, :1] == state[weak][None, :512, :1]).any()
    assert packed['depth_head.projects.0.weight'].values.shape == (48, 384, 1, 1)


@pytest.mark.slow
def test_file_is_smaller_and_runs_on_every_backend(parent, tmp_path):
    path, recipes = tmp_path / 'narrow.safetensors', parse_chain('prune_structured(0.3)')
    state = compress(VITS, parent.state, recipes)
    write_packed(path, state, VITS.name, recipes, parent)
    assert path.stat().st_size < 0.8 * sum(v.nbytes for v in parent.state.values())
    loaded, _ = load_estimator(VITS.name, checkpoint=str(path))
    pixels = torch.randn(1, 3, 28, 42, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(loaded(pixels), estimator_of(VITS, state)(pixels))
    rgb = torch.randint(0, 256, (70, 70, 3), generator=torch.Generator().manual_seed(0))
    outputs = []
    for backend in ('torch', 'openvino', 'onnxruntime'):
        pytest.importorskip(backend)
        predictor = create_predictor(NetworkOptions(
            VITS.name, checkpoint=str(path), backend=backend, precision='fp32', device='cpu',
            input_size=70, threads=1, cache_dir=str(tmp_path / 'cache'),
        ))  # fmt: skip
        outputs.append(torch.from_numpy(predictor.predict(rgb.to(torch.uint8).numpy()).values))
    for output in outputs[1:]:
        torch.testing.assert_close(output, outputs[0], rtol=1e-3, atol=1e-4)


def test_file_that_lacks_units_of_one_tensor_only_is_refused(parent, tmp_path):
    path, recipes = tmp_path / 'narrow.safetensors', parse_chain('prune_structured(0.3)')
    state = compress(VITS, parent.state, recipes)
    name = 'pretrained.blocks.0.mlp.fc2.weight'
    state[name] = compress(VITS, parent.state, parse_chain('prune_structured(0.5)'))[name]
    write_packed(path, state, VITS.name, recipes, parent)
    with pytest.raises(CheckpointError, match=r'blocks\.0\.mlp\.fc\d'):
        load_weights(VITS, checkpoint=str(path))


@pytest.mark.parametrize('amount', [0.0, 0.05, 0.95, 1.0, float('nan')])
def test_amount_out_of_range_is_refused(amount):
    with pytest.raises(CompressionError, match=r'prune_structured: amount .*; allowed: 0\.1 to'):
        PruneStructured(amount)
