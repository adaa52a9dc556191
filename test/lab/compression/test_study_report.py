import csv
import json
from dataclasses import replace

import pytest
from study_results import WORD, result

from depth_anything_ros.errors import OutputError
from depth_anything_ros.evaluation.ground import GroundCount, GroundSummary
from depth_anything_ros.json_text import as_json, from_json, parse_json
from depth_anything_ros.lab.compression.study_plots import size_plot, sparsity_plot
from depth_anything_ros.lab.compression.study_report import (
    cost_table,
    findings,
    score_table,
    warnings,
    write_csv,
    write_report,
)
from depth_anything_ros.lab.compression.study_results import (
    Conditions,
    StudyModel,
    StudyProtocol,
    StudyResult,
    StudySummary,
)
from depth_anything_ros.types import CameraMounting

RESULTS = [
    result('float32', 0.1, 2_000_000),
    result('prune(0.5)', 0.12, 1_000_000, inverted=2),
    result('prune(0.9, global)', None, 500_000, failed=10, failure='out of memory'),
]


def summary(random=False, protocol='robot'):
    conditions = Conditions(
        input_size=0,
        min_depth_m=0.2,
        max_depth_m=8.0,
        calibration='simulator:1000000:32 (at most 32 images)',
        compared='simulator:2000000:4',
        runs=50,
        threads=0,
        environment={},
        protocol=protocol,
    )
    return StudySummary(
        StudyModel('tiny', 'random' if random else 'pretrained', 'ab', 'Apache-2.0'),
        StudyProtocol([WORD], ['torch fp32'], 'relative inverse depth', conditions),
        RESULTS,
        {WORD: findings(RESULTS, WORD)},
        warnings(RESULTS, random),
    )


def test_csv_has_every_number_and_leaves_the_unknown_empty(tmp_path):
    write_csv(tmp_path / 'study.csv', RESULTS)
    with (tmp_path / 'study.csv').open() as file:
        parent, pruned, failed = csv.DictReader(file)
    assert (parent['recipe'], parent['data'], parent['bytes']) == ('float32', WORD, '2000000')
    assert (parent['sqnr_db'], pruned['sqnr_db']) == ('inf', '40.25')
    assert float(pruned['scale_shift_abs_rel']) == float(pruned['none_rmse']) == 0.12
    assert float(pruned['abs_rel_change']) == pytest.approx(0.2)
    assert (pruned['inverted'], pruned['torch fp32 speed_up']) == ('2', '1.25')
    assert failed['scale_shift_abs_rel'] == failed['abs_rel_change'] == ''
    assert (failed['failed'], failed['torch fp32 p50_ms']) == ('10', '')


def test_tables_show_what_is_known():
    costs = cost_table(RESULTS)
    assert costs.headings[-3:] == ['torch fp32 p50 ms', 'speed-up', 'peak MB']
    assert costs.rows[0] == ['float32', '2.00', '1.000', '25.0%', '∞', '12.5', '1.25', '346']
    assert costs.rows[2][-3:] == ['–', '–', '346']
    scores = score_table(RESULTS, WORD)
    assert dict(zip(scores.headings, scores.rows[1], strict=True))['abs_rel change'] == '+20.00%'
    assert scores.rows[2] == ['prune(0.9, global)', *['–'] * 11, '10']


def test_report_shows_tables_findings_plots_and_warnings(tmp_path):
    (tmp_path / 'first_1.png').touch()
    write_report(tmp_path / 'report.md', summary(), {WORD: tmp_path / 'first_1.png'})
    text = (tmp_path / 'report.md').read_text()
    assert 'Random' not in text
    assert '| prune(0.5) | 1.00 | 0.500 |' in text
    assert 'with 50% AbsRel is 20.0% above the parent.' in text
    for name in ('sparsity_1.png', 'size_1.png'):
        assert f']({name})' in text
        assert (tmp_path / name).read_bytes().startswith(b'\x89PNG')
    assert '](first_1.png)' in text
    assert 'prune(0.5), simulator:5:10: the fitted scale is negative in 2 of 10 images' in text
    assert '10 images have no score: constant' in text
    assert 'by protocol robot: truth within 0.2 to 8 m, each image' in text
    assert 'Table 1' not in text
    assert 'prune(0.9, global), torch fp32: out of memory' in text


def test_the_protocol_of_the_paper_brings_its_table(tmp_path):
    write_report(tmp_path / 'report.md', summary(protocol='seed000'), {})
    text = (tmp_path / 'report.md').read_text()
    assert 'clamped to 0.2 to 8 m' in text
    assert 'Table 1 of "Depth Anything V2 Mini", beside aligned scores:' in text
    assert '| model variant | RMSE | δ (1.25) | size |' in text


def test_random_weights_are_named(tmp_path):
    write_report(tmp_path / 'report.md', summary(random=True), {})
    text = (tmp_path / 'report.md').read_text()
    assert '**Random weights: no score on this page means anything.**' in text
    assert warnings(RESULTS, True)[0].startswith('random weights: no score means anything')


def test_nothing_is_plotted_over_sparsity_without_pruning():
    assert sparsity_plot([RESULTS[0], result('int16_static', 0.1)], WORD) is None


def test_plot_of_sizes_does_without_scores():
    assert size_plot([RESULTS[2]], WORD).startswith(b'\x89PNG')


def test_page_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(OutputError, match='file stands where a folder is needed'):
        write_report(tmp_path / 'file' / 'report.md', summary(), {})


def test_a_ground_that_is_told_wrong_is_warned_of_once():
    ground = GroundSummary({'contradicted': GroundCount(10, CameraMounting(0.3), 0.3, 0.3)}, 0,
                           CameraMounting(0.6))  # fmt: skip
    results = [result('float32', 0.1), result('bfloat16', 0.1)]
    results = [
        replace(found, scores={WORD: replace(found.scores[WORD], ground=ground)})
        for found in results
    ]
    (told,) = warnings(results, random=False)
    assert told.startswith(f'{WORD}: obstacles: the camera is told to be lens 0.6 m above')
    assert (
        from_json(StudyResult, parse_json(json.dumps(results[0], default=as_json))) == results[0]
    )


def test_a_recipe_that_misses_more_obstacles_is_warned_of_even_where_abs_rel_passes():
    parent, near, worse = (result(name, 0.1) for name in ('float32', 'fp16', 'int8_static'))
    for made, missed in ((parent, 0.2), (near, 0.209), (worse, 0.211)):
        made.scores[WORD].scale_shift['obstacles.missed'] = missed
    (warning,) = warnings([parent, near, worse], random=False)
    assert warning == (
        'int8_static, simulator:5:10: 21.1% of the obstacles are missed, +1.1 percentage points '
        'over the 20.0% of the parent; abs_rel +0.0%'
    )
    table = score_table([parent, near, worse], WORD)
    row = dict(zip(table.headings, table.rows[1], strict=True))
    assert (row['obstacles missed'], row['more missed']) == ('20.90%', '+0.90%')
    del worse.scores[WORD].scale_shift['obstacles.missed']
    assert warnings([parent, near, worse], random=False) == []
