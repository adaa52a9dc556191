import made_data
import pytest

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.quality.kept import KeptDataset, read_kept, write_kept


def test_list_comes_back_by_word(tmp_path):
    path = tmp_path / 'kept.txt'
    write_kept(path, {'a:/x y': ['1', 'π/2 b'], 'b:/z': ['1'], 'c:/z': []})
    assert path.read_text(encoding='utf-8') == 'a:/x y\t1\na:/x y\tπ/2 b\nb:/z\t1\n'
    assert read_kept(path, 'a:/x y') == {'1', 'π/2 b'}
    assert read_kept(path, 'b:/z') == {'1'}


@pytest.mark.parametrize('name', ['a\tb', 'a\nb', 'a\rb'])
def test_name_that_would_break_the_list_is_refused(tmp_path, name):
    with pytest.raises(DatasetError, match='allowed: names without tabs'):
        write_kept(tmp_path / 'kept.txt', {'a': [name]})


def test_data_set_that_is_not_in_the_list_is_refused(tmp_path):
    path = tmp_path / 'kept.txt'
    write_kept(path, {'a': ['1'], 'b': ['1']})
    with pytest.raises(DatasetError, match="no sample of 'c'; data sets in it: a, b"):
        read_kept(path, 'c')


def test_other_file_is_refused(tmp_path):
    path = tmp_path / 'kept.txt'
    path.write_text('a\t1\nhello\n')
    with pytest.raises(DatasetError, match='line 2 of'):
        read_kept(path, 'a')


def test_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / 'kept.txt').write_bytes(b'\x89PNG\n')
    with pytest.raises(DatasetError, match=r"kept.txt' is not a list of samples"):
        read_kept(tmp_path / 'kept.txt', 'a')


def test_only_kept_samples_are_shown_in_the_order_of_the_data_set():
    whole = made_data.MadeDataset('a', 10)
    kept = KeptDataset(whole, {'008', '003', '004'})
    assert (kept.name, len(kept)) == ('a', 3)
    assert [kept.sample_name(index) for index in range(3)] == ['003', '004', '008']
    assert [kept.source(index) for index in range(3)] == ['room 1', 'room 0', 'room 0']
    assert kept[2].name == '008'
    with pytest.raises(IndexError):
        kept[3]


def test_kept_sample_that_is_gone_is_told():
    with pytest.raises(DatasetError, match="has no sample '011', and 1 more"):
        KeptDataset(made_data.MadeDataset('a', 10), {'003', '011', '012'})
