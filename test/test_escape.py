"""Names that bite: what files and messages may be called, wherever people read it."""

import csv
import html.parser
import math

import numpy as np
import pytest

from depth_anything_ros import escape
from depth_anything_ros.cli import console
from depth_anything_ros.evaluation.image_counts import ImageCounts
from depth_anything_ros.evaluation.picture import Picture, write_picture
from depth_anything_ros.evaluation.report import write_report
from depth_anything_ros.evaluation.run_page import Shown
from depth_anything_ros.evaluation.summary import RunProtocol, RunSummary
from depth_anything_ros.evaluation.table import FrameTable
from depth_anything_ros.files import write_text
from depth_anything_ros.lab.quality.report import write_statistics
from depth_anything_ros.lab.quality.selection import statistics
from depth_anything_ros.table import Table
from depth_anything_ros.types import ModelIdentity

EVIL = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    'one\ntwo',
    'one\r\x1b[2J\x1b]0;title\x07two',
    '=HYPERLINK("http://x","y")',
    '+1+cmd|calc',
    '@SUM(A1)',
    '-2+3',
    '\t=1',
    'a | b',
    '![x](http://x/y.png)',
    '[x](javascript:alert(1))',
    '`code`',
    '\u202egnp.exe',
    '\udcff',
    '$\\frac$',
    '\x9b31m',
]


@pytest.mark.parametrize('name', EVIL)
def test_a_terminal_gets_one_line_without_control(name):
    shown = escape.one_line(name)
    assert shown.isprintable()
    assert len(shown.splitlines()) == 1
    shown.encode('utf-8')


def test_what_can_be_seen_stays():
    text = 'Größe in °C: 深度 – ∞ / {a_b} "c" \'d\''
    assert escape.one_line(text) == text
    assert escape.one_line('a\x1b[0m\nb') == 'a\\x1b[0m\\nb'
    assert escape.lines('a\x1b\nb') == 'a\\x1b\nb'


class _Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ''

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize('name', EVIL)
def test_a_table_of_markdown_keeps_its_cells(name):
    lines = Table(['a', 'b'], [[name, 'x']]).markdown()
    assert len(lines) == 3
    row = lines[2].replace('\\\\', '').replace('\\|', '')
    assert row.count('|') == 3
    assert '<' not in lines[2]
    for markup in ('`', '['):
        assert lines[2].count(markup) == lines[2].count(f'\\{markup}')


@pytest.mark.parametrize('name', EVIL)
def test_no_cell_of_a_spreadsheet_is_a_formula(tmp_path, name):
    table = Table(['name', name], [[name, -0.5], ['plain', '-1.5e-3']])
    write_text(tmp_path / 't.csv', table.csv())
    with (tmp_path / 't.csv').open(newline='', encoding='utf-8') as file:
        header, first, second = csv.reader(file)
    for cell in (header[1], first[0]):
        assert cell[0] not in '=+-@\t\r'
        assert cell.removeprefix("'") == escape.one_line(name)
    assert (first[1], second) == ('-0.5', ['plain', '-1.5e-3'])


@pytest.mark.parametrize('value', [-1, 2.5, None, '-1', '+3e5', '-inf', '', 'a=b', math.inf])
def test_numbers_and_plain_text_stay_as_they_are(value):
    assert escape.csv_cell(value) == value


def test_the_terminal_of_every_verb_is_kept_from_names(capsys):
    for name in EVIL:
        console.write_line(name)
        console.write_table(Table(['a', 'b'], [[name, '1']]))
        console.write_error(name)
        console.write_warning(name)
    out, err = capsys.readouterr()
    assert all(line.isprintable() for line in (out + err).split('\n'))
    # A line, a heading and a row each; an error and a warning each.
    assert out.count('\n') == 3 * len(EVIL)
    assert err.count('\n') == 2 * len(EVIL)


def evil_summary(name):
    return RunSummary(
        finished=True,
        frames=ImageCounts(1, 0, 0, 1, 0, 0, 0),
        unscored={},
        latency_ms=dict.fromkeys(('p50', 'p95', 'p99', 'max')),
        rate_hz=None,
        stages_ms={name: {'p50': 1.0, 'p95': 2.0, 'p99': 3.0}},
        metrics={},
        stability={},
        model=ModelIdentity(name, name, name, name, name, name, (1, 1), name),
        environment={name: name},
        protocol=RunProtocol(0.2, 8.0, 0.05, 'stamp'),
        warnings=[f'1 messages left out: {name}'],
    )


def test_the_report_of_a_run_holds_no_tag_of_a_message(tmp_path):
    def page(name):
        write_report(tmp_path / 'r.html', evil_summary(name), FrameTable([]), Shown())
        read = _Tags()
        read.feed((tmp_path / 'r.html').read_text(encoding='utf-8'))
        return read

    tame = page('Tame')
    for name in EVIL:
        found = page(name)
        assert found.tags == tame.tags
        assert found.text == tame.text.replace('Tame', escape.one_line(name))


def test_pictures_take_any_name(tmp_path):
    flat = np.ones((4, 4), np.float32)
    for name in EVIL:
        write_picture(tmp_path / 'p.png', Picture(None, flat, flat, name, 'prediction'))


def test_the_tables_of_a_scoring_run_keep_their_cells(tmp_path):
    write_statistics(tmp_path, [statistics('=a|b\n<b>', [])])
    lines = (tmp_path / 'statistics.md').read_text().splitlines()
    assert len(lines) == 3
    assert lines[2].startswith('| =a\\|b\\\\n&lt;b&gt; |')
    with (tmp_path / 'statistics.csv').open(newline='') as file:
        assert next(csv.DictReader(file))['data'] == "'=a|b\\n<b>"
