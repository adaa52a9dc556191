import made_data
import pytest

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.lab.datasets.origin import Origin, open_data


def origin(word):
    return Origin(word, made_data.open_made)


def test_data_sets_of_one_name_are_shown_under_their_words():
    labels = [item.label for item in open_data([origin('a:3'), origin('a:4'), origin('b:3')])]
    assert labels == ['a:3', 'a:4', 'b']


def test_word_given_twice_is_refused():
    with pytest.raises(ConfigError, match="'a:3' is given 2 times; allowed: once"):
        open_data([origin('a:3'), origin('a:3')])
