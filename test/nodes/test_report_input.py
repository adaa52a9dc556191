"""Diagnostics of the depth node, and of anybody else, for the report."""

import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from depth_anything_ros.config import EvaluatorConfig
from depth_anything_ros.evaluation.run import RunEvaluation
from depth_anything_ros.nodes.diagnostics import to_status
from depth_anything_ros.nodes.judgement import NodeState
from depth_anything_ros.nodes.report_input import ReportInput
from depth_anything_ros.stream.run_statistics import RunStatistics
from depth_anything_ros.types import ModelIdentity

NAME = 'robot/depth_node'
MODEL = ModelIdentity('tiny', 'shipped', '', 'torch', 'fp32', 'cpu', (56, 70), 'Apache-2.0')


def at_once(work):
    work('')


@pytest.fixture
def run(tmp_path):
    return RunEvaluation(EvaluatorConfig(output_dir=str(tmp_path), picture_every=0))


def good(rejected=0):
    statistics = RunStatistics()
    for _ in range(rejected):
        statistics.reject('test')
    statistics.processed({'inference': 12.5}, [])
    return to_status(NAME, NodeState('active', '/i', MODEL), statistics.snapshot(), 5.0)


def changed(key, value):
    status = good()
    kept = [pair for pair in status.values if not f'{key}.'.startswith(f'{pair.key}.')]
    status.values = kept
    status.values.append(KeyValue(key=key, value=value))
    return status


MALFORMED = [
    changed('stages_ms.inference.p50', 'abc'),
    changed('stages_ms.inference.p50', 'nan'),
    changed('stages_ms.inference.p50', '-inf'),
    changed('stages_ms.inference.p50', '-1'),
    changed('stages_ms.inference.p50.x', '1'),
    changed('frames.rejected', 'many'),
    changed('frames.rejected', '9' * 5000),
    changed('frames.rejected', 'inf'),
    changed('frames.rejected.a', '1'),
    changed('model.input_size', '518'),
    changed('model.input_size', 'axb'),
    changed('model.input_size', f'{"9" * 5000}x1'),
    changed('model.name.' + 'a.' * 100_000, 'x'),
    DiagnosticStatus(
        name=NAME, values=[KeyValue(key=f'stages_ms.s{i}.p50', value='1') for i in range(10_000)]
    ),
]


@pytest.mark.parametrize('place', range(len(MALFORMED)))
def test_a_malformed_status_is_left_out_and_the_last_good_one_stays(run, place):
    warnings = []
    reports = ReportInput(at_once, f'/{NAME}', run, warnings.append)
    reports.take(DiagnosticArray(status=[good()]))
    reports.take(DiagnosticArray(status=[MALFORMED[place]]))
    assert len(warnings) == 1
    summary = run.finish()
    assert summary.model.name == 'tiny'
    assert summary.model.input_size == (56, 70)
    assert list(summary.stages_ms) == ['inference']
    assert summary.stages_ms['inference']['p50'] == 12.5
    assert sum('left out: diagnostics' in text for text in summary.warnings) == 1
    assert not any('no status named' in text for text in summary.warnings)


def test_keys_without_names_and_sections_that_are_values_are_survived(run):
    reports = ReportInput(at_once, NAME, run, lambda _: None)
    keys = ('', '.', '..', 'frames', 'stages_ms', 'model', 'frames.rejected.', 'a.b', 'a')
    values = [KeyValue(key=key, value='1') for key in keys]
    reports.take(DiagnosticArray(status=[DiagnosticStatus(name=NAME, values=values)]))
    assert run.finish().model is None


def test_a_status_that_never_comes_is_warned_of_with_the_names_that_do(run):
    reports = ReportInput(at_once, 'depth_node', run, lambda _: None)
    assert 'those that came: none' in run.summary().warnings[0]
    others = [DiagnosticStatus(name=name) for name in (NAME, 'battery', 'a\x1b[2J')]
    reports.take(DiagnosticArray(status=others))
    (warning,) = run.summary().warnings
    assert "no status named 'depth_node' came on /diagnostics" in warning
    assert f"'{NAME}', 'battery', 'a\\x1b[2J'" in warning
    assert 'set depth_node' in warning


def test_many_other_names_do_not_fill_the_report(run):
    reports = ReportInput(at_once, 'depth_node', run, lambda _: None)
    reports.take(DiagnosticArray(status=[DiagnosticStatus(name=f'n{i}') for i in range(1000)]))
    assert len(run.summary().warnings[0]) < 500


def test_only_the_status_of_the_depth_node_waits(run):
    waiting = []
    reports = ReportInput(waiting.append, NAME, run, lambda _: None)
    reports.take(DiagnosticArray(status=[DiagnosticStatus(name=f'n{i}') for i in range(100)]))
    assert waiting == []
    reports.take(DiagnosticArray(status=[DiagnosticStatus(name='battery'), good(rejected=3)]))
    assert len(waiting) == 1
    assert run.summary().model is None
    waiting[0]('')
    assert run.summary().model.name == 'tiny'


def scale_of(*pairs):
    header = Header(stamp=Time(sec=7, nanosec=5))
    values = [KeyValue(key=key, value=value) for key, value in pairs]
    return DiagnosticArray(header=header, status=[DiagnosticStatus(name='scale', values=values)])


def test_the_scale_of_a_frame_is_kept_by_the_stamp_of_its_header(run):
    reports = ReportInput(at_once, NAME, run, lambda _: None)
    reports.take_scale(scale_of(('scale', '0.05'), ('shift', '-0.1')))
    reports.take_scale(scale_of(('no_fit_reason', 'no reference')))
    assert run._scales.stamps_ns().tolist() == [7_000_000_005]
    assert [run._scales.values(name).tolist() for name in ('scale', 'shift')] == [[0.05], [-0.1]]


@pytest.mark.parametrize('value', ['abc', 'nan', 'inf', ''])
def test_a_scale_that_is_not_a_number_is_left_out_and_counted(run, value):
    warnings = []
    reports = ReportInput(at_once, NAME, run, warnings.append)
    reports.take_scale(scale_of(('scale', value), ('shift', '0')))
    assert len(run._scales.stamps_ns()) == 0
    assert warnings == [f'left out: scale: scale is {value!r}; a finite number is allowed']
