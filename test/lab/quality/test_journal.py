import math

import pytest

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.quality.journal import Entry, ScoreJournal
from depth_anything_ros.lab.quality.scores import DepthScore, ScoreConfig

CONFIG = ScoreConfig()
SCORE = DepthScore(1.0, 0.1, 0.2, 1 / 3, 0.4, 0.5, 0.45)


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'journal.jsonl'


def test_scores_come_back_to_the_last_bit(path):
    undefined = DepthScore(0.25, 0.1, 0.2, 0.3, 0.4, math.nan, math.nan)
    with ScoreJournal(path, CONFIG) as journal:
        journal.add([Entry('a:/x', 'π "1"', SCORE), Entry('b:/x', '1', undefined)])
        journal.add([Entry('a:/x', '2', None, 'gone')])
    with ScoreJournal(path, CONFIG) as journal:
        assert set(journal.scores) == {('a:/x', 'π "1"'), ('b:/x', '1')}
        assert journal.scores['a:/x', 'π "1"'] == SCORE
        back = journal.scores['b:/x', '1']
        assert back.distribution == 0.4
        assert math.isnan(back.gradient)
        assert math.isnan(back.total)


@pytest.mark.parametrize('cut', range(1, 60, 7))
def test_line_cut_off_is_removed_and_the_rest_kept(path, cut):
    with ScoreJournal(path, CONFIG) as journal:
        journal.add([Entry('a', '1', SCORE), Entry('a', '2', SCORE)])
    path.write_bytes(path.read_bytes()[:-cut])
    with ScoreJournal(path, CONFIG) as journal:
        assert set(journal.scores) == {('a', '1')}
        journal.add([Entry('a', '2', SCORE)])
    with ScoreJournal(path, CONFIG) as journal:
        assert set(journal.scores) == {('a', '1'), ('a', '2')}


def test_header_cut_off_begins_anew(path):
    path.write_text('{"form')
    with ScoreJournal(path, CONFIG) as journal:
        assert journal.scores == {}
        journal.add([Entry('a', '1', SCORE)])
    with ScoreJournal(path, CONFIG) as journal:
        assert set(journal.scores) == {('a', '1')}


def test_journal_of_other_settings_is_refused(path):
    ScoreJournal(path, CONFIG).__exit__(None, None, None)
    with pytest.raises(DatasetError, match=r'"bins": 20.* this run has .*"bins": 10'):
        ScoreJournal(path, ScoreConfig(bins=10))


@pytest.mark.parametrize(
    'line', ['no json', '{"data": "a"}', '{"data": "a", "name": "1", "scores": [1]}', '[]']
)
def test_damaged_line_is_refused_by_its_number(path, line):
    ScoreJournal(path, CONFIG).__exit__(None, None, None)
    with path.open('a') as file:
        file.write(f'{line}\n')
    with pytest.raises(DatasetError, match='line 2 of .* is damaged'):
        ScoreJournal(path, CONFIG)


def test_journal_in_use_is_refused(path):
    for restart in (False, True):
        with (
            ScoreJournal(path, CONFIG),
            pytest.raises(DatasetError, match='in use by another run'),
        ):
            ScoreJournal(path, CONFIG, restart)


def test_restart_forgets_scores_settings_and_damage(path):
    with ScoreJournal(path, ScoreConfig(bins=10)) as journal:
        journal.add([Entry('a', '1', SCORE)])
    with path.open('a') as file:
        file.write('no json\n')
    with ScoreJournal(path, CONFIG, restart=True) as journal:
        assert journal.scores == {}
        journal.add([Entry('a', '2', SCORE)])
    with ScoreJournal(path, CONFIG) as journal:
        assert set(journal.scores) == {('a', '2')}
