"""NumPy files that are not what they say."""

import zipfile

import hostile
import numpy as np
import pytest

from depth_anything_ros.errors import MessageError
from depth_anything_ros.lab.datasets.numpy_files import load_npy, load_npz


@pytest.mark.parametrize(
    'values',
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array(['a', 'bcd']),
        np.float64(7),
        np.zeros((0, 4)),
    ],
)
def test_what_numpy_wrote_is_read_back(values, tmp_path):
    np.save(tmp_path / 'a.npy', values)
    np.savez_compressed(tmp_path / 'a.npz', first=values, second=values)
    archive = load_npz(tmp_path / 'a.npz')
    assert list(archive) == ['first', 'second']
    for found in (load_npy(tmp_path / 'a.npy'), *archive.values()):
        np.testing.assert_array_equal(found, values)
        assert found.dtype == np.asarray(values).dtype


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (b'', 'magic string'),
        (b'\x93NUMPY\x09\x00', r'its version \(9, 0\) is not one of'),
        (hostile.npy(), r'the array \(30000, 30000\) of float32 has 3600 MB; at most 180 MB'),
        (hostile.npy((3, 2), body=bytes(20)), r'it holds 20 bytes, float32 \(3, 2\) needs 24'),
        (hostile.npy((3, 2), '|O', bytes(48)), r'it holds object \(3, 2\); numbers are needed'),
        (hostile.npy((-3, 2), body=bytes(24)), r'it holds float32 \(-3, 2\)'),
        (hostile.npy(header=9_000 * '('), 'its header is damaged'),
        (hostile.npy(header=20_000 * ' '), 'its header has 20001 bytes; at most 10000'),
        (hostile.npy()[:20], 'its header is damaged'),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(content, words, tmp_path):
    (tmp_path / 'a.npy').write_bytes(content)
    with pytest.raises(MessageError, match=words):
        load_npy(tmp_path / 'a.npy')
    with zipfile.ZipFile(tmp_path / 'a.npz', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('a.npy', content)
    with pytest.raises(MessageError, match=words):
        load_npz(tmp_path / 'a.npz')


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path):
    (tmp_path / 'a.npz').write_bytes(hostile.npz(300))
    assert (tmp_path / 'a.npz').stat().st_size < 400_000
    with pytest.raises(MessageError, match='the archive has 300 MB; at most 180 MB'):
        load_npz(tmp_path / 'a.npz')


def test_a_header_nested_deep_is_refused_in_few_words(tmp_path):
    (tmp_path / 'a.npy').write_bytes(hostile.npy(header=9_000 * '('))
    with pytest.raises(MessageError) as caught:
        load_npy(tmp_path / 'a.npy')
    assert len(str(caught.value)) < 100


def test_a_missing_file_is_named(tmp_path):
    for load in (load_npy, load_npz):
        with pytest.raises(MessageError, match=r'missing\.npz'):
            load(tmp_path / 'missing.npz')
