"""What became of the images that were sent to a node: each fault is found, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from depth_anything_ros.lab.benchmark.node_load import (
    Arrivals,
    SentImages,
    account,
    differences,
    joined,
)

PICTURES, STREAMED = 4, 20
MS = 1_000_000
# Each picture once alone, then all at a rate.
PICTURE = np.concatenate([np.arange(PICTURES), np.arange(STREAMED) % PICTURES])
STAMPS = 1_000 * MS + 100 * MS * np.arange(len(PICTURE))
SENT = SentImages(
    stamp_ns=STAMPS,
    sent_ns=STAMPS + 2 * MS,
    picture=PICTURE,
    alone=np.arange(len(PICTURE)) < PICTURES,
)
CONTENT = np.random.default_rng(0).uniform(0.5, 5.0, (PICTURES, 50)).astype('<f4')


def words(pictures):
    return CONTENT[pictures].view(np.uint8).reshape(len(pictures), -1, 4)


def arrivals(of_image, pictures=None, age_ms=None):
    """Return messages with the stamps of images, by default made of what those showed."""
    of_image = np.asarray(of_image)
    ages_ms = np.full(len(of_image), 30) if age_ms is None else np.asarray(age_ms)
    return Arrivals(
        '/depth',
        STAMPS[of_image],
        SENT.sent_ns[of_image] + ages_ms * MS,
        words(PICTURE[of_image] if pictures is None else np.asarray(pictures)),
        'float32',
    )


ALL = np.arange(len(PICTURE))


def test_of_a_good_node_nothing_is_wrong():
    found = account(SENT, arrivals(ALL))
    assert (found.sent, found.received, found.lost) == (STREAMED, STREAMED, 0)
    assert (found.stale, found.doubled, found.disordered, found.foreign) == (0, 0, 0, 0)
    assert found.is_whole
    assert found.age_ms == {'p50': 30.0, 'p95': 30.0, 'p99': 30.0, 'max': 30.0}


def test_depth_of_the_picture_before_is_stale():
    shown = PICTURE.copy()
    shown[10:13] = PICTURE[9:12]
    found = account(SENT, arrivals(ALL, shown))
    assert found.stale == 3
    assert not found.is_whole


def test_a_picture_that_was_never_answered_alone_is_not_judged():
    shown = PICTURE.copy()
    shown[10] = PICTURE[8]
    late = np.delete(ALL, 1)  # of picture 1, that would have told what comes of it
    assert account(SENT, arrivals(late)).stale == 0
    assert account(SENT, arrivals(late, shown[late])).stale == 1


def test_images_without_an_answer_are_lost():
    found = account(SENT, arrivals(np.delete(ALL, [6, 7, 20])))
    assert (found.received, found.lost, found.disordered) == (STREAMED - 3, 3, 0)
    assert found.is_whole


def test_an_answer_twice_is_doubled_and_its_age_that_of_the_first():
    of_image, age_ms = [*range(8), 7, *range(8, 24)], [30] * 25
    age_ms[8] = 90
    found = account(SENT, arrivals(of_image, age_ms=age_ms))
    assert (found.received, found.lost, found.doubled) == (STREAMED + 1, 0, 1)
    assert found.age_ms['max'] == 30.0
    assert not found.is_whole


def test_an_earlier_image_after_a_later_one_is_out_of_order():
    of_image = ALL.copy()
    of_image[[10, 11]] = of_image[[11, 10]]
    found = account(SENT, arrivals(of_image))
    assert (found.lost, found.doubled, found.disordered, found.stale) == (0, 0, 1, 0)
    assert not found.is_whole


def test_a_stamp_that_no_image_had_is_foreign():
    good = arrivals(ALL)
    moved = good.stamp_ns.copy()
    moved[12] += 1
    found = account(SENT, replace(good, stamp_ns=moved))
    assert (found.foreign, found.lost, found.received) == (1, 1, STREAMED - 1)
    assert not found.is_whole


def test_small_changes_of_depth_are_not_taken_for_another_picture():
    good = arrivals(ALL)
    noisy = CONTENT[PICTURE] * np.random.default_rng(1).uniform(0.98, 1.02, (len(ALL), 50))
    noisy = noisy.astype('<f4').view(np.uint8).reshape(len(ALL), -1, 4)
    assert account(SENT, replace(good, words=noisy)).stale == 0


def test_pictures_of_a_robot_that_stands_are_not_taken_for_each_other():
    rng = np.random.default_rng(2)
    alike = CONTENT[0] * rng.uniform(0.995, 1.005, CONTENT.shape)
    content = alike[PICTURE] * rng.uniform(0.98, 1.02, (len(ALL), CONTENT.shape[1]))
    seen = content.astype('<f4').view(np.uint8).reshape(len(ALL), -1, 4)
    assert account(SENT, replace(arrivals(ALL), words=seen)).stale == 0


@pytest.mark.parametrize(
    'changes',
    [
        {'words': None},
        {'words_are': ''},
        # All pictures give the same, as a node that is stuck would.
        {'words': np.repeat(words([0]), len(ALL), axis=0)},
    ],
)
def test_where_pictures_are_not_told_apart_it_is_not_known_what_is_stale(changes):
    found = account(SENT, replace(arrivals(ALL), **changes))
    assert found.stale is None
    assert found.is_whole


def test_a_node_that_never_answers_has_no_age():
    found = account(SENT, arrivals(ALL[:PICTURES]))
    assert (found.received, found.lost) == (0, STREAMED)
    assert found.age_ms['p50'] is None


def test_unknown_beside_a_number_is_all_the_difference():
    nan, inf = np.nan, np.inf
    references = np.array([[1.0, nan, 2.0, 0.0], [nan, nan, 1.0, inf]])
    found = differences(references, np.array([1.0, nan, 1.0, 0.0]))
    np.testing.assert_allclose(found, [(1 / 3) / 4, 2 / 4])


def test_turns_are_joined_to_sums_and_medians():
    turns = [account(SENT, arrivals(ALL, age_ms=np.full(24, age))) for age in (20, 30, 70)]
    lost = account(SENT, arrivals(ALL[:-2], age_ms=np.full(22, 30)))
    found = joined([*turns, lost])
    assert (found.sent, found.received, found.lost, found.stale) == (80, 78, 2, 0)
    assert found.age_ms['p50'] == 30.0
