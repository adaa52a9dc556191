"""Exported networks on disk: made once, checked when read, made again when damaged."""

from __future__ import annotations

import fcntl
import glob
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from depth_anything_ros.errors import BackendError

logger = logging.getLogger(__name__)

MANIFEST = 'manifest.json'
# An export of the large model takes 1.3 GB, and every upgrade of a library makes another.
KEPT_EXPORTS = 4


def default_cache_dir() -> Path:
    """Return $XDG_CACHE_HOME/depth_anything_ros, by default below ~/.cache."""
    base = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    return Path(base).expanduser() / 'depth_anything_ros'


def cached_export(
    cache_dir: Path,
    label: str,
    key: Mapping[str, str],
    build: Callable[[Path], None],
) -> Path:
    """
    Return the folder with an exported network, making it if it is missing or damaged.

    A folder carries a manifest with the key and the sha256 of every file, and is renamed into
    place when complete, so that no reader sees half of one. A lock file lets a second process
    wait for the first instead of doing the same work; it is released with its process. The
    exports of a label used last are kept, at most KEPT_EXPORTS of them.

    :param cache_dir: folder of all exports; made if missing.
    :param label: readable start of the folder's name.
    :param key: everything the export depends on; a change of any value makes another folder.
    :param build: writes the export's files into the empty folder it is given.
    :raises BackendError: if the cache cannot be written.
    """
    digest = hashlib.sha256(json.dumps(dict(key), sort_keys=True).encode()).hexdigest()
    folder = cache_dir / f'{label}-{digest[:16]}'
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with _locked(cache_dir / f'{folder.name}.lock'):
            if folder.exists():
                damage = _damage(folder)
                if not damage:
                    os.utime(folder)
                    return folder
                logger.warning('export %s is damaged (%s); making it again', folder, damage)
            logger.info('exporting %s; the next start takes it from %s', label, cache_dir)
            _make(folder, key, build)
            _remove_stale(cache_dir, label)
    except OSError as error:
        raise BackendError(f"cannot use the export cache '{cache_dir}': {error}") from error
    return folder


def _make(folder: Path, key: Mapping[str, str], build: Callable[[Path], None]) -> None:
    prefix = f'.making-{folder.name}-'
    # Who holds the lock is the only maker, so these are of processes that were killed.
    for left in folder.parent.glob(f'{glob.escape(prefix)}*'):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folder.parent) as scratch:
        fresh = Path(scratch) / folder.name
        fresh.mkdir()
        build(fresh)
        files = {path.name: _sha256(path) for path in sorted(fresh.iterdir())}
        manifest = {'key': dict(key), 'files': files}
        (fresh / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding='utf-8')
        if folder.exists():
            folder.rename(Path(scratch) / 'damaged')
        fresh.rename(folder)


def _remove_stale(cache_dir: Path, label: str) -> None:
    exports = [path for path in cache_dir.glob(f'{glob.escape(label)}-*') if path.is_dir()]
    exports.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for folder in exports[KEPT_EXPORTS:]:
        logger.info('removing the export %s, used longest ago', folder)
        shutil.rmtree(folder, ignore_errors=True)


def _damage(folder: Path) -> str:
    """Return what is wrong with an export, or '' for nothing."""
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding='utf-8'))['files']
        wrong = [name for name, digest in files.items() if _sha256(folder / name) != digest]
    except FileNotFoundError as error:
        return f'{Path(error.filename).name} is missing'
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        return f'unreadable: {error}'
    return f'wrong checksum of {", ".join(wrong)}' if wrong else ''


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open('a') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@lru_cache(maxsize=1)
def source_digest() -> str:
    """Return a digest of this package's network and export code, a part of every key."""
    package = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for folder in (package / 'models', package / 'inference' / 'backends'):
        for path in sorted(folder.rglob('*.py')):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
