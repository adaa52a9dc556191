"""Exported networks on disk: made once, checked when read, made again when damaged."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from depth_anything_ros.errors import BackendError, ConfigError, OutputError
from depth_anything_ros.files import (
    make_folder,
    output_error,
    remove_left_over,
    writing_folder,
)
from depth_anything_ros.home import expand_user
from depth_anything_ros.json_text import parse_json

logger = logging.getLogger(__name__)

T = TypeVar('T')

MANIFEST = 'manifest.json'
ENGINES = 'engines'
"""A folder in that of an export for what a library makes of it on this computer, unchecked."""
# Every size of the input, model, backend and version of a library makes another export.
KEPT_EXPORTS = 32
# An export of the large model takes 1.3 GB.
CACHE_LIMIT_GB = 8.0

_EXPORT = re.compile(r'.+-[0-9a-f]{16}')


class NoRoomError(BackendError):
    """Report that an exported network can be written nowhere."""


def default_cache_dir() -> Path | None:
    """
    Return $XDG_CACHE_HOME/depth_anything_ros, by default below ~/.cache.

    :return: None where the user has no home.
    """
    try:
        base = expand_user(os.environ.get('XDG_CACHE_HOME') or '~/.cache')
    except ConfigError:
        return None
    return base / 'depth_anything_ros'


class ExportCache:
    """
    Keep exported networks in a folder, those used last, and make what is missing.

    A folder of an export carries a manifest with the key and the sha256 of every file, and
    appears when complete, so that no reader sees half of one. A lock file lets a second process
    wait for the first instead of doing the same work; it is released with its process. What is
    there is used even where nothing can be written; what is missing then goes into a temporary
    folder, for this process only.

    `problem` says why the export loaded last is not kept, and is empty if it is.

    :param folder: of all exports, made if missing; None keeps none.
    :param limit_gb: what all exports together may take, in 10⁹ bytes. The one used last is kept
        in any case, and of the others at most KEPT_EXPORTS - 1.
    """

    def __init__(self, folder: Path | None, limit_gb: float = CACHE_LIMIT_GB) -> None:
        self.folder = folder
        self.problem = ''
        self._limit_bytes = limit_gb * 1e9

    def load(
        self,
        label: str,
        key: Mapping[str, str],
        build: Callable[[Path], None],
        load: Callable[[Path], T],
    ) -> T:
        """
        Return what `load` makes of an export's folder, with the export made if need be.

        :param label: readable start of the folder's name.
        :param key: everything the export depends on; a change of any value makes another folder.
        :param build: writes the export's files into the empty folder it is given; OSError or
            OutputError if there is no room.
        :param load: reads them; nobody removes them meanwhile.
        :raises NoRoomError: if the export can be written nowhere.
        """
        digest = hashlib.sha256(json.dumps(dict(key), sort_keys=True).encode()).hexdigest()
        name = f'{label}-{digest[:16]}'
        if self.folder is None:
            self.problem = 'there is no home folder'
        else:
            try:
                result = self._load_kept(self.folder / name, key, build, load)
            except (OutputError, OSError) as error:
                self.problem = _told(self.folder, error)
            else:
                self.problem = ''
                return result
        logger.warning(
            'exporting %s for this process only, as the next start will again: %s. '
            'Set cache_dir (or XDG_CACHE_HOME) to a folder that keeps it', label, self.problem
        )  # fmt: skip
        return _load_passing(name, key, build, load)

    def known(
        self, key: Mapping[str, str], besides: Set[str] | None = None
    ) -> Mapping[str, str] | None:
        """
        Return the whole key of an export that is kept, None if there is none.

        :param key: values that it has.
        :param besides: the names of all others that it has; None allows any.
        """
        for manifest in self._manifests():
            try:
                found = parse_json(manifest.read_text(encoding='utf-8'))['key']
                others = set(found) - set(key)
                if found.items() >= dict(key).items() and besides in (None, others):
                    return {str(name): str(value) for name, value in found.items()}
            except (OSError, ValueError, LookupError, TypeError, AttributeError):
                continue  # damaged, as it is found to be when it is read
        return None

    def _manifests(self) -> list[Path]:
        try:
            exports = [] if self.folder is None else [*self.folder.iterdir()]
        except OSError:
            return []
        return [folder / MANIFEST for folder in exports if _is_export(folder)]

    def _load_kept(
        self,
        folder: Path,
        key: Mapping[str, str],
        build: Callable[[Path], None],
        load: Callable[[Path], T],
    ) -> T:
        with _locked(folder):
            if folder.exists():
                damage = _damage(folder)
                if not damage:
                    with suppress(OSError):  # a cache that can only be read needs no order
                        os.utime(folder)
                    return load(folder)
                logger.warning('export %s is damaged (%s); making it again', folder, damage)
            logger.info('exporting %s; the next start takes it from %s', folder.name, folder)
            with writing_folder(folder, replace=True) as fresh:
                _fill(fresh, key, build)
            result = load(folder)
        _trim(folder, self._limit_bytes)
        return result


def _load_passing(
    name: str, key: Mapping[str, str], build: Callable[[Path], None], load: Callable[[Path], T]
) -> T:
    """Make an export that goes when it is loaded: libraries keep what they need in memory."""
    try:
        with tempfile.TemporaryDirectory(prefix=f'{name}-') as folder:
            _fill(Path(folder), key, build)
            return load(Path(folder))
    except (OutputError, OSError) as error:
        raise NoRoomError(
            f'the exported network can be written neither to the cache nor to a temporary '
            f'folder: {_told(name, error)}; give it room, or use backend torch'
        ) from error


def _told(path: Path | str, error: OutputError | OSError) -> str:
    return str(error if isinstance(error, OutputError) else output_error(path, error))


def _fill(folder: Path, key: Mapping[str, str], build: Callable[[Path], None]) -> None:
    build(folder)
    digests = {path.name: _sha256(path) for path in sorted(folder.iterdir())}
    manifest = {'key': dict(key), 'files': digests}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding='utf-8')


def _damage(folder: Path) -> str:
    """Return what is wrong with an export, or '' for nothing."""
    try:
        listed = parse_json((folder / MANIFEST).read_text(encoding='utf-8'))['files']
        wrong = [name for name, digest in listed.items() if _sha256(folder / name) != digest]
        unlisted = {path.name for path in folder.iterdir()} - {MANIFEST, ENGINES, *listed}
    except FileNotFoundError as error:
        return f'{Path(error.filename).name} is missing'
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        return f'unreadable: {error}'
    if not listed or unlisted:
        return f'the manifest does not list {", ".join(sorted(unlisted)) or "a file"}'
    return f'wrong checksum of {", ".join(wrong)}' if wrong else ''


def _trim(used: Path, limit_bytes: float) -> None:
    """Remove the exports used longest ago, and the locks and temporaries that nobody holds."""
    exports = []
    for folder in used.parent.iterdir():
        with suppress(OSError):  # another process trims too
            if _is_export(folder) and folder != used:
                exports.append((folder.stat().st_mtime_ns, _size_bytes(folder), folder))
    total_bytes = _size_bytes(used)
    for count, (_, size_bytes, folder) in enumerate(sorted(exports, reverse=True), 2):
        total_bytes += size_bytes
        if count > KEPT_EXPORTS or total_bytes > limit_bytes:
            _remove(folder)
    for lock in used.parent.glob('*.lock'):
        if not lock.with_suffix('').exists():
            _remove(lock.with_suffix(''))
    remove_left_over(used.parent)


def _is_export(path: Path) -> bool:
    return path.is_dir() and _EXPORT.fullmatch(path.name) is not None


def _size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob('*') if path.is_file())


def _remove(folder: Path) -> None:
    """Remove an export with its lock, unless a process is making or reading it."""
    with suppress(OSError), _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
        if folder.exists():
            logger.info('removing the export %s, used longest ago', folder)
            shutil.rmtree(folder, ignore_errors=True)
        _lock_file(folder).unlink(missing_ok=True)


def _lock_file(folder: Path) -> Path:
    return folder.with_name(f'{folder.name}.lock')


@contextmanager
def _locked(folder: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """
    Hold the lock of an export, without one where no lock can be written: there nobody writes.

    :raises BlockingIOError: if `how` says not to wait and another process holds it.
    """
    path = _lock_file(folder)
    while (descriptor := _open_lock(path)) is not None:
        try:
            fcntl.flock(descriptor, how)
            # Else whoever removed the export has removed the lock that was waited for.
            if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
                yield
                return
        finally:
            os.close(descriptor)
    yield


def _open_lock(path: Path) -> int | None:
    try:
        make_folder(path.parent)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except (OutputError, OSError):
        return None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@lru_cache(maxsize=1)
def source_digest() -> str:
    """Return a digest of this package's network and export code, a part of every key."""
    package = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for folder in (package / 'models', package / 'inference' / 'backends'):
        for path in sorted(folder.rglob('*.py')):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
