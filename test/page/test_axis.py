import numpy as np
import pytest

from depth_anything_ros.page.axis import Axis, fit_scale


def scale(values, **options):
    return fit_scale(Axis('depth', 'm', **options), np.array(values, np.float64))


def texts(found):
    return [text for _, text in found.ticks]


def test_numbers_lie_within_a_little_room_to_both_sides():
    found = scale([2.0, np.nan, 4.0])
    assert (found.low, found.high) == pytest.approx((1.92, 4.08))
    assert found.places(np.array([1.92, 3.0, 4.08])) == pytest.approx([0.0, 0.5, 1.0])


def test_a_start_is_kept_exactly():
    found = scale([2.0, 4.0], start=0.0)
    assert (found.low, found.high) == pytest.approx((0.0, 4.16))


@pytest.mark.parametrize(
    ('values', 'expected'),
    [
        ([0.0, 100.0], ['0', '20', '40', '60', '80', '100']),
        ([0.0, 1.0], ['0.0', '0.2', '0.4', '0.6', '0.8', '1.0']),
        ([1e-3, 4e-3], ['0.001', '0.002', '0.003', '0.004']),
        ([-1.0, 1.0], ['-1.0', '-0.5', '0.0', '0.5', '1.0']),
    ],
)
def test_ticks_are_round_numbers(values, expected):
    assert texts(scale(values)) == expected


@pytest.mark.parametrize(
    ('values', 'expected'),
    [
        ([0.01, 100.0], ['0.01', '0.1', '1', '10', '100']),
        ([0.1, 2.0], ['0.1', '0.3', '1']),
        ([1.0, 6.0], ['1', '2', '5']),
        ([1.1, 1.2], ['1.10', '1.12', '1.14', '1.16', '1.18', '1.20']),
    ],
)
def test_ticks_of_a_logarithmic_axis_are_powers_where_there_are_enough(values, expected):
    found = scale(values, log=True)
    assert found.log
    assert texts(found) == expected


def test_logarithm_has_equal_steps():
    found = scale([0.1, 10.0], log=True)
    low, middle, high = found.places(np.array([0.1, 1.0, 10.0]))
    assert middle == pytest.approx(0.5)
    assert high - middle == pytest.approx(middle - low)


def test_numbers_that_have_no_logarithm_get_a_plain_axis():
    assert not scale([0.0, 10.0], log=True).log


@pytest.mark.parametrize('values', [[], [np.nan], [3.0], [3.0, 3.0], [0.0]])
def test_what_has_no_extent_has_an_axis_too(values):
    found = scale(values)
    assert found.low < found.high
    assert all(-1e-9 <= place <= 1 + 1e-9 for place, _ in found.ticks)


def test_names_stand_in_place_of_numbers():
    assert scale([0.0, 2.0], names={0.0: 'near', 2.0: 'far'}).ticks == [
        (pytest.approx(0.15 / 1.3), 'near'), (pytest.approx(1.15 / 1.3), 'far'),
    ]  # fmt: skip
