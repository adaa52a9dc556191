import math

import pytest

from depth_anything_ros.evaluation.protocol import FrameScore
from depth_anything_ros.lab.datasets.offline import ImageScores
from depth_anything_ros.lab.evaluation.extremes import extreme_places


def scored(*errors):
    """Return images of given sources and AbsRel, None for one that failed."""
    return [
        ImageScores(
            source,
            str(place),
            {} if error is None else {'model': FrameScore({'abs_rel': error}, 100, 1.0)},
        )
        for place, (source, error) in enumerate(errors)
    ]


def test_worst_and_best_are_of_different_sources_where_there_are_enough():
    images = scored(
        ('a', 0.9), ('a', 0.8), ('b', 0.1), ('b', 0.7), ('c', 0.6), ('c', 0.2), ('d', 0.3)
    )
    assert extreme_places(images, 'model') == ([0, 3, 4], [2, 5, 6])


def test_of_one_source_the_most_extreme_are_taken_and_none_twice():
    images = scored(('a', 0.5), ('a', None), ('a', 0.1), ('a', 0.4), ('a', math.nan), ('a', 0.2))
    assert extreme_places(images, 'model') == ([0, 3, 5], [2])
    assert extreme_places(images[:2], 'model') == ([0], [])


@pytest.mark.parametrize('values', [{'pair_accuracy': 0.5}, {}])
def test_images_without_depth_are_not_shown(values):
    images = [ImageScores('a', '0', {'model': FrameScore(values, 4, math.nan)})]
    assert extreme_places(images, 'model') == ([], [])
