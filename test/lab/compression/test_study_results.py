from dataclasses import replace

import pytest
from study_results import WORD, result

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.compression.study_results import (
    Conditions,
    LatencyResult,
    MemoryResult,
    StudyEntry,
    StudySettings,
    open_journal,
)

CONDITIONS = Conditions(0, 0.2, 8.0, 'none', 'none', 3, 1, {'python': '3'})
SETTINGS = StudySettings('tiny', 'relative inverse depth', 'sha256 ab', CONDITIONS)
FILE = result('prune(0.1)', 0.1).file


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'journal.jsonl'


def test_results_come_back_and_tell_which_failed(path):
    scores = result('prune(0.1)', None, failed=10).scores[WORD]
    found = [FILE, scores, LatencyResult(1.5, None, 2.0, ''), MemoryResult(None, 'killed')]
    entries = [StudyEntry('prune(0.1)', f'step {place}', item) for place, item in enumerate(found)]
    with open_journal(path, SETTINGS) as journal:
        journal.add(entries)
    with open_journal(path, SETTINGS) as journal:
        assert journal.entries == entries
    assert [entry.failed for entry in entries] == [False, False, False, True]


def test_other_settings_are_refused_and_forgotten_with_restart(path):
    with open_journal(path, SETTINGS) as journal:
        journal.add([StudyEntry('a', 'file', FILE)])
    other = replace(SETTINGS, conditions=replace(CONDITIONS, runs=5))
    with pytest.raises(DatasetError, match=r'begun with {"runs": 3}, this run has {"runs": 5}'):
        open_journal(path, other)
    with open_journal(path, other, restart=True) as journal:
        assert journal.entries == []


@pytest.mark.parametrize(
    'line', ['no json', '[]', '{"recipe": "a"}', '{"recipe": "a", "step": "b", "result": 1}']
)
def test_damaged_line_is_refused_by_its_number(path, line):
    open_journal(path, SETTINGS).close()
    with path.open('a') as file:
        file.write(f'{line}\n')
    with pytest.raises(DatasetError, match='line 2 of .* is damaged'):
        open_journal(path, SETTINGS)
    open_journal(path, SETTINGS, restart=True).close()


def test_journal_in_use_is_refused(path):
    with open_journal(path, SETTINGS), pytest.raises(DatasetError, match='in use by another run'):
        open_journal(path, SETTINGS)
