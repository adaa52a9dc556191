"""Files and folders are there as a whole or not at all, whatever goes wrong."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from depth_anything_ros import files
from depth_anything_ros.errors import OutputError


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_what_is_read(tmp_path):
    path = tmp_path / 'new' / 'folder' / 'a.txt'
    files.write_text(path, 'größer\n')
    assert path.read_bytes() == 'größer\n'.encode()
    files.write_json(path, {'name': 'ä', 'value': None})
    assert json.loads(path.read_text()) == {'name': 'ä', 'value': None}
    assert _names(path.parent) == ['a.txt']


def test_numbers_that_json_cannot_say_are_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match='JSON'):
        files.write_json(tmp_path / 'a.json', {'value': float('nan')})
    assert _names(tmp_path) == []


def test_the_old_file_stays_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text('old')
    with files.writing(path) as file:
        file.write(b'new')
        file.flush()
        assert path.read_text() == 'old'
    assert path.read_text() == 'new'
    assert _names(tmp_path) == ['a.txt']


@pytest.mark.parametrize('error', [RuntimeError('bad data'), KeyboardInterrupt()])
def test_an_error_of_the_writer_passes_and_leaves_the_old_file(tmp_path, error):
    path = tmp_path / 'a.txt'
    path.write_text('old')
    with pytest.raises(type(error)), files.writing(path) as file:
        file.write(b'half')
        raise error
    assert path.read_text() == 'old'
    assert _names(tmp_path) == ['a.txt']


def _save_tensors(file):
    torch.save({'a': torch.zeros(100_000)}, file)


def _save_picture(file):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 8))
    figure.figimage(np.random.default_rng(0).random((800, 800)))
    figure.savefig(file, format='png')


@pytest.mark.parametrize('save', [_save_tensors, _save_picture])
def test_libraries_that_run_out_of_room_give_our_error(tmp_path, small_files, save):
    path = tmp_path / 'a.bin'
    path.write_text('old')
    with (
        pytest.raises(OutputError, match=r"^cannot write '.*a\.bin': File too large; .*ulimit -f"),
        files.writing(path) as file,
    ):
        save(file)
    assert path.read_text() == 'old'
    assert _names(tmp_path) == ['a.bin']


@pytest.mark.parametrize('name', ['fsync', 'replace'])
def test_a_disk_that_tells_late_that_it_is_full_leaves_the_old_file(tmp_path, monkeypatch, name):
    path = tmp_path / 'a.txt'
    path.write_text('old')

    def refuse(*_):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os if name == 'fsync' else Path, name, refuse)
    with pytest.raises(OutputError) as caught:
        files.write_text(path, 'new')
    assert str(caught.value) == (
        f"cannot write '{path}': Disk quota exceeded; make room there or choose another place"
    )
    assert path.read_text() == 'old'
    assert _names(tmp_path) == ['a.txt']


def test_a_full_disk_leaves_the_old_file_and_nothing_else(full_disk):
    path = full_disk / 'a.txt'
    with pytest.raises(OutputError, match='No space left on device; make room there or choose'):
        files.write_bytes(path, bytes(1 << 16))
    assert path.read_text() == 'old'
    assert _names(full_disk) == ['a.txt', 'filling']


def test_a_full_device_is_told(tmp_path):
    with pytest.raises(OutputError, match="cannot write '/dev/full': No space left on device"):
        files.write_json(Path('/dev/full'), {})


@pytest.mark.parametrize(
    ('name', 'reason'),
    [
        ('file/a.txt', 'a file stands where a folder is needed; give another name'),
        ('folder', 'a folder of that name exists; give the name of a file'),
        ('x' * 300, 'File name too long; give a shorter name'),
    ],
)
def test_a_place_that_cannot_be_is_told_before_and_while_writing(tmp_path, name, reason):
    (tmp_path / 'file').touch()
    (tmp_path / 'folder').mkdir()
    for write in (files.check_writable, lambda path: files.write_text(path, 'new')):
        with pytest.raises(OutputError, match=reason):
            write(tmp_path / name)
    assert _names(tmp_path) == ['file', 'folder']


def test_a_folder_without_permission_is_told(tmp_path):
    if os.geteuid() == 0:
        pytest.skip('root may write everywhere')
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match='Permission denied; choose a place that you may write'):
        files.write_text(tmp_path / 'a.txt', 'new')


def test_a_check_leaves_the_file_as_it_is(tmp_path):
    path = tmp_path / 'a.txt'
    files.check_writable(path)
    assert _names(tmp_path) == []
    path.write_text('old')
    files.check_writable(path)
    assert path.read_text() == 'old'


def test_a_check_finds_a_full_disk(full_disk):
    with pytest.raises(OutputError, match='No space left on device'):
        files.check_writable(full_disk / 'new.txt')


def test_names_as_long_as_they_may_be_are_written(tmp_path):
    path = tmp_path / ('ä' * 127)
    files.write_text(path, 'new')
    assert _names(tmp_path) == [path.name]


@pytest.mark.parametrize('umask', [0o022, 0o077])
def test_permissions_follow_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        files.write_text(tmp_path / 'a.txt', 'new')
        with files.writing_folder(tmp_path / 'folder'):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / 'a.txt').stat().st_mode & 0o777 == 0o666 & ~umask
    assert (tmp_path / 'folder').stat().st_mode & 0o777 == 0o777 & ~umask


def test_a_link_is_written_through(tmp_path):
    path = tmp_path / 'link'
    path.symlink_to(tmp_path / 'real.txt')
    files.write_text(path, 'new')
    assert path.is_symlink()
    assert (tmp_path / 'real.txt').read_text() == 'new'


def test_a_pipe_is_written_to_directly():
    reader, writer = os.pipe()
    files.write_text(Path(f'/dev/fd/{writer}'), 'new')
    assert os.read(reader, 10) == b'new'
    os.close(reader)
    os.close(writer)


def test_standard_output_that_goes_to_a_file_keeps_what_is_there(tmp_path):
    script = (
        'import sys; from pathlib import Path; from depth_anything_ros import files;'
        'print("before"); files.write_text(Path("/dev/stdout"), "written\\n");'
        'print("after")'
    )
    with (tmp_path / 'out').open('wb') as out:
        subprocess.run([sys.executable, '-c', script], stdout=out, check=True)
    assert (tmp_path / 'out').read_text() == 'before\nwritten\nafter\n'


def test_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / 'a.txt'
    contents = [str(number) * 100_000 for number in range(8)]
    threads = [threading.Thread(target=files.write_text, args=(path, text)) for text in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in contents
    assert _names(tmp_path) == ['a.txt']


def test_what_a_killed_process_left_is_removed_by_the_next_writer(tmp_path):
    path = tmp_path / 'a.txt'
    script = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from depth_anything_ros import files
        with files.writing(Path({str(path)!r})) as file, \\
                files.writing_folder(Path({str(tmp_path / 'bag')!r})):
            file.write(b'half')
            print(flush=True)
            time.sleep(60)
    """)
    child = subprocess.Popen([sys.executable, '-c', script], stdout=subprocess.PIPE)
    child.stdout.readline()
    left = list(tmp_path.glob('.*.part'))
    assert len(left) == 2
    for temporary in left:
        os.utime(temporary, (time.time() - 100,) * 2)
    files.write_text(path, 'beside')
    assert sorted(tmp_path.glob('.*.part')) == sorted(left), 'a living writer was disturbed'
    child.send_signal(signal.SIGKILL)
    child.communicate()
    files.write_text(path, 'new')
    with files.writing_folder(tmp_path / 'bag'):
        pass
    assert _names(tmp_path) == ['a.txt', 'bag']


def test_a_folder_appears_when_it_is_complete(tmp_path):
    path = tmp_path / 'way' / 'bag'
    with files.writing_folder(path) as fresh:
        assert fresh.name == 'bag'
        (fresh / 'a').write_text('new')
        assert not path.exists()
    assert (path / 'a').read_text() == 'new'
    assert _names(path.parent) == ['bag']


def test_a_folder_that_exists_is_replaced_on_demand_only(tmp_path):
    path = tmp_path / 'bag'
    path.mkdir()
    (path / 'old').touch()
    with (
        pytest.raises(OutputError, match='Directory not empty; a folder of that name exists'),
        files.writing_folder(path) as fresh,
    ):
        (fresh / 'new').touch()
    assert _names(path) == ['old']
    with files.writing_folder(path, replace=True) as fresh:
        (fresh / 'new').touch()
    assert _names(path) == ['new']
    assert _names(tmp_path) == ['bag']


def test_a_folder_that_fails_leaves_the_old_one_and_nothing_else(tmp_path, small_files):
    path = tmp_path / 'bag'
    path.mkdir()
    (path / 'old').touch()
    with (
        pytest.raises(OutputError, match="cannot write '.*bag': File too large"),
        files.writing_folder(path, replace=True) as fresh,
    ):
        (fresh / 'new').write_bytes(bytes(1 << 17))
    assert _names(path) == ['old']
    assert _names(tmp_path) == ['bag']


def test_the_old_folder_comes_back_if_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    path = tmp_path / 'bag'
    path.mkdir()
    (path / 'old').touch()
    rename = Path.rename

    def refuse(self, target):
        if '.part' in str(self) and 'replaced' not in str(self):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    monkeypatch.setattr(Path, 'rename', refuse)
    with pytest.raises(OutputError, match='error'), files.writing_folder(path, replace=True):
        pass
    assert _names(path) == ['old']
    assert _names(tmp_path) == ['bag']


def test_appending_adds_all_or_nothing(tmp_path, small_files):
    path = tmp_path / 'a.csv'
    path.write_bytes(b'1\n')
    files.append(path, b'2\n')
    with pytest.raises(OutputError, match="cannot write '.*a.csv': File too large"):
        files.append(path, bytes(1 << 17))
    assert path.read_bytes() == b'1\n2\n'
    files.append(path, b'3\n')
    assert path.read_bytes() == b'1\n2\n3\n'


def test_a_file_that_another_writes_by_its_name_is_there_as_a_whole_or_not_at_all(tmp_path):
    path = tmp_path / 'new' / 'a.mp4'
    with files.writing_named(path) as name:
        assert name.name == 'a.mp4' and name.parent.parent == path.parent
        name.write_bytes(b'new')
        assert not path.exists()
    assert path.read_bytes() == b'new' and _names(path.parent) == ['a.mp4']
    with pytest.raises(RuntimeError), files.writing_named(path) as name:
        name.write_bytes(b'half')
        raise RuntimeError
    assert path.read_bytes() == b'new' and _names(path.parent) == ['a.mp4']
    with pytest.raises(OutputError, match='a.mp4'), files.writing_named(path):
        pass  # nobody wrote it


def test_files_that_belong_together_are_new_as_a_whole_or_not_at_all(tmp_path):
    names = [tmp_path / name for name in ('a', 'b')]
    assert files.write_together((path, b'old') for path in names) == names

    def failing():
        yield names[0], b'new'
        raise ValueError('unmade')

    with pytest.raises(ValueError, match='unmade'):
        files.write_together(failing())
    for refused in (tmp_path, tmp_path / ('x' * 300), tmp_path / 'a' / 'c'):
        with pytest.raises(OutputError, match='cannot write'):
            files.write_together([(names[0], b'new'), (tmp_path / 'c', b'new'), (refused, b'new')])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        'a': b'old', 'b': b'old',
    }  # fmt: skip
