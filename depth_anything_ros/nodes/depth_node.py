"""The depth node: camera images in, relative and metric depth and point clouds out."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType  # type: ignore[attr-defined]  # Humble's place
from rclpy.exceptions import ParameterException
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import DepthAnythingError, reason_of
from depth_anything_ros.escape import lines, one_line
from depth_anything_ros.inference.building import LONG_WORK
from depth_anything_ros.messages import told_size
from depth_anything_ros.nodes.beside import offer
from depth_anything_ros.nodes.company import Company
from depth_anything_ros.nodes.diagnostics import to_status
from depth_anything_ros.nodes.frame_processor import FrameProcessor, Job
from depth_anything_ros.nodes.inputs import DepthInputs
from depth_anything_ros.nodes.judgement import NodeState
from depth_anything_ros.nodes.managed import ManagedNode
from depth_anything_ros.nodes.message_sizes import largest_message, oversized
from depth_anything_ros.nodes.outputs import DepthOutputs
from depth_anything_ros.nodes.parameters import declare_parameters, updated
from depth_anything_ros.nodes.pipeline_host import PipelineHost, load_predictor
from depth_anything_ros.nodes.process import run_process, spin
from depth_anything_ros.nodes.sizes import SizeBuilder
from depth_anything_ros.nodes.topics import input_hint, input_names, needs_tf, topics_of
from depth_anything_ros.nodes.transforms import TransformLookup
from depth_anything_ros.nodes.transport import segment_of
from depth_anything_ros.nodes.turns import Turn
from depth_anything_ros.nodes.worker import LatestItemWorker
from depth_anything_ros.parameters import Affects, names_affecting, parameter_values
from depth_anything_ros.scale import PrioritySources
from depth_anything_ros.stream.assembly import check_config
from depth_anything_ros.stream.camera_input import CameraInput
from depth_anything_ros.stream.kinds import Kinds
from depth_anything_ros.stream.references import References
from depth_anything_ros.stream.registration import registrations
from depth_anything_ros.stream.run_statistics import RunStatistics
from depth_anything_ros.stream.sections import sigma_section

SAVE_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
LOG_PERIOD_S = 5.0
# An error, or the absence of images, is shown for this long.
RECENT_S = 5.0


class DepthNode(ManagedNode):
    """
    Estimate depth for the latest camera image.

    The executor's thread only takes messages; one worker runs the pipeline, others load networks.

    :param namespace: of a node in company; '' leaves it to the command line.
    :param company: the depth nodes of this process with which it shares its network, if any.
    """

    def __init__(self, namespace: str = '', company: Company | None = None) -> None:
        super().__init__('depth_node', namespace)
        names = company.names if company else ()
        self._config, self._unused = declare_parameters(self, DepthNodeConfig, names)
        self._segment = segment_of(os.environ)
        load = company.load if company else load_predictor
        self._host = PipelineHost(load, self._on_refused)
        self._statistics = RunStatistics()
        self._names = input_names(self, self._config)
        self._camera = CameraInput(self._topic('camera_info'), self._topic('image'))
        self._sizes = SizeBuilder(self._resume)
        self._told = Kinds()
        turn = company.turn() if company else Turn()
        self._processor = FrameProcessor(
            self._host,
            self._sizes,
            self._camera,
            self._statistics,
            lambda: self._config,
            self._warn,
            turn,
        )
        self._transforms = TransformLookup(self)
        if needs_tf(self._config):
            # From the start, so that it is known when the first reference comes.
            self._transforms.listen()
        lookup = self._transforms.lookup
        self._references = References(
            self._host,
            lookup,
            registrations(self._camera, self._topic, lookup),
            self._statistics,
            lambda: self._config,
            self._watched,
            self._warn,
        )
        self._inputs = DepthInputs(self, self._names, self._camera, self._references)
        self._lifecycle = 'unconfigured'
        self._failure = ''
        self._showing_model = False
        self._latest: Any = None
        self._worker = LatestItemWorker(
            self._processor.process, 'depth', self._processor.give_up, turn
        )
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self.create_timer(
            self._config.diagnostics_period_s,
            self._publish_diagnostics,
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )
        offer(self, '~/save_cloud', self._begin_cloud, SAVE_TIMEOUT_S)
        self._model_refused = self.create_guard_condition(self._show_running_model)
        self.add_on_set_parameters_callback(self._on_set_parameters)

    def run(self) -> None:
        """
        Serve until ROS shuts down; with `autostart`, become active first.

        :raises DepthAnythingError: if the node cannot start by itself.
        """
        spin(self, self.start_by_itself)

    async def start_by_itself(self) -> None:
        """
        Become active, with `autostart`.

        :raises DepthAnythingError: if the node cannot.
        """
        if self._config.autostart and not await self.start_up():
            raise DepthAnythingError(self._failure or 'the node could not be started')

    @property
    def is_loaded(self) -> bool:
        """Return whether the node has its network."""
        return self._lifecycle in ('inactive', 'active')

    def note_fault(self, reason: str) -> None:
        """Show in diagnostics, up to the next transition, what no node should have come to."""
        self._failure = reason

    def close(self) -> None:
        """End the threads."""
        self._sizes.close()
        self._worker.stop(STOP_TIMEOUT_S)
        if self._processor.outputs is not None:
            self._processor.outputs.close()
        self._host.close(STOP_TIMEOUT_S)

    # Lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm up the network, and offer the outputs."""
        self._lifecycle = 'configuring'
        if not self._attempt(self._load):
            self._release('unconfigured')
            return TransitionCallbackReturn.FAILURE
        self._lifecycle = 'inactive'
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start to take images."""
        self._statistics.reset()
        self._processor.reset()
        if not self._attempt(self._subscribe):
            self._unsubscribe()
            return TransitionCallbackReturn.FAILURE
        self._lifecycle = 'active'
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop taking images and finish the one at work."""
        self._unsubscribe()
        self._lifecycle = 'inactive'
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the network and the outputs."""
        self._release('unconfigured')
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free all that is held, from any state."""
        self._release('finalized')
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to unconfigured after a failed transition."""
        self._release('unconfigured')
        return super().on_error(state)

    def _attempt(self, step: Callable[[], None]) -> bool:
        """Return whether a transition's work went well; rclpy would swallow its error silently."""
        self._failure = text = ''
        try:
            step()
        except (DepthAnythingError, ParameterException) as error:
            self._failure = text = str(error)
        except Exception as error:  # noqa: BLE001 - the caller is told that the transition failed
            self._failure, text = reason_of(error), traceback.format_exc()
        if text and self.context.ok():
            self.get_logger().error(lines(text))
        return not self._failure

    def _load(self) -> None:
        self._host.start(self._config)
        self._processor.outputs = DepthOutputs(self, self._statistics)
        self._announce_model()

    def _release(self, lifecycle: str) -> None:
        self._unsubscribe()
        self._sizes.discard()
        self._host.stop()
        self._processor.release()
        self._lifecycle = lifecycle

    def _subscribe(self) -> None:
        if needs_tf(self._config):
            self._transforms.listen()
        self._inputs.subscribe(self._config, self._on_image, self._refuse_image)

    def _unsubscribe(self) -> None:
        self._inputs.unsubscribe()
        if self._worker.discard():
            self._statistics.count('dropped')
        self._worker.wait_idle(STOP_TIMEOUT_S)
        if self._processor.take_waiting() is not None:
            self._statistics.count('dropped')
        self._latest = None
        self._references.forget()

    # Messages

    def _on_image(self, message: Any) -> None:
        self._latest = message
        self._references.see_image(message.header.frame_id, told_size(message))
        self._statistics.count('received')
        if self._worker.submit(Job(message, perf_counter_ns())):
            self._statistics.count('dropped')

    def _resume(self) -> None:
        """Go on with the frame that waited for its network, unless a newer one is there."""
        waiting = self._processor.take_waiting()
        if waiting is not None and not self._worker.offer(waiting):
            self._statistics.count('dropped')

    def _refuse_image(self, reason: str) -> None:
        self._statistics.count('received')
        self._processor.refuse(reason)

    def _watched(self) -> bool:
        outputs = self._processor.outputs
        return outputs is not None and bool(outputs.wanted())

    def _warn(self, text: str) -> None:
        counted = self._told.counted(text)
        if self.context.ok():
            self.get_logger().warning(one_line(counted), throttle_duration_sec=LOG_PERIOD_S)

    # Parameters

    def _on_set_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        try:
            config, names = updated(self._config, parameters)
            if not names:
                return SetParametersResult(successful=True)
            if not self._showing_model:  # what runs needs no check
                check_config(config)
            rewired = config.scale.scale_source != self._config.scale.scale_source
            rewired |= topics_of(config) != topics_of(self._config)
        except DepthAnythingError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self._config = config
        self._host.change(config, frozenset() if self._showing_model else names)
        if rewired and self._lifecycle == 'active':
            self._unsubscribe()
            self._subscribe()
        return SetParametersResult(successful=True)

    def _on_refused(self) -> None:
        if self.context.ok():
            self._model_refused.trigger()

    def _show_running_model(self) -> None:
        """Set the parameters of the model to those of the network that was kept."""
        running = self._host.running
        if running is None or self._host.loading:
            return
        # At once, since a model and the checkpoint of another contradict each other.
        self._showing_model = True
        kept, shown = parameter_values(running), parameter_values(self._config)
        self.set_parameters_atomically(
            [
                Parameter(name, value=kept[name])
                for name in sorted(names_affecting(DepthNodeConfig, Affects.MODEL))
                if kept[name] != shown[name]
            ]
        )
        self._showing_model = False

    # Cloud files

    def _begin_cloud(self) -> Future[Path]:
        if self._latest is None:
            raise DepthAnythingError(
                f'no image yet on {self._topic("image")} (node {self._lifecycle})'
            )
        self._references.catch_up()
        saved: Future[Path] = Future()
        self._worker.demand(Job(self._latest, perf_counter_ns(), saved))
        return saved

    # Diagnostics

    def _publish_diagnostics(self) -> None:
        name = self.get_fully_qualified_name().lstrip('/')
        status = to_status(name, self._state(), self._statistics.snapshot(), RECENT_S)
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def _state(self) -> NodeState:
        pipeline = self._host.pipeline
        source = pipeline.scale_source if pipeline else None
        # Read once: the worker replaces them meanwhile.
        fault, result = self._processor.camera_fault, self._processor.last_result
        return NodeState(
            lifecycle=self._lifecycle,
            image_topic=self._topic('image'),
            image_hint=input_hint(self, 'image', self._config),
            model=self._host.identity,
            failure=self._failure,
            model_error=self._host.error,
            loading=self._host.loading,
            building=self._sizes.building,
            long_work=LONG_WORK.text,
            watched=self._watched(),
            no_camera_reason=fault.reason,
            no_camera_outputs=fault.outputs,
            last_result=result,
            passed_over=source.passed_over if isinstance(source, PrioritySources) else '',
            traps=self._traps(),
            cache_problem=pipeline.predictor.cache_problem if pipeline else '',
            refinement=pipeline.refinements.states() if pipeline else {},
            sigma=sigma_section(result, self._config) if result else {},
        )

    def _topic(self, base: str) -> str:
        return self.resolve_topic_name(self._names[base])

    def _traps(self) -> tuple[str, ...]:
        pipeline = self._host.pipeline
        doubts = (
            self._processor.doubt,
            self._references.doubt,
            pipeline.doubt if pipeline else '',
            self._oversized(),
        )
        return (
            *self._unused,
            *self._transforms.conflicts(),
            *self._inputs.traps(self._config),
            *filter(None, doubts),
        )

    def _oversized(self) -> str:
        size, outputs = self._host.image_size, self._processor.outputs
        if size is None or outputs is None or self._segment is None:
            return ''
        return oversized(size, self._segment, outputs.wanted(), self._config)

    def _announce_model(self) -> None:
        model = self._host.identity
        if model is None:
            return
        self.get_logger().info(str(model))
        if model.integers:
            self.get_logger().info(model.integers)
        if model.weights == 'random':
            self.get_logger().warning('random weights: the depth means nothing')


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node; see :func:`process.run_process` for the exit code."""
    return run_process('depth_node', DepthNode, argv, largest_message)
