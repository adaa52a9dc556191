import csv
import io
import json

import pytest
from made_runs import evaluated, played

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.evaluation.protocol import AlignmentMode
from depth_anything_ros.lab.evaluation.finished import compare_runs, read_runs


def compare(*folders, metric='abs_rel'):
    return compare_runs(read_runs(folders), metric)


def test_runs_of_evaluate_are_compared_image_by_image(tmp_path):
    old = evaluated(tmp_path / 'old', {'a/1': 0.1, 'a/2': 0.2, 'b/1': 0.3})
    new = evaluated(tmp_path / 'new', {'b/1': 0.33, 'a/1': 0.11, 'a/2': 0.22})
    compared = compare(old, new)
    (data,) = compared.data
    assert (data.word, compared.runs, compared.warnings) == ('made', ['old', 'new'], [])
    assert data.models['new'].whole.metrics.means['abs_rel'] == pytest.approx(0.22)
    assert data.models['new'].sources['a'].difference.metrics['abs_rel'].value == pytest.approx(
        0.015
    )
    assert data.verdicts[0].startswith('new is worse than old: abs_rel +0.0200')
    assert data.verdicts[0].endswith('over 3 images of 2 sources')


def test_models_of_one_run_are_compared_too(tmp_path):
    folder = evaluated(tmp_path / 'run', {'a/1': 0.1, 'a/2': 0.2}, models=('tiny', 'big'))
    compared = compare(folder)
    assert compared.runs == ['run: tiny', 'run: big']
    told = 'run: big and run: tiny are equal: abs_rel differs in none of 2 images'
    assert compared.data[0].verdicts == [told]


def test_runs_of_one_folder_name_are_told_apart_by_their_paths(tmp_path):
    folders = [evaluated(tmp_path / name / 'out', {'a/1': 0.1, 'a/2': 0.1}) for name in 'xy']
    assert compare(*folders).runs == [str(folder) for folder in folders]
    with pytest.raises(DatasetError, match='give each folder once'):
        compare(folders[0], folders[0])


def test_only_common_images_count_and_how_many_is_told(tmp_path):
    old = evaluated(tmp_path / 'old', {'a/1': 0.1, 'a/2': 0.2, 'a/3': 5.0})
    new = evaluated(tmp_path / 'new', {'a/1': 0.1, 'a/2': None, 'a/4': 9.0})
    (data,) = compare(old, new).data
    assert data.models['old'].whole.images == 2
    assert data.models['new'].whole.failed == 1
    assert data.models['new'].whole.difference.images == 1
    # The means too: 0.1 of a/1, which both have a score for.
    for run in ('old', 'new'):
        found = data.models[run].whole.metrics
        assert (found.images, found.means['abs_rel']) == (1, pytest.approx(0.1))
    assert any(
        text.startswith('means and differences are over the 1 of 2') for text in data.warnings
    )
    assert '2 images are common to all runs, others do not count (old: 3, new: 3)' in data.warnings


def test_runs_without_a_common_image_are_refused(tmp_path):
    old = evaluated(tmp_path / 'old', {'a/1': 0.1})
    new = evaluated(tmp_path / 'new', {'a/2': 0.1})
    with pytest.raises(DatasetError, match=r'no image in common \(old: 1, new: 1 images\)'):
        compare(old, new)


def test_runs_of_different_protocols_are_refused(tmp_path):
    old = evaluated(tmp_path / 'old', {'a/1': 0.1})
    new = evaluated(tmp_path / 'new', {'a/1': 0.1}, alignment='none', bootstrap=None)
    with pytest.raises(
        DatasetError,
        match="'old' was scored with alignment scale_shift, 'new' with alignment none",
    ):
        compare(old, new)


def test_the_only_data_of_another_name_is_taken_and_told(tmp_path):
    old = evaluated(tmp_path / 'old', {'a/1': 0.1, 'a/2': 0.1}, word='rgbd_folder:/here')
    new = evaluated(tmp_path / 'new', {'a/1': 0.1, 'a/2': 0.1}, word='rgbd_folder:/there')
    compared = compare(old, new)
    assert compared.data[0].word == 'rgbd_folder:/here'
    assert compared.warnings == [
        "'new' has 'rgbd_folder:/there', which is taken for 'rgbd_folder:/here'"
    ]


def test_runs_of_nodes_are_compared_by_the_stamps_of_their_frames(tmp_path):
    old = played(tmp_path / 'old', {10: 0.1, 20: 0.2, 30: 0.3})
    new = played(tmp_path / 'new', {20: 0.1, 30: 0.2, 40: 0.7})
    (data,) = compare(old, new).data
    assert data.word == 'alignment scale_shift'
    assert data.models['new'].whole.difference.metrics['abs_rel'].value == pytest.approx(-0.1)
    assert data.verdicts[0].startswith('new is better than old')
    assert 'which says nothing of others' in data.verdicts[0]


def test_an_alignment_is_never_taken_for_another(tmp_path):
    old = played(tmp_path / 'old', {10: 0.1, 20: 0.2}, modes=[AlignmentMode.ONLINE])
    new = played(tmp_path / 'new', {10: 0.2, 20: 0.3}, modes=[AlignmentMode.SCALE])
    with pytest.raises(DatasetError, match='no data in common'):
        compare(old, new)
    both = played(tmp_path / 'both', {10: 0.1}, modes=[AlignmentMode.SCALE, AlignmentMode.ONLINE])
    assert [data.word for data in compare(both, new).data] == ['alignment scale']


def test_data_of_another_name_is_not_taken_twice(tmp_path):
    old = evaluated(tmp_path / 'old', {'a/1': 0.1, 'a/2': 0.1}, word='x')
    (old / 'images.csv').write_text((old / 'images.csv').read_text() + _renamed(old, 'x', 'y'))
    new = evaluated(tmp_path / 'new', {'a/1': 0.1, 'a/2': 0.1}, word='x')
    compared = compare(old, new)
    assert [data.word for data in compared.data] == ['x']
    assert compared.warnings == ["'new' has no data 'y', which is left out"]


def _renamed(folder, word, other):
    """Return the rows of `images.csv` as those of other data."""
    rows = (folder / 'images.csv').read_text().splitlines(keepends=True)[1:]
    return ''.join(row.replace(f'{word},', f'{other},', 1) for row in rows)


def test_scores_without_coverage_are_read(tmp_path):
    folder = evaluated(tmp_path / 'pairs', {'a/1': 0.1, 'a/2': 0.2}, models=('tiny', 'big'))
    file = folder / 'images.csv'
    header, *rows = csv.reader(io.StringIO(file.read_text()))
    for row in rows:
        row[header.index('coverage')] = ''
    with file.open('w', newline='') as opened:
        csv.writer(opened).writerows([header, *rows])
    assert compare(folder).data[0].models['pairs: big'].whole.images == 2


def test_a_verdict_counts_the_images_that_have_its_metric(tmp_path):
    old = evaluated(tmp_path / 'old', {'a/1': 0.1, 'a/2': 0.2, 'b/1': 0.3})
    new = evaluated(tmp_path / 'new', {'a/1': 0.2, 'a/2': 0.3, 'b/1': None})
    (verdict,) = compare(old, new).data[0].verdicts
    assert 'over 2 images of 1 source, which says nothing of others' in verdict


def test_runs_with_new_stamps_are_paired_in_order_if_each_answered_every_image(tmp_path):
    old = played(tmp_path / 'old', {10: 0.1, 20: 0.2})
    new = played(tmp_path / 'new', {110: 0.2, 120: 0.3})
    (data,) = compare(old, new).data
    assert data.models['new'].whole.difference.metrics['abs_rel'].value == pytest.approx(0.1)
    assert 'paired in their order' in data.warnings[0]
    lossy = played(tmp_path / 'lossy', {110: 0.2, 120: 0.3}, dropped=1)
    with pytest.raises(DatasetError, match='no image in common'):
        compare(old, lossy)


def test_runs_of_both_kinds_have_nothing_in_common(tmp_path):
    old = evaluated(tmp_path / 'old', {'a/1': 0.1})
    with pytest.raises(DatasetError, match='only runs of one protocol compare'):
        compare(old, played(tmp_path / 'new', {1: 0.1}))


def test_what_is_no_run_is_told(tmp_path):
    old = evaluated(tmp_path / 'old', {'a/1': 0.1})
    with pytest.raises(DatasetError, match='holds a single run; two or more are compared'):
        compare(old)
    with pytest.raises(DatasetError, match=r'holds neither images\.csv .* nor frames\.csv'):
        compare(old, tmp_path)
    with pytest.raises(DatasetError, match="there is no folder '.*away'"):
        compare(old, tmp_path / 'away')
    (old / 'summary.json').unlink()
    with pytest.raises(
        DatasetError, match=r'cannot be read as the results of a run.*summary\.json'
    ):
        compare(old, old)


def without_last_cells(text):
    return text.rpartition('100')[0]


@pytest.mark.parametrize(
    ('changed', 'problem'),
    [
        (lambda text: 'data,source\nx,y\n', 'has no column image, predictor, pixels, problem; an'),
        (lambda text: text.replace(',', ';'), 'a spreadsheet with semicolons between cells'),
        (without_last_cells, r'line 5 of .* has not as many cells as its header; was it cut off'),
        (lambda text: text.replace('0.1', 'inf', 1), "results of a run: .*a score is 'inf'"),
        (lambda text: text.replace('0.1', 'x', 1), 'results of a run: .*could not convert'),
    ],
)
def test_a_table_that_is_not_whole_is_told(tmp_path, changed, problem):
    folder = evaluated(tmp_path / 'run', {'a/1': 0.1, 'a/2': 0.2}, models=('tiny',))
    old = evaluated(tmp_path / 'old', {'a/1': 0.1, 'a/2': 0.2})
    file = folder / 'images.csv'
    file.write_text(changed(file.read_text()))
    with pytest.raises(DatasetError, match=problem):
        compare(old, folder)


def test_marks_and_line_ends_of_windows_are_no_fault(tmp_path):
    folders = [evaluated(tmp_path / name, {'a/1': 0.1, 'a/2': 0.1}) for name in ('old', 'new')]
    file = folders[1] / 'images.csv'
    file.write_bytes(b'\xef\xbb\xbf' + file.read_bytes().replace(b'\n', b'\r\n'))
    assert compare(*folders).data[0].models['new'].whole.images == 2


def test_random_weights_and_runs_that_go_on_are_told(tmp_path):
    old = evaluated(tmp_path / 'old', {'a/1': 0.1, 'a/2': 0.1})
    new = evaluated(tmp_path / 'new', {'a/1': 0.1, 'a/2': 0.1})
    summary = json.loads((new / 'summary.json').read_text())
    summary['models']['tiny'] = {'weights': 'random'}
    (new / 'summary.json').write_text(json.dumps(summary))
    assert compare(old, new).warnings == ['new: random weights: the depth means nothing']
    first, second = (played(tmp_path / name, {10: 0.1, 20: 0.2}) for name in ('one', 'two'))
    summary = json.loads((second / 'summary.json').read_text())
    (second / 'summary.json').write_text(json.dumps({**summary, 'finished': False}))
    assert compare(first, second).warnings == [
        'two: it was stopped before its end, or still goes on'
    ]


def test_other_pictures_of_the_same_names_are_not_the_same_images(tmp_path):
    errors = {'a/1': 0.1, 'a/2': 0.2}
    old = evaluated(tmp_path / 'old', errors, truth_m={'a/1': 1.5, 'a/2': 2.0})
    new = evaluated(tmp_path / 'new', errors, truth_m={'a/1': 1.5001, 'a/2': 2.5})
    (data,) = compare(old, new).data
    assert data.models['old'].whole.images == 1
    assert data.warnings == [
        "1 of 2 common images have other truth: that of a/2 is 2 m on average in 'old', 2.5 m in "
        "'new'; they do not count"
    ]
    other = evaluated(tmp_path / 'other', errors, truth_m={'a/1': 3.0, 'a/2': 3.0})
    with pytest.raises(
        DatasetError, match="of other pictures of the same names; 2 of 2 .*'other'"
    ):
        compare(old, other)


def test_runs_are_asked_for_by_their_files_too(tmp_path):
    folders = [evaluated(tmp_path / name, {'a/1': 0.1, 'a/2': 0.1}) for name in ('old', 'new')]
    for name in ('summary.json', 'images.csv'):
        assert compare(*(folder / name for folder in folders)).runs == ['old', 'new']


def test_a_metric_counts_where_all_runs_have_it(tmp_path):
    old = evaluated(tmp_path / 'old', {'a/1': 0.1, 'a/2': 0.2})
    new = evaluated(tmp_path / 'new', {'a/1': 0.1, 'a/2': 0.2})
    file = new / 'images.csv'
    header, first, *rows = csv.reader(io.StringIO(file.read_text()))
    first[header.index('rmse')] = ''
    with file.open('w', newline='') as opened:
        csv.writer(opened).writerows([header, first, *rows])
    (data,) = compare(old, new).data
    assert data.models['new'].whole.difference.metrics['rmse'].low is None
