"""The network as a whole: shapes, activations, equality with an independent implementation."""

import pytest
import torch
from narrow_models import narrow_models
from torch import Tensor

from depth_anything_ros.errors import BackendError
from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.models.estimator import DepthEstimator

RELATIVE = 'depth_anything_v2_vits'
METRIC = 'depth_anything_v2_metric_hypersim_vits'
OUTDOOR = 'depth_anything_v2_metric_vkitti_vits'


def image(height: int, width: int, seed: int = 0, batch: int = 1) -> Tensor:
    """Return normalised noise with coarse structure, (B, 3, height, width)."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(batch, 3, 6, 8, generator=generator)
    fine = torch.randn(batch, 3, height, width, generator=generator)
    return torch.nn.functional.interpolate(coarse, (height, width), mode='bilinear') + 0.3 * fine


@pytest.fixture(scope='module')
def relative() -> DepthEstimator:
    return load_estimator(RELATIVE, weights='random')[0]


@torch.inference_mode()
def test_fused_attention_equals_attention_written_out(relative: DepthEstimator) -> None:
    eager = load_estimator(RELATIVE, weights='random', attention='eager')[0]
    pixels = image(98, 126)
    torch.testing.assert_close(relative(pixels), eager(pixels), rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_images_of_a_batch_do_not_mix(relative: DepthEstimator) -> None:
    pixels = image(70, 84, batch=2)
    together = relative(pixels)
    alone = torch.cat([relative(pixels[:1]), relative(pixels[1:])])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_random_weights_give_positive_output_that_follows_the_image(
    relative: DepthEstimator,
) -> None:
    for seed in range(3):
        first, second = relative(image(140, 182, seed)), relative(image(140, 182, seed + 10))
        assert float(first.min()) > 0
        assert float(first.std()) > 0.05 * float(first.mean())
        assert float((first - second).abs().mean()) > 0.05 * float(first.mean())


@pytest.mark.parametrize(('name', 'max_depth_m'), [(METRIC, 20.0), (OUTDOOR, 80.0)])
@torch.inference_mode()
def test_metric_output_is_the_sigmoid_of_the_head_times_its_reach(
    relative: DepthEstimator, name: str, max_depth_m: float
) -> None:
    # The seeded weights of both are the same, and the relative head is positive with them.
    pixels = image(70, 84)
    metric = load_estimator(name, weights='random')[0]
    expected = max_depth_m / (1 + torch.exp(-relative(pixels)))
    torch.testing.assert_close(metric(pixels), expected, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_negative_head_output_becomes_zero(relative: DepthEstimator) -> None:
    model = load_estimator(RELATIVE, weights='random')[0]
    model.depth_head.scratch.output_conv2[2].bias.fill_(-2.0)
    pixels = image(70, 84)
    expected = (relative(pixels) - 2.0).clamp_min(0)
    assert float(expected.min()) == 0
    torch.testing.assert_close(model(pixels), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ('shape', 'message'),
    [
        ((1, 3, 15, 28), '15×28 .* multiples of 14'),
        ((1, 3, 28, 15), '28×15 .* multiples of 14'),
        ((1, 3, 0, 14), '0×14 .* multiples of 14'),
        ((1, 1, 28, 28), r'\(1, 1, 28, 28\); needed: \(B, 3, h, w\)'),
        ((3, 28, 28), r'\(3, 28, 28\); needed'),
    ],
)
def test_input_of_another_shape_is_refused(
    relative: DepthEstimator, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(BackendError, match=message):
        relative(torch.zeros(shape))


def test_preparing_for_a_size_off_the_patch_is_refused(relative: DepthEstimator) -> None:
    with pytest.raises(BackendError, match=r'252×330 .* multiples of 14'):
        relative.prepare(252, 330)


def test_prepared_network_exports_positions_as_a_constant(relative: DepthEstimator) -> None:
    relative.prepare(42, 70)
    pixels = image(42, 70)
    program = torch.export.export(relative, (pixels,))
    operations = {str(node.target) for node in program.graph.nodes}
    assert any('upsample_bilinear' in name for name in operations)
    assert not any('bicubic' in name for name in operations)
    with torch.inference_mode():
        torch.testing.assert_close(
            program.module()(pixels), relative(pixels), rtol=1e-4, atol=1e-4
        )


def test_tracing_a_size_not_prepared_leaves_nothing_behind() -> None:
    model = load_estimator(RELATIVE, weights='random')[0]
    pixels = image(42, 56)
    torch.export.export(model, (pixels,))
    with torch.inference_mode():
        assert bool(model(pixels).isfinite().all())


def oracle_pair(name: str) -> tuple[DepthEstimator, torch.nn.Module]:
    """Return our network and transformers', with the same random weights through the key map."""
    transformers = pytest.importorskip('transformers')
    from depth_anything_ros.models.hf_layout import hf_key_map

    model, weights = load_estimator(name, weights='random', seed=7)
    spec = model.spec
    width, depth = model.pretrained.width, len(model.pretrained.blocks)
    backbone = transformers.Dinov2Config(
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=width // 64,
        image_size=518,
        patch_size=14,
        out_indices=[layer + 1 for layer in spec.layers],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    oracle = transformers.DepthAnythingForDepthEstimation(
        transformers.DepthAnythingConfig(
            backbone_config=backbone,
            reassemble_hidden_size=width,
            neck_hidden_sizes=list(spec.out_channels),
            fusion_hidden_size=spec.features,
            depth_estimation_type='relative' if spec.max_depth_m is None else 'metric',
            max_depth=None if spec.max_depth_m is None else int(spec.max_depth_m),
        )
    ).eval()
    state = {}
    for public, sources in hf_key_map(depth).items():
        for source, part in zip(sources, weights.state[public].chunk(len(sources)), strict=True):
            state[source] = part
    oracle.load_state_dict(state, strict=True)
    return model, oracle


@pytest.mark.parametrize('name', [RELATIVE, METRIC])
@torch.inference_mode()
def test_network_agrees_with_transformers_at_518(name: str) -> None:
    model, oracle = oracle_pair(name)
    pixels = image(518, 518)
    expected = oracle(pixels).predicted_depth
    torch.testing.assert_close(model(pixels), expected, rtol=1e-4, atol=0)


@torch.inference_mode()
def test_confidence_is_the_logistic_function_of_what_the_head_gives():
    with narrow_models():
        model, _ = load_estimator('depth_anything_3_small', weights='random')
        plain, _ = load_estimator('depth_anything_v2_vits', weights='random')
    pixels = image(28, 42)
    values, sure = model.with_confidence(pixels)
    assert torch.equal(values, model(pixels))
    logits = model.depth_head(model.pretrained(pixels, model.spec.layers), (2, 3))[:, 1]
    torch.testing.assert_close(sure, 1 - 1 / (1 + logits.exp()))
    with pytest.raises(BackendError, match='does not tell how sure it is'):
        plain.with_confidence(pixels)
