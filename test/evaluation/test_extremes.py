import pytest

from depth_anything_ros.evaluation.extremes import APART_NS, Extremes


def kept(errors, step_ns=APART_NS, each=2):
    extremes = Extremes(each)
    for index, error in enumerate(errors):
        extremes.add(error, index * step_ns, lambda index=index: index)
    return extremes


def test_worst_and_best_come_in_their_order():
    found = kept([0.3, 0.1, 0.5, 0.2, 0.4])
    assert (found.worst(), found.best()) == ([2, 4], [1, 3])


def test_neighbours_within_a_second_count_as_one():
    found = kept([0.1, 0.9, 0.95, 0.92, 0.2, 0.3, 0.5], step_ns=APART_NS // 4)
    assert found.worst() == [2, 6]
    assert found.best() == [0, 4]


def test_no_frame_is_among_both():
    found = kept([0.1, 0.2, 0.3], each=2)
    assert (found.worst(), found.best()) == ([2, 1], [0])


def test_only_what_is_kept_is_made():
    extremes = Extremes(1)
    for index, error in enumerate([0.5, 0.1]):
        extremes.add(error, index * APART_NS, lambda index=index: index)
    extremes.add(0.3, 2 * APART_NS, lambda: pytest.fail('made'))
    assert (extremes.worst(), extremes.best()) == ([0], [1])


def test_nothing_is_kept_of_nothing():
    assert (Extremes().worst(), Extremes().best()) == ([], [])
