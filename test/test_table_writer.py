import math

import pytest

from depth_anything_ros.table import Table, csv_lines, number, shown

TABLE = Table(['name', 'size', 'p50 ms'], [['a|b', (480, 640), 1.23456], ['<i>', '-', None]])


def test_terminal_aligns_numbers_to_the_right():
    assert Table(['name', 'ms'], [['a', '1.5'], ['long', '10.5'], ['b', '-']]).lines() == [
        'name  ms', 'a      1.5', 'long  10.5', 'b        -',
    ]  # fmt: skip


def test_people_read_a_dash_for_none_and_four_digits_of_a_float():
    assert TABLE.lines()[1:] == ['a|b   480×640   1.235', '<i>   -        –']


def test_markdown_keeps_its_cells():
    assert TABLE.markdown() == [
        '| name | size | p50 ms |', '| --- | --- | --- |', '| a\\|b | 480×640 | 1.235 |',
        '| &lt;i&gt; | - | – |',
    ]  # fmt: skip


def test_csv_has_numbers_in_full_and_nothing_for_none():
    table = Table(['a', 'b'], [[1, 'x,y'], [2, ''], [0.1 + 0.2, None], ['=1', '-1.5']])
    assert table.csv() == 'a,b\n1,"x,y"\n2,\n0.30000000000000004,\n\'=1,-1.5\n'
    assert csv_lines(table.rows) == table.csv().partition('\n')[2]


def test_empty_table_has_its_headings_only():
    assert Table(['a', 'bc'], []).lines() == ['a  bc']
    assert Table([], []).csv() == '\n'


@pytest.mark.parametrize(('value', 'said'), [(0.5, '+50%'), (None, '–'), (math.nan, '–')])
def test_number_that_is_not_known_is_a_dash(value, said):
    assert number(value, '+.0%') == said
    assert (shown(value) == said) == (said == '–')
