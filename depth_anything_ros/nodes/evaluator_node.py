"""The evaluator node: scores depth against measured depth and records latency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic, monotonic_ns
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType  # type: ignore[attr-defined]  # Humble's place
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from depth_anything_ros.bag import header_frame_id, header_stamp_ns
from depth_anything_ros.config import EvaluatorConfig
from depth_anything_ros.errors import CameraError, DepthAnythingError, OutputError, reason_of
from depth_anything_ros.escape import one_line
from depth_anything_ros.evaluation.gate import RUN, Gate, plain, run_figures
from depth_anything_ros.evaluation.gathering import Doubt
from depth_anything_ros.evaluation.run import RunEvaluation
from depth_anything_ros.evaluation.run_warnings import Stream
from depth_anything_ros.home import expand_user
from depth_anything_ros.messages import decode_confidence, decode_depth, decode_inverse_depth
from depth_anything_ros.nodes.backlog import Backlog, Message
from depth_anything_ros.nodes.beside import offer, settle
from depth_anything_ros.nodes.decoding import decode_any, read_message
from depth_anything_ros.nodes.ground_input import GroundInput
from depth_anything_ros.nodes.parameters import declare_parameters
from depth_anything_ros.nodes.process import run_process, spin
from depth_anything_ros.nodes.report_input import ReportInput
from depth_anything_ros.nodes.subscription import SensorSubscription
from depth_anything_ros.nodes.topics import (
    camera_info_name,
    image_name,
    image_type,
    missing_image_hint,
)
from depth_anything_ros.nodes.transforms import TransformLookup
from depth_anything_ros.nodes.truth_input import TruthInput
from depth_anything_ros.parameters import DEPTH_TRANSPORTS, IMAGE_TRANSPORTS
from depth_anything_ros.stream.camera_input import CameraInput
from depth_anything_ros.stream.registration import DepthRegistration
from depth_anything_ros.types import Float32Array, OutputKind

QUEUE_DEPTH = 30
TOO_SLOW = 'scoring could not keep up'
LOG_PERIOD_S = 5.0
# Silence of an input that is told of, and looked into, while it lasts.
SILENCE_S = 10.0
# Of the end: for frames that are not complete, however long those that are have taken.
FINISH_S = 2.0


class EvaluatorNode(Node):
    """
    Time and score what the depth node publishes.

    The executor's thread only notes arrival times; one worker thread decodes, scores and draws.
    """

    def __init__(self) -> None:
        super().__init__('evaluator_node')
        config, _ = declare_parameters(self, EvaluatorConfig)
        self._config = config
        self._evaluation = RunEvaluation(config)
        self._gate = self._open_gate()
        self._names = {
            'image': image_name(self, 'image', config.image_transport),
            'relative': 'relative',
            'depth': 'depth',
            'ground_truth': image_name(self, 'ground_truth', config.ground_truth_transport),
            'sigma': 'sigma',
            'confidence': 'confidence',
            'camera_info': camera_info_name(self, 'image'),
            'ground_truth/camera_info': camera_info_name(
                self, 'ground_truth', 'ground_truth/camera_info'
            ),
        }
        color = CameraInput(self._topic('camera_info'))
        measured = CameraInput(self._topic('ground_truth/camera_info'))
        transforms = TransformLookup(self)
        self._ground = GroundInput(
            config, transforms.lookup, self._evaluation.set_mounting, self._doubt
        )
        unregistered = config.ground_truth_registration != 'registered'
        if self._ground.wanted or (unregistered and not config.ground_truth_pose):
            # From the start, so that it is known when the first truth comes.
            transforms.listen()
        self._truth = TruthInput(
            DepthRegistration(color, measured, transforms.lookup),
            config,
            self._add_truth,
            self._doubt,
        )
        self._silent: set[str] = {'image', 'ground_truth'}
        self._saved_s = monotonic()
        self._backlog = Backlog(config.backlog_mb * 10**6, self._on_failed, self._on_scored)
        self._reports = ReportInput(
            self._backlog.renew, config.depth_node, self._evaluation, self._warn
        )
        self._color = color
        self._subscribe(
            {'camera_info': self._take_camera, 'ground_truth/camera_info': measured.update}
        )
        offer(self, '~/save', self._begin_save)
        self._expect()
        self.create_timer(
            SILENCE_S, self._on_silence, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def run(self) -> None:
        """Serve until ROS shuts down."""
        spin(self)

    def close(self) -> None:
        """
        Score what waits, for some seconds at most, and write the results.

        :raises OutputError: if the results cannot be written.
        :raises GateError: if the run breaks a bound of the gate.
        """
        self._backlog.do(lambda _: self._truth.finish())
        limit_s = self._config.drain_s
        end_s = monotonic() + limit_s
        if not self._backlog.stop(limit_s, f'not scored within {limit_s:g} s of the end'):
            self._evaluation.add_left_out('scoring of a frame did not end')
        self._save(final=True, limit_s=max(FINISH_S, end_s - monotonic()))
        if self._gate is not None:
            for text in self._gate.check(run_figures(self._evaluation.summary())):
                self.get_logger().warning(one_line(text))

    def _open_gate(self) -> Gate | None:
        """Return the gate, None where there is none; what is wrong with it ends the node."""
        if not self._config.gate:
            return None
        summary = self._evaluation.summary()
        path = expand_user(self._config.gate)
        return Gate(path, run_figures(summary), RUN, plain(summary.protocol))

    # The executor's thread

    def _subscribe(self, calibrations: dict[str, Callable[[CameraInfo], None]]) -> None:
        config = self._config
        relative, metric = OutputKind.RELATIVE_INVERSE_DEPTH, OutputKind.METRIC_DEPTH
        # Served in this order when they have come together: the image is the first to go.
        takes: dict[str, tuple[type, Callable[[Message], None]]] = {
            'image': (image_type(config.image_transport), self._add_sent),
            'relative': (Image, partial(self._add_prediction, relative)),
            'depth': (Image, partial(self._add_prediction, metric)),
            'ground_truth': (image_type(config.ground_truth_transport), self._truth.add),
        }
        for kind in config.doubts:  # which the depth node computes only for who subscribes
            takes[kind.value] = Image, partial(self._add_doubt, kind)
        self._inputs = [
            SensorSubscription(
                self, CameraInfo, self._names[name], take, 'auto', depth=QUEUE_DEPTH
            )
            for name, take in calibrations.items()
        ]
        self._inputs += [
            SensorSubscription(
                self,
                message_type,
                self._names[name],
                partial(self._take, name, take),
                'auto',
                depth=QUEUE_DEPTH,
                raw=True,
            )
            for name, (message_type, take) in takes.items()
        ]
        self.create_subscription(DiagnosticArray, '/diagnostics', self._reports.take, 10)
        self.create_subscription(DiagnosticArray, 'scale', self._reports.take_scale, QUEUE_DEPTH)

    def _take_camera(self, message: CameraInfo) -> None:
        self._color.update(message)
        # One that is of no use has no cloud and no planes, and the run's warnings say so.
        with suppress(CameraError):
            camera = self._color.camera(self._config.image_is_rectified)
            if camera is not None:
                self._evaluation.set_camera(camera)

    def _take(self, name: str, take: Callable[[Message], None], cdr: bytes) -> None:
        arrival_ns = self._now_ns()
        self._silent.discard(name)
        if not self._backlog.add(take, Message(arrival_ns, cdr), TOO_SLOW):
            self._evaluation.add_left_out(TOO_SLOW)
            self.get_logger().error(
                f'message left out: {TOO_SLOW}', throttle_duration_sec=LOG_PERIOD_S
            )

    def _now_ns(self) -> int:
        if self._config.latency_from == 'stamp':
            return self.get_clock().now().nanoseconds
        return monotonic_ns()

    def _topic(self, name: str) -> str:
        return self.resolve_topic_name(self._names[name])

    def _expect(self) -> None:
        predictions = f'{self._topic("relative")} or {self._topic("depth")}'
        self._evaluation.expect(Stream.IMAGE, f'no images came on {self._topic("image")}')
        self._evaluation.expect(Stream.PREDICTION, f'no predictions came on {predictions}')
        self._evaluation.expect(Stream.TRUTH, f'no truth came on {self._topic("ground_truth")}')
        for kind in self._config.doubts:
            topic = self._topic(kind.value)
            self._evaluation.expect(
                Stream(kind.value), f'no {kind.words} of depth came on {topic}'
            )

    def _on_silence(self) -> None:
        """Look into the inputs that nothing has come on."""
        for name, stream, transports in (
            ('image', Stream.IMAGE, IMAGE_TRANSPORTS),
            ('ground_truth', Stream.TRUTH, DEPTH_TRANSPORTS),
        ):
            if name not in self._silent:
                continue
            parameter = f'{name}_transport'
            transport = getattr(self._config, parameter)
            hint = missing_image_hint(self, name, transport, parameter, transports)
            text = f'nothing came on {self._topic(name)}' + (f': {hint}' if hint else '')
            self._evaluation.expect(stream, text)
            self._warn(text)

    def _begin_save(self) -> Future[Path]:
        saved: Future[Path] = Future()
        self._backlog.do(lambda given_up: settle(saved, partial(self._save_unless, given_up)))
        return saved

    # The worker's thread

    def _on_failed(self, error: Exception) -> None:
        text = reason_of(error)
        if isinstance(error, OutputError):
            # The frames are scored, and their rows are written when there is room again.
            self._warn(text)
            return
        self._leave_out(text)

    def _leave_out(self, problem: str) -> None:
        if problem:
            self._evaluation.add_left_out(problem)
            self._warn(f'left out: {problem}')

    def _on_scored(self) -> None:
        self._evaluation.process()
        if monotonic() - self._saved_s > self._config.save_period_s:
            self._saved_s = monotonic()
            self._evaluation.save_summary()

    def _add_sent(self, message: Message) -> None:
        stamp_ns = header_stamp_ns(message.cdr)
        rgb = None
        if not message.lost:
            frame_id = header_frame_id(message.cdr)
            self._truth.see_frame(frame_id)
            self._ground.see_frame(frame_id)
            if self._config.picture_every:
                kind = image_type(self._config.image_transport)
                rgb, problem = _attempt(message, lambda cdr: decode_any(read_message(cdr, kind)))
                if problem:
                    self._warn(f'image without a picture: {problem}')
        self._evaluation.add_sent(stamp_ns, message.arrival_ns, rgb, message.content)

    def _add_prediction(self, kind: OutputKind, message: Message) -> None:
        relative = kind is OutputKind.RELATIVE_INVERSE_DEPTH
        decode = decode_inverse_depth if relative else decode_depth
        values, problem = _attempt(message, lambda cdr: decode(read_message(cdr, Image)))
        if not message.lost:
            self._truth.see_frame(header_frame_id(message.cdr))
            self._leave_out(problem)
        stamp_ns = header_stamp_ns(message.cdr)
        self._evaluation.add_prediction(stamp_ns, message.arrival_ns, kind, values, problem)

    def _add_doubt(self, kind: Doubt, message: Message) -> None:
        decode = decode_depth if kind is Doubt.SIGMA else decode_confidence
        values, problem = _attempt(message, lambda cdr: decode(read_message(cdr, Image)))
        if values is None:
            self._leave_out('' if message.lost else problem)
            return
        self._evaluation.add_doubt(header_stamp_ns(message.cdr), kind, values)

    def _add_truth(self, message: Message, depth_m: Float32Array | None, problem: str) -> None:
        if not message.lost:
            self._leave_out(problem)
        stamp_ns = header_stamp_ns(message.cdr)
        self._evaluation.add_truth(stamp_ns, depth_m, message.content, problem)

    def _doubt(self, text: str) -> None:
        self._evaluation.add_warning(text)
        self._warn(text)

    def _save_unless(self, given_up: str) -> Path:
        if given_up:
            raise DepthAnythingError(given_up)
        return self._save()

    def _save(self, *, final: bool = False, limit_s: float | None = None) -> Path:
        self._evaluation.save(final=final, limit_s=limit_s)
        folder = Path(self._config.output_dir).resolve()
        if self.context.ok():
            self.get_logger().info(one_line(f'results in {folder}'))
        return folder

    def _warn(self, text: str) -> None:
        if self.context.ok():
            self.get_logger().warning(one_line(text), throttle_duration_sec=LOG_PERIOD_S)


def _attempt(message: Message, decode: Callable[[bytes], Any]) -> tuple[Any, str]:
    """Return what a message holds, or None and why not."""
    if message.lost:
        return None, message.lost
    try:
        return decode(message.cdr), ''
    except DepthAnythingError as error:
        return None, str(error)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node; see :func:`process.run_process` for the exit code."""
    return run_process('evaluator_node', EvaluatorNode, argv)
