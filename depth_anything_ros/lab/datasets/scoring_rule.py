"""What is scored of an image and how: the parts that protocols are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.evaluation.obstacle_rule import ObstacleRule
from depth_anything_ros.evaluation.protocol import AlignedPrediction, AlignmentMode, view_of
from depth_anything_ros.evaluation.view import View
from depth_anything_ros.geometry.mounting import mounting_text
from depth_anything_ros.json_text import IF_KNOWN
from depth_anything_ros.types import CameraMounting, DepthSample, OutputKind

UNBOUNDED_M = 1e6
"""An end of a range beyond all depth; JSON knows no infinity."""

MOUNTING_OPTIONS = '--camera-height, --camera-pitch and --camera-roll'
"""What tells verbs how the camera hangs above the ground."""


@dataclass(frozen=True)
class Crop:
    """
    The part of an image that is scored, as shares of its height and width.

    Of H rows these are int(top · H) to int(bottom · H) without the last, of columns likewise.
    """

    top: float
    bottom: float
    left: float
    right: float

    @property
    def text(self) -> str:
        """Return the crop in words."""
        rows = f'rows {self.top:.1%} to {self.bottom:.1%}'
        return f'{rows}, columns {self.left:.1%} to {self.right:.1%}'

    def places(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """Return the rows and columns in an image of a shape (H, W)."""
        height, width = shape
        return (
            slice(int(self.top * height), int(self.bottom * height)),
            slice(int(self.left * width), int(self.right * width)),
        )


@dataclass(frozen=True)
class Squash:
    """
    The size that image and truth are brought to before all else, whatever their aspect ratio.

    The image bilinearly, the truth by nearest neighbour; `transposed` exchanges rows and columns
    before that.
    """

    height: int
    width: int
    transposed: bool = False

    @property
    def text(self) -> str:
        """Return what it does to an image, in words."""
        turned = ', lying on its side' if self.transposed else ''
        return f'squashed to {self.width}×{self.height}{turned}'

    def __call__(self, sample: DepthSample) -> DepthSample:
        """Return a sample at that size, of which neither camera nor pairs of points are known."""
        rgb, depth_m, size = sample.rgb, sample.depth_m, (self.width, self.height)
        if self.transposed:
            rgb, depth_m = np.ascontiguousarray(rgb.transpose(1, 0, 2)), depth_m.T.copy()
        squashed_m = cv2.resize(depth_m, size, interpolation=cv2.INTER_NEAREST)
        return DepthSample(
            np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR), np.uint8),
            np.asarray(squashed_m, np.float32),
            sample.name,
        )


@dataclass(frozen=True)
class ScoringRule:
    """
    What is scored and how.

    `alignment` brings relative predictions to metres, by inverse depth, and metric ones, by
    depth, unless `metric_alignment` says otherwise. Truth is scored from `min_depth_m` to
    `max_depth_m`, without both where `exclusive`, and inside `crop`. Predictions are clamped to
    `clamp_m`, where it is None to the range of the truth. `metrics` are asked for beside the
    default ones, as :func:`chosen_metrics` takes them; `obstacles` says what those of obstacles
    look at, and `mounting` how the camera is told to hang, which is held against the truth.
    `confidence` is what tells how sure models are, a value of `ConfidenceSource`.
    """

    alignment: AlignmentMode = AlignmentMode.SCALE_SHIFT
    min_depth_m: float = 0.2
    max_depth_m: float = 8.0
    metric_alignment: AlignmentMode | None = field(default=None, metadata=IF_KNOWN)
    exclusive: bool = False
    crop: Crop | None = field(default=None, metadata=IF_KNOWN)
    clamp_m: tuple[float, float] | None = field(default=None, metadata=IF_KNOWN)
    squash: Squash | None = field(default=None, metadata=IF_KNOWN)
    metrics: Sequence[str] | None = field(default=None, metadata=IF_KNOWN)
    obstacles: ObstacleRule | None = field(default=None, metadata=IF_KNOWN)
    mounting: CameraMounting | None = field(default=None, metadata=IF_KNOWN)
    confidence: str | None = field(default=None, metadata=IF_KNOWN)

    def alignment_of(self, kind: OutputKind) -> AlignmentMode:
        """Return how predictions of a kind become metres."""
        if kind is OutputKind.METRIC_DEPTH and self.metric_alignment is not None:
            return self.metric_alignment
        return self.alignment

    @property
    def alignment_text(self) -> str:
        """Return the alignment in words, that of metric predictions too if it is another."""
        metric = self.alignment_of(OutputKind.METRIC_DEPTH)
        if metric is self.alignment:
            return metric.value
        return f'{self.alignment.value} (metric predictions: {metric.value})'

    @property
    def text(self) -> str:
        """Return the rule in a sentence's part."""
        parts = [f'alignment {self.alignment_text}', f'truth {self.truth_text}']
        if self.crop is not None:
            parts.append(self.crop.text)
        if self.clamp_m is not None:
            parts.append('predictions clamped to {:g} to {:g} m'.format(*self.clamp_m))
        if self.squash is not None:
            parts.append(f'image {self.squash.text}')
        if self.obstacles is not None:
            parts.append(f'obstacles {self.obstacles.text}, ground {self.ground}')
        return ', '.join(parts)

    @property
    def ground(self) -> str | None:
        """Return where the ground of obstacles is taken from, None where none are looked for."""
        if self.obstacles is None:
            return None
        if self.mounting is None:
            return 'as the data knows it, else found in the truth of each image'
        return f'{mounting_text(self.mounting)}, by options'

    @property
    def truth_text(self) -> str:
        """Return what truth is scored, in words."""
        low, high = f'{self.min_depth_m:g}', f'{self.max_depth_m:g}'
        if self.max_depth_m >= UNBOUNDED_M:
            return f'above {low} m' if self.exclusive else f'from {low} m'
        return f'between {low} and {high} m' if self.exclusive else f'within {low} to {high} m'


def metric_view(aligned: AlignedPrediction, sample: DepthSample, rule: ScoringRule) -> View:
    """
    Return what metrics read of a prediction.

    :param sample: as :func:`scored_view` gives it.
    """
    return view_of(
        aligned, sample.depth_m, sample.camera, sample.mounting, rule.mounting, rule.obstacles
    )


def scored_view(sample: DepthSample, rule: ScoringRule) -> DepthSample:
    """
    Return the image as the network gets it, and the truth where it is scored, NaN elsewhere.

    Truth outside an inclusive range stays; `align_prediction` leaves it out.

    :raises AlignmentError: if nothing of an image of this size lies in the crop.
    """
    if rule.squash is not None:
        sample = rule.squash(sample)
    depth_m = sample.depth_m
    if rule.exclusive:
        inside = (depth_m > rule.min_depth_m) & (depth_m < rule.max_depth_m)
        depth_m = np.where(inside, depth_m, np.float32(np.nan))
    if rule.crop is not None:
        places = rule.crop.places(depth_m.shape)
        if not depth_m[places].size:
            height, width = depth_m.shape
            raise AlignmentError(f'nothing of an image of {width}x{height} lies in the crop')
        cropped = np.full_like(depth_m, np.nan)
        cropped[places] = depth_m[places]
        depth_m = cropped
    return sample if depth_m is sample.depth_m else replace(sample, depth_m=depth_m)
