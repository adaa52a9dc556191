import csv

import pytest

from depth_anything_ros.evaluation.metrics import chosen_metrics
from depth_anything_ros.evaluation.protocol import FrameScore
from depth_anything_ros.lab.datasets.comparison import summarise
from depth_anything_ros.lab.datasets.comparison_report import (
    corruption_table,
    source_table,
    write_images_csv,
    write_markdown,
)
from depth_anything_ros.lab.datasets.offline import ImageScores
from depth_anything_ros.lab.datasets.protocols import PROTOCOLS
from depth_anything_ros.lab.datasets.results import (
    Bootstrap,
    EvaluationProtocol,
    EvaluationSummary,
)
from depth_anything_ros.types import ModelIdentity


def image(source, name, problems=None, **abs_rels):
    scores = {
        predictor: FrameScore(
            {**dict.fromkeys(chosen_metrics(), 0.5), 'abs_rel': value}, 100, 0.75, 2, -1
        )
        for predictor, value in abs_rels.items()
    }
    return ImageScores(source, name, scores, problems or {})


IMAGES = [
    image('hall', 'hall/1', model=0.1, mean=0.2),
    image('hall', 'hall/2', model=0.2, mean=0.2),
    image('desk', 'desk/1', mean=0.3, problems={'model': 'the prediction is constant'}),
]


def test_the_csv_has_a_line_for_every_image_and_predictor(tmp_path):
    write_images_csv(tmp_path / 'images.csv', {'real': IMAGES})
    with (tmp_path / 'images.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    first = rows[0]
    assert (first['data'], first['source'], first['image']) == ('real', 'hall', 'hall/1')
    assert (first['predictor'], float(first['abs_rel'])) == ('model', pytest.approx(0.1))
    assert float(first['coverage']) == 0.75
    assert (float(first['scale']), float(first['shift'])) == (2, -1)
    failed = rows[5]
    assert failed['abs_rel'] == failed['pixels'] == ''
    assert failed['problem'] == 'the prediction is constant'


def test_the_table_has_a_row_for_each_source_and_one_for_all():
    table = source_table(summarise('made', IMAGES, ['model'], baselines=['mean']))
    headings, rows = table.headings, table.rows
    found = {row[0]: dict(zip(headings, row, strict=True)) for row in rows}
    assert list(found) == ['hall', 'desk', 'all']
    assert found['hall']['abs_rel'] == '0.150'
    assert found['hall']['ratio'] == '0.750'
    assert found['hall']['95% interval'] == '0.500 … 1.000'
    assert (found['all']['images'], found['all']['failed']) == ('3', '1')
    assert (found['desk']['abs_rel'], found['desk']['ratio']) == ('–', '–')


def test_without_a_baseline_the_table_has_no_ratio():
    table = source_table(summarise('made', IMAGES, ['model']))
    headings, rows = table.headings, table.rows
    assert headings[-1] == 'delta1'
    assert len(rows[0]) == len(headings)


def test_the_report_names_model_data_baseline_and_warnings(tmp_path):
    summary = EvaluationSummary(
        data=[summarise('rgbd_folder:rooms', IMAGES, ['model'], baselines=['mean'])],
        models={
            'tiny': ModelIdentity('tiny', 'checkpoint', '', 'torch', 'fp32', 'cpu', (192, 256), '')
        },
        protocol=EvaluationProtocol(
            name='nyu_eigen',
            source='Eigen et al. (2014)',
            changed=('range',),
            rule=PROTOCOLS['nyu_eigen'].rule,
            sources=[],
            baseline='simulator:1:500',
            baseline_scenes=499,
            bootstrap=Bootstrap(1000, 0.95, 0),
        ),
        environment={},
        warnings=['something to know'],
    )
    write_markdown(tmp_path / 'report.md', summary)
    text = (tmp_path / 'report.md').read_text()
    assert text.startswith('# tiny: depth against truth\n')
    assert (
        'Protocol nyu_eigen, not its own range: alignment scale_shift (metric predictions: none), '
        'truth between 0.001 and 10 m, rows 9.4% to 98.1%, columns 6.4% to 93.9%; per image'
    ) in text
    assert 'Source of the protocol: Eigen et al. (2014).' in text
    assert '## rgbd_folder:rooms' in text
    assert '| hall | 2 | 0 | 0.150 |' in text
    assert 'candidates: mean 0.233' in text
    assert '499 scenes of simulator:1:500' in text
    assert '- something to know' in text
    assert '- model: 1 of 3 images have no score' in text


def test_several_models_have_a_row_each_with_the_difference_from_the_first():
    images = [image('hall', 'hall/1', a=0.1, b=0.2), image('hall', 'hall/2', a=0.1, b=0.4)]
    data = summarise('made', images, ['a', 'b'])
    table = source_table(data)
    assert list(table.headings[:2]) == ['source', 'model']
    assert list(table.headings[-2:]) == ['abs_rel − a', '95% interval']
    assert [row[:2] for row in table.rows] == [
        ['hall', 'a'], ['hall', 'b'], ['all', 'a'], ['all', 'b'],
    ]  # fmt: skip
    assert table.rows[-2][-2:] == ['–', '–']
    assert table.rows[-1][-2:] == ['+0.2000', '+0.1000 … +0.3000']
    assert corruption_table(data) is None


def test_what_worse_pictures_cost_is_a_share():
    images = [image('hall', str(place), **{'a': 0.2, 'a + fog:5': 0.3}) for place in range(2)]
    table = corruption_table(summarise('made', images, ['a'], corruptions=['fog:5']))
    assert table.rows[0][:4] == ['fog:5', 'a', '2', '0']
    assert table.rows[0][-2:] == ['+50.0%', '+50.0% … +50.0%']
