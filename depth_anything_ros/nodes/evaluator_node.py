"""The evaluator node: scores depth against measured depth and records latency."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from queue import Full, Queue
from time import monotonic_ns

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rclpy.task import Future
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from depth_anything_ros.config import EvaluatorConfig
from depth_anything_ros.errors import DepthAnythingError
from depth_anything_ros.escape import one_line
from depth_anything_ros.evaluation.bag import header_stamp_ns
from depth_anything_ros.evaluation.run import RunEvaluation
from depth_anything_ros.messages import decode_depth, decode_inverse_depth
from depth_anything_ros.nodes.decoding import decode_any
from depth_anything_ros.nodes.diagnostics import read_report, to_dict
from depth_anything_ros.nodes.parameters import declare_parameters
from depth_anything_ros.nodes.process import run_process, spin
from depth_anything_ros.nodes.subscription import SensorSubscription
from depth_anything_ros.types import Float32Array, OutputKind

QUEUE_DEPTH = 30
# Serialised messages that wait to be scored: some seconds at 30 Hz, and about 500 MB.
BACKLOG = 400
TOO_SLOW = 'scoring could not keep up'
LOG_PERIOD_S = 5.0
DRAIN_TIMEOUT_S = 60.0

Work = Callable[[], None]


class EvaluatorNode(Node):
    """
    Time and score what the depth node publishes.

    The executor's thread only notes arrival times; one worker thread decodes, scores and draws.
    """

    def __init__(self) -> None:
        super().__init__('evaluator_node')
        self._config = declare_parameters(self, EvaluatorConfig)
        self._evaluation = RunEvaluation(self._config)
        self._work: Queue[Work | None] = Queue(BACKLOG)
        self._worker = threading.Thread(target=self._run_worker, name='scoring', daemon=True)
        self._worker.start()
        relative, metric = OutputKind.RELATIVE_INVERSE_DEPTH, OutputKind.METRIC_DEPTH
        self._inputs = [
            SensorSubscription(
                self, Image, topic, partial(self._take, use), 'auto', depth=QUEUE_DEPTH, raw=True
            )
            # Served in this order when they have come together: the image is the first to go.
            for topic, use in (
                ('image', self._add_sent),
                ('relative', partial(self._add_prediction, relative)),
                ('depth', partial(self._add_prediction, metric)),
                ('ground_truth', self._add_truth),
            )
        ]
        self.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        self.create_service(Trigger, '~/save', self._on_save)

    def run(self) -> None:
        """Serve until ROS shuts down."""
        spin(self)

    def close(self) -> None:
        """
        Score what waits and write the results.

        :raises OutputError: if the results cannot be written.
        """
        self._work.put(None)
        self._worker.join(DRAIN_TIMEOUT_S)
        if self._worker.is_alive():
            reason = f'not scored within {DRAIN_TIMEOUT_S:.0f} s of the end'
            self._evaluation.add_left_out(reason, self._work.qsize())
        self._save(final=True)

    # The executor's thread

    def _take(self, use: Callable[[int, bytes], None], cdr: bytes) -> None:
        arrival_ns = self._now_ns()
        try:
            self._work.put_nowait(partial(use, arrival_ns, cdr))
        except Full:
            self._evaluation.add_left_out(TOO_SLOW)
            self.get_logger().error(
                f'message left out: {TOO_SLOW}', throttle_duration_sec=LOG_PERIOD_S
            )

    def _now_ns(self) -> int:
        if self._config.latency_from == 'stamp':
            return self.get_clock().now().nanoseconds
        return monotonic_ns()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == self._config.depth_node.lstrip('/'):
                report = read_report(to_dict(status))
                if report.model is not None:
                    self._evaluation.set_model(report.model)
                self._evaluation.set_stages(report.stages_ms)
                self._evaluation.set_rejected(report.rejected)

    async def _on_save(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        saved: Future[tuple[bool, str]] = Future()
        # Waits without holding up the arrival times of the messages that come meanwhile.
        self._work.put(partial(self._answer_save, saved))
        response.success, response.message = await saved or (False, 'nothing saved')
        return response

    # The worker's thread

    def _run_worker(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
                self._evaluation.process()
            except Exception as error:  # noqa: BLE001 - the next message must be scored
                self._evaluation.add_left_out(str(error))
                self._warn(f'left out: {error}')

    def _add_sent(self, arrival_ns: int, cdr: bytes) -> None:
        stamp_ns = header_stamp_ns(cdr)
        rgb = None
        if self._config.picture_every:
            try:
                rgb = decode_any(deserialize_message(cdr, Image))
            except DepthAnythingError as error:
                self._warn(f'image without a picture: {error}')
        self._evaluation.add_sent(stamp_ns, arrival_ns, rgb, hash(cdr))

    def _add_prediction(self, kind: OutputKind, arrival_ns: int, cdr: bytes) -> None:
        relative = kind is OutputKind.RELATIVE_INVERSE_DEPTH
        decode = decode_inverse_depth if relative else decode_depth
        values, problem = self._decode(cdr, decode)
        stamp_ns = header_stamp_ns(cdr)
        self._evaluation.add_prediction(stamp_ns, arrival_ns, kind, values, problem)

    def _add_truth(self, _arrival_ns: int, cdr: bytes) -> None:
        depth_m, problem = self._decode(cdr, decode_depth)
        self._evaluation.add_truth(header_stamp_ns(cdr), depth_m, hash(cdr), problem)

    def _decode(
        self, cdr: bytes, decode: Callable[[Image], Float32Array]
    ) -> tuple[Float32Array | None, str]:
        """Return what an image holds, or None and why it cannot be decoded."""
        try:
            return decode(deserialize_message(cdr, Image)), ''
        except DepthAnythingError as error:
            self._evaluation.add_left_out(str(error))
            self._warn(f'left out: {error}')
            return None, str(error)

    def _answer_save(self, saved: Future[tuple[bool, str]]) -> None:
        try:
            saved.set_result((True, str(self._save(final=False))))
        except DepthAnythingError as error:
            saved.set_result((False, str(error)))
        if self.executor is not None:
            self.executor.wake()

    def _save(self, *, final: bool) -> Path:
        self._evaluation.save(final=final)
        folder = Path(self._config.output_dir).resolve()
        if self.context.ok():
            self.get_logger().info(one_line(f'results in {folder}'))
        return folder

    def _warn(self, text: str) -> None:
        if self.context.ok():
            self.get_logger().warning(one_line(text), throttle_duration_sec=LOG_PERIOD_S)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node; see :func:`process.run_process` for the exit code."""
    return run_process('evaluator_node', EvaluatorNode, argv)
