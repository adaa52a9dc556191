import math
from random import Random

import numpy as np
import pytest
import torch

from depth_anything_ros.lab.simulation.optics import Imaging, develop, noise_pool, random_imaging

PLAIN = Imaging(0.3, (1.0, 1.0, 1.0), 1.0, 1.0, 0.0, 0.0, 0.15, 0.0, 0.0, 0.0, 0.0)
ONE_SHAPE = torch.zeros((1, 32, 48), dtype=torch.int64)


def developed(light, shape=ONE_SHAPE, **changes):
    imaging = PLAIN._replace(**changes)
    return develop(light, shape, [imaging], noise_pool(0))[0].float()


def test_even_light_gets_the_brightness_whatever_it_was():
    tones = []
    for strength in (0.01, 0.5, 3.0):
        image = developed(torch.full((1, 3, 32, 48), strength))
        assert image.min() == image.max()
        tones.append(float(image[0, 0, 0]))
    # The shoulder of the tone curve, then the screen's exponent.
    linear = 0.3 * (1 + 0.3 / 16) / 1.3
    assert tones == pytest.approx([255 * linear ** (1 / 2.2)] * 3, abs=1.0)


def test_white_balance_and_saturation_act_on_channels():
    light = torch.full((1, 3, 32, 48), 0.3)
    red, green, blue = developed(light, gains=(1.3, 1.0, 0.7))[0, 0]
    assert red > green > blue
    gray = developed(light, gains=(1.3, 1.0, 0.7), saturation=0.0)[0, 0]
    assert gray[0] == gray[1] == gray[2]


def test_vignette_darkens_the_corners_most():
    image = developed(torch.full((1, 3, 32, 48), 0.3), vignette=0.5)[..., 0]
    assert image[16, 24] > image[16, 0] > image[0, 0]


def test_noise_has_the_spread_asked_for_and_its_own_start():
    light = torch.full((1, 3, 32, 48), 0.3)
    one, two = (developed(light, noise=5.0, noise_at=at) for at in (0.1, 0.7))
    assert float(one.std()) == pytest.approx(5.0, rel=0.1)
    assert not torch.equal(one, two)
    assert torch.equal(one, developed(light, noise=5.0, noise_at=0.1))


@pytest.mark.parametrize('blur', [0.4, 1.2])
def test_blur_keeps_the_light_and_spreads_a_point(blur):
    light = torch.full((1, 3, 32, 48), 0.2)
    light[..., 16, 24] = 0.6
    sharp, soft = developed(light)[..., 0], developed(light, blur_px=blur)[..., 0]
    assert soft[16, 24] < sharp[16, 24]
    assert soft[16, 25] > sharp[16, 25]
    assert soft[0, 0] == sharp[0, 0]


def test_motion_smears_along_its_direction():
    light = torch.full((1, 3, 32, 48), 0.05)
    light[..., 16, 24] = 1.0
    image = developed(light, blur_px=0.3, motion_px=5.0, motion_rad=0.0)[..., 0]
    assert image[16, 22] > image[14, 24] + 5
    assert image[14, 24] == image[0, 0]


def test_outlines_of_shapes_are_mixed_and_textures_are_not():
    light = torch.full((1, 3, 32, 48), 0.02)
    light[..., 24:] = 0.5
    shape = ONE_SHAPE.clone()
    shape[..., 24:] = 1
    hard, soft = developed(light)[16, :, 0], developed(light, shape)[16, :, 0]
    assert soft[23] > hard[23] + 5
    assert soft[24] < hard[24] - 5
    assert soft[20] == pytest.approx(float(hard[20]), abs=1)


def test_compression_keeps_what_is_smooth_and_drops_what_is_fine():
    x = torch.arange(48) / 48
    smooth = (0.2 + 0.2 * x).expand(1, 3, 32, 48)
    error = developed(smooth, compression=8.0) - developed(smooth)
    assert error.abs().mean() < 2
    fine = smooth * (1 + 0.03 * (-1) ** torch.arange(48))
    rough, flat = developed(fine), developed(fine, compression=14.0)
    assert (flat.diff(dim=1).abs().mean()) < 0.6 * rough.diff(dim=1).abs().mean()


def test_random_looks_are_usable_and_vary():
    imagings = [random_imaging(Random(seed)) for seed in range(300)]
    assert all(0.05 < imaging.brightness < 1.5 for imaging in imagings)
    assert all(0 <= imaging.noise < 20 for imaging in imagings)
    assert all(0 < imaging.blur_px < 2 for imaging in imagings)
    assert 0.05 < np.mean([imaging.motion_px > 0 for imaging in imagings]) < 0.3
    assert len({imaging.brightness for imaging in imagings}) == 300
    assert all(math.isfinite(value) for imaging in imagings for value in imaging.gains)


def test_noise_takes_seeds_of_any_size():
    small, large = noise_pool(1), noise_pool(10**20)
    assert not torch.equal(small, large)
    assert float(large.std()) == pytest.approx(1, abs=0.01)
