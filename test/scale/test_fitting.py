import numpy as np
import pytest

from depth_anything_ros.scale.fitting import DepthPairs, Refusal, fit_pairs, within_reach
from depth_anything_ros.types import Alignment

INVERSE = np.linspace(0.2, 2.0, 60)
PAIRS = DepthPairs((4 * INVERSE + 1).astype(np.float32), (1 / INVERSE).astype(np.float32))


def test_pairs_on_a_line_give_the_line():
    fit = fit_pairs(PAIRS, source='test', stamp_ns=7)
    assert (fit.scale, fit.shift) == (pytest.approx(0.25), pytest.approx(-0.25))
    assert (fit.points, fit.source, fit.stamp_ns) == (60, 'test', 7)


def test_too_few_pairs_are_a_refusal_and_no_error():
    few = DepthPairs(PAIRS.relative[:9], PAIRS.depth_m[:9])
    refused = fit_pairs(few, min_points=10, source='', stamp_ns=0)
    assert refused == Refusal('9 points have relative and reference depth; 10 are needed')


def test_a_fit_reaches_only_as_far_as_it_is_sure():
    image = np.tile(np.linspace(1.8, 9.0, 40, dtype=np.float32), (30, 1))
    sure = Alignment(0.25, -0.25, '', 60, 1.0, 0.01, 0, (1e-8, 0.0, 1e-8))
    assert within_reach(sure, image) is sure
    unsure = Alignment(0.25, -0.25, '', 60, 1.0, 0.01, 0, (1e-2, 0.0, 1e-2))
    assert 'too little' in within_reach(unsure, image).reason
    refusal = Refusal('no points')
    assert within_reach(refusal, image) is refusal
