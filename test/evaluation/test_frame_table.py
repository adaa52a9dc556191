import numpy as np

from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.evaluation.protocol import AlignmentMode, FrameScore
from depth_anything_ros.evaluation.table import FrameTable, column

MODES = (AlignmentMode.SCALE, AlignmentMode.ONLINE)


def score(value=0.5):
    return FrameScore(dict.fromkeys(METRICS, value), pixels=10, coverage=0.9, scale=2.0, shift=0.1)


def test_a_frame_becomes_a_row_of_numbers():
    table = FrameTable(MODES)
    table.add(10**18 + 1, 12.5, 0.25, {AlignmentMode.SCALE: score()}, 'online: none')
    row = dict(zip(table.header(), table.rows()[0], strict=True))
    assert row['frame'] == '0'
    assert row['stamp_ns'] == '1000000000000000001'
    assert row['latency_ms'] == '12.5'
    assert row['truth_offset_ms'] == '0.25'
    assert row['scale_abs_rel'] == '0.5'
    assert (row['scale_pixels'], row['scale_scale'], row['scale_shift']) == ('10', '2', '0.1')
    assert row['online_abs_rel'] == ''
    assert row['problem'] == 'online: none'


def test_what_is_not_known_is_nan_in_its_column_and_empty_in_its_row():
    table = FrameTable(MODES)
    table.add(0, None, None, {}, '')
    assert np.isnan(table.values('latency_ms')).all()
    assert table.rows()[0][2:] == [''] * (len(table.header()) - 2)


def test_seconds_count_from_the_first_stamp_without_loss():
    table = FrameTable(MODES)
    for stamp in (10**18, 10**18 + 33_000_000):
        table.add(stamp, None, None, {}, '')
    np.testing.assert_allclose(table.seconds(), [0.0, 0.033])


def test_problems_are_counted():
    table = FrameTable(MODES)
    for problem in ('a', '', 'b', 'a'):
        table.add(0, None, None, {}, problem)
    assert table.problems() == {'a': 2, 'b': 1}


def test_columns_of_an_alignment_carry_its_name():
    assert column(AlignmentMode.SCALE_SHIFT, 'rmse') == 'scale_shift_rmse'


def test_an_empty_table_has_columns_and_no_rows():
    table = FrameTable(MODES)
    assert (len(table), table.rows(), table.seconds().tolist()) == (0, [], [])
