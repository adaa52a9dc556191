"""Depth of what the camera passes: points followed while it moves in a known way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.errors import CameraError, MotionError
from depth_anything_ros.geometry.camera import rays_through, require_calibrated
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.geometry.two_views import Triangulated, refine_motion, triangulate
from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.motion.tracks import PointTracks
from depth_anything_ros.scale.fitting import Refusal
from depth_anything_ros.types import Camera, Float32Array, Float64Array, Frame, UInt8Array

# Between the images that are compared the camera turns by no more than this.
MAX_TURN_RAD = 0.35
# A new keyframe after this turn, or as far as a baseline; older ones say little, as odometry
# drifts.
_KEYFRAME_TURN_RAD, _MAX_AGE_NS = 0.15, 5_000_000_000
# In so long a time, a camera that moves by less stands.
_WITHIN_NS, _STANDS_M = 500_000_000, 0.01
# Fewest points that two images must share.
_FEWEST = 15
# How far off a followed point is: one standard deviation.
_SIGMA_PX = 0.7
# What odometry is off in its turns, and as a share of them, and in the direction of its way.
_TURN_SIGMA_RAD, _TURN_SHARE, _HEADING_SIGMA_RAD = 0.0175, 0.05, 0.05
# So many sigma off its epipolar line, or behind the camera, a point is none.
_OFF_SIGMA = 3.0
# Depth counts that is known this closely, as a share.
_MAX_SIGMA = 0.15
# Where the motion is wrong, more points lie behind the camera, or off their lines.
_MOST_BEHIND, _MOST_OFF = 0.5, 0.6

_CHECK = 'check odometry_pose or TF, and the clocks'
_STANDS = (
    f'the camera stands or turns on the spot: it moved by less than {_STANDS_M:g} m in '
    f'{_WITHIN_NS * 1e-9:g} s'
)
_NOTHING = (
    f'hardly any point could be followed; {_FEWEST} are needed, over a way without a turn of more '
    'than 20 degrees'
)


class Passed(NamedTuple):
    """Two grey, small images, uint8 (h, w), and the earlier optical frame in the later one."""

    before: UInt8Array
    now: UInt8Array
    motion: RigidTransform


class ParallaxPoints(NamedTuple):
    """
    Points of an image, and how far away they are by parallax.

    `places` are column and row in pixels, float32 (n, 2); `inverse_depth` is 1 / z in 1/m, (n,),
    and `sigma` its standard deviation. `level` is the fixed frame in the optical one; `passed` is
    there once a baseline. `few` says why there are no points, or too few, or is ''.
    """

    places: Float32Array
    inverse_depth: Float64Array
    sigma: Float64Array
    level: RigidTransform
    passed: Passed | None
    few: str = ''


class Parallax:
    """
    Follow points from image to image and triangulate them with the motion that is told.

    Each point is compared with the oldest of the last images that shows it, as far as the camera
    has not turned by more than 20 degrees since. Rotation and direction of the motion are refined
    by the points themselves; how far it went is believed.

    :param min_baseline_m: images nearer to each other than this are not compared.
    :param min_depth_m: nearer points are left out.
    :param max_depth_m: farther points are left out.
    """

    def __init__(self, min_baseline_m: float, min_depth_m: float, max_depth_m: float) -> None:
        self._min_baseline_m = min_baseline_m
        self._least, self._most = 1.0 / max_depth_m, 1.0 / min_depth_m
        self._tracks = PointTracks()
        self._camera: Camera | None = None
        self._last_ns = 0
        # Why the last points that could be compared contradict the motion, or ''.
        self._doubt = ''

    def see(self, frame: Frame, poses: PoseHistory) -> ParallaxPoints | Refusal:
        """Return the points of an image whose depth is known, or why there are none."""
        stamp_ns = frame.stamp_ns
        try:
            camera = require_calibrated(frame.camera, *frame.rgb.shape[:2])
            now = self._follow(frame, camera, poses)
        except CameraError as error:
            self._tracks.forget()
            return Refusal(f'points cannot be triangulated: {error}')
        motions = [_between(poses, one.stamp_ns, stamp_ns) for one in self._tracks.keyframes]
        try:
            level = poses.at(stamp_ns).inverse()
            if motions and all(one is None for one in motions):
                # It does not stand: nobody knows. Asked again for the reason.
                poses.between(self._tracks.keyframes[-1].stamp_ns, stamp_ns)
            found: ParallaxPoints | Refusal = self._points(
                now, camera, motions, level, poses.seldom
            )
            recent = _between(poses, stamp_ns - _WITHIN_NS, stamp_ns)
            if recent is not None and _length(recent) < _STANDS_M:
                found = Refusal(_STANDS)
        except MotionError as error:
            found = Refusal(f'the motion of the camera is not known: {error}')
        if not motions or self._is_far(motions[-1]):
            self._tracks.mark(stamp_ns)
        return found

    def _follow(self, frame: Frame, camera: Camera, poses: PoseHistory) -> Float64Array:
        """Return the rays of the points that were followed into an image."""
        tracks, last_ns = self._tracks, self._last_ns
        if camera != self._camera or frame.stamp_ns < last_ns:
            tracks.forget()
            self._doubt = ''
        self._camera, self._last_ns = camera, frame.stamp_ns
        motion = _between(poses, last_ns, frame.stamp_ns)
        expected = tracks.places if motion is None else _turned(tracks.places, camera, motion)
        tracks.follow(frame.rgb, expected)
        tracks.drop_before(frame.stamp_ns - _MAX_AGE_NS)
        return rays_through(camera, tracks.places)

    def _is_far(self, motion: RigidTransform | None) -> bool:
        """Return whether an image of now is worth a keyframe after such a motion."""
        return motion is None or (
            _length(motion) >= self._min_baseline_m or _angle(motion) >= _KEYFRAME_TURN_RAD
        )

    def _points(
        self,
        now: Float64Array,
        camera: Camera,
        motions: list[RigidTransform | None],
        level: RigidTransform,
        seldom: str,
    ) -> ParallaxPoints | Refusal:
        """
        Return the points of now, each triangulated with the oldest image that shows it.

        :param seldom: why motion by these poses is not to be relied on, or ''; it comes before
            what else may be wrong with the points.
        """
        moved_m = max((_length(one) for one in motions if one is not None), default=0.0)
        if moved_m < self._min_baseline_m:
            return Refusal(
                f'the camera has moved by {moved_m:.2f} m so far; at least '
                f'{self._min_baseline_m:g} m are needed, and turning on the spot does not count'
            )
        found = _Found.nothing(len(now))
        free = np.isfinite(now).all(axis=1)
        for keyframe, motion in zip(self._tracks.keyframes, motions, strict=True):
            if motion is None or not self._tells(motion):
                continue
            before = rays_through(camera, keyframe.places)
            chosen = free & np.isfinite(before).all(axis=1)
            if chosen.sum() >= _FEWEST:
                free &= ~chosen
                seen = _triangulated(before[chosen], now[chosen], motion, camera)
                found.add(chosen, seen)
        if found.compared:
            self._doubt = found.doubt()
            if self._doubt:
                return Refusal(seldom or self._doubt)
        inverse, sigma = found.inverse_depth, found.sigma
        good = (inverse >= self._least) & (inverse <= self._most)
        good &= sigma <= _MAX_SIGMA * inverse
        passed = None
        newest = motions[-1]
        if newest is not None and self._tells(newest):
            passed = Passed(self._tracks.keyframes[-1].grey, self._tracks.grey, newest)
        few = seldom
        if not found.compared:
            few = seldom or '; before that '.join(filter(None, (_NOTHING, self._doubt)))
        places = self._tracks.places[good]
        return ParallaxPoints(places, inverse[good], sigma[good], level, passed, few)

    def _tells(self, motion: RigidTransform) -> bool:
        """Return whether two images with such a motion between them tell depth."""
        return _length(motion) >= self._min_baseline_m and _angle(motion) <= MAX_TURN_RAD


@dataclass
class _Found:
    """Inverse depth of points and its sigma, NaN where not known, and how many of them are odd."""

    inverse_depth: Float64Array
    sigma: Float64Array
    compared: int = 0
    behind: int = 0
    off: int = 0

    @classmethod
    def nothing(cls, points: int) -> _Found:
        return cls(np.full(points, np.nan), np.full(points, np.nan))

    def add(self, chosen: NDArray[np.bool_], seen: Triangulated) -> None:
        off = seen.off > _OFF_SIGMA
        self.compared += len(off)
        self.off += int(off.sum())
        self.behind += int((seen.inverse_depth < -_OFF_SIGMA * seen.sigma).sum())
        self.inverse_depth[chosen] = np.where(off, np.nan, seen.inverse_depth)
        self.sigma[chosen] = seen.sigma

    def doubt(self) -> str:
        """Return why the points, of which there are some, contradict the motion, or ''."""
        behind, off = self.behind / self.compared, self.off / self.compared
        if behind > _MOST_BEHIND:
            return (
                f'{behind:.0%} of {self.compared} points would lie behind the camera: odometry '
                f'tells the opposite of the motion in the image; {_CHECK}'
            )
        if off > _MOST_OFF:
            return (
                f'{off:.0%} of {self.compared} points move otherwise than odometry tells; {_CHECK}'
            )
        return ''


def _triangulated(
    before: Float64Array, now: Float64Array, motion: RigidTransform, camera: Camera
) -> Triangulated:
    sigma = _SIGMA_PX / camera.fx_px
    turn_sigma = _TURN_SIGMA_RAD + _TURN_SHARE * _angle(motion)
    refined = refine_motion(before, now, motion, sigma, turn_sigma, _HEADING_SIGMA_RAD)
    return triangulate(before, now, refined, sigma)


def _between(poses: PoseHistory, before_ns: int, now_ns: int) -> RigidTransform | None:
    try:
        return poses.between(before_ns, now_ns)
    except MotionError:
        return None


def _length(motion: RigidTransform) -> float:
    return float(np.linalg.norm(motion.translation_m))


def _angle(motion: RigidTransform) -> float:
    return float(np.linalg.norm(motion.turn_rad))


def _turned(places: Float32Array, camera: Camera, motion: RigidTransform) -> Float32Array:
    """Return about where points come to lie by the turn of a motion, without lens distortion."""
    focal, centre = (camera.fx_px, camera.fy_px), (camera.cx_px, camera.cy_px)
    rays = np.column_stack([(places - centre) / focal, np.ones(len(places))]) @ motion.rotation.T
    ahead = np.maximum(rays[:, 2:], 0.1)
    turned: Float32Array = (rays[:, :2] / ahead * focal + centre).astype(np.float32)
    return turned
