import numpy as np
import pytest

from depth_anything_ros.bag.pairing import StampPairer


def stamps(pairs):
    return [(pair.left_ns, pair.right_ns) for pair in pairs]


def test_equal_stamps_pair_at_once_in_either_order():
    pairer = StampPairer(5, 10)
    assert pairer.add_left(100, 'a') == []
    (pair,) = pairer.add_right(100, 'b')
    assert (pair.left, pair.right, pair.offset_ns) == ('a', 'b', 0)
    assert pairer.add_right(200, 'd') == []
    assert stamps(pairer.add_left(200, 'c')) == [(200, 200)]
    assert len(pairer) == 0


def test_an_item_pairs_only_once():
    pairer = StampPairer(5, 10)
    pairer.add_left(100, 'a')
    assert len(pairer.add_right(100, 'b')) == 1
    assert pairer.add_right(100, 'again') == []
    assert pairer.flush() == []


def test_near_stamps_pair_when_no_nearer_one_can_come():
    pairer = StampPairer(5, 10)
    pairer.add_right(103, 'truth')
    assert pairer.add_left(100, 'prediction') == []
    assert stamps(pairer.add_left(133, 'next')) == [(100, 103)]


def test_the_nearer_partner_wins_even_if_it_comes_later():
    pairer = StampPairer(20, 10)
    pairer.add_left(100, 'a')
    assert pairer.add_right(90, 'far') == []
    (pair,) = pairer.add_right(100, 'exact')
    assert pair.right == 'exact'


def test_the_nearest_of_all_candidates_is_paired_first():
    pairer = StampPairer(50, 10)
    pairer.add_left(100, 'a')
    pairer.add_left(130, 'b')
    pairer.add_right(127, 'near b')
    assert sorted(stamps(pairer.flush())) == [(130, 127)]


def test_stamps_beyond_the_tolerance_never_pair():
    pairer = StampPairer(5, 10)
    pairer.add_left(100, 'a')
    pairer.add_right(106, 'b')
    pairer.add_left(200, 'c')
    pairer.add_right(206, 'd')
    assert pairer.flush() == []


def test_the_tolerance_itself_is_allowed():
    pairer = StampPairer(5, 10)
    pairer.add_left(100, 'a')
    pairer.add_right(105, 'b')
    assert stamps(pairer.flush()) == [(100, 105)]


def test_flushing_keeps_what_has_no_partner_yet():
    pairer = StampPairer(0, 10)
    pairer.add_right(100, 'b')
    assert pairer.flush() == []
    assert stamps(pairer.add_left(100, 'a')) == [(100, 100)]


def test_the_oldest_waiting_item_is_dropped_at_capacity():
    pairer = StampPairer(0, 3)
    for stamp in range(5):
        pairer.add_right(stamp, stamp)
    assert len(pairer) == 3
    assert pairer.add_left(1, 'dropped') == []
    assert stamps(pairer.add_left(2, 'kept')) == [(2, 2)]


@pytest.mark.parametrize('offset', [-7, 0, 4, 11])
def test_two_streams_with_an_offset_pair_one_to_one(offset):
    pairer = StampPairer(16, 50)
    rng = np.random.default_rng(0)
    left = np.arange(40) * 33 + rng.integers(-2, 3, 40) + 1000
    right = np.arange(40) * 33 + rng.integers(-2, 3, 40) + 1000 + offset
    events = sorted([(t, 0) for t in left] + [(t + 20, 1) for t in right])
    pairs = []
    for time, side in events:
        if side == 0:
            pairs += pairer.add_left(int(time), None)
        else:
            pairs += pairer.add_right(int(time) - 20, None)
    pairs += pairer.flush()
    assert sorted(stamps(pairs)) == [(int(a), int(b)) for a, b in zip(left, right, strict=True)]
