"""The way of one frame: image → relative inverse depth → alignment → metric depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter_ns

import cv2
import numpy as np

from depth_anything_ros.completion import DEFAULT_REFUSAL
from depth_anything_ros.completion import fuse as fuse_depth
from depth_anything_ros.errors import AlignmentError, BackendError, CameraError, CheckpointError
from depth_anything_ros.geometry.alignment import aligned_inverse_depth, to_metric_depth
from depth_anything_ros.geometry.metric_depth import limit_depth, no_depth_reason
from depth_anything_ros.geometry.percentiles import percentiles
from depth_anything_ros.inference.flip import agreement, mean_with_mirrored, mirrored
from depth_anything_ros.inference.flip import disagreement as disagreement_of
from depth_anything_ros.inference.lens import PredictedLens
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.motion import PoseHistory
from depth_anything_ros.refinement import Refinements
from depth_anything_ros.result import DepthResult
from depth_anything_ros.scale import (
    AlignmentSource,
    AlignmentTracker,
    FollowsCamera,
    SceneCutDetector,
    find_source,
)
from depth_anything_ros.scale.depth_image import DepthImageScale
from depth_anything_ros.scale.focal_length import FocalLengthScale
from depth_anything_ros.types import (
    Alignment,
    Camera,
    ConfidenceSource,
    DepthChoice,
    Float32Array,
    Frame,
    MetricDepth,
    RelativeInverseDepth,
    UInt8Array,
)
from depth_anything_ros.uncertainty import Uncertainty

_NOTHING_MEASURED = (
    'fused depth needs the depth of a sensor: depth_image as scale_source or in scale_fallbacks'
)
_UNTOLD = (
    "the model tells no confidence of its own; parameter 'confidence' as flip takes how well it "
    'agrees with the mirrored image'
)
_SPAN_STRIDE = 8
_SPAN_PERCENT = (5, 95)


def _unknown() -> Uncertainty:
    raise CheckpointError('nothing is known of the errors of this network')


class DepthPipeline:
    """
    Turn frames into depth, without ROS.

    :param predictor: the network with its pre- and post-processing.
    :param scale_source: where scale and shift come from, or None to give no metric depth
        (a metric network needs none).
    :param tracker: smooths alignments over time and lets stale ones expire.
    :param max_depth_m: depth beyond this is unknown (NaN).
    :param scene_cut: tells when the previous scale no longer holds, or None.
    :param refinements: optional steps; may be exchanged between frames.
    :param poses: where the camera was, for steps that go by it; who knows adds to it.
    :param refusal: see :func:`completion.fuse`.
    :param uncertainty: returns what tells how far off depth may be, or raises CheckpointError;
        asked when that is.
    :param by_confidence: let points count by confidence, where that is asked for, when scale and
        shift are fitted.
    """

    def __init__(
        self,
        predictor: Predictor,
        scale_source: AlignmentSource | None,
        tracker: AlignmentTracker,
        max_depth_m: float,
        scene_cut: SceneCutDetector | None = None,
        refinements: Refinements | None = None,
        poses: PoseHistory | None = None,
        refusal: float = DEFAULT_REFUSAL,
        uncertainty: Callable[[], Uncertainty] = _unknown,
        by_confidence: bool = False,
    ) -> None:
        self.predictor = predictor
        self.scale_source = scale_source
        self.tracker = tracker
        self.max_depth_m = max_depth_m
        self.scene_cut = scene_cut
        self.refinements = refinements or Refinements()
        self.poses = PoseHistory() if poses is None else poses
        self.refusal = refusal
        self.uncertainty = uncertainty
        self.by_confidence = by_confidence
        self._sigma_doubt = ''
        self._lens = PredictedLens(predictor)

    @property
    def doubt(self) -> str:
        """Return what is asked for and cannot be done, or not well, or ''."""
        doubts = (self.tracker.doubt, self.refinements.doubt, self._sigma_doubt)
        return '; '.join(filter(None, doubts))

    def process(
        self,
        frame: Frame,
        prediction: RelativeInverseDepth | MetricDepth | None = None,
        *,
        fuse: bool = False,
        sigma: DepthChoice | None = None,
        confidence: ConfidenceSource | None = None,
        lens: bool = False,
        network_done: Callable[[], None] = lambda: None,
    ) -> DepthResult:
        """
        Return relative and, where a scale is known, metric depth of a frame at its own size.

        :param prediction: what :meth:`predict` returned for this frame, None to ask it now.
        :param fuse: fuse it with the reference depth, too. From the first frame on that asks for
            it more than one reference is kept whole.
        :param sigma: tell how far off that depth may be; that of fused depth needs `fuse`.
        :param confidence: tell how sure the network is, by what.
        :param lens: where the metres of the model follow from the focal length, take the camera
            that the network finds for that of a frame without one.
        :param network_done: called when the network is needed no more, and others may run it.
        :raises BackendError: if the network cannot run on this image.
        """
        measuring = find_source(self.scale_source, DepthImageScale)
        if measuring is not None:
            measuring.keep_whole(frame.stamp_ns if fuse else None)
        stages_ms: dict[str, float] = {}
        if prediction is None:
            prediction = self.predict(
                frame.rgb, stages_ms, disagreement=sigma is not None, confidence=confidence
            )
        network_done()
        result = self._process(frame, prediction, stages_ms, lens)
        if confidence is not None:
            reason = '' if prediction.confidence is not None else _UNTOLD
            result = replace(result, confidence=prediction.confidence, no_confidence_reason=reason)
        if fuse:
            result = self._fuse(result, measuring)
        if sigma is None:
            self._sigma_doubt = ''
            return result
        return self._with_sigma(result, sigma)

    def _process(
        self,
        frame: Frame,
        prediction: RelativeInverseDepth | MetricDepth,
        stages_ms: dict[str, float],
        lens: bool,
    ) -> DepthResult:
        refinements = self.refinements
        for step in refinements.prediction:
            with _timed(stages_ms, step.name):
                prediction = step(prediction, frame)
        if self.scene_cut is not None and self.scene_cut.update(frame.rgb):
            self.tracker.reset()
            _forget(refinements)
        if isinstance(prediction, MetricDepth):
            known = limit_depth(prediction, self.max_depth_m)
            nowhere = no_depth_reason(known, self.max_depth_m, prediction)
            known = _refine(known, frame, refinements, stages_ms)
            return DepthResult(
                frame, None, None, known, no_metric_reason=nowhere, stages_ms=stages_ms
            )
        metric, nowhere, seen, no_lens = None, '', None, ''
        if lens and frame.camera is None and isinstance(self.scale_source, FocalLengthScale):
            seen, no_lens = self._seen_camera(frame, stages_ms)
        with _timed(stages_ms, 'align'):
            afresh = self.tracker.current(frame.stamp_ns) is None
            alignment, reason = self._align(prediction, frame, seen or frame.camera)
            reason = '; '.join(filter(None, (reason, no_lens)))
            if alignment is not None:
                metric = to_metric_depth(prediction, alignment, self.max_depth_m)
                nowhere = no_depth_reason(metric, self.max_depth_m)
        if afresh or metric is None:
            # Metres of a new scale must not be blended with those of an old one.
            _forget(refinements)
        if metric is not None:
            metric = _refine(metric, frame, refinements, stages_ms)
        return DepthResult(
            frame,
            prediction,
            alignment,
            metric,
            no_metric_reason=nowhere if alignment else reason,
            stages_ms=stages_ms,
            scale_state=self.tracker.state(frame.stamp_ns, fitted=not reason),
            no_fit_reason=reason,
            predicted_camera=seen,
            no_lens_reason=no_lens,
        )

    def predict(
        self,
        rgb: UInt8Array,
        stages_ms: dict[str, float] | None = None,
        *,
        disagreement: bool = False,
        confidence: ConfidenceSource | None = None,
    ) -> RelativeInverseDepth | MetricDepth:
        """
        Return what the network says of an image; several threads may ask at once.

        :param rgb: uint8 (H, W, 3).
        :param stages_ms: the times of the stages are added to it.
        :param disagreement: tell how far the mirrored image is off, where it is averaged with.
        :param confidence: tell how sure the network is, by what, where that tells.
        :raises BackendError: if the network cannot run on this image.
        """
        times = {} if stages_ms is None else stages_ms
        with _timed(times, 'preprocess'):
            model_input = self.predictor.preprocess(rgb)
        sure = off = None
        with _timed(times, 'inference'):
            if confidence is ConfidenceSource.MODEL:
                output = self.predictor.infer_with_confidence(model_input)
                raw, sure = output.values, output.confidence
            else:
                raw = self.predictor.infer(model_input)
        if self.refinements.flip or confidence is ConfidenceSource.FLIP:
            with _timed(times, 'flip'):
                own, kind = raw, self.predictor.output_kind
                turned = self.predictor.infer(mirrored(model_input))
                if self.refinements.flip:
                    raw = mean_with_mirrored(own, turned, kind)
                    off = disagreement_of(own, turned, kind) if disagreement else None
                if confidence is ConfidenceSource.FLIP:
                    sure = agreement(own, turned)
        with _timed(times, 'postprocess'):
            prediction = self.predictor.postprocess(raw, model_input.source_size)
            if sure is not None:
                sure = self.predictor.enlarge(sure, model_input.source_size)
        return replace(prediction, disagreement=off, confidence=sure)

    def with_predicted_camera(self, result: DepthResult) -> DepthResult:
        """
        Return the result of a frame without camera with what the network takes for it.

        Clouds and scans may go by it; of scale sources none does but that of the model itself.
        """
        if result.predicted_camera is not None or result.no_lens_reason:
            return result  # asked when the metres were made
        seen, reason = self._seen_camera(result.frame, result.stages_ms)
        return replace(result, predicted_camera=seen, no_lens_reason=reason)

    def _seen_camera(self, frame: Frame, stages_ms: dict[str, float]) -> tuple[Camera | None, str]:
        """Return what the network takes for the camera of a frame, or why there is none."""
        try:
            with _timed(stages_ms, 'lens'):
                return self._lens.camera(frame.rgb), ''
        except (BackendError, CameraError) as error:
            return None, str(error)

    def _fuse(self, result: DepthResult, measuring: DepthImageScale | None) -> DepthResult:
        """Return a result with fused depth, or why there is none."""
        if measuring is None:
            return replace(result, no_fused_reason=_NOTHING_MEASURED)
        frame = result.frame
        try:
            with _timed(result.stages_ms, 'fuse'):
                height, width = frame.rgb.shape[:2]
                measured_m = measuring.measured(frame.stamp_ns, (height, width))
                fused = fuse_depth(_aligned(result), measured_m, self.max_depth_m, self.refusal)
        except (AlignmentError, CameraError) as error:
            return replace(result, no_fused_reason=str(error))
        return replace(result, fused=fused)

    def _with_sigma(self, result: DepthResult, choice: DepthChoice) -> DepthResult:
        """Return a result with its uncertainty, or why there is none."""
        try:
            uncertainty = self.uncertainty()
        except CheckpointError as error:
            return replace(result, no_sigma_reason=str(error))
        self._sigma_doubt = uncertainty.doubt_of(result.alignment)
        with _timed(result.stages_ms, 'sigma'):
            return replace(result, sigma=uncertainty.sigma(result, choice))

    def _align(
        self, relative: RelativeInverseDepth, frame: Frame, camera: Camera | None
    ) -> tuple[Alignment | None, str]:
        """
        Return the alignment to use, and why the frame has no fit of its own, or ''.

        :param camera: that the source goes by.
        """
        if self.scale_source is None:
            return None, (
                "relative model and no scale source: parameter 'scale_source' gives metres"
            )
        stamp_ns = frame.stamp_ns
        if isinstance(self.scale_source, FollowsCamera):
            self.scale_source.see(frame, self.poses)
        if not self.by_confidence:
            relative = replace(relative, confidence=None)
        try:
            fit = self.scale_source.align(relative, stamp_ns, camera)
        except (AlignmentError, CameraError) as error:
            return self.tracker.update(None, stamp_ns), str(error)
        try:
            return self.tracker.update(fit, stamp_ns, relative_span(relative)), ''
        except AlignmentError as error:
            return self.tracker.current(stamp_ns), str(error)


def _aligned(result: DepthResult) -> Float32Array | None:
    """Return the inverse of the metric depth of a result, also where that is cut off."""
    if result.metric is None:
        return None
    # What refined the depth counts here too.
    inverse: Float32Array = np.reciprocal(result.metric.depth_m)
    if result.relative is None or result.alignment is None:
        cv2.patchNaNs(inverse, 0.0)
        return inverse
    unknown = np.isnan(inverse)
    if unknown.any():
        aligned = aligned_inverse_depth(result.relative, result.alignment)
        np.copyto(inverse, aligned, where=unknown)
        np.copyto(inverse, np.float32(0), where=np.isinf(inverse))
    return inverse


def _refine(
    metric: MetricDepth, frame: Frame, refinements: Refinements, stages_ms: dict[str, float]
) -> MetricDepth:
    for step in refinements.metric:
        with _timed(stages_ms, step.name):
            metric = step(metric, frame)
    return metric


def _forget(refinements: Refinements) -> None:
    for step in refinements.metric:
        step.reset()


def relative_span(relative: RelativeInverseDepth) -> tuple[float, float]:
    """Return the relative inverse depth of the far and the near end of what the image shows."""
    values = relative.values[::_SPAN_STRIDE, ::_SPAN_STRIDE]
    far, near = percentiles(values, _SPAN_PERCENT).tolist()
    return far, near


@contextmanager
def _timed(stages_ms: dict[str, float], name: str) -> Iterator[None]:
    start_ns = perf_counter_ns()
    yield
    stages_ms[name] = (perf_counter_ns() - start_ns) * 1e-6
