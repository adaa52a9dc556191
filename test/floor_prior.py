"""
A checkpoint that knows one thing: what is lower in the image is nearer.

Trained weights cannot be had in tests. These come from the random ones: the position table
gets a ramp over the rows, and the last convolution is fitted by least squares to the inverse
depth of a few simulated frames. The rest of the network passes the ramp on. That is enough for
scale and shift to be found, and so for metric depth and clouds.
"""

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from depth_anything_ros.inference.preprocess import Preprocessor, network_size
from depth_anything_ros.models.checkpoint import load_estimator
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.simulation.sample import sample_frames

MODEL = 'depth_anything_v2_vits'
INPUT_SIZE = 56
RAMP = 2.0
TRAINING_SEED = 1  # the sample of the demo has seed 0
RIDGE = 1e-6


def write_floor_prior(path: Path) -> None:
    """Write the checkpoint in the public .pth layout."""
    estimator, _ = load_estimator(MODEL, weights='random')
    with torch.no_grad():
        _ramp_over_rows(estimator)
        _fit_last_convolution(estimator)
    torch.save(estimator.state_dict(), path)


def _ramp_over_rows(estimator: DepthEstimator) -> None:
    table = estimator.pretrained.pos_embed
    side = int((table.shape[1] - 1) ** 0.5)
    ramp = torch.linspace(-1.0, 1.0, side).repeat_interleave(side)
    direction = torch.randn(table.shape[2], generator=torch.Generator().manual_seed(0))
    table[0, 1:] += RAMP * ramp[:, None] * direction


def _fit_last_convolution(estimator: DepthEstimator) -> None:
    activation, last = estimator.depth_head.scratch.output_conv2[1:3]
    seen: list[Tensor] = []
    hook = activation.register_forward_hook(lambda *arguments: seen.append(arguments[2]))
    targets = []
    for sample in sample_frames(4, seed=TRAINING_SEED):
        height, width = sample.depth_m.shape
        size = network_size(height, width, INPUT_SIZE, estimator.spec.patch)
        pixels = Preprocessor(estimator.spec, size)(sample.frame.rgb).pixels
        estimator(torch.from_numpy(pixels))
        nearest = cv2.resize(sample.depth_m, size[::-1], interpolation=cv2.INTER_NEAREST)
        targets.append(1.0 / nearest.ravel())
    hook.remove()
    features = np.concatenate([maps[0].flatten(1).T.double().numpy() for maps in seen])
    features = np.c_[features, np.ones(len(features))]  # (pixels, channels + 1)
    square = features.T @ features
    square += RIDGE * np.trace(square) / len(square) * np.eye(len(square))
    solution = np.linalg.solve(square, features.T @ np.concatenate(targets))
    last.weight.copy_(torch.from_numpy(solution[:-1]).reshape(last.weight.shape))
    last.bias.fill_(float(solution[-1]))
