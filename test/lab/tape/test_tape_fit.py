from dataclasses import replace

import pytest

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.lab.tape.fit import fit_tape
from depth_anything_ros.lab.tape.line import Reading

SCALE, SHIFT = 0.4, 0.15
ERROR_M = 0.02


def reading(depth_m, told_m=None, shift=SHIFT, scale=SCALE):
    """Return what a network of that scale and shift says of a depth, and what was read."""
    return Reading(
        'a.jpg', round(100 * depth_m), 5, (1 / depth_m - shift) / scale, told_m or depth_m
    )


def refused(fit):
    return [point.reading.depth_m for point in fit.points if point.refused]


def test_two_points_give_a_scale_and_no_shift():
    fit = fit_tape([reading(1.0, shift=0.0), reading(2.0, shift=0.0)], ERROR_M)
    assert (fit.alignment.scale, fit.alignment.shift) == (pytest.approx(SCALE), 0.0)
    assert fit.leave_one_out == pytest.approx(0.0, abs=1e-9)
    assert not fit.has_shift


def test_points_from_near_to_far_give_a_shift_too():
    fit = fit_tape([reading(0.6), reading(1.2), reading(2.4)], ERROR_M)
    assert fit.alignment.scale == pytest.approx(SCALE)
    assert fit.alignment.shift == pytest.approx(SHIFT)
    assert (fit.alignment.points, fit.alignment.inlier_ratio) == (3, 1.0)
    assert [point.found_m for point in fit.points] == pytest.approx([0.6, 1.2, 2.4])


def test_points_at_about_one_distance_allow_no_shift():
    fit = fit_tape([reading(1.0), reading(1.2), reading(1.4)], ERROR_M)
    assert not fit.has_shift


def test_a_network_up_to_scale_is_given_no_shift_by_points_from_near_to_far():
    depths = (0.6, 1.0, 1.6, 2.4)
    readings = [reading(one, 1.02 * one if one > 1 else one, shift=0.0) for one in depths]
    assert fit_tape(readings, ERROR_M).has_shift
    fit = fit_tape(readings, ERROR_M, fit_shift=False)
    assert (fit.alignment.shift, fit.alignment.covariance[2]) == (0.0, 0.0)
    assert fit.alignment.scale == pytest.approx(SCALE, rel=0.02)
    assert fit.scale_error < fit_tape(readings, ERROR_M).scale_error / 2


@pytest.mark.parametrize('wrong', range(3))
def test_three_points_tell_which_is_wrong_of_a_network_up_to_scale(wrong):
    depths = (0.6, 1.2, 2.4)
    readings = [
        reading(one, one * (1.5 if n == wrong else 1), shift=0.0) for n, one in enumerate(depths)
    ]
    fit = fit_tape(readings, ERROR_M, fit_shift=False)
    assert refused(fit) == [1.5 * depths[wrong]]
    assert fit.alignment.scale == pytest.approx(SCALE)


def test_what_a_point_is_off_by_the_others_alone_is_told():
    fit = fit_tape([reading(1.0, shift=0.0), reading(2.0, 2.1, shift=0.0)], ERROR_M)
    assert fit.points[0].left_out_m == pytest.approx(1.05)
    assert fit.points[1].left_out_m == pytest.approx(2.0)
    assert fit.leave_one_out == pytest.approx((0.05 + 0.1 / 2.1) / 2)


def test_the_standard_error_grows_with_the_error_of_readings():
    readings = [reading(0.6), reading(1.2), reading(2.4)]
    exact, rough = (fit_tape(readings, error_m).alignment for error_m in (0.001, 0.1))
    assert 0 < exact.covariance[0] < rough.covariance[0]


def test_residuals_larger_than_told_make_the_expected_error_larger():
    depths = (0.6, 1.0, 1.6, 2.4)
    exact = fit_tape([reading(one) for one in depths], ERROR_M)
    readings = [
        reading(one, one * (1 + off)) for one, off in zip(depths, (0.05, -0.05) * 2, strict=True)
    ]
    rough = fit_tape(readings, ERROR_M)
    assert exact.spread == 1.0
    assert rough.spread > 1.2
    assert rough.scale_error == pytest.approx(rough.spread * exact.scale_error, rel=0.15)


def test_a_right_point_alone_at_its_distance_is_kept_and_nothing_confirms_it():
    fit = fit_tape([reading(1.0), reading(1.05), reading(1.1), reading(3.0)], ERROR_M)
    assert refused(fit) == []
    assert fit.alignment.shift == pytest.approx(SHIFT)
    assert [point.left_out_m is None for point in fit.points] == [False, False, False, True]


@pytest.mark.parametrize('wrong', range(5))
def test_a_point_that_contradicts_the_others_is_refused(wrong):
    depths = (0.5, 0.8, 1.2, 1.8, 2.7)
    readings = [reading(one, one * (1.5 if n == wrong else 1)) for n, one in enumerate(depths)]
    fit = fit_tape(readings, ERROR_M)
    assert refused(fit) == [1.5 * depths[wrong]]
    assert fit.alignment.scale == pytest.approx(SCALE, rel=1e-6)
    assert fit.alignment.inlier_ratio == 0.8
    assert [point.left_out_m is None for point in fit.points] == [n == wrong for n in range(5)]


def test_two_points_that_contradict_each_other_give_no_scale():
    with pytest.raises(AlignmentError, match=r'contradict each other .*100,5: 1.00 m measured'):
        fit_tape([reading(1.0, shift=0.0), reading(2.0, 1.0, shift=0.0)], ERROR_M)


def test_two_that_contradict_each_other_are_told_what_to_measure_and_whom_to_doubt():
    readings = [reading(1.0, shift=0.0), reading(2.0, 1.0, shift=0.0)]
    with pytest.raises(AlignmentError, match=r'\); measure a third .* and a fourth to tell'):
        fit_tape(readings, ERROR_M)
    with pytest.raises(AlignmentError, match=r'\); measure a third, to tell which one is wrong'):
        fit_tape(readings, ERROR_M, fit_shift=False)
    readings[1] = replace(readings[1], at_edge=True)
    with pytest.raises(AlignmentError, match=r'doubt a.jpg at 200,5 first.* measure a third'):
        fit_tape(readings, ERROR_M)


def test_which_of_three_is_wrong_cannot_be_told():
    with pytest.raises(AlignmentError, match='contradict each other'):
        fit_tape([reading(0.6), reading(1.2, 2.6), reading(2.4)], ERROR_M)


def test_depth_that_runs_the_wrong_way_is_refused():
    readings = [
        Reading('a.jpg', n, 5, relative, depth_m)
        for n, (relative, depth_m) in enumerate(((0.5, 1.0), (1.0, 2.0), (2.0, 4.0)))
    ]
    with pytest.raises(AlignmentError, match='contradict|not positive'):
        fit_tape(readings, ERROR_M)


@pytest.mark.parametrize('count', [1, 6])
def test_too_few_and_too_many_points_are_refused(count):
    with pytest.raises(AlignmentError, match=f'{count} points; 2 to 5 are needed'):
        fit_tape([reading(1.0 + n) for n in range(count)], ERROR_M)
