"""
How high the camera is above the ground, from how the ground moves in the image.

Ground has few corners to follow, but it has grain: of carpets, tiles and boards, and shadows where
it has none. Each height of the camera makes another picture of how the ground that was seen
before must look now; the height whose picture is most like what is seen is right. A wrong
pitch of the camera moves the ground too, in another way, and is found with it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from depth_anything_ros.geometry.camera import rays_through, scale_camera
from depth_anything_ros.geometry.normal_equations import solve_normal
from depth_anything_ros.geometry.projection import looked_up, ray_pixels
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.scale.parallax import Passed
from depth_anything_ros.types import (
    Camera,
    Float32Array,
    Float64Array,
    ReferencePoints,
    UInt8Array,
)

# Pixels about the middle of a cell that are looked at.
_AROUND = np.stack(np.meshgrid(*2 * ((-3.0, -1.0, 1.0, 3.0),)), axis=-1).reshape(-1, 2)
# Grain between two sizes is compared, in pixels of the small image: coarse to find a height, fine
# to measure it. Grey that differs by more from its surroundings is of an edge, and is cut off.
_COARSE, _FINE = (2.0, 6.0), (1.0, 3.0)
_CLIP = 15.0
# Heights that are tried at first.
_HEIGHTS_M = np.geomspace(0.05, 2.0, 76)
# Pictures must be this much alike, as a correlation, and have this share of the ground in common.
_LEAST_ALIKE, _LEAST_COMMON = 0.5, 0.25
# Of log height and tilt: steps by which slopes are found, and the longest that are taken.
_STEP, _LONGEST = np.array([0.01, 0.002]), np.array([0.05, 0.01])
_ROUNDS = 4
_LEAST_AHEAD, _JITTER = 1e-3, 1e-9
# Neighbouring pixels say the same, and noise has slopes too: so many tell as much as one would.
_PIXELS_PER_POINT = 320
# What the pitch that is told is off by: one standard deviation.
_TILT_SIGMA_RAD = 0.01
# The last measurements count, as far as they lie this close to their median, as log height.
_MEASUREMENTS, _NEAR_MEDIAN = 30, 0.1
# So many of them must, before the height is taken as confirmed.
_CONFIRMING = 3


class Lens(NamedTuple):
    """How the camera hangs: how high above the ground, and how much further down it looks."""

    height_m: float
    tilt_rad: float


@dataclass(frozen=True)
class Measured:
    """Log height and tilt that two images tell, (2,), and the information of that, (2, 2)."""

    value: Float64Array
    information: Float64Array


class GroundPair:
    """
    Two images of the ground, and how the camera moved between them.

    :param before: grey image.
    :param now: the later one, of the same size.
    :param camera: of such an image.
    :param motion: the earlier optical frame in the later one.
    :param level: a frame with z up in the later one.
    :param places: column and row of pixels of ground in the later one, (n, 2).
    """

    def __init__(
        self,
        before: UInt8Array,
        now: UInt8Array,
        camera: Camera,
        motion: RigidTransform,
        level: RigidTransform,
        places: Float64Array,
    ) -> None:
        self._images = before, now
        self._camera = camera
        self._back = motion.inverse()
        self._down = -level.rotation[:, 2]
        last = camera.width - 2, camera.height - 2
        self._places = places[(places >= 0).all(axis=1) & (places <= last).all(axis=1)]
        rays = rays_through(camera, self._places)
        self._rays = np.column_stack([rays, np.ones(len(rays))])

    @classmethod
    def of(
        cls, passed: Passed, camera: Camera, level: RigidTransform, ground: ReferencePoints
    ) -> GroundPair:
        """
        Return the pixels of ground of two images.

        :param camera: of whole images.
        :param level: a frame with z up in the later optical one.
        :param ground: points in the middles of cells of ground, in pixels of a whole image.
        """
        height, width = passed.now.shape
        small = scale_camera(camera, width, height)
        middles = np.column_stack([ground.columns, ground.rows])
        places = ((middles[:, None] + _AROUND).reshape(-1, 2) + 0.5) * (width / camera.width) - 0.5
        return cls(passed.before, passed.now, small, passed.motion, level, places)

    def search(self) -> Float64Array:
        """Return the log height that makes both images most alike, and a tilt of 0."""
        before, now = self._grains(_COARSE)
        tried = [np.array([height, 0.0]) for height in np.log(_HEIGHTS_M)]
        return tried[int(np.argmax([_alike(now, self._moved(before, one)) for one in tried]))]

    def measure(self, start: Float64Array) -> Measured | None:
        """
        Return log height and tilt that make both images most alike, None where none does.

        :param start: log height and tilt, a few per cent near.
        """
        value = start
        for band in (_COARSE, _FINE):
            before, now = self._grains(band)
            for _ in range(_ROUNDS):
                if not _alike(now, self._moved(before, value)) > 0.0:
                    return None
                normal, right = self._equations(before, now, value)
                step = solve_normal(normal + _JITTER * np.eye(2), right)
                value = value + np.clip(step, -_LONGEST, _LONGEST)
        alike = _alike(now, self._moved(before, value))
        if not alike >= _LEAST_ALIKE:
            return None
        normal, _ = self._equations(before, now, value)
        # Of two pictures of length 1, so much is noise.
        noise = 2.0 * (1.0 - alike) + _JITTER
        return Measured(value, normal * (len(now) / _PIXELS_PER_POINT / noise))

    def _equations(
        self, before: Float32Array, now: Float32Array, value: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """Return the normal equations of a step, (2, 2) and (2,)."""
        # A slope to one side would share noise with what is off, and steps go to that side.
        tried = (value, *(value + sign * step for step in np.diag(_STEP) for sign in (1, -1)))
        moved = [self._moved(before, one) for one in tried]
        known = np.isfinite(np.sum(moved, axis=0))
        here, *around = (_normalised(one[known]) for one in moved)
        slopes = np.stack(
            [
                (further - nearer) / (2.0 * step)
                for further, nearer, step in zip(around[::2], around[1::2], _STEP, strict=True)
            ]
        )
        return slopes @ slopes.T, slopes @ (_normalised(now[known]) - here)

    def _grains(self, band: tuple[float, float]) -> tuple[Float32Array, Float32Array]:
        """Return the grain of the earlier image, (h, w), and of the ground now, (n,)."""
        before, now = (_grain(one, band) for one in self._images)
        columns, rows = self._places.T.astype(np.float32)[:, None]
        return before, looked_up(now, columns, rows).reshape(-1)

    def _moved(self, before: Float32Array, value: Float64Array) -> Float32Array:
        """Return the grain that the pixels of ground had before, NaN where out of view."""
        tilt = _about_x(float(value[1]))
        inverse = self._rays @ (tilt @ self._down) / math.exp(value[0])
        turn, move = tilt @ self._back.rotation @ tilt.T, tilt @ self._back.translation_m
        x, y, z = (self._rays @ turn.T + inverse[:, None] * move).T
        z = np.maximum(z, _LEAST_AHEAD)
        across, down = ((one / z).astype(np.float32)[None] for one in (x, y))
        columns, rows = ray_pixels(self._camera, across, down)
        return looked_up(before, columns, rows).reshape(-1)


class GroundWatch:
    """Keep what pairs of images tell of the camera, and say what they tell together."""

    def __init__(self) -> None:
        self._measured: deque[Measured] = deque(maxlen=_MEASUREMENTS)
        self._value: Float64Array | None = None
        self._lost = True

    @property
    def confirmed(self) -> bool:
        """Return whether the last two images, and some before them, agree on the height."""
        return not self._lost and len(self._near()) >= _CONFIRMING

    @property
    def lens(self) -> Lens | None:
        """Return how the camera hangs, None before that is known."""
        if self._value is None:
            return None
        return Lens(math.exp(self._value[0]), float(self._value[1]))

    def level(self, told: RigidTransform) -> RigidTransform:
        """
        Return a frame with z up as it lies in the optical one.

        :param told: what odometry and TF say of it.
        """
        lens = self.lens
        if lens is None:
            return told
        return RigidTransform(_about_x(lens.tilt_rad), np.zeros(3)) @ told

    def see(self, pair: GroundPair) -> None:
        """Take in what two images tell."""
        value = self._value
        found = pair.measure(pair.search() if self._lost or value is None else value)
        self._lost = found is None
        if found is not None:
            self._measured.append(found)
            self._value = self._together()

    def _near(self) -> list[Measured]:
        """Return the measurements that lie close to their median."""
        if not self._measured:
            return []
        middle = np.median([one.value[0] for one in self._measured])
        return [one for one in self._measured if abs(one.value[0] - middle) <= _NEAR_MEDIAN]

    def _together(self) -> Float64Array:
        total = np.diag([_JITTER, _TILT_SIGMA_RAD**-2])
        right = np.zeros(2)
        for one in self._near():
            total += one.information
            right += one.information @ one.value
        return solve_normal(total, right)


def _grain(grey: UInt8Array, band: tuple[float, float]) -> Float32Array:
    """Return what is of a size between two in an image, float32 (h, w) in levels of grey."""
    image = grey.astype(np.float32)
    fine, coarse = (cv2.GaussianBlur(image, (0, 0), sigma) for sigma in band)
    grain: Float32Array = np.clip(fine - coarse, -_CLIP, _CLIP)
    return grain


def _normalised(values: Float32Array) -> Float32Array:
    off = values - values.mean()
    normalised: Float32Array = off / max(float(np.linalg.norm(off)), _JITTER)
    return normalised


def _alike(now: Float32Array, moved: Float32Array) -> float:
    """Return the correlation of two pictures, (n,), -1 where they have too little in common."""
    known = np.isfinite(moved)
    if known.sum() < _LEAST_COMMON * max(len(known), 1):
        return -1.0
    return float(_normalised(now[known]) @ _normalised(moved[known]))


def _about_x(angle_rad: float) -> Float64Array:
    sine, cosine = math.sin(angle_rad), math.cos(angle_rad)
    return np.array([[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]])
