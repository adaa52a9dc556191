"""The position table: the public resampling rule, and when it is computed anew."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.models.encoders.dinov2 import DinoV2, resample_positions

SIDE = 37


def cubic_weights(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Keys' cubic convolution kernel with a = −0.75."""
    a, d = -0.75, np.abs(distance)
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def resampling_matrix(count: int) -> NDArray[np.float64]:
    """Return (count, 37): bicubic by the scale factor (count + 0.1) / 37, edges clamped."""
    scale = (count + 0.1) / SIDE
    matrix = np.zeros((count, SIDE))
    for row in range(count):
        centre = (row + 0.5) / scale - 0.5
        first = int(np.floor(centre)) - 1
        for tap in range(first, first + 4):
            matrix[row, np.clip(tap, 0, SIDE - 1)] += cubic_weights(np.array(centre - tap))
    return matrix


def seeded_table(width: int = 5) -> torch.Tensor:
    return torch.randn(1, 1 + SIDE**2, width, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize('grid', [(28, 37), (37, 49), (18, 24), (37, 38), (1, 50)])
def test_positions_follow_the_public_rule(grid: tuple[int, int]) -> None:
    # 392×518, 518×686, 252×336 and two odd grids, in patches of 14
    table = seeded_table()
    patches = table[0, 1:].double().numpy().reshape(SIDE, SIDE, -1)
    rows, columns = (resampling_matrix(count) for count in grid)
    expected = np.einsum('ij,jkc,lk->ilc', rows, patches, columns)

    resampled = resample_positions(table, grid)

    assert resampled.shape == (1, 1 + grid[0] * grid[1], 5)
    np.testing.assert_array_equal(resampled[:, :1], table[:, :1])
    np.testing.assert_allclose(
        resampled[0, 1:].numpy().reshape(*grid, -1), expected, rtol=0, atol=2e-5
    )


def test_public_rule_differs_from_resampling_by_size() -> None:
    table = seeded_table()
    patches = table[:, 1:].reshape(1, SIDE, SIDE, -1).permute(0, 3, 1, 2)
    by_size = torch.nn.functional.interpolate(patches, (28, 37), mode='bicubic')
    ours = resample_positions(table, (28, 37))[:, 1:].reshape(1, 28, 37, -1).permute(0, 3, 1, 2)
    assert float((ours - by_size).abs().max()) > 1e-2


def test_own_grid_keeps_the_table() -> None:
    table = seeded_table()
    assert resample_positions(table, (SIDE, SIDE)) is table


def test_table_keeps_its_number_format() -> None:
    assert resample_positions(seeded_table().bfloat16(), (4, 5)).dtype is torch.bfloat16


@pytest.fixture
def encoder() -> DinoV2:
    model = load_estimator('depth_anything_v2_vits', weights='random')[0]
    assert isinstance(model.pretrained, DinoV2)
    return model.pretrained


def test_table_of_a_grid_is_computed_once(encoder: DinoV2) -> None:
    first = encoder.position_table((4, 5))
    assert encoder.position_table((4, 5)) is first
    assert encoder.position_table((5, 4)) is not first


def test_table_is_computed_anew_after_new_weights(encoder: DinoV2) -> None:
    encoder.position_table((4, 5))
    state = encoder.state_dict()
    state['pos_embed'] = torch.zeros_like(state['pos_embed'])
    encoder.load_state_dict(state)
    assert not encoder.position_table((4, 5)).any()


def test_table_is_computed_anew_after_training(encoder: DinoV2) -> None:
    encoder.position_table((4, 5))
    encoder.train()
    table = encoder.position_table((4, 5))
    assert table.requires_grad
    with torch.no_grad():
        encoder.pos_embed.zero_()
    encoder.eval()
    assert not encoder.position_table((4, 5)).any()


def test_table_follows_the_number_format_of_the_network(encoder: DinoV2) -> None:
    encoder.position_table((4, 5))
    encoder.bfloat16()
    assert encoder.position_table((4, 5)).dtype is torch.bfloat16


def test_table_made_in_inference_mode_serves_gradients_later(encoder: DinoV2) -> None:
    pixels = torch.zeros(1, 3, 56, 70)
    with torch.inference_mode():
        encoder(pixels, (0,))
    encoder(pixels, (0,))[0][0].sum().backward()
    assert encoder.blocks[0].attn.qkv.weight.grad is not None
