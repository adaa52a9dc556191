import pytest

from depth_anything_ros.errors import ConfigError, UnknownNameError
from depth_anything_ros.registry import Registry


def test_string_entry_is_imported_on_first_use():
    table = Registry('number', {'pi': 'math:pi', 'none': 'no_such_module:thing'})
    assert table['pi'] == pytest.approx(3.14159265)
    assert 'none' in table, 'knowing a name must not import it'


def test_direct_entry_is_returned_as_it_is():
    entry = object()
    assert Registry('thing', {'a': entry})['a'] is entry


def test_unknown_name_lists_the_known_ones():
    table = Registry('decoder', {'dpt': 1, 'sdt': 2})
    with pytest.raises(UnknownNameError, match=r"unknown decoder 'dtp'; known: dpt, sdt"):
        table['dtp']


def test_names_keep_the_order_of_the_table():
    table = Registry('thing', {'b': 1, 'a': 2})
    assert list(table) == ['b', 'a']
    assert len(table) == 2


def test_an_entry_can_be_added_once():
    table = Registry('part', {'a': 1})
    table.add('b', 2)
    assert list(table) == ['a', 'b'] and table['b'] == 2
    with pytest.raises(ConfigError, match="there is a part 'b' already"):
        table.add('b', 3)
