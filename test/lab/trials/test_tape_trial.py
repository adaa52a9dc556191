import pytest

from depth_anything_ros.lab.trials.tape_trial import TapeResult, TapeTrial, try_tape


def test_figures_are_of_the_rooms_that_have_a_scale():
    result = TapeResult.of(
        'three',
        [
            TapeTrial(0, 0.01, 0.02, 0.02, 0.03, outlier=True, found=True),
            TapeTrial(1, 0.03, 0.04, 0.02, 0.05, outlier=True),
            TapeTrial(2, refusal='too little', outlier=True),
        ],
    )
    assert (result.rooms, result.fitted, result.found, result.outlier) == (3, 2, 1, True)
    assert (result.scale_p50, result.depth_p50) == (pytest.approx(0.02), pytest.approx(0.03))
    assert result.expected == pytest.approx(0.02)
    assert result.leave_one_out == pytest.approx(0.04)


def test_rooms_without_a_scale_have_no_figures():
    result = TapeResult.of('none', [TapeTrial(0, refusal='too little')])
    assert (result.fitted, result.scale_p50, result.leave_one_out) == (0, None, None)


@pytest.mark.slow
def test_four_readings_of_two_centimetres_give_the_scale_to_three_per_cent():
    trials = list(try_tape(range(24), 4, 0.02))
    right, wrong = (
        TapeResult.of('', [trial for trial in trials if trial.outlier == outlier])
        for outlier in (False, True)
    )
    assert right.fitted >= 23
    assert right.scale_p90 <= right.expected * 1.64
    assert right.scale_p90 <= 0.03
    assert wrong.found == wrong.fitted >= 20
