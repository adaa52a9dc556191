"""What a metric may read of one image."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from depth_anything_ros.errors import CameraError
from depth_anything_ros.evaluation.beams import BeamErrors, beam_errors
from depth_anything_ros.evaluation.cloud_distance import CloudDistances, cloud_distances
from depth_anything_ros.evaluation.ground import Ground, ground_of
from depth_anything_ros.evaluation.obstacle_grid import ObstacleScene, obstacle_scene
from depth_anything_ros.evaluation.obstacle_rule import ObstacleRule
from depth_anything_ros.evaluation.obstacles import ObstacleErrors, obstacle_errors
from depth_anything_ros.evaluation.planes import PlaneErrors, plane_errors
from depth_anything_ros.evaluation.reliability import Reliability, reliability
from depth_anything_ros.evaluation.sparsification import Sparsification, sparsification
from depth_anything_ros.geometry.camera import ray_table, require_calibrated
from depth_anything_ros.types import Camera, CameraMounting, Float32Array

BANDS = 4
# Fewer pixels of a band tell of their noise, not of the band.
_FEWEST_OF_A_BAND = 100
# Enough of the pixels to tell whether depth rises where the truth does.
_RANKED = 1000


def band_edges_m(max_depth_m: float) -> tuple[float, ...]:
    """
    Return the far ends of the bands of distance; each is twice as far as the one before.

    :param max_depth_m: far end of the range, and of the last band.

    >>> band_edges_m(8.0)
    (1.0, 2.0, 4.0, 8.0)
    """
    return tuple(max_depth_m / 2**place for place in reversed(range(BANDS)))


@dataclass(frozen=True)
class View:
    """
    One image's prediction in metres, its truth, and what else is known of it.

    What several metrics need is computed once, when the first of them asks for it. Properties of
    shape (N,) hold the scored pixels, row by row; what cannot be computed is None.

    :param depth_m: float32 (H, W), the prediction; NaN where there is none.
    :param true_depth_m: float32 (H, W).
    :param scored: bool (H, W), where both are known and the truth is within the range.
    :param max_depth_m: far end of the range.
    :param camera: of the image, at its size; None where it is not known.
    :param confidence_map: float32 (H, W), larger is surer; None where the model gives none.
    :param nearness: float32 (H, W), larger is nearer, no unit; where pairs of points are scored.
    :param pairs: intp (n, 4), row and column of the nearer point, then of the farther one; None
        where nobody has ordered any.
    :param known_places: as `places`, where they have been found before; None finds them.
    :param known_truth: bool (H, W), where the truth is within the range, be there a prediction or
        not; None is where it is scored.
    :param mounting: of the camera above the ground, where the data knows it.
    :param told: how somebody says that the camera hangs, held against the truth.
    :param known_ground: as `ground`, where it has been found before; None finds it.
    :param rule: what an obstacle is.
    :param sigma_map: float32 (H, W), one standard deviation of the prediction in metres; None
        where nobody tells.
    """

    depth_m: Float32Array
    true_depth_m: Float32Array
    scored: NDArray[np.bool_]
    max_depth_m: float
    camera: Camera | None = None
    confidence_map: Float32Array | None = None
    nearness: Float32Array | None = None
    pairs: NDArray[np.intp] | None = None
    known_places: NDArray[np.intp] | None = None
    known_truth: NDArray[np.bool_] | None = None
    mounting: CameraMounting | None = None
    told: CameraMounting | None = None
    known_ground: Ground | None = None
    rule: ObstacleRule = field(default_factory=ObstacleRule)
    sigma_map: Float32Array | None = None

    @classmethod
    def of_pixels(
        cls, prediction_m: ArrayLike, truth_m: ArrayLike, max_depth_m: float = 8.0
    ) -> View:
        """Return the view of an image of one row, all of it scored."""
        depth_m = np.array(prediction_m, np.float32, ndmin=2)
        true_depth_m = np.array(truth_m, np.float32, ndmin=2)
        return cls(depth_m, true_depth_m, np.ones(depth_m.shape, np.bool_), max_depth_m)

    @cached_property
    def places(self) -> NDArray[np.intp]:
        """Return where in the flat image the scored pixels are, (N,)."""
        return np.flatnonzero(self.scored) if self.known_places is None else self.known_places

    @cached_property
    def prediction_m(self) -> Float32Array:
        """Return p, the predicted depth in metres, (N,)."""
        return self.depth_m.ravel()[self.places]

    @cached_property
    def truth_m(self) -> Float32Array:
        """Return t, the true depth in metres, (N,)."""
        return self.true_depth_m.ravel()[self.places]

    @cached_property
    def error_m(self) -> Float32Array:
        """Return p - t in metres, (N,)."""
        return self.prediction_m - self.truth_m

    @cached_property
    def relative_error(self) -> Float32Array:
        """Return |p - t| / t, (N,)."""
        found = np.abs(self.error_m)
        found /= self.truth_m
        return found

    @cached_property
    def ratio(self) -> Float32Array:
        """Return p / t, (N,)."""
        return self.prediction_m / self.truth_m

    @cached_property
    def log_ratio(self) -> Float32Array:
        """Return ln p - ln t, (N,)."""
        return np.log(self.ratio)

    @cached_property
    def worst_ratio(self) -> Float32Array:
        """Return max(p / t, t / p), (N,)."""
        found = self.truth_m / self.prediction_m
        return np.maximum(found, self.ratio, out=found)

    @cached_property
    def rank_correlation(self) -> float:
        """Return Spearman's of p and t over some of the pixels, NaN where one is constant."""
        step = max(1, self.places.size // _RANKED)
        pair = self.prediction_m[::step], self.truth_m[::step]
        if self.places.size == 0 or not all(map(np.ptp, pair)):
            return np.nan
        return float(np.corrcoef([np.argsort(np.argsort(values)) for values in pair])[0, 1])

    @cached_property
    def band_errors(self) -> NDArray[np.float64]:
        """Return the mean of |p - t| / t in each band, (BANDS,), NaN below 100 pixels."""
        found = np.full(BANDS, np.nan)
        beyond = np.ones(self.truth_m.shape, np.bool_)
        for place, edge_m in enumerate(band_edges_m(self.max_depth_m)):
            farther = self.truth_m > np.float32(edge_m)
            band = beyond & ~farther
            if np.count_nonzero(band) >= _FEWEST_OF_A_BAND:
                found[place] = cv2.mean(self.relative_error[None], band.view(np.uint8)[None])[0]
            beyond = farther
        return found

    @cached_property
    def confidence(self) -> Float32Array | None:
        """Return how sure the model is, without unit, (N,)."""
        return None if self.confidence_map is None else self.confidence_map.ravel()[self.places]

    @cached_property
    def sparsification(self) -> Sparsification | None:
        """Return how the mean of |p - t| / t falls while the least sure pixels are left out."""
        if self.confidence is None:
            return None
        return sparsification(self.relative_error, self.confidence)

    @cached_property
    def sigma_m(self) -> Float32Array | None:
        """Return σ, one standard deviation of p in metres, (N,)."""
        return None if self.sigma_map is None else self.sigma_map.ravel()[self.places]

    @cached_property
    def sigma_share(self) -> Float32Array | None:
        """Return σ / p, (N,)."""
        return None if self.sigma_m is None else self.sigma_m / self.prediction_m

    @cached_property
    def reliability(self) -> Reliability | None:
        """Return how often t is within intervals around p."""
        return None if self.sigma_m is None else reliability(self.error_m, self.sigma_m)

    @cached_property
    def sigma_sparsification(self) -> Sparsification | None:
        """Return how the mean of |p - t| / t falls while the largest σ / p are left out."""
        if self.sigma_share is None:
            return None
        return sparsification(self.relative_error, -self.sigma_share)

    @cached_property
    def rays(self) -> Float32Array | None:
        """Return the ray of each pixel as (x / z, y / z), (H, W, 2)."""
        try:
            return ray_table(require_calibrated(self.camera, *self.scored.shape))
        except CameraError:
            return None

    @cached_property
    def cloud_distances(self) -> CloudDistances | None:
        """Return how far the points of prediction and truth are from each other's cloud."""
        if self.rays is None:
            return None
        return cloud_distances(self.depth_m, self.true_depth_m, self.scored, self.rays)

    @cached_property
    def plane_errors(self) -> PlaneErrors | None:
        """Return how flat, and how much turned, the planes of the truth are predicted."""
        if self.rays is None:
            return None
        return plane_errors(self.depth_m, self.true_depth_m, self.scored, self.rays)

    @cached_property
    def in_range(self) -> NDArray[np.bool_]:
        """Return where the truth is within the range, (H, W)."""
        return self.scored if self.known_truth is None else self.known_truth

    @cached_property
    def ground(self) -> Ground:
        """Return where the ground is, and how that is known."""
        if self.known_ground is not None:
            return self.known_ground
        return ground_of(self.true_depth_m, self.rays, self.mounting, self.told)

    @cached_property
    def obstacle_scene(self) -> ObstacleScene | None:
        """Return the points of truth and prediction that are obstacles."""
        mounting = self.ground.mounting
        if self.camera is None or mounting is None:
            return None
        return obstacle_scene(
            self.depth_m, self.true_depth_m, self.in_range, self.camera, mounting, self.rule
        )

    @cached_property
    def obstacles(self) -> ObstacleErrors | None:
        """Return what a robot makes of the obstacles in its way."""
        return None if self.obstacle_scene is None else obstacle_errors(self.obstacle_scene)

    @cached_property
    def beam_errors(self) -> BeamErrors | None:
        """Return where the beams of a scan stop."""
        return None if self.obstacle_scene is None else beam_errors(self.obstacle_scene)


_OPTIONAL = ('known_places', 'known_truth', 'mounting', 'told', 'known_ground')
READABLE = (
    *(name for name in View.__annotations__ if name not in _OPTIONAL),
    *(name for name, item in vars(View).items() if isinstance(item, cached_property)),
)
"""The properties of a view that a metric may read."""
