"""
How one prediction is scored against measured depth.

Scored are the pixels whose truth is finite and within the range, where there is a prediction.
The alignments `scale` and `scale_shift` are the field's evaluation protocol: plain, not robust,
least squares over the scored pixels of each image, in inverse depth for relative predictions
and in depth for metric ones, with no rule on the sign of the scale. They use the truth, so they
tell how good the shape is, not what a robot gets; that is `online`. Predictions are clamped,
then scored.

Source: Ranftl et al., MiDaS (2020), and the evaluation of Depth Anything V2 (2024); Zhou et al.,
"Unsupervised Learning of Depth and Ego-Motion from Video" (2017), for `median`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.evaluation.ground import Ground, GroundSummary, GroundTally
from depth_anything_ros.evaluation.metrics import METRICS, chosen_metrics
from depth_anything_ros.evaluation.obstacle_metrics import of_obstacles
from depth_anything_ros.evaluation.obstacle_rule import ObstacleRule
from depth_anything_ros.evaluation.reliability import Reliability
from depth_anything_ros.evaluation.sparsification import Sparsification
from depth_anything_ros.evaluation.view import View
from depth_anything_ros.geometry.alignment import fit_alignment
from depth_anything_ros.geometry.line import in_line
from depth_anything_ros.types import Camera, CameraMounting, Float32Array, OutputKind

COVERAGE, TRUTH, ORDER = 'coverage', 'truth_mean_m', 'pair_accuracy'

Means = Mapping[str, float | None]
"""Mean metrics, coverage and truth by name, None where no image has a value."""


class AlignmentMode(str, Enum):
    """
    How a prediction becomes metres before it is scored.

    NONE takes the numbers as metres, whatever they are: right for metric networks, meaningless
    for relative ones, and kept because published tables were made that way. SCALE and
    SCALE_SHIFT fit each image to its truth. ONLINE takes metric depth as it was published.
    Inverse depth up to a scale is given no shift, whichever of them is asked for.
    MEDIAN makes the medians of depth of each image agree. ROBUST fits scale and shift of each
    image as the depth node does, unmoved by outliers.
    """

    NONE = 'none'
    SCALE = 'scale'
    SCALE_SHIFT = 'scale_shift'
    ONLINE = 'online'
    MEDIAN = 'median'
    ROBUST = 'robust'


SHIFTED = (AlignmentMode.SCALE_SHIFT, AlignmentMode.ROBUST)
"""The alignments that fit a shift, but to inverse depth up to a scale."""


@dataclass(frozen=True)
class FrameScore:
    """
    The metrics of one image, NaN where it has no value.

    `coverage` is the share of the truth's pixels within the range that have a prediction;
    `pixels` is the number scored (of pairs of points, where those are). `scale` and `shift` are
    those of the fit (1 and 0 without), in inverse depth for relative predictions, in depth for
    metric ones. `truth_mean_m` is the mean of all truth within the range: it tells images apart.
    `sparsification` is known where a confidence is, `ground` where obstacles were looked for,
    `reliability` and `sigma_sparsification` where uncertainty is. `rank_correlation` is that of
    predicted and true depth.
    """

    values: dict[str, float]
    pixels: int
    coverage: float
    scale: float = 1.0
    shift: float = 0.0
    truth_mean_m: float = math.nan
    sparsification: Sparsification | None = None
    ground: Ground | None = None
    reliability: Reliability | None = None
    sigma_sparsification: Sparsification | None = None
    rank_correlation: float = math.nan


@dataclass(frozen=True)
class AlignedPrediction:
    """
    A prediction brought to metres, and where it is scored.

    `depth_m` is float32 (H, W), NaN where there is no prediction; `scored` is bool (H, W) and
    `places` (N,) where that is in the flat image; `in_range` is bool (H, W), where the truth is
    in the range whose far end is `max_depth_m`. `confidence` is that of the prediction.
    """

    depth_m: Float32Array
    scored: NDArray[np.bool_]
    places: NDArray[np.intp]
    in_range: NDArray[np.bool_]
    coverage: float
    scale: float
    shift: float
    max_depth_m: float
    confidence: Float32Array | None = None


def align_prediction(
    prediction: Float32Array,
    kind: OutputKind,
    truth_m: Float32Array,
    mode: AlignmentMode,
    min_depth_m: float,
    max_depth_m: float,
    clamp_m: tuple[float, float] | None = None,
) -> AlignedPrediction:
    """
    Bring a prediction to metres as the mode says and clamp it.

    :param prediction: float32 (H, W), relative inverse depth or metres; NaN is no prediction.
    :param kind: what the numbers of the prediction mean.
    :param truth_m: float32 (H, W), metres, not finite or 0 where unknown.
    :param mode: the alignment.
    :param min_depth_m: truth below this is not scored.
    :param max_depth_m: truth beyond this is not scored.
    :param clamp_m: nearest and farthest prediction, both above 0; None is the range of the truth.
    :raises AlignmentError: if the sizes differ, no pixel can be scored, the prediction is
        constant or cannot be fitted, or a relative one is to be scored as published metres.
    """
    if prediction.shape != truth_m.shape:
        raise AlignmentError(
            f'the prediction is {prediction.shape}, the truth {truth_m.shape}; '
            'the shapes must be equal'
        )
    if kind is OutputKind.AFFINE_DEPTH:
        prediction = _depth_of(prediction, np.nan)
    inverse = not kind.is_line_of_depth
    if mode is AlignmentMode.ONLINE and kind.is_relative:
        raise AlignmentError("alignment 'online' needs metric depth, not a relative prediction")
    in_range = (truth_m >= min_depth_m) & (truth_m <= max_depth_m)
    known = _known(prediction, kind)
    scored = in_range & known
    truths = int(np.count_nonzero(in_range))
    places = np.flatnonzero(scored)
    pixels = len(places)
    if pixels == 0:
        raise AlignmentError(
            f'no pixel to score: {truths} of truth within {min_depth_m:g} to {max_depth_m:g} m, '
            f'{np.count_nonzero(known)} with a prediction'
        )
    fitted = mode not in (AlignmentMode.NONE, AlignmentMode.ONLINE)
    scale, shift = 1.0, 0.0
    if fitted:
        true_m = truth_m.ravel()[places]
        target = np.float32(1.0) / true_m if inverse else true_m
        scale, shift = _fit(mode, prediction.ravel()[places], target, kind)
    values = prediction * np.float32(scale) + np.float32(shift)
    nearest_m, farthest_m = clamp_m or (min_depth_m, max_depth_m)
    if fitted and inverse:
        # A fitted inverse depth may fall below zero; the clamp takes it as the farthest.
        np.clip(values, 1.0 / farthest_m, 1.0 / nearest_m, out=values)
        np.divide(np.float32(1.0), values, out=values)
    np.clip(values, nearest_m, farthest_m, out=values)
    values[~known] = np.nan
    return AlignedPrediction(
        values, scored, places, in_range, pixels / truths, scale, shift, max_depth_m
    )


def view_of(
    aligned: AlignedPrediction,
    truth_m: Float32Array,
    camera: Camera | None = None,
    mounting: CameraMounting | None = None,
    told: CameraMounting | None = None,
    obstacles: ObstacleRule | None = None,
    sigma: Float32Array | None = None,
) -> View:
    """
    Return what metrics read of a prediction in metres.

    :param truth_m: float32 (H, W), metres.
    :param camera: of the image, where it is known.
    :param mounting: of the camera above the ground, where the data knows it.
    :param told: how somebody says that the camera hangs; None of both finds it in the truth.
    :param obstacles: what an obstacle is; None is the usual.
    :param sigma: of the prediction, float32 (H, W) in metres, where it is known.
    """
    return View(
        aligned.depth_m, truth_m, aligned.scored, aligned.max_depth_m, camera,
        aligned.confidence,
        known_places=aligned.places, known_truth=aligned.in_range, mounting=mounting,
        told=told, rule=obstacles or ObstacleRule(), sigma_map=sigma,
    )  # fmt: skip


def score_aligned(
    aligned: AlignedPrediction,
    truth_m: Float32Array,
    names: Iterable[str] | None = None,
    camera: Camera | None = None,
) -> FrameScore:
    """
    Score a prediction in metres over its scored pixels; see :func:`view_of` for the others.

    :param names: of metrics of METRICS; None is the default ones.
    """
    return score_view(aligned, view_of(aligned, truth_m, camera), names)


def score_view(
    aligned: AlignedPrediction, view: View, names: Iterable[str] | None = None
) -> FrameScore:
    """
    Score a prediction in metres by its view.

    :param names: of metrics of METRICS; None is the default ones.
    """
    values = {name: METRICS[name].of(view) for name in names or chosen_metrics()}
    return FrameScore(
        values=values,
        pixels=view.places.size,
        coverage=aligned.coverage,
        scale=aligned.scale,
        shift=aligned.shift,
        truth_mean_m=cv2.mean(view.true_depth_m, aligned.in_range.view(np.uint8))[0],
        sparsification=view.sparsification,
        ground=view.ground if of_obstacles(values) else None,
        reliability=view.reliability,
        sigma_sparsification=view.sigma_sparsification,
        rank_correlation=view.rank_correlation,
    )


def score_pairs(
    prediction: Float32Array, kind: OutputKind, pairs: NDArray[np.intp], names: Iterable[str] = ()
) -> FrameScore:
    """
    Score the order of pairs of points, where nothing is known of their depth.

    :param prediction: float32 (H, W), of the kind.
    :param pairs: intp (n, 4), row and column of the nearer point, then of the farther one.
    :param names: of other metrics, which have no value.
    """
    metric = kind is OutputKind.METRIC_DEPTH
    nothing = np.zeros(prediction.shape, np.bool_)
    view = View(
        prediction, prediction, nothing, math.inf,
        nearness=-prediction if metric else prediction, pairs=pairs,
    )  # fmt: skip
    values = {**dict.fromkeys(names, math.nan), ORDER: METRICS[ORDER].of(view)}
    ground = view.ground if of_obstacles(values) else None
    return FrameScore(values, len(pairs), math.nan, ground=ground)


def found_ground(scores: Iterable[FrameScore]) -> Ground | None:
    """Return the ground of an image, where one of its scores has looked for it."""
    return next((score.ground for score in scores if score.ground is not None), None)


def weight_of(name: str, score: FrameScore) -> int:
    """Return how much an image counts in the mean of a metric."""
    return score.pixels if name in METRICS and METRICS[name].pooled else 1


class MeanScore:
    """
    Average the scores of images, each counting the same, in little memory.

    An image without a value of a metric is left out of that metric's mean, and counted. Metrics
    that are pooled weigh images by what was scored in them. Obstacles on a ground that is told
    have no mean where the truth contradicts it more often than not: in the images that cannot
    tell, it is as wrong.

    :param names: the metrics of which a mean is told without any image too; None is the default
        ones.
    """

    def __init__(self, names: Iterable[str] | None = None) -> None:
        self.frames = 0
        self._sums: dict[str, float] = dict.fromkeys(names or chosen_metrics(), 0.0)
        self._weights: Counter[str] = Counter()
        self._undefined: Counter[str] = Counter()
        self._grounds = GroundTally()

    def add(self, score: FrameScore) -> None:
        """Take in the score of one image."""
        self.frames += 1
        if score.ground is not None:
            found = (value for name, value in score.values.items() if of_obstacles([name]))
            self._grounds.add(score.ground, obstacles=not all(map(math.isnan, found)))
        details = (COVERAGE, score.coverage), (TRUTH, score.truth_mean_m)
        for name, value in (*score.values.items(), *details):
            if math.isnan(value):
                self._undefined[name] += 1
                continue
            weight = weight_of(name, score)
            self._sums[name] = self._sums.get(name, 0.0) + weight * value
            self._weights[name] += weight

    def result(self) -> dict[str, float | None]:
        """Return the mean of every metric, coverage and truth, None without any value."""
        names = [name for name in METRICS if name in self._sums or name in self._undefined]
        unknown = {name for name in (*names, COVERAGE, TRUTH) if not self._weights[name]}
        if (ground := self.ground()) is not None and ground.refuted:
            unknown |= {name for name in names if of_obstacles([name])}
        return {
            name: None if name in unknown else self._sums[name] / self._weights[name]
            for name in (*names, COVERAGE, TRUTH)
        }

    def ground(self) -> GroundSummary | None:
        """Return where the ground is known from, None where no obstacles are looked for."""
        return self._grounds.result()

    def undefined(self) -> dict[str, int] | None:
        """Return how many images have no value of a metric, None where all have one of each."""
        return {name: self._undefined[name] for name in METRICS if self._undefined[name]} or None


def _known(prediction: Float32Array, kind: OutputKind) -> NDArray[np.bool_]:
    """Return where there is a prediction; inverse depth up to a scale is 0 in the sky."""
    known: NDArray[np.bool_] = np.isfinite(prediction)
    if kind.marks_sky:
        known &= prediction > 0
    return known


def _depth_of(inverse: Float32Array, beyond: float) -> Float32Array:
    """Return the depth of inverse depth, `beyond` where that is not positive, as in the sky."""
    depth_m = np.full_like(inverse, beyond)
    return np.divide(np.float32(1.0), inverse, out=depth_m, where=inverse > 0)


def _fit(
    mode: AlignmentMode, x: Float32Array, y: Float32Array, kind: OutputKind
) -> tuple[float, float]:
    """
    Return scale and shift that bring x to y, both inverse depth or both depth.

    The shift is 0 for inverse depth up to a scale, as a shift would make it another scene.
    """
    if mode is AlignmentMode.MEDIAN:
        return _median_scale(x, y, inverse=not kind.is_line_of_depth), 0.0
    if mode is AlignmentMode.ROBUST:
        # Metres are fitted as they are, as numbers in line with the true ones.
        own = kind if kind.is_relative else OutputKind.RELATIVE_INVERSE_DEPTH
        inverse, depth_m = in_line(x, own), np.float32(1.0) / in_line(y, own)
        found = fit_alignment(inverse, depth_m, kind=own)
        return found.scale, found.shift
    shifted = kind.has_shift and mode is AlignmentMode.SCALE_SHIFT
    return _least_squares(x, y, fit_shift=shifted)


def _median_scale(x: Float32Array, y: Float32Array, *, inverse: bool) -> float:
    """
    Return the scale at which the medians of depth are equal.

    Of an even number of pixels the median of inverse depth is not the inverse of that of depth.
    """
    if inverse:
        x, y = _depth_of(x, np.inf), np.float32(1.0) / y
    predicted_m, truth_m = float(np.median(x)), float(np.median(y))
    if not 0.0 < predicted_m < np.inf:
        raise AlignmentError(
            f'the median of the predicted depth is {predicted_m:g}: no scale can be fitted'
        )
    return predicted_m / truth_m if inverse else truth_m / predicted_m


def _least_squares(x: Float32Array, y: Float32Array, *, fit_shift: bool) -> tuple[float, float]:
    """
    Return scale and shift that minimise the sum of (scale · x + shift - y)².

    Sums are taken in float64: in float32, numbers of 1e20 or 1e-25 square to infinity or 0.
    """
    # OpenCV and einsum take float32 to float64 on the way, without an array in between.
    x_mean = cv2.sumElems(x[None])[0] / x.size if fit_shift else 0.0
    y_mean = cv2.sumElems(y[None])[0] / y.size if fit_shift else 0.0
    variance = cv2.norm(x[None], cv2.NORM_L2) ** 2 / x.size - x_mean**2
    # Rounding of float32 input leaves this much variance in a constant image.
    if variance <= (1e-6 * cv2.norm(x[None], cv2.NORM_INF)) ** 2:
        raise AlignmentError(
            'the prediction is constant: no scale can be fitted'
            if fit_shift
            else 'the prediction is zero: no scale can be fitted'
        )
    product = float(np.einsum('i,i', x, y, dtype=np.float64, casting='safe')) / x.size
    scale = (product - x_mean * y_mean) / variance
    return scale, y_mean - scale * x_mean
