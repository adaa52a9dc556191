import numpy as np
import pytest

from depth_anything_ros.evaluation.sparsification import ause, mean_curves, sparsification


def errors(seed, count=1234):
    rng = np.random.default_rng(seed)
    error = rng.exponential(0.1, count).astype(np.float32)
    return error, (-error + rng.normal(0, 0.1, count)).astype(np.float32)


@pytest.mark.parametrize('seed', range(3))
def test_the_curves_equal_means_of_what_is_left(seed):
    error, confidence = errors(seed)
    found = sparsification(error, confidence)
    surest = [float(error[place]) for place in sorted(range(1234), key=lambda i: -confidence[i])]
    least = sorted(map(float, error))
    gaps = []
    for step in range(50):
        left = 1234 - int(step / 50 * 1234)
        assert found.removed[step] == pytest.approx(step / 50)
        assert found.error[step] == pytest.approx(sum(surest[:left]) / left)
        assert found.best[step] == pytest.approx(sum(least[:left]) / left)
        gaps.append(found.error[step] - found.best[step])
    assert ause(found) == pytest.approx(sum(gaps) / 50)
    assert 0 < ause(found) < ause(sparsification(error, -confidence))


def test_a_model_that_is_equally_sure_of_all_has_a_flat_curve():
    error, _ = errors(0)
    found = sparsification(error, np.ones_like(error))
    np.testing.assert_allclose(found.error, error.mean(), rtol=1e-6)


def test_pixels_without_confidence_do_not_count_and_few_have_no_curve():
    error, confidence = errors(0)
    half = confidence.copy()
    half[::2] = np.nan
    known = sparsification(error[1::2], confidence[1::2])
    np.testing.assert_array_equal(sparsification(error, half).error, known.error)
    assert sparsification(error[:99], confidence[:99]) is None


def test_the_mean_of_curves_counts_each_image_the_same():
    first, second = (sparsification(*errors(seed, count)) for seed, count in ((0, 500), (1, 900)))
    mean = mean_curves([first, second])
    np.testing.assert_allclose(mean.error, (first.error + second.error) / 2)
    assert ause(mean) == pytest.approx((ause(first) + ause(second)) / 2)
