from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.json_text import IF_KNOWN
from depth_anything_ros.lab.journal import Journal

HEADER = {'format': 1, 'model': 'tiny', 'runs': 50}


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'journal.jsonl'


@dataclass(frozen=True)
class Entry:
    name: str
    values: Sequence[float | None] | None = field(default=None, metadata=IF_KNOWN)


def begin(path, header=HEADER, restart=False, entries=()):
    with Journal(path, Entry, header, restart) as journal:
        journal.add(entries)
    return journal.entries


def test_lines_come_back_without_one_that_was_cut_off(path):
    entries = [Entry('a'), Entry('b', [None, 0.1])]
    assert begin(path, entries=entries) == []
    with path.open('a') as file:
        file.write('{"name": ')
    assert begin(path, entries=[Entry('d')]) == entries
    assert begin(path) == [*entries, Entry('d')]
    assert path.read_text().splitlines()[2] == '{"name": "b", "values": [null, 0.1]}'


def test_only_settings_that_differ_are_named(path):
    begin(path)
    with pytest.raises(DatasetError) as error:
        begin(path, {'format': 1, 'model': 'tiny', 'runs': 10, 'threads': 1})
    assert 'begun with {"runs": 50}, this run has {"runs": 10, "threads": 1};' in str(error.value)


def test_file_that_is_no_journal_is_refused(path):
    path.write_text('dear diary\n')
    with pytest.raises(DatasetError, match='was begun with dear diary, this run has {"format"'):
        begin(path)


def test_open_journal_is_refused_to_others(path):
    with Journal(path, Entry, HEADER), pytest.raises(DatasetError, match='in use by another run'):
        Journal(path, Entry, HEADER, restart=True)
    assert begin(path) == []


def test_restart_forgets_everything(path):
    begin(path, entries=[Entry('a')])
    assert begin(path, {'format': 2}, restart=True) == []
    assert begin(path, {'format': 2}) == []


def test_damage_is_told_by_the_line(path):
    begin(path, entries=[Entry('a')])
    with path.open('a') as file:
        file.write('{"nickname": "b"}\n')
    with pytest.raises(DatasetError, match='line 3 of .* is damaged'):
        begin(path)


def test_numbers_that_json_cannot_say_are_refused(path):
    with pytest.raises(ValueError, match='JSON compliant'):
        begin(path, entries=[Entry('a', [float('nan')])])
