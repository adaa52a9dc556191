"""Scale sources tried on simulated drives with a real network: what a robot gets of its depth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.evaluation.protocol import AlignmentMode, align_prediction
from depth_anything_ros.evaluation.view import View
from depth_anything_ros.geometry.alignment import aligned_inverse_depth
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.lab.simulation.journey import RobotFrame, journey
from depth_anything_ros.lab.simulation.robot import Robot, robot_camera
from depth_anything_ros.lab.trials.scale_trial import (
    FARTHEST_M,
    NEAREST_M,
    RATE_HZ,
    Feed,
    TrialFrame,
    follow_drive,
    sources_of,
    true_depth,
)
from depth_anything_ros.models.spec import require_relative
from depth_anything_ros.scale import AlignmentSource
from depth_anything_ros.types import (
    Alignment,
    Camera,
    ConfidenceSource,
    Float32Array,
    MetricDepth,
    RelativeInverseDepth,
)


@dataclass
class ModelTrial:
    """
    What a network and one source gave on one drive.

    `abs_rel` has AbsRel against the exact depth for each frame that had a scale, `best_abs_rel`
    that of the same frames with scale and shift fitted to the exact depth of each by least
    squares, as the evaluation protocol does, and `field_abs_rel` that with the local scale field;
    `frames` counts all frames that can be scored, `refusals` says why frames had no fit of their
    own.
    """

    name: str
    height_m: float
    seed: int
    frames: int = 0
    abs_rel: list[float] = field(default_factory=list)
    best_abs_rel: list[float] = field(default_factory=list)
    field_abs_rel: list[float] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


def try_model(
    predictor: Predictor,
    seed: int,
    height_m: float,
    frames: int = 10,
    camera: Camera | None = None,
    pitch_errors_deg: Sequence[float] = (0.0, 1.0, -1.0),
    scattered: Sequence[int] = (),
    by_confidence: ConfidenceSource | None = None,
) -> Iterator[ModelTrial]:
    """
    Iterate over the trials of every source with the predictions of a network on one drive.

    Three tenths of the ranges of each scan are wrong. Depth from 0.2 to 8 m is scored, where a
    frame's own fit had no point, and predictions are clamped to that, whichever alignment they
    have. Frames without any such depth,
    or for which the network gives a constant, are driven through but neither scored nor counted.

    :param predictor: of relative inverse depth.
    :param seed: of the drive and what is wrong with its scans.
    :param height_m: of the camera above the floor.
    :param camera: None is 640×480.
    :param pitch_errors_deg: sources that go by the ground are tried with each of them.
    :param scattered: depth images of so many random pixels are tried too.
    :param by_confidence: what points count by, None where all count alike.
    :raises ConfigError: if the network gives metres.
    """
    require_relative(predictor.spec, 'it needs no scale')
    camera = camera or robot_camera()
    robot = Robot(camera_height_m=height_m)
    drive = list(journey(seed, frames, RATE_HZ, camera, robot))
    scored = ScoredDrive.of(drive, predictor, by_confidence)
    rng = np.random.default_rng(seed)
    for name, source, feed in sources_of(robot, camera, rng, pitch_errors_deg, scattered):
        trial = ModelTrial(name, height_m, seed)
        scored.score(trial, source, feed)
        yield trial


@dataclass(frozen=True)
class ScoredDrive:
    """A drive with what a network predicts and what the exact depth makes the best of it."""

    frames: Sequence[RobotFrame]
    predictions: Sequence[RelativeInverseDepth]
    best: Sequence[Alignment | None]

    @classmethod
    def of(
        cls,
        frames: Sequence[RobotFrame],
        predictor: Predictor,
        by_confidence: ConfidenceSource | None = None,
    ) -> ScoredDrive:
        """
        Return a drive with the predictions of a network of relative inverse depth.

        :param by_confidence: what tells how sure it is of them, None for nothing.
        """
        predict = predictor.predict
        if by_confidence is not None:
            predict = partial(predictor.predict_with_confidence, source=by_confidence)
        predictions = [_relative(predict(frame.rgbd.frame.rgb)) for frame in frames]
        best = [
            _scorable(relative, true_depth(frame))
            for frame, relative in zip(frames, predictions, strict=True)
        ]
        return cls(frames, predictions, best)

    def score(self, trial: ModelTrial, source: AlignmentSource, feed: Feed) -> None:
        """Let a source go along, and add what it gave to a trial."""
        steps = follow_drive(source, feed, self.frames, self.predictions, with_field=True)
        for step, optimum in zip(steps, self.best, strict=True):
            if optimum is None:
                continue
            trial.frames += 1
            if step.refusal:
                trial.refusals.append(step.refusal)
            if step.alignment is not None:
                _score(trial, step.relative, step.alignment, optimum, unseen_depth(step))


def _score(
    trial: ModelTrial,
    relative: RelativeInverseDepth,
    alignment: Alignment,
    optimum: Alignment,
    truth_m: Float32Array,
) -> None:
    """Add the scores of one frame against its exact depth, (H, W), NaN where not scored."""
    for scores, one in (
        (trial.abs_rel, replace(alignment, factors=None)),
        (trial.best_abs_rel, optimum),
        (trial.field_abs_rel, alignment),
    ):
        scores.append(aligned_abs_rel(relative, one, truth_m))


def unseen_depth(step: TrialFrame) -> Float32Array:
    """Return the exact depth of a frame, NaN where its own fit had a point."""
    truth_m = true_depth(step.frame)
    reference = step.alignment.reference if step.alignment and not step.refusal else None
    if reference is None:
        return truth_m
    unseen = truth_m.copy()
    unseen[np.rint(reference.rows).astype(int), np.rint(reference.columns).astype(int)] = np.nan
    return unseen


def best_alignment(relative: RelativeInverseDepth, truth_m: Float32Array) -> Alignment:
    """
    Return scale and shift fitted to the truth by least squares.

    :raises AlignmentError: if no pixel can be scored or the prediction is constant.
    """
    aligned = align_prediction(
        relative.values,
        relative.kind,
        truth_m,
        AlignmentMode.SCALE_SHIFT,
        NEAREST_M,
        FARTHEST_M,
    )
    return Alignment(aligned.scale, aligned.shift, 'truth', 0, 1.0, 0.0, 0, kind=relative.kind)


def aligned_abs_rel(
    relative: RelativeInverseDepth, alignment: Alignment, truth_m: Float32Array
) -> float:
    """
    Return AbsRel of relative inverse depth under a given alignment.

    :param truth_m: (H, W); what is beyond 0.2 to 8 m is not scored.
    """
    scored = (truth_m >= NEAREST_M) & (truth_m <= FARTHEST_M)
    inverse = aligned_inverse_depth(relative, alignment)[scored]
    depth_m = 1.0 / np.clip(inverse, 1.0 / FARTHEST_M, 1.0 / NEAREST_M)
    return METRICS['abs_rel'].of(View.of_pixels(depth_m, truth_m[scored]))


def _scorable(relative: RelativeInverseDepth, truth_m: Float32Array) -> Alignment | None:
    try:
        return best_alignment(relative, truth_m)
    except AlignmentError:
        return None


def _relative(prediction: RelativeInverseDepth | MetricDepth) -> RelativeInverseDepth:
    assert isinstance(prediction, RelativeInverseDepth), 'the kind of output was checked'
    return prediction
