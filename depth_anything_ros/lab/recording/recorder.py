"""What the depth node does with messages, done with those of a bag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from depth_anything_ros.bag import BagTransforms
from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.geometry.transform import RigidTransform
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.lab.recording.inputs import CAMERA_INFO, IMAGE, Inputs
from depth_anything_ros.messages import decode_any_image, told_size
from depth_anything_ros.stream.asked import Asked
from depth_anything_ros.stream.assembly import assemble
from depth_anything_ros.stream.camera_input import CameraInput
from depth_anything_ros.stream.camera_words import camera_doubt, no_camera_reason
from depth_anything_ros.stream.encoders import Finished
from depth_anything_ros.stream.frame_input import FrameInput
from depth_anything_ros.stream.kinds import Kinds
from depth_anything_ros.stream.references import References
from depth_anything_ros.stream.registration import registrations
from depth_anything_ros.stream.run_statistics import RunStatistics
from depth_anything_ros.types import MetricDepth, RelativeInverseDepth, UInt8Array


class Recorder:
    """
    Estimate depth of the images of a bag with all that came before them.

    :param predictor: the network.
    :param inputs: where the bag has what.
    :param transforms: TF of the bag.
    :param asked: what to give beside the network's depth.
    """

    def __init__(
        self,
        config: DepthNodeConfig,
        predictor: Predictor,
        inputs: Inputs,
        transforms: BagTransforms,
        asked: Asked,
    ) -> None:
        self.pipeline = assemble(predictor, config)
        self.warnings, self.doubts, self.no_metric = Kinds(), Kinds(), Kinds()
        self._config = config
        self._asked = asked
        self._transforms = transforms
        self._now_ns = 0
        self._statistics = RunStatistics()
        self._camera = CameraInput(inputs.topic(CAMERA_INFO), inputs.topic(IMAGE))
        self._frames = FrameInput(self._camera, decode_any_image)
        self._references = References(
            self,
            self._lookup,
            registrations(self._camera, inputs.topic, self._lookup),
            self._statistics,
            lambda: config,
            lambda: True,
            self.warnings.add,
        )

    @property
    def references(self) -> Mapping[str, int]:
        """Return how many references came, and how many of them could not be used."""
        return self._statistics.snapshot().references

    def begin(self, image_ns: int) -> None:
        """Take the time of the next image, at which TF is looked up for what comes with it."""
        self._now_ns = image_ns

    def add(self, base: str, message: Any) -> None:
        """Take a message of an input that is no image."""
        if base == CAMERA_INFO:
            self._camera.update(message)
        else:
            self._references.add(base, message)

    def refuse(self, reason: str) -> None:
        """Count a reference that cannot be read."""
        self._references.refuse(reason)

    def see_image(self, message: Any) -> None:
        """Take note of an image, whether its depth can be estimated or not."""
        self._references.see_image(message.header.frame_id, told_size(message))

    def decode(self, message: Any) -> UInt8Array:
        """
        Return the picture of an image message, uint8 (H, W, 3), red first.

        :raises MessageError: if it cannot be decoded.
        """
        return self._frames.decode(message)

    def predict(self, rgb: UInt8Array) -> RelativeInverseDepth | MetricDepth:
        """
        Return what the network says of a picture; several threads may ask at once.

        :raises BackendError: if the network cannot run on it.
        """
        predictor = self.pipeline.predictor
        if not predictor.is_built(*rgb.shape[:2]):
            predictor.warm_up(*rgb.shape[:2])
        asked = self._asked
        return self.pipeline.predict(
            rgb, disagreement=asked.sigma is not None, confidence=asked.confidence
        )

    def finish(
        self, message: Any, rgb: UInt8Array, prediction: RelativeInverseDepth | MetricDepth
    ) -> Finished:
        """Return what the pipeline makes of an image that was decoded and predicted."""
        frame, view = self._frames.frame(message, rgb, self._config.image_is_rectified)
        asked = self._asked
        result = self.pipeline.process(
            frame,
            prediction,
            fuse=asked.fuse,
            sigma=asked.sigma,
            confidence=asked.confidence,
            lens=asked.focal_length and view.missing,
        )
        if asked.lens and view.missing:
            result = self.pipeline.with_predicted_camera(result)
        if doubt := camera_doubt(result, view):
            self.doubts.add(doubt)
        if self.pipeline.doubt:
            self.doubts.add(self.pipeline.doubt)
        if result.metric is not None and (reason := no_camera_reason(result, view)):
            self.doubts.add(f'no camera_info, cloud or scan: {reason}')
        if result.no_metric_reason:
            self.no_metric.add(result.no_metric_reason)
        if result.no_fused_reason:
            self.doubts.add(f'no fused depth: {result.no_fused_reason}')
        if result.no_sigma_reason:
            self.doubts.add(f'no sigma: {result.no_sigma_reason}')
        if result.no_confidence_reason:
            self.doubts.add(f'no confidence: {result.no_confidence_reason}')
        return Finished(result, message.header, view.info, self._config)

    def _lookup(self, target: str, source: str) -> RigidTransform:
        return self._transforms.lookup(target, source, self._now_ns)
