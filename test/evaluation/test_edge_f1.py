import math

import numpy as np
import pytest

from depth_anything_ros.evaluation.edges import edge_f1

RATIOS = np.linspace(1.05, 1.25, 10)


def published(prediction, truth):
    """Return the score as Depth Pro defines it, for images without holes."""
    total = 0.0
    for ratio in RATIOS:
        precisions, recalls = [], []
        for axis in (0, 1):
            for sign in (1, -1):
                found, true = (
                    np.exp(sign * np.diff(np.log(depth.astype(float)), axis=axis)) > ratio
                    for depth in (prediction, truth)
                )
                right = (found & true).sum()
                precisions.append(right / max(found.sum(), 1))
                recalls.append(right / max(true.sum(), 1))
        p, r = np.mean(precisions), np.mean(recalls)
        total += ratio * (2 * p * r / (p + r) if p + r else 0.0)
    return total / RATIOS.sum()


def random_depth(rng, shape=(40, 50)):
    return rng.uniform(1, 4, shape).astype(np.float32)


@pytest.mark.parametrize('seed', range(3))
def test_where_edges_are_everywhere_the_score_is_that_of_depth_pro(seed):
    rng = np.random.default_rng(seed)
    truth = random_depth(rng)
    prediction = truth * rng.uniform(0.9, 1.1, truth.shape).astype(np.float32)
    found = edge_f1(prediction, truth, truth > 0)
    assert found == pytest.approx(published(prediction, truth), rel=1e-9)
    assert 0.5 < found < 1


def test_scale_does_not_matter_and_blur_does():
    truth = np.full((30, 30), 4.0, np.float32)
    truth[10:20, 10:20] = 2.0
    everywhere = truth > 0
    assert edge_f1(3 * truth, truth, everywhere) == 1.0
    blurred = truth.copy()
    blurred[10:20, 10] = 3.0
    assert 0.5 < edge_f1(blurred, truth, everywhere) < 1.0
    assert edge_f1(np.full_like(truth, 3.0), truth, everywhere) == 0.0


def test_pairs_with_a_hole_do_not_count():
    truth = np.full((10, 10), 4.0, np.float32)
    truth[:, 5:] = 2.0
    prediction = truth.copy()
    prediction[4:] = 3.0
    scored = np.ones(truth.shape, bool)
    scored[3:] = False
    truth[~scored] = np.nan
    assert edge_f1(prediction, truth, scored) == 1.0


def test_where_the_truth_has_no_edge_there_is_no_score():
    flat = np.full((5, 5), 2.0, np.float32)
    prediction = random_depth(np.random.default_rng(0), (5, 5))
    assert math.isnan(edge_f1(prediction, flat, flat > 0))
    assert math.isnan(edge_f1(prediction, flat, flat < 0))


def test_edges_that_are_too_small_for_a_size_are_not_of_it():
    # The one true edge is of 1.1: sizes beyond have none to be found.
    truth = np.full((4, 6), 2.0, np.float32)
    truth[:, 3:] = 2.2
    assert edge_f1(truth, truth, truth > 0) == 1.0
