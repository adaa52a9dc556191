"""Whether the depth node is well, and all that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus

from depth_anything_ros.result import DepthOrigin, DepthResult
from depth_anything_ros.stream.run_statistics import Snapshot
from depth_anything_ros.types import ModelIdentity, ScaleState

# Of the measured depth; real sensors that are set up well lose a fraction of a percent.
_MUCH_REFUSED = 0.1
# Of the depth, by max_sigma and ground_sigmas.
_MUCH_LEFT_OUT = 0.5


@dataclass(frozen=True)
class NodeState:
    """
    What the depth node is and lacks at one moment.

    An empty reason means that nothing is wrong; `watched` tells whether anybody subscribes,
    `image_hint` why no image may come.
    `building` is the size of images whose network is being built, `long_work` what takes minutes
    of that or of loading;
    `failure` is why the last lifecycle transition failed, `model_error` why a new network was
    not taken and the running one kept, `passed_over` why preferred scale sources had no scale,
    `no_camera_reason` why the camera gives no `no_camera_outputs`, `cache_problem` why the export
    of the network is not kept for the next start;
    `traps` are faults of the set-up that make results wrong, `refinement` what its steps went by;
    `sigma` is as `sections.sigma_section` has it.
    """

    lifecycle: str
    image_topic: str
    model: ModelIdentity | None = None
    failure: str = ''
    model_error: str = ''
    loading: str = ''
    building: str = ''
    long_work: str = ''
    watched: bool = False
    no_camera_reason: str = ''
    no_camera_outputs: tuple[str, ...] = ()
    last_result: DepthResult | None = None
    passed_over: str = ''
    traps: tuple[str, ...] = ()
    image_hint: str = ''
    cache_problem: str = ''
    refinement: Mapping[str, str] = field(default_factory=dict)
    sigma: Mapping[str, float] = field(default_factory=dict)

    @property
    def no_metric_reason(self) -> str:
        """Return why the last frame has no metric depth, or ''."""
        return self.last_result.no_metric_reason if self.last_result else ''


def judge(state: NodeState, snapshot: Snapshot, recent_s: float) -> tuple[bytes, str]:
    """
    Return the diagnostic level and a message that lists all that is wrong.

    :param recent_s: how long an error, or the absence of images, is news.
    """
    problems = list(_problems(state, snapshot, recent_s))
    if state.failure:
        return DiagnosticStatus.ERROR, '; '.join(problems)
    if problems:
        return DiagnosticStatus.WARN, '; '.join(problems)
    return DiagnosticStatus.OK, state.lifecycle


def _problems(state: NodeState, snapshot: Snapshot, recent_s: float) -> Iterator[str]:
    if state.failure:
        yield state.failure
    if state.model_error and state.model is not None:
        yield f'kept {state.model.name}: {state.model_error}'
    if state.lifecycle != 'active':
        busy = f', loading {state.loading}{_long_work(state)}' if state.loading else ''
        yield f'not active but {state.lifecycle}{busy}'
        return
    if state.building:
        yield (
            f'building the network for images of {state.building}, which wait for it'
            f'{_long_work(state)}'
        )
    yield from _problems_of_inputs(state, snapshot, recent_s)
    if snapshot.frames['processed']:
        yield from _problems_of_results(state)
    yield from state.traps
    if state.model is not None and state.model.weights == 'random':
        yield 'random weights: the depth means nothing'


def _long_work(state: NodeState) -> str:
    return f': {state.long_work}' if state.long_work else ''


def _problems_of_inputs(state: NodeState, snapshot: Snapshot, recent_s: float) -> Iterator[str]:
    hint = f': {state.image_hint}' if state.image_hint else ''
    if snapshot.image.ago_s is None:
        yield f'no images yet on {state.image_topic}{hint}'
    elif not snapshot.image.is_news(recent_s):
        yield f'no images on {state.image_topic} for {snapshot.image.ago_s:.0f} s{hint}'
    for name, event in (
        ('last frame rejected', snapshot.error),
        ('last reference rejected', snapshot.reference_error),
        ('reference waits for TF', snapshot.early),
    ):
        if event.is_news(recent_s):
            yield f'{name}: {event.text}'


def _problems_of_results(state: NodeState) -> Iterator[str]:
    if state.no_camera_reason:
        yield f'no {" or ".join(state.no_camera_outputs)}: {state.no_camera_reason}'
    if state.no_metric_reason:
        yield f'no metric depth: {state.no_metric_reason}'
    result = state.last_result
    if result is not None and result.scale_state is ScaleState.STALE:
        yield f'stale scale: {result.no_fit_reason}'
    if result is not None:
        yield from _problems_of_fused(result)
        yield from _problems_of_sigma(result, state.sigma)
        if result.no_confidence_reason:
            yield f'no confidence: {result.no_confidence_reason}'
    if state.passed_over:
        yield f'scale from a fallback: {state.passed_over}'


def _problems_of_sigma(result: DepthResult, sigma: Mapping[str, float]) -> Iterator[str]:
    if result.no_sigma_reason:
        yield f'no sigma: {result.no_sigma_reason}'
    left_out = sigma.get('left_out', 0.0)
    if left_out > _MUCH_LEFT_OUT:
        yield (
            f'max_sigma and ground_sigmas leave out {left_out:.0%} of the depth, whose median '
            f'uncertainty is {sigma["median_share"]:.0%}: see to them, to the scale and, for '
            'ground_sigmas, to camera_height_m and camera_pitch_deg'
        )


def _problems_of_fused(result: DepthResult) -> Iterator[str]:
    if result.no_fused_reason:
        yield f'no fused depth: {result.no_fused_reason}'
    if result.fused is None:
        return
    measured = np.count_nonzero(result.fused.origin == DepthOrigin.MEASURED)
    share = result.fused.refused / max(result.fused.refused + measured, 1)
    if share > _MUCH_REFUSED:
        yield (
            f'{share:.0%} of the measured depth is refused, as neither its neighbours nor the '
            'network support it: look for sun, mirrors and shiny floors, check reference_pose '
            'and stamps'
        )
