"""Words of a serialised message by which its content is known again."""

import numpy as np
import pytest

from depth_anything_ros.bag.content import sampled_words


def message(words):
    return b'\x00\x01\x00\x00' + np.asarray(words, '<f4').tobytes()


def test_words_behind_the_head_are_taken_evenly():
    found = sampled_words(message(np.arange(32 + 3 * 512)))
    assert found.shape == (512, 4)
    np.testing.assert_array_equal(found.reshape(-1).view('<f4'), 32 + 3 * np.arange(512))


def test_messages_of_one_length_are_sampled_at_the_same_places():
    first, second = np.zeros(1500), np.zeros(1500)
    second[32 + 3 * 7] = 1.0
    differ = sampled_words(message(first)) != sampled_words(message(second))
    assert differ.any(axis=1).nonzero()[0].tolist() == [7]


@pytest.mark.parametrize('length', [0, 3, 4, 7, 4 + 4 * 32])
def test_a_message_with_no_content_has_no_words(length):
    assert sampled_words(bytes(length)).shape == (0, 4)


def test_bytes_that_fill_no_word_are_left_out():
    assert len(sampled_words(message(np.zeros(40)) + b'\x01')) == 8
