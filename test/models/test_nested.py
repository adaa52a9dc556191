"""Two networks in one: the rule by which the one gives the scale of the other, and its file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from narrow_models import narrow_models
from random_networks import closeness, image, randomise
from safetensors.torch import save_file
from torch import Tensor, nn

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.camera_head import focal_px
from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.models.nested import scaled
from depth_anything_ros.models.norm_readers import norm_readers_of
from depth_anything_ros.models.state_file import read_state

NAME = 'depth_anything_3_nested_giant_large'
NESTED = MODELS[NAME]
GIANT, METRIC = (MODELS[f'depth_anything_3_{word}'] for word in ('giant', 'metric_large'))
NO_SKY = 0.0
SKY = 1.0


def made(seed: int = 0, size: tuple[int, int] = (6, 9)) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return logarithms of depth and of metres, confidence and no sky of two images."""
    generator = torch.Generator().manual_seed(seed)
    depth, sure, noise = torch.randn(3, 2, *size, generator=generator)
    return depth, sure, depth + 1.0 + 0.1 * noise, torch.full_like(depth, NO_SKY)


def expected(depth: Tensor, sure: Tensor, metric: Tensor, sky: Tensor) -> np.ndarray:
    """Return depth in metres as the public code says it, in NumPy and float64."""
    found = []
    for planes in zip(depth, sure, metric, sky, strict=True):
        log_depth, own, log_metric, above = (plane.double().numpy() for plane in planes)
        values, metres, ground = np.exp(log_depth), np.exp(log_metric), above < 0.3
        chosen = ground & (own >= np.median(own[ground])) & (metres > 0.01) & (values > 0.001)
        scale = values[chosen] @ metres[chosen] / (values[chosen] @ values[chosen])
        found.append(scale * values)
    return np.stack(found)


@pytest.mark.parametrize('size', [(6, 9), (5, 9)], ids=['even', 'odd'])
def test_scale_is_that_of_least_squares_over_the_surer_half_of_the_ground(
    size: tuple[int, int],
) -> None:
    depth, sure, metric, sky = made(size=size)
    sky[:, :2] = SKY
    metric[0, 3, 3], depth[1, 4, 4] = math.log(0.009), math.log(0.0009)
    sure[0, 3, 3] = sure[1, 4, 4] = 9.0  # sure, but too near to count
    # What is said of the sky does not matter, nor of pixels that are less sure.
    sure[:, :2], metric[:, :2] = 5.0, 9.0
    found = scaled(depth, sure, metric, sky)
    np.testing.assert_allclose(found.exp(), expected(depth, sure, metric, sky), rtol=1e-5)
    unsure = sure < sure.flatten(1).quantile(0.1, dim=1)[:, None, None]
    metric[unsure] += 3.0
    torch.testing.assert_close(scaled(depth, sure, metric, sky), found)


def test_a_known_scale_is_found_in_each_image_of_a_batch() -> None:
    depth, sure, _, sky = made()
    scales = torch.tensor([0.02, 300.0])[:, None, None]
    found = scaled(depth, sure, depth + scales.log(), sky)
    torch.testing.assert_close(found, depth + scales.log())


@pytest.mark.parametrize('ground', [0, 10])
def test_an_image_of_sky_has_the_depth_of_the_metric_branch(ground: int) -> None:
    depth, sure, metric, sky = made()
    sky[0] = SKY
    sky[0].view(-1)[:ground] = NO_SKY
    found = scaled(depth, sure, metric, sky)
    assert torch.equal(found[0], metric[0])
    assert not torch.allclose(found[1], metric[1])


def test_where_nothing_is_far_enough_to_fit_the_metric_branch_is_given() -> None:
    depth, sure, metric, sky = made()
    metric[0] = math.log(0.005)
    found = scaled(depth, sure, metric, sky)
    assert torch.equal(found[0], metric[0])
    assert bool(found.isfinite().all())


def test_row_is_made_of_two_rows() -> None:
    assert NESTED.parameters == GIANT.parameters + METRIC.parameters == 1_525_087_462
    assert NESTED.metric is METRIC
    assert (NESTED.sky, NESTED.confidence, NESTED.camera) == (True, True, 'direct')
    assert NESTED.metres_at_focal_px == METRIC.metres_at_focal_px == 300.0
    assert NESTED.output == 'inverse depth up to a scale, metres by the focal length'
    assert NESTED.licence == 'CC-BY-NC-4.0'
    assert NESTED.hub_repo.endswith('-1.1')


@torch.no_grad()
def show_some_sky(nested: nn.Module) -> None:
    """Let the head for the sky say of half of an image that it is sky."""
    last = nested.depth_head.metric.scratch.sky_output_conv2[2]
    last.bias += 0.3 - nested._planes(image(42, 56))[:, 2].median()


@pytest.fixture(scope='module')
def narrow() -> Iterator[None]:
    with narrow_models():
        yield


@pytest.mark.usefixtures('narrow')
@torch.inference_mode()
def test_network_is_both_networks_and_the_rule() -> None:
    nested = create_model(MODELS[NAME]).eval()
    randomise(nested)
    show_some_sky(nested)
    branches = {'any_view': GIANT.name, 'metric': METRIC.name}
    alone = {}
    for branch, name in branches.items():
        state = {
            key.replace(f'.{branch}.', '.'): values
            for key, values in nested.state_dict().items()
            if f'.{branch}.' in key or (branch == 'any_view' and 'camera_head' in key)
        }
        alone[branch] = create_model(MODELS[name]).eval()
        alone[branch].load_state_dict(state)
    pixels = image(42, 56)
    sky = alone['metric'](pixels) == 0
    assert 0.4 < float(sky.float().mean()) < 0.6
    depth, sure = (alone['any_view']._planes(pixels)[:, index] for index in (0, 1))
    metric, above = (alone['metric']._planes(pixels)[:, index] for index in (0, 1))
    metres = torch.from_numpy(np.reciprocal(expected(depth, sure, metric, above))).float()
    inverse, confidence = nested.with_confidence(pixels)
    torch.testing.assert_close(inverse, metres.masked_fill(sky, 0.0), rtol=1e-4, atol=0.0)
    torch.testing.assert_close(confidence, alone['any_view'].with_confidence(pixels)[1])
    seen = alone['any_view'].field_of_view(pixels)
    torch.testing.assert_close(nested.field_of_view(pixels), seen)
    norms = {readers.norm: readers.layers for readers in norm_readers_of(nested)}
    assert norms['pretrained.metric.norm'][0] == 'depth_head.metric.projects.0'
    assert all(
        isinstance(nested.get_submodule(name), nn.Module)
        for norm, layers in norms.items()
        for name in (norm, *layers)
    )


def published(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict under the names of the published file, with what is not read."""
    theirs = {
        'pretrained.any_view.': 'da3.backbone.pretrained.',
        'depth_head.any_view.': 'da3.head.',
        'camera_head.': 'da3.cam_dec.',
        'pretrained.metric.': 'da3_metric.backbone.pretrained.',
        'depth_head.metric.': 'da3_metric.head.',
    }
    renamed = {}
    for key, values in state.items():
        (own,) = (prefix for prefix in theirs if key.startswith(prefix))
        renamed[f'model.{theirs[own]}{key.removeprefix(own)}'] = values.clone()
    for key in (
        'cam_enc.trunk.0.norm1.weight',
        'gs_head.projects.0.weight',
        'cam_dec.fc_t.weight',
        'head.scratch.output_conv2_aux.3.5.weight',
    ):
        renamed[f'model.da3.{key}'] = torch.ones(2)
    return renamed


@pytest.mark.usefixtures('narrow')
@torch.inference_mode()
def test_published_file_loads_strictly(tmp_path: Path) -> None:
    whole = create_model(MODELS[NAME]).eval()
    randomise(whole)
    state = published(whole.state_dict())
    save_file(state, tmp_path / 'model.safetensors')
    loaded, _ = load_estimator(NAME, checkpoint=str(tmp_path / 'model.safetensors'))
    assert torch.equal(loaded(image(28, 42)), whole(image(28, 42)))
    # Only the other branch is for several views.
    strange = {**state, 'model.da3_metric.cam_enc.norm.weight': torch.ones(2)}
    save_file(strange, tmp_path / 'strange.safetensors')
    with pytest.raises(CheckpointError, match='1 unknown: da3_metric.cam_enc.norm.weight'):
        load_estimator(NAME, checkpoint=str(tmp_path / 'strange.safetensors'))


@torch.inference_mode()
def test_network_is_the_public_one(tmp_path: Path) -> None:
    """With small branches; the public code goes by the field of view that the network finds."""
    public = pytest.importorskip(
        'depth_anything_3.model.da3',
        reason='parity needs the package depth-anything-3 0.1.1 with omegaconf, addict, einops',
    )
    from depth_anything_3.model.cam_dec import CameraDec
    from depth_anything_3.model.dinov2.dinov2 import DinoV2
    from depth_anything_3.model.dpt import DPT
    from depth_anything_3.model.dualdpt import DualDPT

    parts = {'features': 64, 'out_channels': (48, 96, 192, 384)}
    metric = replace(METRIC, encoder_size='vits', layers=(2, 5, 8, 11), **parts)
    spec = replace(NESTED, encoder_size='vits', layers=(5, 7, 9, 11), metric=metric, **parts)
    starts = dict.fromkeys(('alt_start', 'qknorm_start', 'rope_start'), 4)
    theirs = public.NestedDepthAnything3Net.__new__(public.NestedDepthAnything3Net)
    nn.Module.__init__(theirs)
    theirs.da3 = public.DepthAnything3Net(
        DinoV2('vits', list(spec.layers), **starts, cat_token=True),
        DualDPT(768, **parts),
        CameraDec(768),
        nn.Identity(),
    )
    theirs.da3_metric = public.DepthAnything3Net(
        DinoV2('vits', list(metric.layers), cat_token=False), DPT(384, **parts)
    )
    theirs.eval()
    randomise(theirs)
    file = tmp_path / 'model.safetensors'
    save_file({f'model.{key}': value.clone() for key, value in theirs.state_dict().items()}, file)
    model = create_model(spec).eval()
    model.load_state_dict(read_state(file))
    show_some_sky(model)
    of_sky = model.depth_head.metric.scratch.sky_output_conv2[2]
    theirs.da3_metric.head.scratch.sky_output_conv2[2].load_state_dict(of_sky.state_dict())
    for height, columns in ((56, 56), (42, 84), (28, 42)):
        pixels = image(height, columns)
        wanted = theirs(pixels[:, None])
        inverse, sure = model.with_confidence(pixels)
        ground = inverse > 0
        assert 10 < int(ground.sum()) < ground.numel()
        focal = float(focal_px(model.field_of_view(pixels), height, columns).mean())
        found = focal / 300 / inverse[ground]
        assert closeness(found, wanted.depth[0][ground]) < 1e-4
        assert closeness(sure[ground], 1.0 - 1.0 / wanted.depth_conf[0][ground]) < 1e-4
