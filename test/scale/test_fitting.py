import numpy as np
import pytest

from depth_anything_ros.scale.fitting import Refusal, fit_points, within_reach
from depth_anything_ros.types import Alignment, ReferencePoints

INVERSE = np.linspace(0.2, 2.0, 60)
PLACES, SIZE = np.zeros(60, np.float32), (30, 40)
RELATIVE, DEPTH_M = (4 * INVERSE + 1).astype(np.float32), (1 / INVERSE).astype(np.float32)
POINTS = ReferencePoints(PLACES, PLACES, RELATIVE, DEPTH_M, SIZE)


def test_points_on_a_line_give_the_line_and_go_along_with_it():
    fit = fit_points(POINTS, source='test', stamp_ns=7)
    assert (fit.scale, fit.shift) == (pytest.approx(0.25), pytest.approx(-0.25))
    assert (fit.points, fit.source, fit.stamp_ns) == (60, 'test', 7)
    assert fit.reference is POINTS


def test_points_count_by_their_weights():
    wrong = np.where(np.arange(60) % 2, 2 * DEPTH_M, DEPTH_M).astype(np.float32)
    weights = np.where(np.arange(60) % 2, 0.01, 1.0).astype(np.float32)
    fit = fit_points(
        ReferencePoints(PLACES, PLACES, RELATIVE, wrong, SIZE, weights), source='', stamp_ns=0
    )
    assert fit.scale == pytest.approx(0.25, rel=1e-3)


def test_too_few_points_are_a_refusal_and_no_error():
    few = ReferencePoints(PLACES[:9], PLACES[:9], RELATIVE[:9], DEPTH_M[:9], SIZE)
    refused = fit_points(few, min_points=10, source='', stamp_ns=0)
    assert refused == Refusal('9 points have relative and reference depth; 10 are needed')


def test_a_fit_reaches_only_as_far_as_it_is_sure():
    image = np.tile(np.linspace(1.8, 9.0, 40, dtype=np.float32), (30, 1))
    sure = Alignment(0.25, -0.25, '', 60, 1.0, 0.01, 0, (1e-8, 0.0, 1e-8))
    assert within_reach(sure, image) is sure
    unsure = Alignment(0.25, -0.25, '', 60, 1.0, 0.01, 0, (1e-2, 0.0, 1e-2))
    assert 'too little' in within_reach(unsure, image).reason
    refusal = Refusal('no points')
    assert within_reach(refusal, image) is refusal
