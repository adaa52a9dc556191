"""The one way to write: a file or a folder is there as a whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import glob
import io
import json
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from depth_anything_ros.errors import OutputError
from depth_anything_ros.json_text import as_json

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# The longest part of a name that leaves room for what a temporary adds to it.
_NAME_BYTES = 200
_PROBE_BYTES = 4096
_LEFT_AFTER_S = 5.0

_DESCRIPTOR = re.compile(r'/(?:dev|proc/self)/fd/(\d+)|/dev/(stdin|stdout|stderr)')
_STANDARD = {'stdin': 0, 'stdout': 1, 'stderr': 2}

_ELSEWHERE = 'choose a place that you may write to'
_ROOM = 'make room there or choose another place'
_CURES = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: 'raise the limit of file sizes (ulimit -f) or choose another place',
    errno.EACCES: _ELSEWHERE,
    errno.EPERM: _ELSEWHERE,
    errno.EROFS: _ELSEWHERE,
    errno.ENOTDIR: 'a file stands where a folder is needed; give another name',
    errno.EEXIST: 'a file stands where a folder is needed; give another name',
    errno.EISDIR: 'a folder of that name exists; give the name of a file',
    errno.ENOTEMPTY: 'a folder of that name exists; give another name',
    errno.ENAMETOOLONG: 'give a shorter name',
}


def output_error(path: Path | str, error: OSError) -> OutputError:
    """Return the error for a path that cannot be written: path, reason and cure in one line."""
    reason = error.strerror or str(error)
    cure = _CURES.get(error.errno or 0, _ROOM)
    return OutputError(f"cannot write '{path}': {reason}; {cure}")


@contextmanager
def reporting(path: Path | str) -> Iterator[None]:
    """
    Report what the operating system refuses within the block as a failure to write a path.

    :raises OutputError: in place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise output_error(path, error) from error


def make_folder(path: Path) -> None:
    """
    Make a folder and those on the way to it, unless they are there.

    :raises OutputError: if that cannot be.
    """
    with reporting(path):
        path.mkdir(parents=True, exist_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """
    Open a file that takes the place of `path` when the block ends without an error.

    Until then it is a temporary in the same folder, and what was there before stays. Writers of
    the same path do not meet: the last one to finish wins. A temporary never outlasts its block;
    what killed processes left is removed by the next writer of the path. Permissions follow the
    umask. A link is written through; a device or a pipe is written to directly.

    :param path: the file; folders on the way are made.
    :raises OutputError: if it cannot be written, whatever the writer in the block made of that.
    """
    if _is_stream(path):
        with reporting(path), _open_stream(path) as stream:
            yield stream
        return
    make_folder(path.parent)
    target = Path(os.path.realpath(path))
    with reporting(path):
        temporary, raw = _open_temporary(target)
    try:
        with io.BufferedWriter(raw) as file:
            yield file
            file.flush()
            raw.settle(temporary, target)
    except Exception as error:
        if raw.failure is None:
            raise
        raise output_error(path, raw.failure) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def writing_named(path: Path) -> Iterator[Path]:
    """
    Give the name of a file that takes the place of `path` when the block ends without an error.

    It is for libraries and programs that open files themselves; otherwise as `writing`.

    :raises OutputError: if it cannot be written.
    """
    with _scratch(path) as (scratch, target):
        fresh = scratch / target.name
        yield fresh
        with _opened(fresh) as written:
            os.fsync(written)
        fresh.replace(target)


@contextmanager
def writing_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """
    Make a folder that appears as `path` when the block ends without an error.

    Otherwise nothing is left, and what was there before stays.

    :param path: the folder; folders on the way are made.
    :param replace: take the place of a folder that exists.
    :return: an empty folder of the same name beside it, to be filled.
    :raises OutputError: if it cannot be written.
    """
    with _scratch(path) as (scratch, target):
        fresh = scratch / target.name
        fresh.mkdir()
        yield fresh
        for file in fresh.rglob('*'):
            with _opened(file) as written:
                os.fsync(written)
        _move_into_place(fresh, target, scratch / 'replaced' if replace else None)


@contextmanager
def _scratch(path: Path) -> Iterator[tuple[Path, Path]]:
    """
    Make a folder beside `path` for the time of the block; give it and what the path stands for.

    :raises OutputError: if that cannot be, or the block could not write.
    """
    make_folder(path.parent)
    target = Path(os.path.realpath(path))
    with reporting(path):
        remove_left_over(target.parent, _temporary_start(target))
        scratch = _temporary_name(target)
        scratch.mkdir()
    try:
        with reporting(path), _opened(scratch) as descriptor:
            _lock(descriptor)
            yield scratch, target
    except OutputError as error:
        # Of what was written within: the reader knows it by the place it would have got.
        raise OutputError(str(error).replace(str(scratch), str(target.parent))) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_bytes(path: Path, content: bytes) -> None:
    """
    Write a file; see `writing`.

    :raises OutputError: if it cannot be written.
    """
    with writing(path) as file:
        file.write(content)


def write_together(files: Iterable[tuple[Path, bytes]]) -> list[Path]:
    """
    Write files that belong together: none takes its place before all are made and written.

    :param files: path and content of each; one that fails to be made leaves what was there.
    :return: their paths.
    :raises OutputError: if one cannot be written.
    """
    paths, settled = [], []
    try:
        with ExitStack() as stack:
            for path, content in files:
                _refuse_folder(path)
                # It runs after the file has taken its place, or could not.
                stack.push(lambda kind, *_, path=path: settled.extend([] if kind else [path]))
                file = stack.enter_context(writing(path))
                file.write(content)
                file.flush()
                paths.append(path)
    except OutputError:
        for path in settled:
            path.unlink(missing_ok=True)
        raise
    return paths


def _refuse_folder(path: Path) -> None:
    with reporting(path), suppress(FileNotFoundError, NotADirectoryError):
        if stat.S_ISDIR(path.stat().st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))


def write_text(path: Path, text: str) -> None:
    """
    Write a text in UTF-8, its line ends as they are; see `writing`.

    What UTF-8 cannot say, as names of files may hold, is written as its escape.

    :raises OutputError: if it cannot be written.
    """
    write_bytes(path, text.encode('utf-8', 'backslashreplace'))


def write_json(path: Path, answer: object) -> None:
    """
    Write results, dicts, lists, strings, numbers and None as JSON; see `as_json` and `writing`.

    :raises OutputError: if it cannot be written.
    :raises ValueError: if the answer holds NaN or infinity, which JSON cannot say.
    """
    text = json.dumps(answer, indent=2, ensure_ascii=False, allow_nan=False, default=as_json)
    write_text(path, f'{text}\n')


def append(path: Path, content: bytes) -> None:
    """
    Write at the end of a file, all of the content or nothing.

    :raises OutputError: if it cannot be written.
    """
    with reporting(path), path.open('ab', buffering=0) as file:
        length = file.seek(0, os.SEEK_END)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            with suppress(OSError):
                file.truncate(length)
            raise


def check_writable(path: Path) -> None:
    """
    Check that a file can be written where it is wanted, before the work that fills it.

    :param path: the file, which is left as it is; folders on the way need not be there.
    :raises OutputError: if not.
    """
    if _is_stream(path):
        return
    target = Path(os.path.realpath(path))
    with reporting(path):
        while not target.parent.exists():
            target = target.parent
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        temporary, raw = _open_temporary(target)
        try:
            with raw:
                raw.write(bytes(_PROBE_BYTES))
        finally:
            temporary.unlink(missing_ok=True)


def remove_left_over(folder: Path, start: str = '.') -> None:
    """
    Remove the temporaries in a folder whose makers are gone: nobody holds their locks.

    :param start: of the names of those that may go.
    """
    for left in folder.glob(f'{glob.escape(start)}*.part'):
        with suppress(OSError), _opened(left) as descriptor:
            # Not one that is about to be locked.
            if time.time() - left.stat().st_mtime < _LEFT_AFTER_S or not _lock(descriptor):
                continue
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink()


class _Temporary(io.FileIO):
    """Remember why writing failed: the libraries that write into it tell it in their own way."""

    failure: OSError | None = None

    def write(self, data: ReadableBuffer) -> int:
        with self._remembering():
            return super().write(data)

    def settle(self, temporary: Path, target: Path) -> None:
        # In this order: else a power cut could leave an empty file in the place of a good one.
        with self._remembering():
            os.fsync(self.fileno())
            temporary.replace(target)

    @contextmanager
    def _remembering(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.failure = error
            raise


def _is_stream(path: Path) -> bool:
    """Return whether a path is no place for a file: a device, a pipe, or an open descriptor."""
    if _DESCRIPTOR.fullmatch(str(path)):
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _open_stream(path: Path) -> BinaryIO:
    found = _DESCRIPTOR.fullmatch(str(path))
    if not found:
        return path.open('ab')
    # The descriptor itself: a file opened anew would begin where others have written.
    sys.stdout.flush()
    return os.fdopen(os.dup(int(found[1] or _STANDARD[found[2]])), 'wb')


def _temporary_name(target: Path) -> Path:
    return target.with_name(f'{_temporary_start(target)}{secrets.token_hex(4)}.part')


def _temporary_start(target: Path) -> str:
    return f'.{os.fsdecode(os.fsencode(target.name)[:_NAME_BYTES])}.'


def _open_temporary(target: Path) -> tuple[Path, _Temporary]:
    remove_left_over(target.parent, _temporary_start(target))
    temporary = _temporary_name(target)
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    _lock(descriptor)
    return temporary, _Temporary(descriptor, 'wb')


def _lock(descriptor: int) -> bool:
    """Try to lock a file or folder until it is closed; some network drives cannot."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _move_into_place(fresh: Path, target: Path, aside: Path | None) -> None:
    """Rename a folder, the one in its place going aside; that comes back if the other cannot."""
    if aside is None or not target.exists():
        fresh.rename(target)
        return
    target.rename(aside)
    try:
        fresh.rename(target)
    except OSError:
        aside.rename(target)
        raise
