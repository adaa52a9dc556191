import csv
import json
import math

import cv2
import pytest

from depth_anything_ros.lab.quality import report
from depth_anything_ros.lab.quality.scores import DepthScore
from depth_anything_ros.lab.quality.selection import (
    Reason,
    ScoredSample,
    SelectionConfig,
    select,
)


def sample(data, name, distribution, gradient):
    score = DepthScore(1.0, 1 / 3, 0, 0, distribution, gradient, (distribution + gradient) / 2)
    return ScoredSample(data, 0, name, 'room', score)


@pytest.fixture
def samples():
    """Return two data sets: five samples with one broken, and one without a gradient."""
    five = [sample('five', str(place), 0.2 + place / 10, 0.9) for place in range(5)]
    five.append(ScoredSample('five', 5, 'x', 'room', None, 'no\nimage'))
    one = [sample('one', '0', 0.5, math.nan)]
    config = SelectionConfig()
    return {'five': select(five, config), 'one': select(one, config)}


def test_csv_has_a_row_for_every_sample_and_blanks_for_undefined(tmp_path, samples):
    path = tmp_path / 'samples.csv'
    report.write_samples(path, [*samples['five'], *samples['one']])
    with path.open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 7
    assert list(rows[0]) == [
        'data', 'name', 'source', 'valid_share', 'chi_square', 'concentration',
        'range_utilisation', 'distribution', 'gradient', 'total', 'kept', 'reasons', 'failure',
    ]  # fmt: skip
    assert rows[0]['chi_square'] == '0.333333'
    assert (rows[0]['kept'], rows[0]['reasons']) == ('0', 'distribution gradient')
    assert (rows[1]['kept'], rows[1]['reasons']) == ('1', '')
    assert (rows[5]['total'], rows[5]['reasons']) == ('', 'unreadable')
    assert rows[5]['failure'] == 'no image'
    assert (rows[6]['distribution'], rows[6]['gradient']) == ('0.5', '')


def test_statistics_files_agree(tmp_path, samples):
    rows = report.tabulate(samples)
    report.write_statistics(tmp_path, rows)
    records = json.loads((tmp_path / 'statistics.json').read_text())
    assert [row['data'] for row in records] == ['five', 'one', 'all']
    assert [row['good'] for row in records] == [4, 0, 4]
    assert [row['bad'] for row in records] == [2, 1, 3]
    assert records[0]['mean_distribution'] == pytest.approx(0.4)
    assert records[1]['mean_total'] is None
    with (tmp_path / 'statistics.csv').open(newline='') as file:
        flat = list(csv.DictReader(file))
    assert list(flat[0]) == [
        'data', 'total', 'good', 'bad', 'mean_total', 'mean_distribution', 'mean_gradient',
        'unreadable', 'few_valid', 'undefined', 'distribution', 'gradient',
    ]  # fmt: skip
    assert [int(row['bad']) for row in flat] == [2, 1, 3]
    assert [int(row['undefined']) for row in flat] == [0, 1, 1]
    assert flat[1]['mean_total'] == ''
    lines = (tmp_path / 'statistics.md').read_text().splitlines()
    assert lines[0].startswith('| data set | total | good | bad | unreadable |')
    assert lines[2] == '| five | 6 | 4 | 2 | 1 | 0 | 0 | 1 | 1 | 0.650 | 0.400 | 0.900 |'
    assert lines[3].endswith('| – | – | – |')
    assert len({line.count('|') for line in lines}) == 1


def test_single_data_set_has_no_summary(samples):
    assert [row.data for row in report.tabulate({'five': samples['five']})] == ['five']
    assert report.tabulate(samples)[-1].dropped[Reason.DISTRIBUTION] == 1


def test_plot_shows_data_sets_even_without_scores(tmp_path, samples):
    path = tmp_path / 'scores.png'
    report.write_plot(path, samples)
    image = cv2.imread(str(path))
    assert image.shape[1] == 1200
    assert image.std() > 5
