import json

import pytest

from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.evaluation.protocol import FrameScore
from depth_anything_ros.json_text import as_json
from depth_anything_ros.lab.datasets.comparison import summarise
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
        'made', [image('a', model=0.1), image('a', model=0.2), image('b', model=0.6)], []
    )
    assert summary.whole.metrics.means['abs_rel'] == pytest.approx(0.3)
    assert (summary.whole.images, summary.whole.failed, summary.whole.metrics.images) == (3, 0, 3)
    assert summary.sources['a'].metrics.means['abs_rel'] == pytest.approx(0.15)
    assert summary.sources['b'].metrics.means['abs_rel'] == pytest.approx(0.6)
    assert list(summary.sources) == ['a', 'b']
    assert 'ratio' not in told(summary)
    assert 'baseline' not in told(summary)


def test_the_ratio_is_that_of_the_means_with_its_interval():
    images = [image('a', model=0.1, mean=0.2), image('b', model=0.3, mean=0.4)]
    summary = summarise('made', images, ['mean'])
    assert summary.whole.ratio.value == pytest.approx(0.4 / 0.6)
    assert summary.whole.ratio.baseline == pytest.approx(0.3)
    assert summary.whole.ratio.low == pytest.approx(0.5)
    assert summary.whole.ratio.high == pytest.approx(0.75)
    assert summary.sources['b'].ratio.value == pytest.approx(0.75)
    assert summary.sources['b'].ratio.low is None


def test_the_best_candidate_over_all_images_is_the_baseline_of_every_source():
    images = [
        image('a', model=0.1, mean=0.2, normalised_mean=0.3),
        image('b', model=0.1, mean=0.9, normalised_mean=0.4),
    ]
    summary = summarise('made', images, ['mean', 'normalised_mean'])
    assert summary.baseline.chosen == 'normalised_mean'
    assert summary.baseline.candidates['mean'].means['abs_rel'] == pytest.approx(0.55)
    assert summary.baseline.candidates['normalised_mean'].means['abs_rel'] == pytest.approx(0.35)
    assert summary.sources['a'].ratio.baseline == pytest.approx(0.3)


def test_a_candidate_without_a_score_on_hard_images_is_not_the_best():
    images = [
        image('a', model=0.1, mean=0.2, other=0.1),
        image('a', model=0.1, mean=0.8, problems={'other': 'constant'}),
    ]
    assert summarise('made', images, ['mean', 'other']).baseline.chosen == 'mean'


def test_a_failed_image_is_counted_warned_of_and_in_no_mean():
    images = [
        image('a', model=0.1, mean=0.2),
        image('a', mean=0.9, problems={'model': 'the prediction is constant'}),
    ]
    summary = summarise('made', images, ['mean'])
    assert (summary.whole.images, summary.whole.failed) == (2, 1)
    assert summary.whole.metrics.means['abs_rel'] == pytest.approx(0.1)
    assert summary.sources['a'].failed == 1
    # The baseline of the ratio is over the images that both have a score for.
    assert summary.whole.ratio.value == pytest.approx(0.5)
    assert summary.whole.ratio.images == 1
    assert summary.baseline.candidates['mean'].means['abs_rel'] == pytest.approx(0.55)
    assert any('1 of 2 images have no score' in warning for warning in summary.warnings)
    assert any('the prediction is constant' in warning for warning in summary.warnings)


def test_data_without_any_score_has_no_number():
    summary = summarise('made', [image('a', problems={'model': 'm', 'mean': 'b'})], ['mean'])
    assert summary.whole.failed == 1
    assert summary.whole.metrics.means['abs_rel'] is None
    assert summary.baseline.chosen is None
    assert 'ratio' not in told(summary)


def test_a_negative_scale_is_warned_of():
    summary = summarise('made', [image('a', model=0.1), image('a', model=0.1, scale=-2.0)], [])
    assert ['negative in 1 of 2 images' in warning for warning in summary.warnings] == [True]
