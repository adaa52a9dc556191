import pytest

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.journal import JournalFile

HEADER = {'format': 1, 'model': 'tiny', 'runs': 50}


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'journal.jsonl'


def begin(path, header=HEADER, restart=False, records=()):
    journal = JournalFile(path, header, restart)
    journal.add(records)
    journal.close()
    return journal.lines


def test_lines_come_back_without_one_that_was_cut_off(path):
    assert begin(path, records=[{'a': 1}, {'b': [None, 0.1]}]) == []
    with path.open('a') as file:
        file.write('{"c": ')
    assert begin(path, records=[{'d': 2}]) == ['{"a": 1}', '{"b": [null, 0.1]}']
    assert begin(path)[-1] == '{"d": 2}'


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
    journal = JournalFile(path, HEADER)
    with pytest.raises(DatasetError, match='in use by another run'):
        JournalFile(path, HEADER, restart=True)
    journal.close()
    assert begin(path) == []


def test_restart_forgets_everything(path):
    begin(path, records=[{'a': 1}])
    assert begin(path, {'format': 2}, restart=True) == []
    assert begin(path, {'format': 2}) == []


def test_damage_is_told_by_the_line(path):
    begin(path, records=[{'a': 1}])
    journal = JournalFile(path, HEADER)
    assert 'line 2 of' in str(journal.damaged(0))
    journal.close()


def test_numbers_that_json_cannot_say_are_refused(path):
    with pytest.raises(ValueError, match='JSON compliant'):
        begin(path, records=[{'a': float('nan')}])
