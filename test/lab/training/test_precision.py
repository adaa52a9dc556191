"""Depthwise convolutions stay in float32 under autocast; the others do not."""

import copy

import pytest
import torch
from torch import nn

from depth_anything_ros.lab.training.precision import keep_depthwise_in_float32


def _network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 4, 1)
    )


def test_only_depthwise_convolutions_compute_in_float32() -> None:
    network = _network()
    keep_depthwise_in_float32(network)
    image = torch.randn(2, 3, 6, 6)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        first = network[0](image)
        second = network[1](first)
        third = network[2](second)
        assert network[0](image).dtype is torch.bfloat16  # autocast is on again
    assert (first.dtype, second.dtype, third.dtype) == (
        torch.bfloat16, torch.float32, torch.bfloat16
    )  # fmt: skip


def test_without_autocast_nothing_changes() -> None:
    network, image = _network(), torch.randn(2, 3, 6, 6)
    expected = network(image)
    keep_depthwise_in_float32(network)
    assert torch.equal(network(image), expected)


def test_a_copy_keeps_working_beside_the_original() -> None:
    network, image = _network(), torch.randn(2, 3, 6, 6)
    keep_depthwise_in_float32(network)
    twin = copy.deepcopy(network)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(twin(image), network(image))


def test_an_error_in_the_convolution_leaves_autocast_on() -> None:
    network = _network()
    keep_depthwise_in_float32(network)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        with pytest.raises(RuntimeError):
            network[1](torch.zeros(1, 5, 4, 4))
        assert network[0](torch.zeros(1, 3, 4, 4)).dtype is torch.bfloat16
