"""The score of one frame of a run, and its picture."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.evaluation.config import EvaluatorConfig
from depth_anything_ros.evaluation.gathering import Doubt, GatheredFrame
from depth_anything_ros.evaluation.image_counts import NO_TRUTH
from depth_anything_ros.evaluation.obstacle_metrics import of_obstacles
from depth_anything_ros.evaluation.picture import Picture
from depth_anything_ros.evaluation.protocol import (
    AlignedPrediction,
    AlignmentMode,
    FrameScore,
    align_prediction,
    found_ground,
    score_view,
    view_of,
)
from depth_anything_ros.evaluation.stability import DepthPair
from depth_anything_ros.evaluation.summary import RunProtocol
from depth_anything_ros.evaluation.view import View
from depth_anything_ros.geometry.camera import scale_camera
from depth_anything_ros.geometry.mounting import mounting_text
from depth_anything_ros.geometry.registration import resized_to, same_aspect
from depth_anything_ros.types import (
    Camera,
    Float32Array,
    ModelIdentity,
    OutputKind,
)

_METRIC = OutputKind.METRIC_DEPTH
# What a picture shows, most telling first, and how it is named there.
_PREDICTION_NAMES = {
    AlignmentMode.ONLINE: 'prediction as published',
    AlignmentMode.SCALE_SHIFT: 'prediction, scale and shift fitted to the truth',
    AlignmentMode.ROBUST: 'prediction, scale and shift fitted robustly to the truth',
    AlignmentMode.SCALE: 'prediction, scale fitted to the truth',
    AlignmentMode.MEDIAN: 'prediction, scaled by medians',
    AlignmentMode.NONE: 'prediction, numbers taken as metres',
}


def most_telling(modes: Collection[AlignmentMode]) -> AlignmentMode | None:
    """Return the alignment that tells most of what a robot gets, or None where there is none."""
    return next((mode for mode in _PREDICTION_NAMES if mode in modes), None)


@dataclass
class ScoredFrame:
    """
    The scores of a frame by alignment, and the `problem` of those that have none.

    `truth_m`, and the `camera` where it is known, are of the size of the prediction; `aligned` and
    `views` are in the order of `scores`. `kind` is that of inverse depth in the frame.
    """

    truth_m: Float32Array | None = None
    views: dict[AlignmentMode, View] = field(default_factory=dict)
    aligned: dict[AlignmentMode, AlignedPrediction] = field(default_factory=dict)
    scores: dict[AlignmentMode, FrameScore] = field(default_factory=dict)
    problem: str = ''
    camera: Camera | None = None
    kind: OutputKind = OutputKind.RELATIVE_INVERSE_DEPTH

    def pairs(self) -> dict[AlignmentMode, DepthPair]:
        """Return prediction and truth by alignment, the prediction NaN where not scored."""
        return {
            mode: DepthPair(
                np.where(found.scored, found.depth_m, np.float32(np.nan)), self.truth_m
            )
            for mode, found in self.aligned.items()
            if self.truth_m is not None
        }


class FrameScorer:
    """
    Score frames with every alignment of a config.

    `told` is how the camera hangs above the ground by parameters or TF; None finds the ground in
    the truth.

    :param config: range and alignments.
    :param metrics: names of those to score by.
    """

    def __init__(self, config: EvaluatorConfig, metrics: Sequence[str]) -> None:
        self._config = config
        self._metrics = metrics
        self.told = config.mounting
        self._modes = [AlignmentMode(name) for name in config.alignments]

    def score(
        self,
        frame: GatheredFrame,
        relative_seen: bool,
        camera: Camera | None = None,
        kind: OutputKind = OutputKind.RELATIVE_INVERSE_DEPTH,
    ) -> ScoredFrame:
        """
        Score a frame.

        :param relative_seen: whether relative predictions come at all; then a lost one is not
            replaced by the metric one of the same frame.
        :param camera: of the images, for metrics that need one.
        :param kind: what relative predictions mean; up to scale no shift is fitted to them.
        """
        truth_m = _of_one_size(frame)
        if frame.truth is None or truth_m is None:
            return ScoredFrame(problem=frame.truth.problem if frame.truth else NO_TRUTH)
        camera = _at_size(camera, truth_m.shape)
        scored, problems = ScoredFrame(truth_m, camera=camera, kind=kind), dict[str, str]()
        doubts = _of_the_size(frame.doubts, truth_m, problems)
        for mode in self._modes:
            try:
                aligned = self._align(frame, truth_m, mode, kind if relative_seen else _METRIC)
            except AlignmentError as error:
                problems[mode.value] = str(error)
                continue
            online = mode is AlignmentMode.ONLINE  # whose metres sigma is of
            aligned = replace(aligned, confidence=doubts.get(Doubt.CONFIDENCE))
            view = view_of(
                aligned,
                truth_m,
                camera,
                told=self.told,
                obstacles=self._config.obstacles,
                sigma=doubts.get(Doubt.SIGMA) if online else None,
            )
            view = replace(view, known_ground=found_ground(scored.scores.values()))
            scored.aligned[mode], scored.views[mode] = aligned, view
            scored.scores[mode] = score_view(aligned, view, self._metrics)
        if not scored.scores and len(set(problems.values())) == 1:
            scored.problem = next(iter(problems.values()))
        else:
            scored.problem = '; '.join(f'{mode}: {text}' for mode, text in problems.items())
        return scored

    @property
    def told_by(self) -> str:
        """Return what tells how the camera hangs, or can tell it."""
        if self.told is not None and self._config.mounting is None:
            return f"TF of '{self._config.ground_frame}', or set camera_height_m"
        return 'camera_height_m, camera_pitch_deg and camera_roll_deg'

    def protocol(self) -> RunProtocol:
        """Return how frames are scored and timed."""
        config, ground = self._config, None
        if of_obstacles(self._metrics):
            known_by = 'TF' if config.mounting is None else 'parameters'
            ground = (
                'found in the truth of each frame'
                if self.told is None
                else f'{mounting_text(self.told)}, by {known_by}'
            )
        return RunProtocol(
            config.min_depth_m,
            config.max_depth_m,
            config.pairing_tolerance_s,
            config.latency_from,
            config.obstacles if ground else None,
            ground,
        )

    def _align(
        self,
        frame: GatheredFrame,
        truth_m: Float32Array,
        mode: AlignmentMode,
        kind: OutputKind,
    ) -> AlignedPrediction:
        if mode is AlignmentMode.ONLINE:
            kind = _METRIC
        prediction = frame.relative if kind.is_relative else frame.metric
        if prediction is None:
            topic = OutputKind.RELATIVE_INVERSE_DEPTH if kind.is_relative else _METRIC
            raise AlignmentError(frame.lost.get(topic, f'no {topic.value} received'))
        config = self._config
        return align_prediction(
            prediction, kind, truth_m, mode, config.min_depth_m, config.max_depth_m
        )

    def picture(
        self, frame: GatheredFrame, scored: ScoredFrame, index: int, model: ModelIdentity | None
    ) -> Picture:
        """
        Return the picture of a frame with a score: as published, else as fitted to the truth.

        :param index: of the frame, for the title.
        """
        mode = most_telling(scored.scores)
        assert mode is not None
        values, truth_m = scored.scores[mode].values, scored.truth_m
        assert truth_m is not None
        random = model is not None and model.weights == 'random'
        in_range = (truth_m >= self._config.min_depth_m) & (truth_m <= self._config.max_depth_m)
        return Picture(
            rgb=frame.thumbnail,
            prediction_m=scored.aligned[mode].depth_m,
            truth_m=np.where(in_range, truth_m, np.float32(np.nan)),
            title=(
                f'{model.name + " · " if model else ""}frame {index} · '
                f'stamp {frame.stamp_ns * 1e-9:.3f} s · {mode.value}: '
                f'abs_rel {values["abs_rel"]:.3f}, RMSE {values["rmse"]:.3f} m, '
                f'δ1 {values["delta1"]:.3f}'
            ),
            prediction_name=_PREDICTION_NAMES[_fitted(mode, scored.kind)],
            warning='random weights: the prediction\nmeans nothing' if random else '',
        )


def _fitted(mode: AlignmentMode, kind: OutputKind) -> AlignmentMode:
    """Return the alignment that least squares of scale and shift come to for a kind."""
    alone = mode is AlignmentMode.SCALE_SHIFT and not kind.has_shift
    return AlignmentMode.SCALE if alone else mode


def _of_the_size(
    doubts: Mapping[Doubt, Float32Array], truth_m: Float32Array, problems: dict[str, str]
) -> dict[Doubt, Float32Array]:
    """Return those of the size of the depth; the others are noted as problems."""
    found = {}
    for kind, values in doubts.items():
        if values.shape == truth_m.shape:
            found[kind] = values
            continue
        (height, width), (rows, columns) = values.shape, truth_m.shape
        problems[kind.value] = f'the {kind.words} is {width}x{height}, its depth {columns}x{rows}'
    return found


def _at_size(camera: Camera | None, shape: tuple[int, ...]) -> Camera | None:
    """Return the camera of a view of that (H, W), None where it is not of that view."""
    if camera is None or min(camera.width, camera.height) < 1:
        return None
    if not same_aspect((camera.height, camera.width), shape):
        return None
    height, width = shape
    return scale_camera(camera, width, height)


def _of_one_size(frame: GatheredFrame) -> Float32Array | None:
    """Return the truth at the size of the prediction, where they are one view at two scales."""
    truth_m = frame.truth_m
    prediction = frame.metric if frame.relative is None else frame.relative
    if truth_m is None or prediction is None:
        return truth_m
    height, width = prediction.shape
    if not same_aspect(truth_m.shape, (height, width)):
        return truth_m
    return resized_to(truth_m, (height, width))
