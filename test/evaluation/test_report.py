import csv
import json
import re
import sys
from dataclasses import replace

import numpy as np
import pytest

from depth_anything_ros.errors import OutputError
from depth_anything_ros.evaluation.image_counts import ImageCounts
from depth_anything_ros.evaluation.metrics import METRICS, Group
from depth_anything_ros.evaluation.protocol import AlignmentMode, FrameScore
from depth_anything_ros.evaluation.report import (
    write_frames_csv,
    write_report,
    write_summary,
)
from depth_anything_ros.evaluation.run_page import Shown
from depth_anything_ros.evaluation.stability import Stability
from depth_anything_ros.evaluation.summary import RunProtocol, RunSummary, ScoreTable
from depth_anything_ros.evaluation.table import FrameTable
from depth_anything_ros.types import ModelIdentity

STAGES = {'inference': {'p50': 50.0, 'p95': 60.0, 'p99': None, 'max': 70.0}}


def table(frames=3):
    filled = FrameTable([AlignmentMode.SCALE], list(METRICS))
    for index in range(frames):
        values = dict.fromkeys(METRICS, 0.1 * (index + 1))
        scores = {AlignmentMode.SCALE: FrameScore(values, 10, 1.0)}
        filled.add(index * 10**8, 20.0 + index, 0.0, scores, '')
    return filled


def scores(abs_rel=0.2, frames=3):
    return {'scale': ScoreTable(dict.fromkeys(METRICS, abs_rel), frames)}


def summary(**changes):
    whole = RunSummary(
        finished=True,
        frames=ImageCounts(3, 3, 3, 0, 0, 0, 3),
        unscored={},
        latency_ms={'p50': 21.0, 'p95': 22.0, 'p99': 22.0, 'max': 22.0},
        rate_hz=10.0,
        stages_ms=STAGES,
        metrics=scores(),
        stability={'scale': Stability(0.0123, 0.0456, 2, 0.125)},
        model=ModelIdentity('some <model>', 'random', '', 'torch', 'fp32', 'cpu', (518, 686), ''),
        environment={'python': '3.10'},
        protocol=RunProtocol(0.2, 8.0, 0.05, 'stamp'),
        warnings=[],
    )
    return replace(whole, **changes)


def test_the_csv_has_a_line_per_frame_under_named_columns(tmp_path):
    write_frames_csv(tmp_path / 'frames.csv', table())
    with (tmp_path / 'frames.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['latency_ms'] for row in rows] == ['20', '21', '22']
    assert [float(row['scale_rmse']) for row in rows] == pytest.approx([0.1, 0.2, 0.3])


def test_numbers_that_are_not_finite_are_null_in_the_summary(tmp_path):
    odd = {'p50': float('nan'), 'p95': np.float64('inf'), 'p99': 1.5, 'max': None}
    write_summary(tmp_path / 's.json', summary(latency_ms=odd, rate_hz=float('inf')))
    text = (tmp_path / 's.json').read_text(encoding='utf-8')
    written = json.loads(text)
    assert written['latency_ms'] == {'p50': None, 'p95': None, 'p99': 1.5, 'max': None}
    assert (written['rate_hz'], written['frames']['sent']) == (None, 3)
    assert '<model>' in text
    assert 'NaN' not in text


def page(tmp_path, pictures=(), frames=3, **changes):
    write_report(tmp_path / 'report.html', summary(**changes), table(frames), Shown(pictures))
    return (tmp_path / 'report.html').read_text(encoding='utf-8')


def cells(text):
    """Return the texts of all cells, with those of headings."""
    return re.findall(r'<(?:td|th|dt|dd)[^>]*>([^<]*)<', text)


def test_the_page_tells_how_steady_the_depth_is(tmp_path):
    found = cells(page(tmp_path))
    place = found.index('0.0123')
    assert found[place - 1 : place + 4] == ['scale', '0.0123', '0.0456', '2', '0.125']


def test_the_page_holds_its_charts_and_loads_nothing(tmp_path):
    text = page(tmp_path)
    over_time = [
        metric
        for metric in METRICS.values()
        if metric.group is not Group.DISTANCE and not metric.detail
    ]
    # Beside them error by distance, latency and its histogram.
    assert text.count('<svg') == len(over_time) + 3
    assert 'http' not in text
    assert re.findall(r'(?:src|href)="(?!#|data:)', text) == []


def test_the_page_needs_no_library_that_draws(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'matplotlib', None)
    assert '<svg' in page(tmp_path)


def test_five_thousand_frames_are_a_small_page(tmp_path):
    text = page(tmp_path, frames=5000)
    assert 'the band reaches from its lowest to its highest' in text
    assert len(text) < 520_000


def test_warnings_stand_before_all_else(tmp_path):
    text = page(tmp_path, warnings=['random weights: the depth means nothing'])
    place = text.index('<li>random weights: the depth means nothing</li>')
    assert text.index('<main>') < place < text.index('class="figures"')
    assert 'class="warnings"' not in page(tmp_path)


def test_a_run_that_goes_on_says_so(tmp_path):
    assert 'In the middle of the run.' in page(tmp_path, finished=False)
    assert 'In the middle of the run.' not in page(tmp_path)


def test_names_are_escaped(tmp_path):
    assert 'some &lt;model&gt;' in page(tmp_path)


def test_the_page_links_the_pictures_by_relative_path(tmp_path):
    text = page(tmp_path, pictures=[tmp_path / 'pictures' / '0000.png'])
    assert 'href="pictures/0000.png"' in text


def test_the_page_shows_the_numbers_of_the_summary(tmp_path):
    text = page(tmp_path)
    found = cells(text)
    assert '518×686' in found
    assert {metric.heading for metric in METRICS.values()} <= set(found)
    assert re.findall(r'<b>(.*?)</b>', text) == ['0.2', '0.2 m', '0.2', '21 ms', '10 Hz', '3']


def test_a_run_without_frames_and_stages_has_a_page_too(tmp_path):
    nothing = dict.fromkeys(('p50', 'p95', 'p99', 'max'))
    text = page(
        tmp_path,
        frames=0,
        latency_ms=nothing,
        rate_hz=None,
        stages_ms={},
        metrics=scores(None, 0),
        model=None,
    )
    assert '–' in cells(text)
    assert 'unknown model' in text


@pytest.mark.parametrize(
    'write',
    [
        lambda path: write_frames_csv(path, table()),
        lambda path: write_summary(path, summary()),
        lambda path: write_report(path, summary(), table(), Shown()),
    ],
)
def test_a_file_that_cannot_be_written_raises(tmp_path, write):
    (tmp_path / 'file').touch()
    with pytest.raises(OutputError, match='file stands where a folder is needed'):
        write(tmp_path / 'file' / 'a')
