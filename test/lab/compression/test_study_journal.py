import pytest

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.compression.study_journal import StudyJournal

SETTINGS = {'model': 'tiny', 'runs': 3}


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'journal.jsonl'


def test_results_come_back_and_failures_do_not(path):
    with StudyJournal(path, SETTINGS) as journal:
        journal.add('prune(0.1)', 'file', {'bytes': 3, 'sqnr_db': None})
        journal.add('prune(0.1)', 'memory', {'peak_bytes': None, 'failure': 'killed'})
        assert len(journal.results) == 2
    with StudyJournal(path, SETTINGS) as journal:
        assert journal.results == {('prune(0.1)', 'file'): {'bytes': 3, 'sqnr_db': None}}


def test_other_settings_are_refused_and_forgotten_with_restart(path):
    with StudyJournal(path, SETTINGS) as journal:
        journal.add('a', 'file', {})
    other = {**SETTINGS, 'runs': 5}
    with pytest.raises(DatasetError, match=r'begun with {"runs": 3}, this run has {"runs": 5}'):
        StudyJournal(path, other)
    with StudyJournal(path, other, restart=True) as journal:
        assert journal.results == {}


@pytest.mark.parametrize(
    'line', ['no json', '[]', '{"recipe": "a"}', '{"recipe": "a", "step": "b", "result": 1}']
)
def test_damaged_line_is_refused_by_its_number(path, line):
    StudyJournal(path, SETTINGS).__exit__(None, None, None)
    with path.open('a') as file:
        file.write(f'{line}\n')
    with pytest.raises(DatasetError, match='line 2 of .* is damaged'):
        StudyJournal(path, SETTINGS)
    StudyJournal(path, SETTINGS, restart=True).__exit__(None, None, None)


def test_journal_in_use_is_refused(path):
    with StudyJournal(path, SETTINGS), pytest.raises(DatasetError, match='in use by another run'):
        StudyJournal(path, SETTINGS)
