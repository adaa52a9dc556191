"""Running a network in every way that its images may be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.lab.verification.agreement import Agreement, agreement, chosen_points
from depth_anything_ros.lab.verification.readings import Reading
from depth_anything_ros.models.contract import Contract
from depth_anything_ros.types import DepthSample


@dataclass(frozen=True)
class Image:
    """An image with true depth, and the source it is of."""

    source: str
    sample: DepthSample


@dataclass(frozen=True)
class Answers:
    """
    What a network said of all images, read in one way.

    `focals_px` is the focal length of the network's input for each image, None where it is not
    known.
    """

    reading: Reading
    agreements: Sequence[Agreement]
    focals_px: Sequence[float | None]


def try_reading(
    reading: Reading, opened: Callable[[Contract], Predictor], images: Iterable[Image]
) -> Answers:
    """
    Run a network on images, read in one way.

    :param opened: opens the network under another contract.
    :raises BackendError: if the network cannot run on an image.
    """
    predictor = opened(reading.contract)
    agreements, focals_px = [], []
    for image in images:
        sample = image.sample
        numbers = predictor.infer(predictor.preprocess(sample.rgb))
        height, width = sample.depth_m.shape
        points = chosen_points(sample.depth_m)
        found = predictor.enlarge(numbers, (height, width)).reshape(-1)[points]
        true_m = sample.depth_m.reshape(-1)[points]
        agreements.append(agreement(found.astype(np.float64), true_m.astype(np.float64)))
        focals_px.append(_focal_px(sample, predictor.network_size(*sample.rgb.shape[:2])))
    return Answers(reading, agreements, focals_px)


def _focal_px(sample: DepthSample, size: tuple[int, int]) -> float | None:
    camera = sample.camera
    if camera is None:
        return None
    rows, columns = size
    return (camera.fx_px * columns / camera.width + camera.fy_px * rows / camera.height) / 2.0
