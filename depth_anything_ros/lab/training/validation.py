"""A cheap score on held-out data while a network learns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from depth_anything_ros.errors import AlignmentError, DatasetError
from depth_anything_ros.evaluation.protocol import AlignmentMode, align_prediction, score_aligned
from depth_anything_ros.inference.preprocess import (
    Preprocessor,
    network_size,
    resize_align_corners,
)
from depth_anything_ros.lab.training.config import TrainConfig
from depth_anything_ros.models.estimator import DepthEstimator
from depth_anything_ros.models.spec import ModelSpec
from depth_anything_ros.types import Float32Array

if TYPE_CHECKING:
    from depth_anything_ros.lab.datasets import Dataset

_METRICS = ('abs_rel', 'delta1')


class Validation:
    """
    Score a network on samples that were prepared once.

    Relative predictions are aligned to each image in scale and shift, metric ones are taken as
    they are; see :mod:`depth_anything_ros.evaluation.protocol`.

    :param dataset: where the samples are; they are spread evenly over it.
    :param spec: of the model, for its normalisation and output.
    :param shorter_side: of the network input in pixels.
    :param config: says how many samples, and the range of depth that is scored.
    :raises DatasetError: if the data set is empty, a sample cannot be read, or none has depth
        in the range.
    """

    def __init__(
        self, dataset: Dataset, spec: ModelSpec, shorter_side: int, config: TrainConfig
    ) -> None:
        if not len(dataset):
            raise DatasetError(f"data set '{dataset.name}' has no samples to validate on")
        count = min(config.validation_samples, len(dataset))
        self._config = config
        self._kind = spec.output_kind
        self._mode = AlignmentMode.SCALE_SHIFT if self._kind.is_relative else AlignmentMode.NONE
        self._items: list[tuple[torch.Tensor, Float32Array]] = []
        for place in np.linspace(0, len(dataset) - 1, count).round().astype(int):
            sample = dataset[int(place)]
            if not self._in_range(sample.depth_m).any():
                continue
            height, width = sample.depth_m.shape
            size = network_size(height, width, shorter_side, spec.patch, spec.longer_side)
            pixels = Preprocessor(spec, size)(sample.rgb).pixels
            self._items.append((torch.from_numpy(pixels), sample.depth_m))
        if not self._items:
            raise DatasetError(
                f"no sample of data set '{dataset.name}' has depth within "
                f'{config.min_depth_m:g} to {config.max_depth_m:g} m to validate on'
            )

    @property
    def alignment(self) -> str:
        """Return how predictions are brought to metres."""
        return self._mode.value

    @torch.no_grad()
    def __call__(self, estimator: DepthEstimator) -> tuple[float, float]:
        """
        Return AbsRel and δ1, averaged over the images that have truth in the range.

        :param estimator: in evaluation mode, on any device.
        :return: NaN for both if the prediction of any image cannot be scored, as a constant
            one that is to be aligned.
        """
        device = next(estimator.parameters()).device
        scores = []
        for pixels, truth_m in self._items:
            values = estimator(pixels.to(device)).squeeze(0).float().cpu().numpy()
            height, width = truth_m.shape
            prediction = resize_align_corners(values, (height, width))
            try:
                aligned = align_prediction(
                    prediction,
                    self._kind,
                    truth_m,
                    self._mode,
                    self._config.min_depth_m,
                    self._config.max_depth_m,
                )
            except AlignmentError:
                return float('nan'), float('nan')
            scores.append([*score_aligned(aligned, truth_m, _METRICS).values.values()])
        abs_rel, delta1 = np.mean(scores, axis=0).tolist()
        return abs_rel, delta1

    def _in_range(self, depth_m: Float32Array) -> NDArray[np.bool_]:
        return (depth_m >= self._config.min_depth_m) & (depth_m <= self._config.max_depth_m)
