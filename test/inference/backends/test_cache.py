import errno
import json
import logging
import os
import tempfile
import threading
import time
from pathlib import Path

import pytest

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference.backends import cache as cache_module
from depth_anything_ros.inference.backends.cache import (
    KEPT_EXPORTS,
    MANIFEST,
    ExportCache,
    NoRoomError,
    default_cache_dir,
    source_digest,
)

KEY = {'model': 'm', 'size': '56x70'}


class Builder:
    """Write two files and count how often it was asked to."""

    def __init__(self, pause_s: float = 0.0) -> None:
        self.calls = 0
        self.pause_s = pause_s

    def __call__(self, folder: Path) -> None:
        self.calls += 1
        time.sleep(self.pause_s)
        (folder / 'model.xml').write_text('graph')
        (folder / 'model.bin').write_bytes(b'weights' * 100)


def load(folder, label, key, build, limit_gb=8.0):
    """Return the export's folder, which a real caller reads while nobody removes it."""
    cache = ExportCache(folder, limit_gb)
    found = cache.load(label, key, build, lambda place: place)
    assert cache.problem == ''
    return found


def test_export_is_made_once_and_found_again(tmp_path):
    build = Builder()
    first = load(tmp_path / 'deep' / 'cache', 'm', KEY, build)
    assert load(tmp_path / 'deep' / 'cache', 'm', KEY, build) == first
    assert build.calls == 1
    assert (first / 'model.xml').read_text() == 'graph'
    assert json.loads((first / MANIFEST).read_text())['key'] == KEY


def test_every_value_of_the_key_makes_another_export(tmp_path):
    build = Builder()
    first = load(tmp_path, 'm', KEY, build)
    assert load(tmp_path, 'm', {**KEY, 'size': '70x56'}, build) != first
    assert build.calls == 2


def truncate(folder: Path) -> None:
    (folder / 'model.bin').write_bytes(b'weig')


def flip_a_bit(folder: Path) -> None:
    data = bytearray((folder / 'model.bin').read_bytes())
    data[7] ^= 1
    (folder / 'model.bin').write_bytes(data)


def remove_a_file(folder: Path) -> None:
    (folder / 'model.xml').unlink()


def break_the_manifest(folder: Path) -> None:
    (folder / MANIFEST).write_text('{"files": ')


def empty_the_manifest(folder: Path) -> None:
    (folder / MANIFEST).write_text('[]')


def list_no_files(folder: Path) -> None:
    (folder / 'model.bin').write_bytes(b'other weights')
    (folder / MANIFEST).write_text(json.dumps({'key': KEY, 'files': {}}))


def list_one_file_only(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest['files']['model.bin']
    (folder / 'model.bin').write_bytes(b'other weights')
    (folder / MANIFEST).write_text(json.dumps(manifest))


def empty_the_export(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    (folder / MANIFEST).write_text(json.dumps({'key': KEY, 'files': {}}))


@pytest.mark.parametrize(
    'damage',
    [
        truncate,
        flip_a_bit,
        remove_a_file,
        break_the_manifest,
        empty_the_manifest,
        list_no_files,
        list_one_file_only,
        empty_the_export,
    ],
)
def test_damaged_export_is_made_again_and_logged(tmp_path, caplog, damage):
    build = Builder()
    folder = load(tmp_path, 'm', KEY, build)
    damage(folder)
    with caplog.at_level(logging.WARNING):
        assert load(tmp_path, 'm', KEY, build) == folder
    assert build.calls == 2
    assert 'is damaged' in caplog.text
    assert (folder / 'model.bin').read_bytes() == b'weights' * 100
    load(tmp_path, 'm', KEY, build)
    assert build.calls == 2


def test_failed_build_leaves_nothing_that_looks_finished(tmp_path):
    def fail(folder: Path) -> None:
        (folder / 'model.xml').write_text('half')
        raise BackendError('cannot convert')

    with pytest.raises(BackendError, match='cannot convert'):
        load(tmp_path, 'm', KEY, fail)
    assert [path.suffix for path in tmp_path.iterdir()] == ['.lock']
    build = Builder()
    load(tmp_path, 'm', KEY, build)
    assert build.calls == 1


def test_what_killed_processes_left_is_removed(tmp_path):
    left = [tmp_path / f'.{name}-0123456789abcdef.1234.part' for name in 'mn']
    for folder in left:
        folder.mkdir()
        (folder / 'model.bin').write_bytes(b'half')
        os.utime(folder, (1000, 1000))
    (tmp_path / 'n-0123456789abcdef.lock').touch()
    folder = load(tmp_path, 'm', KEY, Builder())
    assert sorted(tmp_path.iterdir()) == [folder, folder.with_name(f'{folder.name}.lock')]


def test_two_builders_at_once_make_one_export(tmp_path):
    build = Builder(pause_s=0.1)
    folders = []
    workers = [
        threading.Thread(target=lambda: folders.append(load(tmp_path, 'm', KEY, build)))
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert build.calls == 1
    assert folders[0] == folders[1]


@pytest.fixture
def read_only(monkeypatch):
    """Refuse every new file in a folder, as a read-only file system does, to root as well."""
    refused = []
    real_open, real_mkdir = os.open, os.mkdir

    def check(path):
        if any(Path(path).is_relative_to(folder) for folder in refused):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def guarded_open(path, flags, *rest, **options):
        if flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR):
            check(path)
        return real_open(path, flags, *rest, **options)

    def guarded_mkdir(path, *rest, **options):
        check(path)
        return real_mkdir(path, *rest, **options)

    monkeypatch.setattr(os, 'open', guarded_open)
    monkeypatch.setattr(os, 'mkdir', guarded_mkdir)
    monkeypatch.setattr(os, 'utime', lambda path, *_: check(path))
    return refused.append


def test_a_warm_cache_that_cannot_be_written_is_used_as_it_is(tmp_path, read_only, caplog):
    build = Builder()
    folder = load(tmp_path, 'm', KEY, build)
    read_only(tmp_path)
    assert load(tmp_path, 'm', KEY, build) == folder
    folder.with_name(f'{folder.name}.lock').unlink()
    assert load(tmp_path, 'm', KEY, build) == folder
    assert build.calls == 1
    assert caplog.text == ''


def test_a_cold_cache_that_cannot_be_written_is_replaced_by_a_temporary_folder(
    tmp_path, read_only, caplog, monkeypatch
):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / 'temporary'))
    (tmp_path / 'temporary').mkdir()
    read_only(tmp_path / 'cache')
    cache = ExportCache(tmp_path / 'cache')
    weights = cache.load('m', KEY, Builder(), lambda folder: (folder / 'model.bin').read_bytes())
    assert weights == b'weights' * 100
    assert "cannot write '" in cache.problem
    assert 'Read-only file system; choose a place that you may write to' in cache.problem
    assert cache.problem in caplog.text
    assert 'Set cache_dir (or XDG_CACHE_HOME)' in caplog.text
    assert list((tmp_path / 'temporary').iterdir()) == []


def test_a_damaged_export_that_cannot_be_made_again_is_not_believed(
    tmp_path, read_only, monkeypatch
):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / 'temporary'))
    (tmp_path / 'temporary').mkdir()
    truncate(load(tmp_path / 'cache', 'm', KEY, Builder()))
    read_only(tmp_path / 'cache')
    cache = ExportCache(tmp_path / 'cache')
    weights = cache.load('m', KEY, Builder(), lambda folder: (folder / 'model.bin').read_bytes())
    assert weights == b'weights' * 100
    assert cache.problem


def test_a_full_cache_is_replaced_by_a_temporary_folder(full_disk):
    build = Builder()
    cache = ExportCache(full_disk / 'cache')
    weights = cache.load('m', KEY, build, lambda folder: (folder / 'model.bin').read_bytes())
    assert weights == b'weights' * 100
    assert 'No space left on device' in cache.problem
    assert not list(full_disk.glob('**/*.part'))


def test_without_a_cache_exports_are_temporary(caplog):
    cache = ExportCache(None)
    weights = cache.load('m', KEY, Builder(), lambda folder: (folder / 'model.bin').read_bytes())
    assert weights == b'weights' * 100
    assert cache.problem == 'there is no home folder'


def test_an_export_that_can_be_written_nowhere_is_an_error_with_its_cure(tmp_path, read_only):
    read_only(Path('/'))
    with pytest.raises(NoRoomError, match=r'Read-only file system; .*use backend torch'):
        ExportCache(tmp_path / 'cache').load('m', KEY, Builder(), lambda folder: folder)


def _use(folder, numbers, limit_gb):
    """Load exports of 700 bytes and a few more, each used later than the one before."""
    for number in numbers:
        found = load(folder, f'm-{number}', KEY, Builder(), limit_gb)
        os.utime(found, (1000 + number, 1000 + number))


def _labels(folder):
    return sorted(path.name.split('-')[1] for path in folder.iterdir() if path.is_dir())


def test_exports_used_longest_ago_make_room_for_new_ones(tmp_path):
    one = sum(path.stat().st_size for path in load(tmp_path, 'm-0', KEY, Builder()).iterdir())
    _use(tmp_path, range(3), limit_gb=8.0)
    assert _labels(tmp_path) == ['0', '1', '2']
    os.utime(next(tmp_path.glob('m-0-*[!k]')), (2000, 2000))
    _use(tmp_path, [3], limit_gb=3.5 * one / 1e9)
    assert _labels(tmp_path) == ['0', '2', '3']
    # Locks go with their exports.
    assert sorted(path.name.split('-')[1] for path in tmp_path.glob('*.lock')) == ['0', '2', '3']


def test_the_number_of_exports_is_bounded(tmp_path):
    _use(tmp_path, range(KEPT_EXPORTS + 3), limit_gb=8.0)
    assert len(_labels(tmp_path)) == KEPT_EXPORTS
    assert len(list(tmp_path.iterdir())) == 2 * KEPT_EXPORTS


def test_the_export_in_use_is_kept_whatever_the_limit(tmp_path):
    _use(tmp_path, range(2), limit_gb=0.0)
    assert _labels(tmp_path) == ['1']


def test_an_export_that_another_process_reads_is_not_removed(tmp_path):
    cache = ExportCache(tmp_path)
    started, go_on = threading.Event(), threading.Event()

    def read(folder):
        started.set()
        go_on.wait(10)
        return (folder / 'model.bin').read_bytes()

    found = []
    reader = threading.Thread(target=lambda: found.append(cache.load('m-0', KEY, Builder(), read)))
    reader.start()
    started.wait(10)
    _use(tmp_path, [1], limit_gb=0.0)
    go_on.set()
    reader.join()
    assert found == [b'weights' * 100]


def test_an_export_that_another_process_removes_meanwhile_is_no_fault(tmp_path, monkeypatch):
    real = cache_module._size_bytes

    def vanishing(folder):
        if 'first' in folder.name:
            raise FileNotFoundError(folder)
        return real(folder)

    kept = ExportCache(tmp_path)
    for label in ('net-first', 'net-second'):
        kept.load(label, {}, lambda folder: (folder / 'n').write_text('n'), lambda folder: None)
        monkeypatch.setattr(cache_module, '_size_bytes', vanishing)
    assert kept.problem == ''
    assert _labels(tmp_path) == ['first', 'second']


def test_other_files_in_the_folder_are_left_alone(tmp_path):
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'notes.txt').touch()
    _use(tmp_path, range(2), limit_gb=0.0)
    assert (tmp_path / 'mine').is_dir()
    assert (tmp_path / 'notes.txt').is_file()


def test_default_cache_dir_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert default_cache_dir() == tmp_path / 'depth_anything_ros'
    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setenv('HOME', str(tmp_path))
    assert default_cache_dir() == tmp_path / '.cache' / 'depth_anything_ros'


def test_there_is_no_default_folder_without_a_home(monkeypatch):
    monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
    monkeypatch.setattr(os.path, 'expanduser', lambda path: path)
    assert default_cache_dir() is None


def test_source_digest_is_stable_and_short():
    assert source_digest() == source_digest()
    assert len(source_digest()) == 16
