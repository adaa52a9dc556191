import re
from dataclasses import replace

import numpy as np
import pytest
from test_comparison_report import IMAGES, image

from depth_anything_ros.errors import OutputError
from depth_anything_ros.evaluation.environment import environment
from depth_anything_ros.evaluation.frame_card import keep_frame
from depth_anything_ros.evaluation.picture import Picture
from depth_anything_ros.lab.datasets.comparison import summarise
from depth_anything_ros.lab.datasets.comparison_page import write_evaluation_page
from depth_anything_ros.lab.datasets.comparison_report import summary_warnings
from depth_anything_ros.lab.datasets.gallery import ExtremeImages
from depth_anything_ros.lab.datasets.protocols import PROTOCOLS
from depth_anything_ros.lab.datasets.results import (
    Bootstrap,
    EvaluationProtocol,
    EvaluationSummary,
)
from depth_anything_ros.types import ModelIdentity

IDENTITY = ModelIdentity('tiny', 'checkpoint', '', 'torch', 'fp32', 'cpu', (192, 256), '')
SEVERAL = [
    image('hall', f'hall/{place}', first=0.01 * place, second=0.3 - 0.01 * place)
    for place in range(1, 26)
]


def summary(images, models, protocol='robot', baselines=()):
    return EvaluationSummary(
        data=[summarise('made:<rooms>', images, models, baselines=baselines)],
        models=dict.fromkeys(models, IDENTITY),
        protocol=EvaluationProtocol(
            name=protocol,
            source='this package',
            changed=(),
            rule=PROTOCOLS[protocol].rule,
            sources=[],
            baseline='simulator:1:500' if baselines else None,
            baseline_scenes=499 if baselines else None,
            bootstrap=Bootstrap(1000, 0.95, 0),
        ),
        environment=environment(),
        warnings=['random weights: <b>'],
    )


def page(tmp_path, found, images, pictures=(), extremes=None):
    path = tmp_path / 'report.html'
    write_evaluation_page(path, found, {'made:<rooms>': images}, pictures, extremes or {})
    return path.read_text(encoding='utf-8')


def test_warnings_name_their_data_where_there_are_several(tmp_path):
    found = summary(IMAGES, ['model'])
    one, two = (
        summarise(f'made:{word}', IMAGES, ['model'], warnings=['same', word]) for word in 'ab'
    )
    told = summary_warnings(replace(found, data=[one, two], warnings=['all']))
    assert told[:3] == ['all', 'made:a, made:b: same', 'made:a: a']
    assert len(told) == len(set(told))
    assert summary_warnings(replace(found, data=[one]))[1] == 'same'


def cells(text):
    return re.findall(r'<td[^>]*>([^<]*)<', text)


def test_the_page_shows_scores_warnings_and_what_the_ratio_is(tmp_path):
    found = summary(IMAGES, ['model'], baselines=['mean'])
    text = page(tmp_path, found, IMAGES)
    assert '<li>random weights: &lt;b&gt;</li>' in text
    assert '<h2>made:&lt;rooms&gt;</h2>' in text
    assert '0.500 … 1.000' in cells(text)
    assert 'made of 499 scenes of simulator:1:500' in text
    assert re.findall('<b>(.*?)</b>', text) == ['0.15']


def test_two_models_share_tables_and_charts(tmp_path):
    text = page(tmp_path, summary(SEVERAL, ['first', 'second']), SEVERAL)
    assert text.count('<li class="c0">first</li>') == text.count('<li class="c1">second</li>') == 3
    worst = cells(text[text.index('Worst images of first') : text.index('Best images of first')])
    assert worst[:4] == ['hall/25', 'hall', '0.25', '0.05']
    assert len(worst) == 10 * 4
    assert cells(text[text.index('Best images of first</caption>') :])[0] == 'hall/1'


def test_a_range_without_an_end_has_no_bands_of_distance(tmp_path):
    found = summary(IMAGES, ['model'])
    assert 'AbsRel by distance' in page(tmp_path, found, IMAGES)
    endless = replace(found.protocol, rule=replace(found.protocol.rule, max_depth_m=1e6))
    assert 'AbsRel by distance' not in page(tmp_path, replace(found, protocol=endless), IMAGES)


def kept(name):
    truth_m = np.linspace(1, 3, 48, dtype=np.float32).reshape(6, 8)
    rgb = np.zeros((6, 8, 3), np.uint8)
    return keep_frame(name, {'AbsRel': 0.1}, Picture(rgb, truth_m, truth_m, ''))


def test_the_worst_and_the_best_images_are_shown(tmp_path):
    shown = {'made:<rooms>': ExtremeImages([kept('hall/9'), kept('hall/8')], [kept('desk/<1>')])}
    text = page(tmp_path, summary(SEVERAL, ['first', 'second']), SEVERAL, extremes=shown)
    worst, best = text.index('<h2>Worst images</h2>'), text.index('<h2>Best images</h2>')
    assert 'By AbsRel of first, of different sources' in text[worst:best]
    assert re.findall('<h3>(.*?)</h3>', text[worst:best]) == ['hall/9', 'hall/8']
    assert re.findall('<h3>(.*?)</h3>', text[best:]) == ['desk/&lt;1&gt;']
    assert '<h2>Worst images</h2>' not in page(tmp_path, summary(SEVERAL, ['first']), SEVERAL)


def test_pictures_are_linked(tmp_path):
    found = summary(IMAGES, ['model'])
    text = page(tmp_path, found, IMAGES, [tmp_path / 'pictures' / 'a b.png'])
    assert 'href="pictures/a%20b.png"' in text


def test_a_page_that_cannot_be_written_raises(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(OutputError):
        write_evaluation_page(
            tmp_path / 'file' / 'a.html', summary(IMAGES, ['model']), {'made:<rooms>': IMAGES}, [],
            {},
        )  # fmt: skip
