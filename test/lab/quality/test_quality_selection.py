import math
import random

import pytest

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.lab.quality.scores import DepthScore
from depth_anything_ros.lab.quality.selection import (
    Reason,
    ScoredSample,
    SelectionConfig,
    select,
    statistics,
)

DEFAULT = SelectionConfig()


def sample(name, distribution=0.5, gradient=0.5, valid_share=1.0):
    total = (distribution + gradient) / 2
    score = DepthScore(valid_share, 0, 0, 0, distribution, gradient, total)
    return ScoredSample('made', 0, name, 'somewhere', score)


def reasons(samples, config=DEFAULT):
    return {
        item.name: ' '.join(reason.value for reason in item.reasons)
        for item in select(samples, config)
        if not item.kept
    }


def test_lowest_fifth_of_each_score_is_dropped():
    samples = [
        sample(f'{place:02d}', distribution=0.3 + place / 100, gradient=0.9 - place / 100)
        for place in range(15)
    ]
    found = reasons(samples)
    assert found == {
        **dict.fromkeys(('00', '01', '02'), 'distribution'),
        **dict.fromkeys(('12', '13', '14'), 'gradient'),
    }


def test_both_scores_count_over_the_same_samples():
    # The same two of ten are lowest in both: they go once, and nobody in their place.
    samples = [sample(str(place), place / 10, place / 20) for place in range(10)]
    assert reasons(samples) == dict.fromkeys('01', 'distribution gradient')


def test_equal_scores_go_by_name_whatever_the_order_of_the_files():
    samples = [sample(name) for name in 'abcdefghij']
    random.Random(0).shuffle(samples)
    assert reasons(samples) == dict.fromkeys('ab', 'distribution gradient')


def test_samples_with_little_valid_depth_go_first_and_do_not_count():
    samples = [sample(str(place), distribution=1 - place / 10) for place in range(4)]
    samples += [sample('few', distribution=0.0, valid_share=0.19)]
    # A fifth of four is none.
    assert reasons(samples) == {'few': 'few_valid'}
    assert reasons([*samples[:4], sample('enough', 0.0, 1.0, valid_share=0.2)]) == {
        'enough': 'distribution',
        '0': 'gradient',  # of equal ones the first
    }


def test_undefined_scores_and_unreadable_samples_are_dropped():
    broken = ScoredSample('made', 0, 'broken', '', None, 'broken.png is no image')
    found = reasons([sample('sparse', gradient=math.nan), broken, sample('good')])
    assert found == {'sparse': 'undefined', 'broken': 'unreadable'}


@pytest.mark.parametrize(('drop', 'count'), [(0.0, 0), (0.29, 29), (0.2999, 29), (0.99, 99)])
def test_number_dropped_is_rounded_down(drop, count):
    samples = [sample(f'{place:03d}', place, place) for place in range(100)]
    assert len(reasons(samples, SelectionConfig(drop=drop))) == count


def test_statistics_count_each_bad_sample_once():
    samples = select(
        [sample(str(place), place / 10, place / 20) for place in range(10)]
        + [sample('few', valid_share=0.0, gradient=math.nan)],
        DEFAULT,
    )
    found = statistics('made', samples)
    assert (found.total, found.good, found.bad) == (11, 8, 3)
    assert found.dropped == {
        Reason.UNREADABLE: 0,
        Reason.FEW_VALID: 1,
        Reason.UNDEFINED: 0,
        Reason.DISTRIBUTION: 2,
        Reason.GRADIENT: 2,
    }
    assert found.mean_distribution == pytest.approx(0.45)
    assert found.mean_gradient == pytest.approx(0.225)
    assert found.mean_total == pytest.approx(0.3375)


def test_statistics_of_nothing_are_undefined():
    found = statistics('made', [])
    assert (found.total, found.good, found.bad) == (0, 0, 0)
    assert math.isnan(found.mean_total)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'least_valid': -0.1}, 'allowed: 0 to 1'),
        ({'least_valid': 1.1}, 'allowed: 0 to 1'),
        ({'drop': 1.0}, 'allowed: 0 to below 1'),
        ({'drop': math.nan}, 'allowed: 0 to below 1'),
    ],
)
def test_setting_out_of_range_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        SelectionConfig(**options)
