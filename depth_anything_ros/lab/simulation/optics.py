"""What a camera makes of light: exposure, blur, noise, white balance, tone, compression."""

from __future__ import annotations

import math
from random import Random
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

_KERNEL = 7
# Up to here, in pixels, the next pixels hold all that the lens spreads.
_SHARP = 0.45
_TONES = 4096
_WHITE = 4.0
_NOISE_POOL = 1 << 20


class Imaging(NamedTuple):
    """
    How one camera renders what it sees.

    `brightness` is the wanted mean (of the roots, squared) of the linear image; `gains` white
    balance; `contrast` multiplies the screen's exponent; `saturation` 1 is true; `vignette` the
    loss in the corners; `noise` its spread in steps of 255; `blur_px` the spread of the lens;
    `motion_px` and `motion_rad` a straight smear; `compression` the step of a JPEG-like rounding,
    0 is none; `noise_at`, in 0..1, where in the pool of noise the image's own begins.
    """

    brightness: float
    gains: tuple[float, float, float]
    contrast: float
    saturation: float
    vignette: float
    noise: float
    blur_px: float
    motion_px: float
    motion_rad: float
    compression: float
    noise_at: float


def random_imaging(rng: Random) -> Imaging:
    """Return a camera's rendering drawn at random: most are good, some are poor."""
    warmth, tint = rng.gauss(0, 0.07), rng.gauss(0, 0.03)
    moving = rng.random() < 0.15
    return Imaging(
        0.3 * math.exp(rng.gauss(0, 0.42)),
        (math.exp(warmth), math.exp(tint), math.exp(-warmth)),
        math.exp(rng.gauss(0.22, 0.16)),
        min(1.5, max(0.0, rng.gauss(1.0, 0.22))),
        max(0.0, rng.gauss(0.12, 0.15)),
        abs(rng.gauss(0, 3.5)),
        rng.uniform(0.15, 0.4) if rng.random() < 0.8 else rng.uniform(0.4, 1.3),
        rng.uniform(1, 6) if moving else 0.0,
        rng.uniform(0, math.pi),
        rng.choice((0.0, 0.0, 4.0, 8.0, 14.0)),
        rng.random(),
    )


def noise_pool(seed: int) -> Tensor:
    """Return normal noise that images take their own from, float32 (1048576,)."""
    # torch takes 63 bits.
    generator = torch.Generator().manual_seed(seed % (1 << 63))
    return torch.randn(_NOISE_POOL, generator=generator)


def develop(linear: Tensor, shape: Tensor, imagings: list[Imaging], pool: Tensor) -> Tensor:
    """
    Return images as a camera gives them, uint8 (V, H, W, 3).

    :param linear: light, float32 (V, 3, H, W).
    :param shape: which shape each pixel shows, (V, H, W): its edges are smoothed.
    :param pool: from `noise_pool`, on the same device.
    """
    device = linear.device
    height, width = linear.shape[2:]

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, device=device, dtype=torch.float32)[:, None, None, None]

    light = _smoothed_edges(linear.clamp_max(4 * _WHITE), shape)
    # The root keeps a bright window from making the room dark.
    mean = light.sqrt().mean((1, 2, 3), keepdim=True).square().clamp_min(1e-4)
    gains = torch.tensor([imaging.gains for imaging in imagings], device=device)[:, :, None, None]
    light = light * (gains * column([imaging.brightness for imaging in imagings]) / mean)
    light = _blurred(light, imagings) * (
        1 - column([imaging.vignette for imaging in imagings]) * _radius(light)
    )
    gray = light.mean(1, keepdim=True)
    light = gray + column([imaging.saturation for imaging in imagings]) * (light - gray)
    steps = (light * ((_TONES - 1) / _WHITE)).clamp(0, _TONES - 1).to(torch.int64)
    tones = _tone_table([imaging.contrast for imaging in imagings], device)
    screen = tones.gather(1, steps.flatten(1)).view_as(light)
    length = 3 * height * width
    starts = [int(imaging.noise_at * max(0, len(pool) - length)) for imaging in imagings]
    reach = torch.arange(length, device=device) % len(pool)
    noise = torch.stack([pool.index_select(0, start + reach) for start in starts])
    strength = column([imaging.noise for imaging in imagings])
    screen = screen + noise.view_as(screen) * strength
    screen = _compressed(screen, imagings)
    return screen.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _smoothed_edges(light: Tensor, shape: Tensor) -> Tensor:
    """Return the image with pixels at the outlines of shapes mixed with their neighbours."""
    edge = torch.zeros_like(shape, dtype=torch.bool)
    across, down = shape[:, :, 1:] != shape[:, :, :-1], shape[:, 1:] != shape[:, :-1]
    edge[:, :, 1:] |= across
    edge[:, :, :-1] |= across
    edge[:, 1:] |= down
    edge[:, :-1] |= down
    smooth = _softened(light, torch.full((1, 1, 1, 1), 0.25, device=light.device))
    return torch.where(edge[:, None], smooth, light)


def _softened(light: Tensor, share: Tensor) -> Tensor:
    """Return the image with each pixel's neighbours mixed in, to both sides by a share."""
    wide = F.pad(light, (1, 1, 0, 0), mode='replicate')
    light = light + share * (wide[..., :-2] + wide[..., 2:] - 2 * light)
    high = F.pad(light, (0, 0, 1, 1), mode='replicate')
    return light + share * (high[..., :-2, :] + high[..., 2:, :] - 2 * light)


def _kernel(imaging: Imaging) -> NDArray[np.float64]:
    """Return the image of a point, (7, 7), sum 1."""
    reach = np.arange(_KERNEL) - _KERNEL // 2
    kernel = np.zeros((_KERNEL, _KERNEL))
    for share in np.linspace(-0.5, 0.5, 7) if imaging.motion_px else (0.0,):
        x = reach[None, :] - share * imaging.motion_px * math.cos(imaging.motion_rad)
        y = reach[:, None] - share * imaging.motion_px * math.sin(imaging.motion_rad)
        kernel += np.exp(-(x * x + y * y) / (2 * imaging.blur_px**2))
    return np.asarray(kernel / kernel.sum())


def _blurred(light: Tensor, imagings: list[Imaging]) -> Tensor:
    beside = [math.exp(-0.5 / imaging.blur_px**2) for imaging in imagings]
    shares = torch.tensor([value / (1 + 2 * value) for value in beside], device=light.device)
    blurred = _softened(light, shares[:, None, None, None])
    wide = [
        place
        for place, imaging in enumerate(imagings)
        if imaging.blur_px > _SHARP or imaging.motion_px
    ]
    if wide:
        kernels = np.stack([_kernel(imagings[place]) for place in wide]).astype(np.float32)
        weight = torch.from_numpy(kernels).to(light.device).repeat_interleave(3, 0)[:, None]
        padded = F.pad(light[wide], (_KERNEL // 2,) * 4, mode='replicate').flatten(0, 1)[None]
        smear = F.conv2d(padded, weight, groups=len(weight))[0]
        blurred[wide] = smear.view(len(wide), *light.shape[1:])
    return blurred


def _radius(light: Tensor) -> Tensor:
    """Return the squared distance from the middle, 1 in the corners, (H, W)."""
    height, width = light.shape[2:]
    x = torch.linspace(-1, 1, width, device=light.device)
    y = torch.linspace(-1, 1, height, device=light.device)[:, None]
    return (x * x + y * y) / 2


def _tone_table(contrasts: list[float], device: torch.device) -> Tensor:
    """Return the screen value of each step of light from 0 to white, (V, 4096), 255 is white."""
    light = np.linspace(0, _WHITE, _TONES)
    linear = light * (1 + light / _WHITE**2) / (1 + light)
    table = 255 * linear[None] ** (np.array(contrasts)[:, None] / 2.2)
    return torch.from_numpy(table.astype(np.float32)).to(device)


def _cosines(device: torch.device) -> Tensor:
    """Return the orthonormal cosine transform of 8 values, (8, 8)."""
    at = np.arange(8)
    matrix = np.cos(np.pi * (at[None, :] + 0.5) * at[:, None] / 8) * 0.5
    matrix[0] /= math.sqrt(2)
    return torch.from_numpy(matrix.astype(np.float32)).to(device)


def _compressed(screen: Tensor, imagings: list[Imaging]) -> Tensor:
    """Round the cosine transform of blocks of 8 × 8, high frequencies more coarsely."""
    height, width = screen.shape[2:]
    rows, columns = height // 8 * 8, width // 8 * 8
    chosen = [number for number, imaging in enumerate(imagings) if imaging.compression > 0]
    if not chosen or not rows or not columns:
        return screen
    device = screen.device
    cosines = _cosines(device)
    at = torch.arange(8, device=device)
    coarse = 1 + 0.45 * (at[:, None] + at)
    step = torch.tensor([imagings[number].compression for number in chosen], device=device)
    step = step[:, None, None, None, None, None] * coarse
    part = screen[chosen, :, :rows, :columns]
    blocks = part.reshape(len(chosen), 3, rows // 8, 8, columns // 8, 8).transpose(3, 4)
    spectrum = cosines @ blocks @ cosines.T
    spectrum = (spectrum / step).round() * step
    part = (cosines.T @ spectrum @ cosines).transpose(3, 4).flatten(4, 5).flatten(2, 3)
    screen = screen.clone()
    screen[chosen, :, :rows, :columns] = part
    return screen
