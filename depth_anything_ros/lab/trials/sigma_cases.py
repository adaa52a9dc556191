"""Depth as robots get it of images whose truth is known: every scale source, fresh and held."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import CameraError
from depth_anything_ros.geometry.depth_scan import scan_of_depth
from depth_anything_ros.geometry.transform import OPTICAL_FROM_BODY, RigidTransform
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.lab.trials.completion_trial import in_range
from depth_anything_ros.lab.trials.hiding import HIDINGS
from depth_anything_ros.lab.trials.scale_trial import FARTHEST_M, NEAREST_M, spoil_scan
from depth_anything_ros.lab.trials.sigma_motion import LENGTHS, Companion, Way
from depth_anything_ros.pipeline import DepthPipeline
from depth_anything_ros.refinement import Refinements
from depth_anything_ros.result import DepthOrigin, DepthResult
from depth_anything_ros.scale import AlignmentSource, ScaleConfig, create_tracker
from depth_anything_ros.scale.camera_height import CameraHeightScale
from depth_anything_ros.scale.depth_image import DepthImageScale
from depth_anything_ros.scale.fixed import FixedScale
from depth_anything_ros.scale.laser_scan import LaserScanScale
from depth_anything_ros.types import (
    Alignment,
    CameraMounting,
    DepthChoice,
    DepthReference,
    DepthSample,
    Float32Array,
    Frame,
    MetricDepth,
    RelativeInverseDepth,
    ScaleState,
    UInt8Array,
)

Prediction = RelativeInverseDepth | MetricDepth
BoolArray = NDArray[np.bool_]

WHOLE = 'depth_image'
_HELD = (WHOLE, 'laser_scan')
_FEWEST_POINTS = 3
_SCATTERED = (5, 50, 500)
# A laser's plane above the lens, and half of what counts as in it.
_PLANE_M, _HALF_M = 0.02, 0.02
_SPOILT_BEAMS = 0.1
# How far off the height and the tilt are that a robot is told: a standard deviation.
_HEIGHT_OFF, _PITCH_OFF_RAD = 0.01, math.radians(0.5)
# A scale for all images is the median of as many other ones.
_FEWEST_OTHERS = 6


class TrialImage(NamedTuple):
    """
    An image, the group it belongs to, and when it was taken.

    Of a group whose stamps differ the images follow each other: the scale of one is held for the
    next. Where they are alike each image stands alone. `way` is how the robot came there from the
    image before, None where nobody drove.
    """

    source: str
    sample: DepthSample
    stamp_ns: int = 0
    way: Way | None = None


class SigmaCase(NamedTuple):
    """
    One depth of one image.

    `name` says what gave it its metres, `flip` whether the network saw the mirrored image too;
    `truth_m` is float32 (H, W) in metres, NaN where nothing is to be scored.
    """

    name: str
    flip: bool
    result: DepthResult
    choice: DepthChoice
    truth_m: Float32Array


class _Seen(NamedTuple):
    """What the network says of an image, alone or together with the mirrored one."""

    image: TrialImage
    prediction: Prediction
    flip: bool

    @property
    def frame(self) -> Frame:
        sample = self.image.sample
        return Frame(sample.rgb, self.image.stamp_ns, '', sample.camera)


@dataclass(frozen=True)
class _Setup:
    """A scale source that was fed with an image, and what the robot does with it."""

    scale: AlignmentSource | None
    with_field: bool = False
    hidden: BoolArray | None = None


class CaseMaker:
    """
    Make the depth of images as robots get it.

    :param predictor: the network.
    :param seed: of what is left of references, and of what is wrong with them.
    """

    def __init__(self, predictor: Predictor, seed: int = 0) -> None:
        self._predictor = predictor
        self._seed = seed
        self._fits: dict[bool, list[tuple[str, Alignment]]] = {False: [], True: []}
        self._earlier: dict[tuple[str, bool], tuple[TrialImage, DepthPipeline]] = {}
        self._companions: dict[tuple[str, bool], tuple[str, Companion]] = {}

    def of(self, number: int, image: TrialImage) -> Iterator[SigmaCase]:
        """
        Iterate over the depths of an image; what gives none is left out.

        :param number: of the image, for draws.
        :raises BackendError: if the network cannot run on it.
        """
        for flip in (False, True):
            prediction = self._predict(image.sample.rgb, flip=flip)
            draws = [np.random.default_rng((self._seed, number, at)) for at in range(2)]
            seen = _Seen(image, prediction, flip)
            for case in chain(self._cases(seen, draws[0]), self._on_the_way(seen, draws[1])):
                if np.isfinite(case.truth_m).any():
                    yield case

    def _predict(self, rgb: UInt8Array, *, flip: bool) -> Prediction:
        return self._pipeline(None, flip=flip).predict(rgb, disagreement=True)

    def _cases(self, seen: _Seen, rng: np.random.Generator) -> Iterator[SigmaCase]:
        truth_m = in_range(seen.image.sample.depth_m)
        for name, setup in self._setups(seen, truth_m, rng):
            pipeline = self._pipeline(setup.scale, with_field=setup.with_field)
            result = pipeline.process(seen.frame, seen.prediction, fuse=setup.hidden is not None)
            if name == WHOLE and result.alignment is not None:
                self._fits[seen.flip].append((seen.image.source, result.alignment))
            yield from _scored(name, seen.flip, result, truth_m, setup.hidden)
            if name in _HELD:
                yield from self._held(name, seen, pipeline, truth_m)

    def _held(
        self, name: str, seen: _Seen, pipeline: DepthPipeline, truth_m: Float32Array
    ) -> Iterator[SigmaCase]:
        """Yield the depth by the scale of an earlier image of the group, or keep this one's."""
        image, key = seen.image, (name, seen.flip)
        before = self._earlier.get(key)
        if before and before[0].source == image.source and before[0].stamp_ns < image.stamp_ns:
            result = before[1].process(seen.frame, seen.prediction)
            yield from _scored(f'{name}, held', seen.flip, result, truth_m, None)
            if result.metric is not None:
                return
        self._earlier[key] = image, pipeline

    def _on_the_way(self, seen: _Seen, rng: np.random.Generator) -> Iterator[SigmaCase]:
        """Yield the depth by the scale that the way of the robot gives."""
        image, way = seen.image, seen.image.way
        if way is None or isinstance(seen.prediction, MetricDepth):
            return
        truth_m = in_range(image.sample.depth_m)
        for name, sigma in LENGTHS.items():
            source, companion = self._companions.get((name, seen.flip), ('', None))
            share = sigma * rng.standard_normal()
            if companion is None or source != image.source:
                predict = partial(self._predict, flip=seen.flip)
                companion = Companion(self._pipeline(None), predict, share)
                self._companions[name, seen.flip] = image.source, companion
            result = companion.follow(way)
            held = ', held' * (result.scale_state is ScaleState.HELD)
            yield from _scored(name + held, seen.flip, result, truth_m, None)

    def _setups(
        self, seen: _Seen, truth_m: Float32Array, rng: np.random.Generator
    ) -> Iterator[tuple[str, _Setup]]:
        image = seen.image
        if not np.isfinite(truth_m).any():
            return
        for name, hiding in HIDINGS.items():
            hidden = hiding(truth_m, rng)
            left_m = np.where(hidden, np.float32(np.nan), truth_m)
            yield f'fused, {name}', _Setup(_by_depth(left_m, image), hidden=hidden)
        if isinstance(seen.prediction, MetricDepth):
            yield 'network', _Setup(None)
            return
        references = {
            WHOLE: truth_m,
            **{f'{n} points': _some(truth_m, n, rng) for n in _SCATTERED},
        }
        for name, depth_m in references.items():
            yield name, _Setup(_by_depth(depth_m, image))
            yield f'{name}, field', _Setup(_by_depth(depth_m, image), with_field=True)
        for name, scale in _by_camera(image, truth_m, rng):
            yield name, _Setup(scale)
        others = [
            (fit.scale, fit.shift)
            for source, fit in self._fits[seen.flip]
            if source != image.source
        ]
        if len(others) >= _FEWEST_OTHERS:
            yield 'fixed', _Setup(FixedScale(*np.median(others, axis=0).tolist()))

    def _pipeline(
        self, scale: AlignmentSource | None, *, with_field: bool = False, flip: bool = False
    ) -> DepthPipeline:
        return DepthPipeline(
            self._predictor,
            scale,
            create_tracker(ScaleConfig(scale_field=with_field)),
            DepthNodeConfig.max_depth_m,
            refinements=Refinements(flip=flip),
        )


def _by_depth(depth_m: Float32Array, image: TrialImage) -> DepthImageScale:
    scale = DepthImageScale(NEAREST_M, FARTHEST_M, 0.05, _FEWEST_POINTS)
    scale.add_reference(DepthReference(depth_m, image.stamp_ns))
    return scale


def _some(truth_m: Float32Array, count: int, rng: np.random.Generator) -> Float32Array:
    few_m = np.full(truth_m.size, np.nan, np.float32)
    chosen = rng.choice(truth_m.size, min(count, truth_m.size), replace=False)
    few_m[chosen] = truth_m.ravel()[chosen]
    return few_m.reshape(truth_m.shape)


def _by_camera(
    image: TrialImage, truth_m: Float32Array, rng: np.random.Generator
) -> Iterator[tuple[str, AlignmentSource]]:
    """Yield the sources that need to know the camera, and how it hangs."""
    camera, mounting = image.sample.camera, image.sample.mounting
    pitch_rad = 0.0 if mounting is None else mounting.pitch_rad
    try:
        scan = scan_of_depth(
            MetricDepth(truth_m),
            camera,
            band_m=(_PLANE_M - _HALF_M, _PLANE_M + _HALF_M),
            range_m=(NEAREST_M, FARTHEST_M),
            pitch_rad=pitch_rad,
        )
    except CameraError:
        return
    scan = replace(spoil_scan(scan, rng, _SPOILT_BEAMS), stamp_ns=image.stamp_ns)
    camera_in_level = RigidTransform.from_pose(0.0, 0.0, -_PLANE_M, 0.0, pitch_rad, 0.0)
    place = OPTICAL_FROM_BODY @ camera_in_level.inverse()
    heights: list[float | None] = [None]
    if mounting is not None:
        told = told_mounting(mounting, rng)
        heights.append(told.height_m)
        yield (
            'camera_height',
            CameraHeightScale(told.height_m, told.pitch_rad, told.roll_rad, FARTHEST_M),
        )
    for height_m in heights:
        scale = LaserScanScale(NEAREST_M, FARTHEST_M, 0.1, height_m)
        scale.add_scan(scan, place)
        yield 'laser_scan' if height_m is None else 'laser_scan with ground', scale


def told_mounting(mounting: CameraMounting, rng: np.random.Generator) -> CameraMounting:
    """Return how a robot is told that its camera hangs: about right."""
    off, pitch_off_rad = rng.standard_normal(2) * (_HEIGHT_OFF, _PITCH_OFF_RAD)
    return replace(
        mounting,
        height_m=mounting.height_m * (1.0 + off),
        pitch_rad=mounting.pitch_rad + pitch_off_rad,
    )


def _scored(
    name: str,
    flip: bool,
    result: DepthResult,
    truth_m: Float32Array,
    hidden: BoolArray | None,
) -> Iterator[SigmaCase]:
    """Yield what there is of network and fused depth, to be scored where nothing was measured."""
    if result.metric is None:
        return
    if hidden is None or result.fused is None:
        yield SigmaCase(name, flip, result, DepthChoice.NETWORK, truth_m)
        return
    made = result.fused.origin != DepthOrigin.MEASURED
    scored_m = np.where(made & hidden, truth_m, np.float32(np.nan))
    yield SigmaCase(name, flip, result, DepthChoice.FUSED, scored_m)
