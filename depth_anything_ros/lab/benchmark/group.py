"""Measuring networks in turns: durations, where they go, memory, deviation from a baseline."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np
import torch

from depth_anything_ros.errors import DepthAnythingError
from depth_anything_ros.lab.benchmark.encoder_clock import EncoderClock
from depth_anything_ros.lab.benchmark.failures import failures
from depth_anything_ros.lab.benchmark.footprint import footprint
from depth_anything_ros.lab.benchmark.network import (
    IMAGE_SIZE,
    Network,
    NetworkKind,
    example_image,
)
from depth_anything_ros.lab.benchmark.networks import open_network
from depth_anything_ros.lab.benchmark.peak import peak_gflop_per_s
from depth_anything_ros.lab.benchmark.plan import Target, asked_text
from depth_anything_ros.lab.benchmark.timing import (
    Contender,
    Timing,
    measure_interleaved,
    statistics,
)
from depth_anything_ros.types import Float32Array, Precision

T = TypeVar('T')

NOT_TIMED = 'not timed'
INTERRUPTED = 'interrupted before it was timed'
# Of fewer runs these percentiles would be little more than the slowest run.
_LEAST_RUNS = {'p95_ms': 20, 'p99_ms': 50}
_STAGES = {'preprocess_ms': 'pre-processing', 'postprocess_ms': 'post-processing'}


class Progress(Protocol):
    """Pass items through and show how far they are, as `cli.console.progress` does."""

    def __call__(self, items: Iterable[T], total: int | None, label: str) -> Iterable[T]:
        """Return the items."""


@dataclass(frozen=True)
class Measuring:
    """
    Say how to measure.

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
    """Hold a network that is ready: its row, what it reads, its first output, its clocks."""

    target: Target
    record: dict[str, Any]
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
        return request.kind is NetworkKind.TRANSFORMERS, request.options.model, request.size


def new_record(target: Target, number: int) -> dict[str, Any]:
    """
    Return the row of a target before it is measured; every key that it will have is there.

    :param number: of the group that it takes turns with.
    """
    request = target.request
    return {
        'group': number,
        'baseline': target.baseline,
        'model': request.options.model,
        'checkpoint': request.options.checkpoint,
        'file': request.file,
        'weights': request.options.weights,
        'recipe': '',
        'sha256': '',
        'revision': '',
        'asked_size': asked_text(target.asked),
        'input_size': list(request.size) if request.size else None,
        'backend': target.backend,
        'precision': request.selection.precision.value,
        'device': request.selection.device,
        'threads': request.options.threads,
        'status': 'failed',
        'reason': target.failure or NOT_TIMED,
        'note': '',
        **dict.fromkeys(_MEASURED),
    }


_MEASURED = (
    'parameters', 'encoder_parameters', 'decoder_parameters',
    'macs', 'encoder_macs', 'decoder_macs', 'gflop', 'integers',
    'load_s', 'first_frame_ms', 'runs',
    'mean_ms', 'std_ms', 'cov', 'min_ms', 'p50_ms', 'p95_ms', 'p99_ms', 'max_ms', 'fps',
    'speedup', 'times_first', 'first_model', 'gflop_per_s', 'peak_gflop_per_s', 'share_of_peak',
    'max_error', 'mean_error',
    'preprocess_ms', 'encoder_ms', 'decoder_ms', 'network_ms', 'postprocess_ms',
    'peak_resident_bytes', 'peak_device_bytes', 'memory_failure',
)  # fmt: skip


def measure_group(
    targets: Sequence[Target],
    records: Sequence[dict[str, Any]],
    measuring: Measuring,
    progress: Progress,
) -> None:
    """
    Open the networks of a group, time them in turns and fill their rows.

    What cannot be opened or fails keeps its reason, whatever a library raises, and the others go
    on. When it is interrupted the rows hold what was timed until then.

    :param targets: the group.
    :param records: their rows, of :func:`new_record`.
    :param measuring: how to measure.
    :param progress: shows how far it is.
    """
    try:
        _time_group(targets, records, measuring, progress)
    except KeyboardInterrupt:
        mark_interrupted(records)
        raise
    # The networks are gone by now; caches of their memory would be in the way of the processes.
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if measuring.memory:
        pairs = [
            (target, record)
            for target, record in zip(targets, records, strict=True)
            if record['status'] == 'ok'
        ]
        for target, record in progress(pairs, len(pairs), 'memory'):
            _measure_memory(target, record)


def mark_interrupted(records: Sequence[dict[str, Any]]) -> None:
    """Say of rows which nothing else kept from being timed that they were interrupted."""
    for record in records:
        if record['reason'] == NOT_TIMED:
            record['reason'] = INTERRUPTED


def _time_group(
    targets: Sequence[Target],
    records: Sequence[dict[str, Any]],
    measuring: Measuring,
    progress: Progress,
) -> None:
    pairs = list(zip(targets, records, strict=True))
    candidates = []
    for target, record in progress(pairs, len(pairs), 'loading'):
        if not target.failure:
            candidate = _open(target, record)
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
            _fill_times(candidate, of_stage)
        _compare(candidates, targets[0])


def _open(target: Target, record: dict[str, Any]) -> Candidate | None:
    """Open a network and let it have its first frame; None, with the reason, where it fails."""
    try:
        with failures(f'{target.backend} failed'):
            network = open_network(target.request)
            summary = network.summary
            record.update(weights=summary.weights, sha256=summary.sha256, recipe=summary.recipe,
                          revision=summary.revision, note=summary.note, integers=summary.integers,
                          load_s=summary.load_s)  # fmt: skip
            inputs = network.preprocess(example_image())
            record['input_size'] = list(network.input_size(inputs))
            start_s = time.perf_counter()
            output = network.infer(inputs)
            record['first_frame_ms'] = (time.perf_counter() - start_s) * 1e3
            parameters, operations = network.parameters(), network.operations(inputs)
    except DepthAnythingError as error:
        record['reason'] = str(error)
        return None
    for name, parts in (('parameters', parameters), ('macs', operations)):
        record[name] = parts.total
        record[f'encoder_{name}'], record[f'decoder_{name}'] = parts.encoder, parts.decoder
    record['gflop'] = 2e-9 * operations.total
    clock = None if network.encoder is None else EncoderClock(network.encoder, network.device)
    return Candidate(target, record, network, inputs, output, clock)


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


def _fill_times(
    candidate: Candidate, of_stage: dict[tuple[str, tuple[object, ...]], Timing]
) -> None:
    """Write down what was timed of one network."""
    record, timing = candidate.record, candidate.timing
    if timing.failure:
        record['reason'] = timing.failure
        return
    if not timing.durations_ms:
        return
    record.update(status='ok', reason='', runs=len(timing.durations_ms))
    record.update(statistics(timing.durations_ms))
    for name, least in _LEAST_RUNS.items():
        if len(timing.durations_ms) < least:
            record[name] = None
    record['network_ms'] = record['p50_ms']
    record.update(_parts_ms(candidate))
    for name, words in _STAGES.items():
        stage = of_stage.get((name, candidate.processing), Timing())
        if stage.failure:
            said = f'{words} not timed: {stage.failure}'
            record['note'] = '; '.join(note for note in (record['note'], said) if note)
        elif stage.durations_ms:
            record[name] = statistics(stage.durations_ms)['p50_ms']
    record['gflop_per_s'] = record['gflop'] / record['p50_ms'] * 1e3
    if not record['integers'] and record['device'] == 'cpu':
        peak = peak_gflop_per_s(Precision(record['precision']))
        record.update(peak_gflop_per_s=peak, share_of_peak=record['gflop_per_s'] / peak)


def _parts_ms(candidate: Candidate) -> dict[str, float]:
    """Return the median times of encoder and decoder, nothing where one graph runs both."""
    whole = candidate.timing.durations_ms
    if candidate.clock is None or len(candidate.clock.durations_ms) < len(whole):
        return {}
    encoder = np.asarray(candidate.clock.durations_ms[-len(whole) :])
    return {
        'encoder_ms': float(np.median(encoder)),
        'decoder_ms': float(np.median(np.asarray(whole) - encoder)),
    }


def _compare(candidates: Sequence[Candidate], planned_first: Target) -> None:
    """
    Add the ratios to the baseline of the model, and to the first model of the group.

    The latter only where the first model itself was timed in that library and precision: no
    other takes its place.
    """
    done = [candidate for candidate in candidates if candidate.record['status'] == 'ok']
    baselines = {
        _compared(candidate): candidate for candidate in done if candidate.target.baseline
    }
    plain = planned_first.request.options
    first = {
        _way(candidate): candidate.record['p50_ms']
        for candidate in done
        if (options := candidate.target.request.options).model == plain.model
        and options.checkpoint == plain.checkpoint
    }
    for candidate in done:
        record = candidate.record
        if _way(candidate) in first:
            record['times_first'] = record['p50_ms'] / first[_way(candidate)]
            record['first_model'] = plain.model
        baseline = baselines.get(_compared(candidate))
        if baseline is not None:
            record['speedup'] = baseline.record['p50_ms'] / record['p50_ms']
            record.update(errors(candidate.output, baseline.output))


def _way(candidate: Candidate) -> tuple[str, Precision]:
    """Return the library and the precision; comparators of the hub run in plain torch."""
    request = candidate.target.request
    eager = request.kind is NetworkKind.EAGER
    return (
        candidate.target.backend if eager else request.selection.backend,
        request.selection.precision,
    )


def _compared(candidate: Candidate) -> tuple[object, ...]:
    return candidate.processing, candidate.target.asked


def errors(output: Float32Array, reference: Float32Array) -> dict[str, float | None]:
    """
    Return `max_error` and `mean_error` over the reference's range; None without a range.

    :param output: float32 (h, w).
    :param reference: float32 (h, w).
    """
    span = float(reference.max() - reference.min())
    if not (span > 0 and math.isfinite(span)):
        return {'max_error': None, 'mean_error': None}
    difference = abs(output - reference)
    return {
        'max_error': float(difference.max()) / span,
        'mean_error': float(difference.mean()) / span,
    }


def _measure_memory(target: Target, record: dict[str, Any]) -> None:
    try:
        found = footprint(target.request)
    except DepthAnythingError as error:
        record['memory_failure'] = str(error)
        return
    record.update(peak_resident_bytes=found.resident, peak_device_bytes=found.device)
