"""Folding changes nothing but the time, and leaves no batch norm in a decoder."""

import pytest
import torch
from torch import nn

from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.folding import fold_batch_norms


def randomise(network: nn.Module) -> None:
    """Give norms statistics and weights that are far from doing nothing."""
    generator = torch.Generator().manual_seed(0)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0.0, 0.3, generator=generator)
            part.running_var.uniform_(0.3, 3.0, generator=generator)
            part.weight.data.uniform_(0.5, 1.5, generator=generator)
            part.bias.data.normal_(0.0, 0.3, generator=generator)


@pytest.mark.parametrize('name', ['anydepth_vits', 'tiny'])
@torch.inference_mode()
def test_folded_decoder_gives_the_same(name: str) -> None:
    torch.manual_seed(0)
    model = create_model(MODELS[name]).eval()
    randomise(model.depth_head)
    side = 3 * model.spec.patch
    layers = model.pretrained(torch.randn(1, 3, side, side), model.spec.layers)
    expected = model.depth_head(layers, (3, 3))
    fold_batch_norms(model.depth_head)
    assert not [part for part in model.depth_head.modules() if isinstance(part, nn.BatchNorm2d)]
    values = model.depth_head(layers, (3, 3))
    assert float((values - expected).abs().max()) < 1e-4 * float(expected.abs().max())


@torch.inference_mode()
def test_norm_that_follows_something_else_stays() -> None:
    network = nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU(), nn.BatchNorm2d(2)).eval()
    fold_batch_norms(network)
    assert isinstance(network[2], nn.BatchNorm2d)


def test_network_in_training_is_refused() -> None:
    with pytest.raises(AssertionError):
        fold_batch_norms(nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)))
