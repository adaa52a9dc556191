import numpy as np
import pytest

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.evaluation.metrics import chosen_metrics
from depth_anything_ros.evaluation.protocol import (
    AlignmentMode,
    MeanScore,
    align_prediction,
    score_aligned,
)
from depth_anything_ros.types import OutputKind

RELATIVE, METRIC = OutputKind.RELATIVE_INVERSE_DEPTH, OutputKind.METRIC_DEPTH
NONE, SCALE, SCALE_SHIFT, ONLINE, MEDIAN, ROBUST = AlignmentMode
RANGE = (0.2, 8.0)


def truth(seed=0):
    return np.random.default_rng(seed).uniform(0.5, 7.0, (20, 30)).astype(np.float32)


def relative_of(truth_m, scale=0.05, shift=0.1):
    return ((1 / truth_m - shift) / scale).astype(np.float32)


def score_frame(prediction, kind, truth_m, mode, *bounds):
    return score_aligned(align_prediction(prediction, kind, truth_m, mode, *bounds), truth_m)


def test_scale_and_shift_bring_an_affine_prediction_to_a_perfect_score():
    score = score_frame(relative_of(truth()), RELATIVE, truth(), SCALE_SHIFT, *RANGE)
    assert score.scale == pytest.approx(0.05, rel=1e-5)
    assert score.shift == pytest.approx(0.1, rel=1e-4)
    assert score.values['abs_rel'] < 1e-5
    assert score.values['delta1'] == 1.0
    assert (score.pixels, score.coverage) == (600, 1.0)


def test_scale_alone_fits_a_prediction_without_shift_and_no_other():
    exact = score_frame(relative_of(truth(), shift=0.0), RELATIVE, truth(), SCALE, *RANGE)
    assert exact.scale == pytest.approx(0.05, rel=1e-5)
    assert exact.values['abs_rel'] < 1e-5
    shifted = score_frame(relative_of(truth()), RELATIVE, truth(), SCALE, *RANGE)
    assert shifted.shift == 0.0
    assert shifted.values['abs_rel'] > 0.1


def test_the_rank_correlation_tells_near_taken_for_far_whatever_the_scale():
    kind = OutputKind.INVERSE_DEPTH_UP_TO_SCALE
    right = score_frame(relative_of(truth(), shift=0.0), kind, truth(), SCALE, *RANGE)
    assert right.rank_correlation == pytest.approx(1.0)
    wrong = score_frame(truth(), kind, truth(), SCALE, *RANGE)
    assert wrong.scale > 0
    assert wrong.rank_correlation < -0.9
    flat = score_frame(np.ones_like(truth()), kind, truth(), SCALE, *RANGE)
    assert np.isnan(flat.rank_correlation)


@pytest.mark.parametrize('mode', [SCALE, SCALE_SHIFT, MEDIAN, ROBUST])
def test_inverse_depth_up_to_a_scale_is_given_no_shift(mode):
    kind = OutputKind.INVERSE_DEPTH_UP_TO_SCALE
    exact = score_frame(relative_of(truth(), shift=0.0), kind, truth(), mode, *RANGE)
    assert exact.scale == pytest.approx(0.05, rel=1e-5)
    assert exact.values['abs_rel'] < 1e-5
    if mode is ROBUST:
        with pytest.raises(AlignmentError, match=r'only 14% of 600 points agree on one scale;'):
            score_frame(relative_of(truth()), kind, truth(), mode, *RANGE)
        return
    shifted = score_frame(relative_of(truth()), kind, truth(), mode, *RANGE)
    assert shifted.shift == 0.0
    assert shifted.values['abs_rel'] > 0.1


def test_the_fit_is_plain_least_squares_in_inverse_depth():
    rng = np.random.default_rng(2)
    prediction = relative_of(truth()) + rng.standard_normal((20, 30)).astype(np.float32)
    aligned = align_prediction(prediction, RELATIVE, truth(), SCALE_SHIFT, *RANGE)
    matrix = np.stack([prediction.ravel(), np.ones(600)], axis=1).astype(float)
    solution, *_ = np.linalg.lstsq(matrix, 1 / truth().ravel().astype(float), rcond=None)
    assert (aligned.scale, aligned.shift) == pytest.approx(tuple(solution), rel=1e-5)
    inverse = (matrix @ solution).clip(1 / 8.0, 1 / 0.2)
    np.testing.assert_allclose(aligned.depth_m.ravel(), 1 / inverse, rtol=1e-4)


def test_metric_predictions_are_fitted_in_depth():
    prediction = ((truth() - 0.3) / 1.7).astype(np.float32)
    score = score_frame(prediction, METRIC, truth(), SCALE_SHIFT, *RANGE)
    assert (score.scale, score.shift) == pytest.approx((1.7, 0.3), rel=1e-4)
    assert score.values['rmse'] < 1e-4


def test_none_takes_the_numbers_as_metres():
    prediction = relative_of(truth())
    score = score_frame(prediction, RELATIVE, truth(), NONE, *RANGE)
    assert (score.scale, score.shift) == (1.0, 0.0)
    expected = np.abs(prediction.clip(*RANGE) - truth()).mean()
    assert score.values['mae'] == pytest.approx(float(expected), rel=1e-5)


def test_online_scores_metric_depth_as_it_is():
    score = score_frame(truth() * np.float32(1.1), METRIC, truth(), ONLINE, *RANGE)
    assert score.values['abs_rel'] == pytest.approx(0.1, abs=0.005)
    assert (score.scale, score.shift) == (1.0, 0.0)


def test_median_makes_the_medians_of_depth_agree():
    # Depths 1, 2, 4 and 8 have the median 3, and 1 / 3 is not the median of their inverse.
    truth_m = np.array([[1.0, 2.0, 4.0, 8.0]], np.float32)
    relative = np.array([[6.0, 3.0, 1.5, -1.0]], np.float32)
    # Depths 1/6, 1/3, 2/3 and infinity have the median 1/2.
    found = align_prediction(relative, RELATIVE, truth_m, MEDIAN, *RANGE)
    assert found.scale == pytest.approx((1 / 2) / 3)
    np.testing.assert_allclose(found.depth_m, [[1, 2, 4, 8]], rtol=1e-6)
    metric = np.array([[2.0, 5.0, 7.0, 90.0]], np.float32)
    found = align_prediction(metric, METRIC, truth_m, MEDIAN, *RANGE)
    assert (found.scale, found.shift) == (pytest.approx(3 / 6), 0.0)
    np.testing.assert_allclose(found.depth_m, [[1, 2.5, 3.5, 8]], rtol=1e-6)


@pytest.mark.parametrize('kind', [RELATIVE, METRIC])
def test_robust_is_not_moved_by_outliers(kind):
    exact = relative_of(truth()) if kind is RELATIVE else (truth() - 0.3) / 1.7
    prediction = exact.astype(np.float32)
    prediction[:5] = prediction[:5] * 3 + 5
    robust = score_frame(prediction, kind, truth(), ROBUST, *RANGE)
    expected = (0.05, 0.1) if kind is RELATIVE else (1.7, 0.3)
    assert (robust.scale, robust.shift) == pytest.approx(expected, rel=1e-3)
    plain = score_frame(prediction, kind, truth(), SCALE_SHIFT, *RANGE)
    assert abs(plain.scale - expected[0]) > 0.1 * expected[0]


def test_predictions_may_be_clamped_to_another_range_than_the_truth():
    prediction = np.array([[0.01, 1.0, 100.0]], np.float32)
    ones = np.ones((1, 3), np.float32)
    found = align_prediction(prediction, METRIC, ones, NONE, 0.5, 2.0, (0.1, 50.0))
    np.testing.assert_allclose(found.depth_m, [[0.1, 1.0, 50.0]])


def test_predictions_are_clamped_to_the_range():
    aligned = align_prediction(
        np.array([[0.01, 1.0, 100.0]], np.float32),
        METRIC,
        np.ones((1, 3), np.float32),
        ONLINE,
        *RANGE,
    )
    np.testing.assert_allclose(aligned.depth_m, [[0.2, 1.0, 8.0]])


def test_a_fitted_inverse_depth_below_zero_is_the_farthest():
    truth_m = np.array([[1.0, 2.0, 4.0, 8.0, np.nan]], np.float32)
    prediction = np.array([[1.0, 0.5, 0.25, 0.125, -1.0]], np.float32)
    aligned = align_prediction(prediction, RELATIVE, truth_m, SCALE_SHIFT, *RANGE)
    assert aligned.depth_m[0, 4] == 8.0


def test_truth_outside_the_range_or_unknown_is_not_scored():
    truth_m = truth()
    truth_m[0, :5] = (np.nan, 0.0, np.inf, 0.1, 8.5)
    prediction = truth().copy()
    prediction[0, :5] = 99.0
    score = score_frame(prediction, METRIC, truth_m, ONLINE, *RANGE)
    assert score.pixels == 595
    assert score.coverage == 1.0
    assert score.values['mae'] == 0.0


def test_pixels_without_prediction_are_not_scored_but_show_in_the_coverage():
    prediction = truth().copy()
    prediction[:5] = np.nan
    score = score_frame(prediction, METRIC, truth(), ONLINE, *RANGE)
    assert score.coverage == pytest.approx(0.75)
    assert score.pixels == 450
    assert score.values['mae'] == 0.0
    aligned = align_prediction(prediction, METRIC, truth(), ONLINE, *RANGE)
    assert np.isnan(aligned.depth_m[:5]).all()


def test_an_inverted_prediction_is_scored_and_shows_its_negative_scale():
    score = score_frame(-relative_of(truth()), RELATIVE, truth(), SCALE_SHIFT, *RANGE)
    assert score.scale == pytest.approx(-0.05, rel=1e-4)


@pytest.mark.parametrize(
    ('prediction', 'kind', 'truth_m', 'mode', 'reason'),
    [
        (truth()[:5], METRIC, truth(), ONLINE, r'prediction is \(5, 30\), the truth \(20, 30\)'),
        (relative_of(truth()), RELATIVE, truth(), ONLINE, "'online' needs metric depth"),
        (truth(), METRIC, np.full_like(truth(), np.nan), ONLINE, 'no pixel to score: 0 of truth'),
        (np.full_like(truth(), np.nan), METRIC, truth(), ONLINE, '0 with a prediction'),
        (np.full_like(truth(), 3.3), RELATIVE, truth(), SCALE_SHIFT, 'is constant'),
        (np.zeros_like(truth()), RELATIVE, truth(), SCALE, 'is zero'),
        (-truth(), RELATIVE, truth(), MEDIAN, 'median of the predicted depth is inf'),
        (-truth(), METRIC, truth(), MEDIAN, 'median of the predicted depth is -'),
        (truth(), RELATIVE, truth(), ROBUST, 'not positive'),
    ],
)
def test_what_cannot_be_scored_raises(prediction, kind, truth_m, mode, reason):
    with pytest.raises(AlignmentError, match=reason):
        score_frame(prediction, kind, truth_m, mode, *RANGE)


@pytest.mark.parametrize('factor', [1e-25, 1e25])
@pytest.mark.parametrize('mode', [SCALE, SCALE_SHIFT])
def test_the_unit_of_the_network_does_not_matter(factor, mode):
    prediction = (factor / truth()).astype(np.float32)
    score = score_frame(prediction, RELATIVE, truth(), mode, *RANGE)
    assert score.scale == pytest.approx(1 / factor, rel=1e-3)
    assert score.values['abs_rel'] < 1e-4


def test_images_are_averaged_with_equal_weight():
    whole = score_frame(truth() * np.float32(1.1), METRIC, truth(), ONLINE, *RANGE)
    sparse_truth = np.full_like(truth(), np.nan)
    sparse_truth[0, :10] = 2.0
    sparse = score_frame(np.full_like(truth(), 3.0), METRIC, sparse_truth, ONLINE, *RANGE)
    mean_score = MeanScore()
    mean_score.add(whole)
    mean_score.add(sparse)
    mean = mean_score.result()
    assert mean_score.frames == 2
    assert mean['abs_rel'] == pytest.approx((whole.values['abs_rel'] + 0.5) / 2)
    assert mean['coverage'] == 1.0


def test_no_images_have_no_average():
    assert MeanScore().result() == dict.fromkeys((*chosen_metrics(), 'coverage', 'truth_mean_m'))


def test_the_prediction_is_left_alone():
    prediction = relative_of(truth())
    before = prediction.copy()
    score_frame(prediction, RELATIVE, truth(), SCALE_SHIFT, *RANGE)
    np.testing.assert_array_equal(prediction, before)
