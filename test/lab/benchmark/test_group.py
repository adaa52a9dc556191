from dataclasses import replace

import numpy as np
import pytest

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.lab.benchmark import group as group_module
from depth_anything_ros.lab.benchmark.group import (
    Measuring,
    errors,
    mark_interrupted,
    measure_group,
)
from depth_anything_ros.lab.benchmark.network import (
    NetworkKind,
    NetworkRequest,
    NetworkSummary,
    PartCounts,
)
from depth_anything_ros.lab.benchmark.plan import Target
from depth_anything_ros.lab.benchmark.rows import BenchmarkRow

MEASURING = Measuring(runs=6, eager_runs=3, warm_up=1, memory=False)


class FakeNetwork:
    """A network without layers that writes down when it ran."""

    module = encoder = None

    def __init__(self, name: str, order: list[str]) -> None:
        self.summary = NetworkSummary('random', '', '', load_s=0.5, note=f'note of {name}')
        self._name, self._order = name, order

    def preprocess(self, rgb):
        self._order.append(f'pre {self._name}')
        return rgb

    def infer(self, inputs):
        self._order.append(self._name)
        return np.linspace(0, 1, 4, dtype=np.float32).reshape(2, 2)

    def postprocess(self, output, size):
        self._order.append(f'post {self._name}')

    def input_size(self, inputs):
        return 64, 96

    def parameters(self):
        return PartCounts(30, 10, 20)

    def operations(self, inputs):
        return PartCounts(5_000_000)


def target(model: str, kind: NetworkKind = NetworkKind.BACKEND, **changes: object) -> Target:
    options = NetworkOptions(
        model, weights='random', backend='torch', precision='fp32', device='cpu',
        input_size=(64, 96), threads=1,
    )  # fmt: skip
    request = NetworkRequest(replace(options, **changes), kind)
    return Target(request, (64, 96), baseline=kind is NetworkKind.EAGER)


@pytest.fixture
def order(monkeypatch):
    order: list[str] = []

    def open_fake(request):
        if request.options.model == 'broken':
            raise BackendError('does not fit')
        if request.options.model == 'odd':
            raise KeyError('width')
        return FakeNetwork(f'{request.options.model} {request.kind.value}', order)

    monkeypatch.setattr(group_module, 'open_network', open_fake)
    return order


def measure(targets, measuring=MEASURING):
    records = [BenchmarkRow.planned(item, 7) for item in targets]
    measure_group(targets, records, measuring, lambda items, total, label: items)
    return records


def test_all_models_take_turns_and_what_fails_leaves_the_others_alone(order):
    eager = target('a', NetworkKind.EAGER)
    broken, *records = measure([target('broken'), eager, target('a'), target('b')])
    assert (broken.status, broken.reason) == ('failed', 'does not fit')
    assert [record.status for record in records] == ['ok'] * 3
    assert [record.runs for record in records] == [3, 6, 6]
    # First frame and warm-up come before.
    assert [order.count(name) for name in ('a eager', 'a backend', 'b backend')] == [5, 8, 8]
    timed = [name for name in order if 'p' not in name.split()[0]][6:]
    halves = timed[: len(timed) // 2], timed[len(timed) // 2 :]
    for half in halves:
        assert {'a eager', 'a backend', 'b backend'} <= set(half)
    assert records[0].speedup == 1.0
    assert records[1].speedup == pytest.approx(records[0].times.p50_ms / records[1].times.p50_ms)
    assert records[2].speedup is None
    assert records[2].times_first is None, 'the first one has no time to compare with'
    assert records[1].max_error == 0.0


def test_unexpected_error_of_a_library_ends_its_row_only(order, monkeypatch):
    infer = FakeNetwork.infer

    def fail_later(self, inputs):
        if self._name == 'b backend' and order.count('b backend') == 4:
            raise IndexError('out of range')
        return infer(self, inputs)

    monkeypatch.setattr(FakeNetwork, 'infer', fail_later)
    odd, good, late = measure([target('odd'), target('a'), target('b')])
    assert (odd.status, odd.reason) == ('failed', "torch failed: KeyError: 'width'")
    assert (good.status, good.runs) == ('ok', 6)
    assert (late.status, late.reason) == ('failed', 'torch failed: IndexError: out of range')


def test_no_other_model_takes_the_place_of_the_first(order):
    rows = measure([target('broken'), target('a'), target('b')])
    assert [row.times_first for row in rows] == [None] * 3
    assert [row.first_model for row in rows] == [None] * 3


@pytest.mark.slow
def test_packed_file_of_the_first_model_is_no_reference(order):
    packed = target('a', checkpoint='packed.safetensors')
    narrow = target('a', precision='bf16')
    rows = measure([target('a'), packed, target('b'), narrow])
    first = rows[0].times.p50_ms
    assert [row.times_first for row in rows] == [
        pytest.approx(row.times.p50_ms / reference)
        for row, reference in zip(rows, (first, first, first, rows[3].times.p50_ms), strict=True)
    ]
    assert {row.first_model for row in rows} == {'a'}


@pytest.mark.parametrize(('runs', 'known'), [
    (19, (False, False)), (20, (True, False)), (49, (True, False)), (50, (True, True)),
])  # fmt: skip
def test_percentiles_need_runs(order, runs, known):
    (row,) = measure([target('a')], Measuring(runs, 1, 1, memory=False))
    assert (row.times.p95_ms is not None, row.times.p99_ms is not None) == known
    assert row.times.p50_ms is not None


def test_stage_that_fails_has_no_time_and_says_why(order, monkeypatch):
    def fail(self, output, size):
        raise BackendError('no such size')

    monkeypatch.setattr(FakeNetwork, 'postprocess', fail)
    (row,) = measure([target('a')])
    assert row.status == 'ok'
    assert row.preprocess_ms > 0
    assert row.postprocess_ms is None
    assert row.note == 'note of a backend; post-processing not timed: no such size'


def test_processing_is_timed_once_for_the_rows_that_share_it(order):
    records = measure([target('a', NetworkKind.EAGER), target('a'), target('b')])
    assert order.count('pre a eager') == 1 + 1 + 6
    assert order.count('pre a backend') == 1
    assert order.count('post b backend') == 1 + 6
    assert records[0].preprocess_ms == records[1].preprocess_ms > 0


def test_row_says_what_is_known(order):
    (record,) = measure([target('a')])
    assert record.input_size == (64, 96)
    assert record.asked_size == '64x96'
    assert (record.counts.parameters, record.counts.encoder_parameters) == (30, 10)
    assert (record.counts.macs, record.counts.encoder_macs, record.counts.gflop) == (
        5_000_000,
        None,
        0.01,
    )
    assert (record.group, record.load_s, record.note) == (7, 0.5, 'note of a backend')
    assert record.encoder_ms is None
    assert record.network_ms == record.times.p50_ms
    rate = record.share_of_peak * record.peak_gflop_per_s
    assert rate == pytest.approx(record.gflop_per_s) == pytest.approx(10 / record.times.p50_ms)


def test_row_that_cannot_be_opened_is_not_tried(order):
    item = target('a')
    (record,) = measure([Target(item.request, item.asked, failure='no bf16 here')])
    assert record.reason == 'no bf16 here'
    assert order == []


def test_row_that_nobody_came_to_is_not_timed():
    assert BenchmarkRow.planned(target('a'), 0).reason == 'not timed'


def test_only_rows_without_a_reason_were_interrupted():
    planned = BenchmarkRow.planned(target('a'), 0)
    rows = [replace(planned, reason=reason) for reason in ('not timed', 'no memory', '')]
    mark_interrupted(rows)
    assert [row.reason for row in rows] == ['interrupted before it was timed', 'no memory', '']


def test_memory_that_cannot_be_told_is_said_and_the_times_stay(order, monkeypatch):
    def fail(request):
        raise BackendError('no process')

    monkeypatch.setattr(group_module, 'footprint', fail)
    (record,) = measure([target('a')], Measuring(1, 1, 1, memory=True))
    assert (record.status, record.memory_failure) == ('ok', 'no process')
    assert record.peak_resident_bytes is None


def test_interrupted_group_keeps_what_was_timed(order, monkeypatch):
    infer = FakeNetwork.infer

    def stop(self, inputs):
        if order.count('a backend') == 5:
            raise KeyboardInterrupt
        return infer(self, inputs)

    monkeypatch.setattr(FakeNetwork, 'infer', stop)
    records = [BenchmarkRow.planned(item, 0) for item in (target('a'), target('b'))]
    with pytest.raises(KeyboardInterrupt):
        measure_group([target('a'), target('b')], records, MEASURING, lambda items, *_: items)
    assert (records[0].status, records[0].runs) == ('ok', 3)
    assert records[1].runs in (2, 3)


def test_constant_reference_has_no_relative_error():
    values = np.ones((2, 2), np.float32)
    assert errors(values, values) == (None, None)


def test_error_is_relative_to_the_range_of_the_reference():
    reference = np.array([[1.0, 5.0]], np.float32)
    found = errors(np.array([[1.0, 7.0]], np.float32), reference)
    assert found == pytest.approx((0.5, 0.25))
