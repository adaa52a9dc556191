"""What the worker thread does with an image message: decode, estimate, publish or save."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import AlignmentError, CameraError, DepthAnythingError, reason_of
from depth_anything_ros.geometry.point_cloud import write_ply
from depth_anything_ros.home import expand_user
from depth_anything_ros.messages import stamp_ns
from depth_anything_ros.nodes.beside import settle
from depth_anything_ros.nodes.decoding import decode_any
from depth_anything_ros.nodes.outputs import DepthOutputs
from depth_anything_ros.nodes.pipeline_host import PipelineHost
from depth_anything_ros.nodes.sizes import SizeBuilder
from depth_anything_ros.nodes.turns import Turn
from depth_anything_ros.result import DepthResult
from depth_anything_ros.stream.asked import Asked, asked_for
from depth_anything_ros.stream.camera_input import CameraInput, CameraView
from depth_anything_ros.stream.camera_words import camera_doubt, no_camera_reason
from depth_anything_ros.stream.encoders import (
    POINTS,
    SCAN,
    Finished,
    cloud_of,
)
from depth_anything_ros.stream.frame_input import FrameInput
from depth_anything_ros.stream.rate_limit import RateLimit
from depth_anything_ros.stream.run_statistics import RunStatistics

# What the camera gives of metric depth, as diagnostics name it.
_OF_CAMERA = {POINTS: 'point cloud', SCAN: 'laser scan'}


@dataclass(frozen=True)
class Job:
    """An image message, its arrival, and who waits for a cloud file of it, if anybody."""

    message: Any
    arrival_ns: int
    saved: Future[Path] | None = None


@dataclass(frozen=True)
class CameraFault:
    """Why the camera of the last frame gives no `outputs`; without fault both are empty."""

    reason: str = ''
    outputs: tuple[str, ...] = ()


class NetworkAwaitedError(DepthAnythingError):
    """Report an image whose network is being built."""


class FrameProcessor:
    """
    Turn image messages into published depth; no bad frame ends it.

    A frame whose network is being built waits for it, unless a newer frame comes: then it is
    rejected.

    `last_result`, `camera_fault` and `camera_doubt` are of the last frame, to be read from any
    thread: each is replaced as a whole.

    :param host: has the pipeline.
    :param sizes: builds networks for sizes of images that come up.
    :param camera: has the latest camera_info.
    :param statistics: told what became of each frame.
    :param config: gives the parameters in force.
    :param warn: writes to the log, throttled.
    :param turn: had when a frame comes, and ended when the network is done with it.
    """

    def __init__(
        self,
        host: PipelineHost,
        sizes: SizeBuilder,
        camera: CameraInput,
        statistics: RunStatistics,
        config: Callable[[], DepthNodeConfig],
        warn: Callable[[str], None],
        turn: Turn | None = None,
    ) -> None:
        self._host = host
        self._sizes = sizes
        self._lock = threading.Lock()
        self._waiting: tuple[Job, str] | None = None
        self._statistics = statistics
        self._config = config
        self._warn = warn
        self._turn = turn or Turn()
        self.outputs: DepthOutputs | None = None
        self.last_result: DepthResult | None = None
        self.camera_fault = CameraFault()
        self.camera_doubt = ''
        self._input = FrameInput(camera, decode_any)
        self._cloud_rate = RateLimit()

    @property
    def doubt(self) -> str:
        """Return what is odd about the last images, their camera and outputs, or ''."""
        outputs = self.outputs
        compression = outputs.problem if outputs is not None else ''
        return '; '.join(filter(None, (self._input.doubt, self.camera_doubt, compression)))

    def reset(self) -> None:
        """Forget the last frame, as on activation."""
        self.last_result = None
        self.camera_fault = CameraFault()
        self._input.forget()
        self.camera_doubt = ''

    def release(self) -> None:
        """Free the outputs."""
        if self.outputs is not None:
            self.outputs.destroy()
        self.outputs = None

    def refuse(self, reason: str) -> None:
        """Count and report a frame that cannot be processed."""
        self._statistics.reject(reason)
        self._warn(f'frame rejected: {reason}')

    def take_waiting(self) -> Job | None:
        """Take back the frame that waits for its network, if one does."""
        with self._lock:
            waiting, self._waiting = self._waiting, None
        return waiting[0] if waiting else None

    def process(self, job: Job) -> None:
        """Publish the depth of one frame, or save its cloud."""
        if job.saved is not None:
            settle(job.saved, partial(self._write_cloud, job))
            return
        self._replace_waiting(None)
        outputs = self.outputs
        stages_ms = {'wait': _since_ms(job.arrival_ns)}
        if self._turn.waited_ms is not None:
            stages_ms['turn'] = self._turn.waited_ms
        try:
            if outputs is None or not outputs.wanted():
                self._statistics.count('unwatched')
                return
            topics = self._publish(job, outputs, stages_ms)
        except NetworkAwaitedError as error:
            self._replace_waiting((job, str(error)))
            # What was built between the question and now calls nobody any more.
            if not self._sizes.building and self.take_waiting() is job:
                self.process(job)
            return
        except Exception as error:  # noqa: BLE001 - the next good frame must be processed
            self.refuse(reason_of(error))
            return
        stages_ms['total'] = _since_ms(job.arrival_ns)
        self._statistics.processed(stages_ms, topics)

    def give_up(self, job: Job) -> None:
        """Tell who waits for the cloud of a frame that none will be saved."""
        if job.saved is not None:
            settle(job.saved, _refuse_cloud)

    def _replace_waiting(self, waiting: tuple[Job, str] | None) -> None:
        """Let another frame wait, or none; the one before it, now too old, is rejected."""
        with self._lock:
            before, self._waiting = self._waiting, waiting
        if before is not None:
            self.refuse(before[1])

    def _publish(
        self, job: Job, outputs: DepthOutputs, stages_ms: dict[str, float]
    ) -> tuple[str, ...]:
        # One for all of the frame, though parameters may be set meanwhile.
        config = self._config()
        wanted = outputs.wanted()
        max_hz = config.cloud_max_hz
        if POINTS in wanted and not self._cloud_rate.allows(stamp_ns(job.message.header), max_hz):
            wanted = wanted - {POINTS}
        result, view = self._estimate(job, stages_ms, asked_for(wanted, config))
        doubt, reason = camera_doubt(result, view), no_camera_reason(result, view)
        if doubt and doubt != self.camera_doubt:
            self._warn(doubt)
        self.camera_doubt = doubt
        finished = Finished(result, job.message.header, view.info, config)
        published = outputs.publish(finished, wanted, stages_ms)
        # Without a camera there is neither, asked for or not.
        failures = dict.fromkeys(_OF_CAMERA, reason) if reason else published.failures
        fault = CameraFault(
            '; '.join(dict.fromkeys(failures.values())),
            tuple(_OF_CAMERA[topic] for topic in failures),
        )
        self.camera_fault = fault
        self.last_result = result
        if published.missing:
            reason = result.missing_reason or fault.reason
            self._warn(f'not published: {", ".join(published.missing)}: {reason}')
        return tuple(topic.removeprefix('~/') for topic in published.topics)

    def _estimate(
        self, job: Job, stages_ms: dict[str, float], asked: Asked
    ) -> tuple[DepthResult, CameraView]:
        """Return the result for an image, and its camera or why there is none."""
        pipeline = self._host.pipeline
        if pipeline is None:
            raise DepthAnythingError('no network is loaded')
        start_ns = perf_counter_ns()
        rgb = self._input.decode(job.message)
        height, width = rgb.shape[:2]
        if not self._sizes.is_built(pipeline.predictor, (height, width)):
            raise NetworkAwaitedError(f'the network for images of {width}x{height} is being built')
        rectified = self._config().image_is_rectified
        frame, view = self._input.frame(job.message, rgb, rectified)
        stages_ms['decode'] = _since_ms(start_ns)
        result = pipeline.process(
            frame,
            fuse=asked.fuse,
            sigma=asked.sigma,
            confidence=asked.confidence,
            lens=asked.focal_length and view.missing,
            network_done=self._turn.end,
        )
        if asked.lens and view.missing:
            result = pipeline.with_predicted_camera(result)
        stages_ms.update(result.stages_ms)
        self._host.image_size = (height, width)
        return result, view

    def _write_cloud(self, job: Job) -> Path:
        config = self._config()
        result, view = self._estimate(job, {}, asked_for((POINTS,), config))
        if reason := no_camera_reason(result, view):
            raise CameraError(f'no cloud of {config.cloud_from}: {reason}')
        cloud = cloud_of(result, config)
        if cloud is None:
            raise AlignmentError(f'no cloud of {config.cloud_from}: {result.missing_reason}')
        folder = expand_user(config.cloud_dir).resolve()
        path = folder / f'cloud_{result.frame.stamp_ns}.ply'
        write_ply(path, cloud)
        return path


def _refuse_cloud() -> Path:
    raise DepthAnythingError('no cloud was saved: the node stopped taking images first')


def _since_ms(start_ns: int) -> float:
    return (perf_counter_ns() - start_ns) * 1e-6
