import json
import math

import pytest

from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.evaluation.protocol import FrameScore
from depth_anything_ros.json_text import as_json
from depth_anything_ros.lab.datasets.comparison import summarise
from depth_anything_ros.lab.datasets.comparison_report import corruption_table
from depth_anything_ros.lab.datasets.offline import ImageScores


def image(source, problems=None, scale=1.0, **abs_rels):
    """Return the scores of an image whose AbsRel by predictor is given."""
    scores = {
        name: FrameScore({**dict.fromkeys(METRICS, 0.5), 'abs_rel': value}, 100, 1.0, scale)
        for name, value in abs_rels.items()
    }
    return ImageScores(source, 'image', scores, problems or {})


def told(summary):
    """Return what JSON holds of a summary."""
    return json.loads(json.dumps(summary, default=as_json, allow_nan=False))


def test_means_are_over_images_and_not_over_sources():
    summary = summarise(
        'made', [image('a', model=0.1), image('a', model=0.2), image('b', model=0.6)], ['model']
    )
    assert summary.models['model'].whole.metrics.means['abs_rel'] == pytest.approx(0.3)
    assert (
        summary.models['model'].whole.images,
        summary.models['model'].whole.failed,
        summary.models['model'].whole.metrics.images,
    ) == (3, 0, 3)
    assert summary.models['model'].sources['a'].metrics.means['abs_rel'] == pytest.approx(0.15)
    assert summary.models['model'].sources['b'].metrics.means['abs_rel'] == pytest.approx(0.6)
    assert list(summary.models['model'].sources) == ['a', 'b']
    assert 'ratio' not in told(summary)['models']['model']
    assert 'baseline' not in told(summary)


def test_the_ratio_is_that_of_the_means_with_its_interval():
    images = [image('a', model=0.1, mean=0.2), image('b', model=0.3, mean=0.4)]
    summary = summarise('made', images, ['model'], baselines=['mean'])
    assert summary.models['model'].whole.ratio.estimate.value == pytest.approx(0.4 / 0.6)
    assert summary.models['model'].whole.ratio.reference == pytest.approx(0.3)
    assert summary.models['model'].whole.ratio.estimate.low == pytest.approx(0.5)
    assert summary.models['model'].whole.ratio.estimate.high == pytest.approx(0.75)
    assert summary.models['model'].sources['b'].ratio.estimate.value == pytest.approx(0.75)
    assert summary.models['model'].sources['b'].ratio.estimate.low is None


def test_the_best_candidate_over_all_images_is_the_baseline_of_every_source():
    images = [
        image('a', model=0.1, mean=0.2, normalised_mean=0.3),
        image('b', model=0.1, mean=0.9, normalised_mean=0.4),
    ]
    summary = summarise('made', images, ['model'], baselines=['mean', 'normalised_mean'])
    assert summary.baseline.chosen == 'normalised_mean'
    assert summary.baseline.candidates['mean'].means['abs_rel'] == pytest.approx(0.55)
    assert summary.baseline.candidates['normalised_mean'].means['abs_rel'] == pytest.approx(0.35)
    assert summary.models['model'].sources['a'].ratio.reference == pytest.approx(0.3)


def test_a_candidate_without_a_score_on_hard_images_is_not_the_best():
    images = [
        image('a', model=0.1, mean=0.2, other=0.1),
        image('a', model=0.1, mean=0.8, problems={'other': 'constant'}),
    ]
    assert (
        summarise('made', images, ['model'], baselines=['mean', 'other']).baseline.chosen == 'mean'
    )


def test_a_failed_image_is_counted_warned_of_and_in_no_mean():
    images = [
        image('a', model=0.1, mean=0.2),
        image('a', mean=0.9, problems={'model': 'the prediction is constant'}),
    ]
    summary = summarise('made', images, ['model'], baselines=['mean'])
    assert (summary.models['model'].whole.images, summary.models['model'].whole.failed) == (2, 1)
    assert summary.models['model'].whole.metrics.means['abs_rel'] == pytest.approx(0.1)
    assert summary.models['model'].sources['a'].failed == 1
    # The baseline of the ratio is over the images that both have a score for.
    assert summary.models['model'].whole.ratio.estimate.value == pytest.approx(0.5)
    assert summary.models['model'].whole.ratio.images == 1
    assert summary.baseline.candidates['mean'].means['abs_rel'] == pytest.approx(0.55)
    assert any('1 of 2 images have no score' in warning for warning in summary.warnings)
    assert any('the prediction is constant' in warning for warning in summary.warnings)


def test_data_without_any_score_has_no_number():
    summary = summarise(
        'made',
        [image('a', problems={'model': 'm', 'mean': 'b'})],
        ['model'],
        baselines=['mean'],
    )
    assert summary.models['model'].whole.failed == 1
    assert summary.models['model'].whole.metrics.means['abs_rel'] is None
    assert summary.baseline.chosen is None
    assert 'ratio' not in told(summary)['models']['model']


def test_what_is_odd_of_several_models_is_told_once():
    names = ['a', 'b', 'c', 'd', 'a + noise:5']
    unknown = dict.fromkeys(('chamfer', 'cloud_f1', 'plane_angle'), math.nan)
    images = [ImageScores('s', '1'), ImageScores('s', '2')]
    for name in names:
        images[0].scores[name] = FrameScore({'abs_rel': 0.1, **unknown}, 9, 1.0)
        images[1].problems[name] = 'no file'
    warnings = summarise('x', images, names[:4], corruptions=['noise:5']).warnings
    assert warnings == [
        'a, b, c and 2 more: 1 of 2 images have no score and are in no mean',
        'a, b, c and 2 more: 1 images: no file',
        'a, b, c and 2 more: chamfer, cloud_f1, plane_angle have no value in any of 1 images: no '
        'camera, or fewer than 100 points, or no plane of 4 % of the image',
    ]


@pytest.mark.parametrize(('falling', 'told'), [(1, 0), (2, 1), (3, 1)])
def test_depth_that_falls_where_the_true_one_rises_is_warned_of(falling, told):
    images = [
        ImageScores('a', str(number), {'model': FrameScore(
            {'abs_rel': 0.5}, 9, 1.0, rank_correlation=-0.5 if number < falling else 0.5
        )})
        for number in range(3)
    ]  # fmt: skip
    warnings = [text for text in summarise('made', images, ['model']).warnings if 'falls' in text]
    assert len(warnings) == told
    assert all(
        f'falls where the true one rises in {falling} of 3 ima' in text for text in warnings
    )
    assert all('is output.kind the inverse one?' in text for text in warnings)


def test_a_negative_scale_is_warned_of():
    summary = summarise(
        'made', [image('a', model=0.1), image('a', model=0.1, scale=-2.0)], ['model']
    )
    assert ['negative in 1 of 2 images' in warning for warning in summary.warnings] == [True]


def two_models(changes, **options):
    """Return the summary of images whose AbsRel is 0.2 with `old` and so much more with `new`."""
    images = [
        image(source, old=0.2, new=0.2 + change) for source, found in changes.items()
        for change in found
    ]  # fmt: skip
    return summarise('made', images, ['old', 'new'], **options)


def test_the_difference_is_over_images_that_both_have_a_score_for():
    images = [
        image('a', old=0.1, new=0.2),
        image('a', old=0.1, new=0.3),
        image('b', old=0.9, problems={'new': 'constant'}),
    ]
    summary = summarise('made', images, ['old', 'new'])
    assert summary.models['old'].whole.difference is None
    found = summary.models['new'].whole.difference
    assert found.images == 2
    assert found.metrics['abs_rel'].value == pytest.approx(0.15)
    assert found.metrics['rmse'].value == 0
    by_source = {name: item.difference for name, item in summary.models['new'].sources.items()}
    assert by_source['b'].images == 0
    assert by_source['b'].metrics == {}


@pytest.mark.parametrize(
    ('changes', 'verdict'),
    [
        ({'a': [0.01, 0.02], 'b': [0.03]}, 'new is worse than old: abs_rel +0.0200, 95% interval'),
        ({'a': [-0.01, -0.02], 'b': [-0.03]}, 'new is better than old: abs_rel -0.0200'),
        ({'a': [0.01, 0.02], 'b': [-0.04]}, 'whether new is worse than old is open: abs_rel'),
        ({'a': [0.01]}, 'whether new is worse than old is open: abs_rel +0.0100 of one image'),
        ({'a': [0.0, 0.0]}, 'new and old are equal: abs_rel differs in none of 2 images'),
        (
            {'a': [-2e-5, -3e-5]},
            'new and old are equal: abs_rel differs by less than 0.00005 over 2 images',
        ),
        ({'a': [0.0]}, 'whether new is worse than old is open: abs_rel +0.0000 of one image'),
        ({}, 'whether new is worse than old is open: no image has abs_rel of both'),
    ],
)
def test_a_sentence_says_whether_a_model_is_worse(changes, verdict):
    (found,) = two_models(changes).verdicts
    assert found.startswith(verdict)


def test_the_verdict_names_images_and_sources_and_warns_of_a_single_one():
    (several,) = two_models({'a': [0.01, 0.02], 'b': [0.03]}).verdicts
    assert several.endswith('over 3 images of 2 sources')
    (single,) = two_models({'a': [0.01, 0.02, 0.03]}).verdicts
    assert single.endswith('over 3 images of 1 source, which says nothing of others')


def test_of_a_metric_that_is_to_be_high_less_is_worse():
    scores = [
        {name: FrameScore({**dict.fromkeys(METRICS, 0.5), 'delta1': value}, 9, 1.0, 1.0)
         for name, value in (('old', 0.9), ('new', worse))}
        for worse in (0.8, 0.7)
    ]  # fmt: skip
    images = [ImageScores('a', str(place), found) for place, found in enumerate(scores)]
    (verdict,) = summarise('made', images, ['old', 'new'], judged_by='delta1').verdicts
    assert verdict.startswith('new is worse than old: delta1 -0.1500')


def test_pictures_made_worse_are_compared_with_themselves():
    images = [
        image('a', **{'model': 0.1, 'model + noise:2': 0.2}),
        image('b', **{'model': 0.3, 'model + noise:2': 0.4}),
    ]
    summary = summarise('made', images, ['model'], corruptions=['noise:2'])
    found = summary.models['model'].corrupted['noise:2']
    assert found.metrics.means['abs_rel'] == pytest.approx(0.3)
    assert found.ratio.estimate.value == pytest.approx(1.5)
    assert (found.ratio.estimate.low, found.ratio.estimate.high) == (
        pytest.approx(4 / 3), pytest.approx(2),
    )  # fmt: skip
    assert summary.models['model'].whole.metrics.means['abs_rel'] == pytest.approx(0.2)


def ordered(source, pairs, **accuracies):
    """Return the scores of an image of which only the order of points is known."""
    scores = {
        name: FrameScore({'abs_rel': math.nan, 'pair_accuracy': value}, pairs, math.nan)
        for name, value in accuracies.items()
    }
    return ImageScores(source, 'image', scores)


def test_where_only_the_order_of_points_is_known_models_are_judged_by_it():
    images = [ordered('a', 4, old=1.0, new=0.5), ordered('b', 1, old=1.0, new=0.0)]
    summary = summarise('made', images, ['old', 'new'])
    assert summary.judged_by == 'pair_accuracy'
    whole = {name: found.whole for name, found in summary.models.items()}
    # Of five pairs three are wrong: every pair counts the same, as in the means.
    change = whole['new'].difference.metrics['pair_accuracy']
    assert change.value == pytest.approx(-0.6)
    means = [found.metrics.means['pair_accuracy'] for found in whole.values()]
    assert change.value == pytest.approx(means[1] - means[0])
    assert (change.low, change.high) == (pytest.approx(-1), pytest.approx(-0.5))
    assert summary.verdicts == [
        'new is worse than old: pair_accuracy -0.6000, 95% interval -1.0000 … -0.5000, over 2 '
        'images of 2 sources'
    ]
    # Depth that is known too counts first, and a metric that is asked for before that.
    images.append(image('c', old=0.1, new=0.1))
    assert summarise('made', images, ['old', 'new']).judged_by == 'abs_rel'
    assert summarise('made', images, ['old'], judged_by='delta1').judged_by == 'delta1'


def test_baseline_and_loss_go_by_the_order_of_points_too():
    images = [
        ordered('a', 3, model=0.9, low=0.4, high=0.6, **{'model + fog:1': 0.6}),
        ordered('a', 1, model=0.5, low=0.4, high=0.6, **{'model + fog:1': 0.6}),
    ]
    summary = summarise(
        'made', images, ['model'], baselines=['low', 'high'], corruptions=['fog:1']
    )
    assert summary.baseline.chosen == 'high'
    model = summary.models['model']
    assert model.whole.ratio.reference == pytest.approx(0.6)
    assert model.whole.ratio.estimate.value == pytest.approx(0.8 / 0.6)
    assert model.corrupted['fog:1'].ratio.estimate.value == pytest.approx(0.6 / 0.8)
    table = corruption_table(summary)
    assert table.headings[-2:] == ['pair_accuracy worse by', '95% interval']
    assert table.rows[0][-2] == '+25.0%'
