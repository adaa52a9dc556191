"""Networks that follow depth, exported under any contract: for what verifies contracts."""

import copy
import inspect
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from made_networks import contract
from torch import nn

from depth_anything_ros.models.checkpoint import load_estimator

IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
NORMALISATIONS = {
    '0 to 1': (1, [0.0] * 3, [1.0] * 3),
    '-1 to 1': (1, [0.5] * 3, [0.5] * 3),
    'imagenet': (1, *IMAGENET),
    '0 to 255': (255, [0.0] * 3, [1.0] * 3),
    'caffe': (255, [123.675, 116.28, 103.53], [1.0] * 3),
}


class Convention(nn.Module):
    """
    Wrap a network of RGB in 0..1 so that it reads and gives what a contract says.

    :param network: takes RGB in 0..1, (1, 3, h, w), and returns numbers (1, h, w).
    :param own: the contract.
    :param meant: turns its numbers into those of the contract.
    """

    def __init__(self, network, own, meant):
        super().__init__()
        self.network = network
        self.meant = meant
        image = own['input']
        self.is_bgr = image['channels'] == 'bgr'
        shape = (1, 3, 1, 1)
        self.register_buffer('mean', torch.tensor(image['mean']).view(shape) / image['range'])
        self.register_buffer('std', torch.tensor(image['std']).view(shape) / image['range'])

    def forward(self, pixels):
        rgb = pixels * self.std + self.mean
        return self.meant(self.network(rgb.flip(1) if self.is_bgr else rgb))[:, None]


class Tiny(nn.Module):
    """The shipped model `tiny`, which gives relative inverse depth of RGB in 0..1."""

    def __init__(self, height, width):
        super().__init__()
        self.estimator, _ = load_estimator('tiny')
        self.estimator.prepare(height, width)
        spec = self.estimator.spec
        self.register_buffer('mean', torch.tensor(spec.mean).view(1, 3, 1, 1))
        self.register_buffer('std', torch.tensor(spec.std).view(1, 3, 1, 1))

    def forward(self, rgb):
        return self.estimator((rgb - self.mean) / self.std)


def export(folder: Path, network: nn.Module, own: dict, meant, size: tuple[int, int]) -> Path:
    """Write a network under a contract of its own, and that contract."""
    folder.mkdir(parents=True, exist_ok=True)
    parameters = inspect.signature(torch.onnx.export).parameters
    classic = {'dynamo': False} if 'dynamo' in parameters else {}
    with torch.no_grad():
        torch.onnx.export(
            Convention(network, own, meant).eval(), (torch.zeros(1, 3, *size),),
            str(folder / 'model.onnx'), opset_version=17, **classic,
        )  # fmt: skip
    return say(folder, own)


def say(folder: Path, said: dict) -> Path:
    """Write another contract into the folder of a network."""
    (folder / 'network.json').write_text(json.dumps(said))
    return folder


def reading(normalisation: str, channels: str, size: tuple[int, int], **output) -> dict:
    """Return a contract that stretches images to a size."""
    number, mean, std = NORMALISATIONS[normalisation]
    return contract(
        input_range=number, input_mean=mean, input_std=std, input_channels=channels,
        input_resize='stretch', input_size=list(size), input_interpolation='area', **output,
    )  # fmt: skip


def with_mistake(own: dict, **changes) -> dict:
    """Return a contract with other keys, `input_…` and `output_…`."""
    said = copy.deepcopy(own)
    for key, value in changes.items():
        group, _, name = key.partition('_')
        said[group][name] = value
    return said


class Small(nn.Module):
    """A small network of RGB in 0..1 that gives depth in metres for a focal length of FOCAL_PX."""

    def __init__(self):
        super().__init__()
        widths = (3, 16, 32, 64, 96)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in pairwise(widths))
        self.around = nn.Linear(96, 96)
        self.up = nn.ModuleList(
            nn.Conv2d(b, a, 3, 1, 1) for a, b in ((64, 96), (32, 64), (16, 32))
        )
        self.last = nn.Conv2d(16, 1, 3, 1, 1)

    def forward(self, rgb):
        maps, x = [], 4 * (rgb - 0.5)
        for layer in self.down:
            x = torch.relu(layer(x))
            maps.append(x)
        x = x + self.around(x.mean((2, 3)))[:, :, None, None]
        for layer, other in zip(self.up, reversed(maps[:-1]), strict=True):
            x = nn.functional.interpolate(x, scale_factor=2.0, mode='bilinear')
            x = torch.relu(layer(x) + other)
        return torch.exp(self.last(x)[:, 0].clamp(-4, 4))


FOCAL_PX = 100.0


def train_small(samples, steps: int = 1500, seed: int = 0) -> Small:
    """
    Train on samples as they are, so that the network knows colours and their brightness.

    :param samples: of one size, a multiple of 16, with cameras.
    """
    torch.manual_seed(seed)
    network = Small()
    rgb = torch.from_numpy(np.stack([one.rgb for one in samples])).permute(0, 3, 1, 2)
    focal_px = np.array([one.camera.fx_px for one in samples], np.float32)
    depth_m = np.stack([one.depth_m for one in samples]) * (FOCAL_PX / focal_px)[:, None, None]
    truth = torch.from_numpy(depth_m).log()
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, steps)
    for _ in range(steps):
        chosen = torch.randint(len(samples), (8,))
        images, wanted = rgb[chosen] / 255.0, truth[chosen]
        if torch.rand(()) < 0.5:
            images, wanted = images.flip(-1), wanted.flip(-1)
        found = nn.functional.interpolate(
            network(images)[:, None], wanted.shape[1:], mode='bilinear'
        )[:, 0].log()
        known = torch.isfinite(wanted)
        loss = (found - wanted)[known].abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


def hazy(sample, seed: int, focal_px: float = 0.0):
    """
    Return a sample in blue haze, so that its colours tell of depth and their order matters.

    :param focal_px: where it is set, haze goes by depth for that focal length, not by metres.
    """
    random = np.random.default_rng(seed)
    reach_m = random.uniform(2.7, 3.3) * (sample.camera.fx_px / focal_px if focal_px else 1.0)
    share = np.exp(-np.nan_to_num(sample.depth_m, nan=50.0) / reach_m)[..., None]
    haze = np.array([90.0, 140.0, 220.0]) * random.uniform(0.9, 1.1)
    rgb = (share * sample.rgb + (1 - share) * haze).clip(0, 255).round().astype(np.uint8)
    return replace(sample, rgb=rgb)
