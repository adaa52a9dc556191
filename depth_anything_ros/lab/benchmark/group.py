"""Measuring networks in turns: durations, where they go, memory, deviation from a baseline."""

from __future__ import annotations

import gc
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from depth_anything_ros.errors import DepthAnythingError
from depth_anything_ros.inference.failures import failures
from depth_anything_ros.lab.benchmark.footprint import footprint
from depth_anything_ros.lab.benchmark.network import (
    IMAGE_SIZE,
    Network,
    NetworkKind,
    example_image,
)
from depth_anything_ros.lab.benchmark.networks import open_network
from depth_anything_ros.lab.benchmark.peak import peak_gflop_per_s
from depth_anything_ros.lab.benchmark.plan import Target
from depth_anything_ros.lab.benchmark.rows import NOT_TIMED, BenchmarkRow, NetworkCounts
from depth_anything_ros.lab.benchmark.timing import (
    Contender,
    Progress,
    Timing,
    measure_interleaved,
    statistics,
)
from depth_anything_ros.types import Float32Array, Precision

if TYPE_CHECKING:
    from depth_anything_ros.lab.benchmark.encoder_clock import EncoderClock

T = TypeVar('T')

INTERRUPTED = 'interrupted before it was timed'
# Of fewer runs these percentiles would be little more than the slowest run.
_LEAST_RUNS_P95, _LEAST_RUNS_P99 = 20, 50
_STAGES = {'preprocess_ms': 'pre-processing', 'postprocess_ms': 'post-processing'}


@dataclass(frozen=True)
class Measuring:
    """
    How to measure.

    `runs` is how often each network runs, `eager_runs` the slow one with attention written out,
    `warm_up` how often each before. `memory` asks for the peak memory of each, in a process of
    its own.
    """

    runs: int
    eager_runs: int
    warm_up: int
    memory: bool


@dataclass
class Candidate:
    """A network that is ready: the place of its row, what it reads and gave, its clocks."""

    target: Target
    place: int
    network: Network
    inputs: Any
    output: Any
    clock: EncoderClock | None = None
    timing: Timing = field(default_factory=Timing)

    def run(self) -> None:
        """
        Run the network once.

        :raises BackendError: if it fails.
        """
        with failures(f'{self.target.backend} failed'):
            if self.clock is None:
                self.network.infer(self.inputs)
                return
            with self.clock.run():
                self.network.infer(self.inputs)

    @property
    def processing(self) -> tuple[object, ...]:
        """Return what tells its pre- and post-processing from that of others."""
        request = self.target.request
        foreign = request.kind in (NetworkKind.TRANSFORMERS, NetworkKind.DETECTOR)
        return foreign, request.options.model, request.size


def measure_group(
    targets: Sequence[Target],
    rows: list[BenchmarkRow],
    measuring: Measuring,
    progress: Progress,
) -> None:
    """
    Open the networks of a group, time them in turns and put what was found into their rows.

    What cannot be opened or fails keeps its reason, whatever a library raises, and the others go
    on. When it is interrupted the rows hold what was timed until then.

    :param targets: the group.
    :param rows: as they were planned, to be replaced in their places.
    :param measuring: how to measure.
    :param progress: shows how far it is.
    """
    try:
        _time_group(targets, rows, measuring, progress)
    except KeyboardInterrupt:
        mark_interrupted(rows)
        raise
    # The networks are gone by now; caches of their memory would be in the way of the processes.
    gc.collect()
    torch = sys.modules.get('torch')  # what was not imported holds nothing
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    if measuring.memory:
        done = [place for place, row in enumerate(rows) if row.timed]
        for place in progress(done, len(done), 'memory'):
            rows[place] = _measure_memory(targets[place], rows[place])


def mark_interrupted(rows: list[BenchmarkRow]) -> None:
    """Say of rows which nothing else kept from being timed that they were interrupted."""
    rows[:] = [
        replace(row, reason=INTERRUPTED) if row.reason == NOT_TIMED else row for row in rows
    ]


def _time_group(
    targets: Sequence[Target],
    rows: list[BenchmarkRow],
    measuring: Measuring,
    progress: Progress,
) -> None:
    candidates = []
    for place in progress(range(len(targets)), len(targets), 'loading'):
        if not targets[place].failure:
            candidate = _open(targets[place], place, rows)
            candidates += [candidate] if candidate else []
    contenders = [
        Contender(
            candidate.target.backend,
            candidate.run,
            measuring.eager_runs
            if candidate.target.request.kind is NetworkKind.EAGER
            else measuring.runs,
        )
        for candidate in candidates
    ]
    stages = _stage_contenders(candidates, measuring.runs)
    timings: list[Timing] = []
    try:
        measure_interleaved(
            [*contenders, *stages.values()],
            measuring.warm_up,
            progress=lambda turns: progress(turns, len(turns), 'timing'),
            timings=timings,
        )
    finally:
        for candidate, timing in zip(candidates, timings, strict=False):
            candidate.timing = timing
        of_stage = dict(zip(stages, timings[len(candidates) :], strict=False))
        for candidate in candidates:
            rows[candidate.place] = _with_times(candidate, rows[candidate.place], of_stage)
        _compare(candidates, rows, targets[0])


def _open(target: Target, place: int, rows: list[BenchmarkRow]) -> Candidate | None:
    """Open a network and let it have its first frame; None, with the reason, where it fails."""
    try:
        with failures(f'{target.backend} failed'):
            network = open_network(target.request)
            found = network.summary
            rows[place] = replace(
                rows[place], weights=found.weights, sha256=found.sha256, recipe=found.recipe,
                revision=found.revision, note=found.note, integers=found.integers,
                load_s=found.load_s,
            )  # fmt: skip
            inputs = network.preprocess(example_image())
            rows[place] = replace(rows[place], input_size=network.input_size(inputs))
            start_s = time.perf_counter()
            output = network.infer(inputs)
            first_frame_ms = (time.perf_counter() - start_s) * 1e3
            rows[place] = replace(rows[place], first_frame_ms=first_frame_ms)
            counts = NetworkCounts.of(network.parameters(), network.operations(inputs))
    except DepthAnythingError as error:
        rows[place] = replace(rows[place], reason=str(error))
        return None
    rows[place] = replace(rows[place], counts=counts)
    return Candidate(target, place, network, inputs, output, _encoder_clock(network))


def _encoder_clock(network: Network) -> EncoderClock | None:
    """Return what times the encoder of a network in torch, None of others."""
    if network.encoder is None or network.device is None:
        return None
    from depth_anything_ros.lab.benchmark.encoder_clock import EncoderClock

    return EncoderClock(network.encoder, network.device)


def _stage_contenders(
    candidates: Sequence[Candidate], runs: int
) -> dict[tuple[str, tuple[object, ...]], Contender]:
    """Return pre- and post-processing as contenders of their own, once where rows share it."""
    image = example_image()
    contenders: dict[tuple[str, tuple[object, ...]], Contender] = {}
    for candidate in candidates:
        network = candidate.network
        calls: dict[str, Callable[[], object]] = {
            'preprocess_ms': partial(_stage, network.preprocess, image),
            'postprocess_ms': partial(_stage, network.postprocess, candidate.output, IMAGE_SIZE),
        }
        for name, call in calls.items():
            contenders.setdefault((name, candidate.processing), Contender(name, call, runs))
    return contenders


def _stage(call: Callable[..., object], *inputs: object) -> None:
    with failures('it failed'):
        call(*inputs)


def _with_times(
    candidate: Candidate,
    row: BenchmarkRow,
    of_stage: dict[tuple[str, tuple[object, ...]], Timing],
) -> BenchmarkRow:
    """Return the row of a network with what was timed of it."""
    durations_ms = candidate.timing.durations_ms
    if candidate.timing.failure:
        return replace(row, reason=candidate.timing.failure)
    if not durations_ms or row.counts is None:
        return row
    times = statistics(durations_ms)
    times = replace(
        times,
        p95_ms=times.p95_ms if len(durations_ms) >= _LEAST_RUNS_P95 else None,
        p99_ms=times.p99_ms if len(durations_ms) >= _LEAST_RUNS_P99 else None,
    )
    encoder_ms, decoder_ms = _parts_ms(candidate)
    rate = row.counts.gflop / times.p50_ms * 1e3
    held = not row.integers and row.device == 'cpu'
    peak = peak_gflop_per_s(row.precision) if held else None
    notes, stages_ms = [row.note], []
    for name, words in _STAGES.items():
        stage = of_stage.get((name, candidate.processing), Timing())
        if stage.failure:
            notes.append(f'{words} not timed: {stage.failure}')
        known = stage.durations_ms and not stage.failure
        stages_ms.append(statistics(stage.durations_ms).p50_ms if known else None)
    return replace(
        row, status='ok', reason='', note='; '.join(filter(None, notes)),
        runs=len(durations_ms), times=times, network_ms=times.p50_ms, encoder_ms=encoder_ms,
        decoder_ms=decoder_ms, preprocess_ms=stages_ms[0], postprocess_ms=stages_ms[1],
        gflop_per_s=rate, peak_gflop_per_s=peak, share_of_peak=rate / peak if peak else None,
    )  # fmt: skip


def _parts_ms(candidate: Candidate) -> tuple[float | None, float | None]:
    """Return the median times of encoder and decoder, None where one graph runs both."""
    whole = candidate.timing.durations_ms
    if candidate.clock is None or len(candidate.clock.durations_ms) < len(whole):
        return None, None
    encoder = np.asarray(candidate.clock.durations_ms[-len(whole) :])
    return float(np.median(encoder)), float(np.median(np.asarray(whole) - encoder))


def _compare(
    candidates: Sequence[Candidate], rows: list[BenchmarkRow], planned_first: Target
) -> None:
    """
    Add the ratios to the baseline of the model, and to the first model of the group.

    The latter only where the first model itself was timed in that library, precision and device:
    no other takes its place.
    """
    done = [(candidate, times) for candidate in candidates
            if (times := rows[candidate.place].times) is not None]  # fmt: skip
    baselines = {
        _compared(candidate): (candidate.output, times.p50_ms)
        for candidate, times in done
        if candidate.target.baseline
    }
    plain = planned_first.request.options
    first = {
        _way(candidate): times.p50_ms
        for candidate, times in done
        if (options := candidate.target.request.options).model == plain.model
        and options.checkpoint == plain.checkpoint
    }
    for candidate, times in done:
        row = rows[candidate.place]
        if _way(candidate) in first:
            row = replace(row, times_first=times.p50_ms / first[_way(candidate)],
                          first_model=plain.model)  # fmt: skip
        if _compared(candidate) in baselines:
            output, p50_ms = baselines[_compared(candidate)]
            max_error, mean_error = errors(candidate.output, output)
            row = replace(row, speedup=p50_ms / times.p50_ms, max_error=max_error,
                          mean_error=mean_error)  # fmt: skip
        rows[candidate.place] = row


def _way(candidate: Candidate) -> tuple[str, Precision, str]:
    """Return library, precision and device; comparators of the hub run in plain torch."""
    request = candidate.target.request
    eager = request.kind is NetworkKind.EAGER
    return (
        candidate.target.backend if eager else request.selection.backend,
        request.selection.precision,
        request.selection.device,
    )


def _compared(candidate: Candidate) -> tuple[object, ...]:
    return candidate.processing, candidate.target.asked


def errors(
    output: Float32Array, reference: Float32Array
) -> tuple[float, float] | tuple[None, None]:
    """
    Return the largest and the mean error over the reference's range; None without a range.

    :param output: float32 (h, w).
    :param reference: float32 (h, w).
    """
    span = float(reference.max() - reference.min())
    if not (span > 0 and math.isfinite(span)):
        return None, None
    difference = abs(output - reference)
    return float(difference.max()) / span, float(difference.mean()) / span


def _measure_memory(target: Target, row: BenchmarkRow) -> BenchmarkRow:
    try:
        found = footprint(target.request)
    except DepthAnythingError as error:
        return replace(row, memory_failure=str(error))
    return replace(row, peak_resident_bytes=found.resident, peak_device_bytes=found.device)
