import json
import logging
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference.backends.cache import (
    KEPT_EXPORTS,
    MANIFEST,
    cached_export,
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


def test_export_is_made_once_and_found_again(tmp_path):
    build = Builder()
    first = cached_export(tmp_path / 'deep' / 'cache', 'm', KEY, build)
    assert cached_export(tmp_path / 'deep' / 'cache', 'm', KEY, build) == first
    assert build.calls == 1
    assert (first / 'model.xml').read_text() == 'graph'
    assert json.loads((first / MANIFEST).read_text())['key'] == KEY


def test_every_value_of_the_key_makes_another_export(tmp_path):
    build = Builder()
    first = cached_export(tmp_path, 'm', KEY, build)
    assert cached_export(tmp_path, 'm', {**KEY, 'size': '70x56'}, build) != first
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


@pytest.mark.parametrize(
    'damage', [truncate, flip_a_bit, remove_a_file, break_the_manifest, empty_the_manifest]
)
def test_damaged_export_is_made_again_and_logged(tmp_path, caplog, damage):
    build = Builder()
    folder = cached_export(tmp_path, 'm', KEY, build)
    damage(folder)
    with caplog.at_level(logging.WARNING):
        assert cached_export(tmp_path, 'm', KEY, build) == folder
    assert build.calls == 2
    assert 'is damaged' in caplog.text
    assert (folder / 'model.bin').read_bytes() == b'weights' * 100
    cached_export(tmp_path, 'm', KEY, build)
    assert build.calls == 2


def test_failed_build_leaves_nothing_that_looks_finished(tmp_path):
    def fail(folder: Path) -> None:
        (folder / 'model.xml').write_text('half')
        raise BackendError('cannot convert')

    with pytest.raises(BackendError, match='cannot convert'):
        cached_export(tmp_path, 'm', KEY, fail)
    assert [path.suffix for path in tmp_path.iterdir()] == ['.lock']
    build = Builder()
    cached_export(tmp_path, 'm', KEY, build)
    assert build.calls == 1


def test_what_a_killed_process_left_is_removed(tmp_path):
    folder = cached_export(tmp_path, 'm', KEY, Builder())
    shutil.rmtree(folder)
    mine, foreign = (tmp_path / f'.making-{name}-x1' for name in (folder.name, 'another'))
    for left in (mine, foreign):
        left.mkdir()
        (left / 'model.bin').write_bytes(b'half')
    cached_export(tmp_path, 'm', KEY, Builder())
    assert not mine.exists()
    assert foreign.exists()


def test_two_builders_at_once_make_one_export(tmp_path):
    build = Builder(pause_s=0.1)
    folders = []
    workers = [
        threading.Thread(target=lambda: folders.append(cached_export(tmp_path, 'm', KEY, build)))
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert build.calls == 1
    assert folders[0] == folders[1]


def test_cache_that_cannot_be_written_is_an_error_that_names_it(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(BackendError, match=r"cannot use the export cache '.*file/cache'"):
        cached_export(tmp_path / 'file' / 'cache', 'm', KEY, Builder())


def test_exports_used_longest_ago_are_removed(tmp_path):
    folders = [
        cached_export(tmp_path, 'm', {'size': str(size)}, Builder())
        for size in range(KEPT_EXPORTS)
    ]
    other = cached_export(tmp_path, 'n', KEY, Builder())
    for age, folder in enumerate([*reversed(folders), other]):
        os.utime(folder, (1000 - age, 1000 - age))
    build = Builder()
    cached_export(tmp_path, 'm', {'size': '0'}, build)  # the oldest is used again
    cached_export(tmp_path, 'm', KEY, Builder())
    assert build.calls == 0
    assert [folder.exists() for folder in folders] == [True, False, True, True]
    assert other.exists()


def test_default_cache_dir_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert default_cache_dir() == tmp_path / 'depth_anything_ros'
    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setenv('HOME', str(tmp_path))
    assert default_cache_dir() == tmp_path / '.cache' / 'depth_anything_ros'


def test_source_digest_is_stable_and_short():
    assert source_digest() == source_digest()
    assert len(source_digest()) == 16
