import math

import pytest
import torch

from depth_anything_ros.lab.training.losses import (
    absolute_loss,
    any_depth_loss,
    gradient_matching_loss,
    negative_share,
    scale_shift_invariant_loss,
    silog_loss,
)

SIDE = 24


def maps(images: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return a prediction, inverse depth and where it is known, of which a third is not."""
    generator = torch.Generator().manual_seed(1)
    prediction = torch.rand(images, SIDE, SIDE, generator=generator) * 3
    truth = 0.1 + torch.rand(images, SIDE, SIDE, generator=generator)
    valid = torch.rand(images, SIDE, SIDE, generator=generator) > 1 / 3
    return prediction, torch.where(valid, truth, torch.nan), valid


def everywhere(values: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(values, dtype=torch.bool)


@pytest.mark.parametrize('loss', [scale_shift_invariant_loss, gradient_matching_loss])
def test_affine_map_of_the_truth_costs_nothing(loss):
    _, truth, valid = maps()
    assert loss(7 * truth.nan_to_num() + 3, truth, valid).item() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize('loss', [scale_shift_invariant_loss, gradient_matching_loss])
def test_scale_and_shift_of_each_image_change_nothing(loss):
    prediction, truth, valid = maps()
    scale = torch.tensor([0.01, 1.0, 500.0])[:, None, None]
    shift = torch.tensor([-4.0, 0.0, 30.0])[:, None, None]
    expected = loss(prediction, truth, valid).item()
    assert expected > 0.1
    assert loss(scale * prediction + shift, truth, valid).item() == pytest.approx(expected, 1e-4)
    assert loss(prediction, scale * truth + 2, valid).item() == pytest.approx(expected, 1e-3)


def test_invariant_loss_of_values_computed_by_hand():
    # Medians 1 and 2 of {0, 1, 1, 4} and {0, 2, 2, 4} (in quarters of the image), mean absolute
    # deviations 1 and 1: {-1, 0, 0, 3} against {-2, 0, 0, 2} differ by 1, 0, 0, 1.
    prediction = torch.tensor([0.0, 1, 1, 4]).repeat_interleave(16).reshape(1, 8, 8)
    truth = torch.tensor([0.0, 2, 2, 4]).repeat_interleave(16).reshape(1, 8, 8)
    loss = scale_shift_invariant_loss(prediction, truth, everywhere(truth))
    assert loss.item() == pytest.approx(0.5)


def test_gradient_matching_of_values_computed_by_hand():
    # Normalised rows as above; the difference is 1, 0, 0, 1 in bands of two rows, so that two of
    # the seven steps between rows are 1, in 8 columns: 16 of 64 pixels at the first scale.
    # Every second row: again two steps of 1, in 4 columns of 16 pixels. Every fourth: rows 0
    # and 4 (differences 1 and 0), 2 columns, 4 pixels. Every eighth: a single pixel, no step.
    prediction = torch.tensor([0.0, 1, 1, 4]).repeat_interleave(16).reshape(1, 8, 8)
    truth = torch.tensor([0.0, 2, 2, 4]).repeat_interleave(16).reshape(1, 8, 8)
    valid = everywhere(truth)
    first, second, third = 16 / 64, 8 / 16, 2 / 4
    for scales, expected in ((1, first), (2, first + second), (4, first + second + third)):
        loss = gradient_matching_loss(prediction, truth, valid, scales)
        assert loss.item() == pytest.approx(expected)


def test_step_to_an_unknown_pixel_is_not_compared():
    _, truth, valid = maps(1)
    prediction = torch.where(valid, truth, 1e4)
    assert gradient_matching_loss(prediction, truth, valid).item() == pytest.approx(0, abs=1e-4)


def test_total_is_one_to_two_and_the_parts_are_those_of_the_two_losses():
    total, invariant, steps = any_depth_loss(*maps())
    assert invariant.item() == pytest.approx(scale_shift_invariant_loss(*maps()).item())
    assert steps.item() == pytest.approx(gradient_matching_loss(*maps()).item())
    assert total.item() == pytest.approx(invariant.item() + 2 * steps.item())


def test_every_image_counts_the_same():
    prediction, truth, valid = maps(2)
    valid[1, 4:] = False
    alone = [any_depth_loss(prediction[[i]], truth[[i]], valid[[i]])[0].item() for i in range(2)]
    both = any_depth_loss(prediction, truth, valid)[0].item()
    assert both == pytest.approx(sum(alone) / 2, rel=1e-5)


def spoil_nearly_all(truth: torch.Tensor, valid: torch.Tensor) -> None:
    truth[1, 0, :15] = torch.linspace(0.1, 1, 15)
    valid[1] = False
    valid[1, 0, :15] = True


def spoil_all(truth: torch.Tensor, valid: torch.Tensor) -> None:
    valid[1] = False
    truth[1] = torch.nan


def flatten(truth: torch.Tensor, valid: torch.Tensor) -> None:
    truth[1] = torch.where(valid[1], 0.5, torch.nan)


@pytest.mark.parametrize('spoil', [spoil_nearly_all, spoil_all, flatten])
def test_image_that_tells_nothing_is_left_out_of_loss_and_gradient(spoil):
    prediction, truth, valid = maps(2)
    expected = any_depth_loss(prediction[:1], truth[:1], valid[:1])[0]
    spoil(truth, valid)
    prediction.requires_grad_()
    total, _, _ = any_depth_loss(prediction, truth, valid)
    total.backward()
    assert total.item() == pytest.approx(expected.item(), rel=1e-5)
    assert prediction.grad[0].abs().sum() > 0
    assert torch.equal(prediction.grad[1], torch.zeros(SIDE, SIDE))


def test_batch_that_tells_nothing_costs_nothing():
    prediction, truth, valid = maps()
    prediction.requires_grad_()
    total, _, _ = any_depth_loss(prediction, truth, torch.zeros_like(valid))
    total.backward()
    assert total.item() == 0
    assert torch.equal(prediction.grad, torch.zeros_like(prediction))


def test_constant_prediction_has_a_finite_gradient():
    _, truth, valid = maps()
    prediction = torch.full_like(truth, 0.3).requires_grad_()
    any_depth_loss(prediction, truth, valid)[0].backward()
    assert torch.isfinite(prediction.grad).all()


def test_gradient_agrees_with_finite_differences():
    prediction, truth, valid = (values[:1, :6, :6] for values in maps(1))
    truth = truth.double()

    def total(values: torch.Tensor) -> torch.Tensor:
        return any_depth_loss(values, truth, valid)[0]

    assert torch.autograd.gradcheck(total, prediction.double().requires_grad_(), eps=1e-7)


def test_negative_share_is_zero_above_and_grows_below():
    above = torch.tensor([1.0, 3.0]).reshape(1, 1, 2)
    assert negative_share(above).item() == 0
    # {-1, 1}: mean of what lies below 1/2, standard deviation 1; the scale does not matter.
    assert negative_share(above - 2).item() == pytest.approx(0.5)
    assert negative_share(100 * (above - 2)).item() == pytest.approx(0.5)


def test_silog_of_a_wrong_scale_and_of_scatter():
    depth_m = torch.full((1, 8, 8), 2.0)
    valid = everywhere(depth_m)
    # e = ln 2 everywhere: √(e² − e² / 2).
    assert silog_loss(2 * depth_m, depth_m, valid).item() == pytest.approx(math.log(2) / 2**0.5)
    # e = ± ln 2: the mean is 0.
    scattered = depth_m.clone()
    scattered[:, ::2] *= 2
    scattered[:, 1::2] /= 2
    assert silog_loss(scattered, depth_m, valid).item() == pytest.approx(math.log(2))


def test_silog_of_the_truth_has_a_finite_gradient():
    depth_m = torch.full((1, 8, 8), 2.0)
    prediction = depth_m.clone().requires_grad_()
    loss = silog_loss(prediction, depth_m, everywhere(depth_m))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-4)
    assert torch.isfinite(prediction.grad).all()


def test_absolute_loss_is_in_metres_over_known_pixels():
    depth_m = torch.full((2, 8, 8), 2.0)
    depth_m[0, :, 4:] = torch.nan
    prediction = torch.full((2, 8, 8), 2.5)
    prediction[1] = 1.0
    loss = absolute_loss(prediction, depth_m, depth_m.isfinite())
    assert loss.item() == pytest.approx((0.5 + 1.0) / 2)


@pytest.mark.parametrize('loss', [silog_loss, absolute_loss])
def test_metric_loss_of_an_unknown_image_costs_nothing(loss):
    depth_m = torch.full((1, 8, 8), torch.nan)
    prediction = torch.ones(1, 8, 8, requires_grad=True)
    value = loss(prediction, depth_m, depth_m.isfinite())
    value.backward()
    assert value.item() == 0
    assert torch.equal(prediction.grad, torch.zeros(1, 8, 8))
