import numpy as np
import pytest

from depth_anything_ros.evaluation.latency import percentiles
from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.evaluation.protocol import AlignmentMode, FrameScore
from depth_anything_ros.evaluation.run_charts import (
    distance_chart,
    latency_charts,
    metric_chart,
    scale_charts,
    stage_bars,
)
from depth_anything_ros.evaluation.scale_track import ScaleTrack
from depth_anything_ros.evaluation.table import FrameTable
from depth_anything_ros.types import OutputKind

ONLINE, NONE = AlignmentMode.ONLINE, AlignmentMode.NONE


def table(latencies_ms, step_ns=10**8, errors=None):
    """Return frames with a latency each and, where given, that AbsRel of the online depth."""
    filled = FrameTable([NONE, ONLINE])
    for index, latency_ms in enumerate(latencies_ms):
        values = dict.fromkeys(METRICS, errors[index] if errors else 0.1)
        filled.add(index * step_ns, latency_ms, 0.0, {ONLINE: FrameScore(values, 10, 1.0)}, '')
    return filled


def test_one_stalled_frame_does_not_squeeze_the_others_into_one_bar():
    latencies_ms = [*np.random.default_rng(0).uniform(90.0, 110.0, 999), 10_000.0]
    _, histogram = latency_charts(table(latencies_ms), percentiles(latencies_ms))
    (bars,) = histogram.series
    assert len(bars.y) == 60
    assert (bars.y > 0).sum() > 50
    assert bars.x[-1] < 111.0
    assert histogram.note == f'{1000 - bars.y.sum():.0f} frames took longer, up to 1e+04 ms'
    assert [mark.name for mark in histogram.marks] == ['p50', 'p95', 'p99']


def test_every_frame_as_fast_as_the_other_is_one_bar():
    (_, histogram) = latency_charts(table([20.0] * 5), percentiles([20.0] * 5))
    assert histogram.series[0].y.sum() == 5.0


def test_no_latency_has_no_chart():
    assert latency_charts(table([None, None]), percentiles([])) == []


def test_metric_is_a_line_over_the_stamps_for_each_alignment_that_has_it():
    chart = metric_chart(table([20.0] * 3, errors=[0.1, 0.2, 0.3]), [NONE, ONLINE], 'abs_rel')
    (line,) = chart.series
    assert (line.name, line.x.tolist()) == ('online', pytest.approx([0.0, 0.1, 0.2]))
    assert line.y.tolist() == [0.1, 0.2, 0.3]
    assert (chart.x.unit, chart.y.log) == ('s', True)


def test_frames_whose_stamps_do_not_grow_stand_by_their_number():
    chart = metric_chart(table([20.0] * 3, step_ns=0), [ONLINE], 'delta1')
    assert (chart.x.label, chart.series[0].x.tolist()) == ('frame', [0.0, 1.0, 2.0])
    assert not chart.y.log


def test_error_by_distance_names_the_bands_by_their_ends():
    means = {
        f'abs_rel_band{place + 1}': error for place, error in enumerate((0.1, 0.2, None, 0.4))
    }
    chart = distance_chart({'online': means}, 8.0, [3])
    (line,) = chart.series
    assert (line.name, line.colour) == ('online', 3)
    np.testing.assert_array_equal(line.y, [0.1, 0.2, np.nan, 0.4])
    assert list(chart.x.names.values()) == ['0 … 1 m', '1 … 2 m', '2 … 4 m', '4 … 8 m']


def test_scale_is_shown_as_fitted_and_as_used():
    filled = FrameTable([AlignmentMode.SCALE_SHIFT])
    for index in range(3):
        score = FrameScore(dict.fromkeys(METRICS, 0.1), 10, 1.0, 0.05 + index, -0.1)
        filled.add(10**9 + index * 10**8, 20.0, 0.0, {AlignmentMode.SCALE_SHIFT: score}, '')
    used = ScaleTrack()
    used.add(10**9 + 5 * 10**7, 0.06, -0.2)
    scale, shift = scale_charts(filled, [AlignmentMode.SCALE_SHIFT], used)
    fitted, published = scale.series
    assert fitted.y.tolist() == [0.05, 1.05, 2.05]
    assert (published.x.tolist(), published.y.tolist()) == (pytest.approx([0.05]), [0.06])
    assert [series.y.tolist() for series in shift.series] == [[-0.1] * 3, [-0.2]]
    assert (scale.y.unit, shift.y.unit) == ('1/m per unit of the output', '1/m')
    of_depth = scale_charts(filled, [AlignmentMode.SCALE_SHIFT], used, OutputKind.AFFINE_DEPTH)
    assert [chart.y.unit for chart in of_depth] == ['m per unit of the output', 'm']


def test_scale_that_nothing_tells_of_has_no_chart():
    assert scale_charts(FrameTable([NONE]), [NONE], ScaleTrack()) == []


def test_stages_are_bars_with_what_is_known_of_them():
    bars = stage_bars({'inference': {'p50': 20.0, 'p95': 40.0, 'p99': None, 'max': 90.0}})
    (bar,) = bars.bars
    assert (bar.name, bar.value, bar.marks) == ('inference', 20.0, {'p95': 40.0, 'p99': None})
    assert bars.share(20.0) == 50.0
