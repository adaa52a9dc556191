"""The files of a bag: whether they are there, inside its folder, and what repairs them."""

from __future__ import annotations

import logging
import shlex
from functools import cache
from pathlib import Path, PurePath

from depth_anything_ros.errors import DatasetError

_LOG = logging.getLogger(__name__)

_SUFFIXES = ('.bag', '.mcap', '.db3')
_STORAGES = ('.mcap', '.db3')
_METADATA = 'metadata.yaml'
_UNFINISHED = '.active'
_SHOWN = 8


def require_bag(path: Path) -> Path:
    """
    Check that a bag is there, as a file or a folder whose files lie in it, and return its place.

    Of a folder without metadata, as of a recording that was broken off, it is the only file in it.

    :raises DatasetError: if it is not; the message names the command that repairs it, if any.
    """
    if not path.exists():
        raise DatasetError(f"no bag at '{path}'")
    if path.is_dir():
        return _require_folder(path)
    if path.suffix == _UNFINISHED:
        whole = shlex.quote(str(path.with_suffix('')))
        raise DatasetError(
            f"bag '{path}' was not finished; repair it: rosbag reindex {shlex.quote(str(path))} "
            f'&& mv {shlex.quote(str(path))} {whole}'
        )
    if path.suffix not in _SUFFIXES:
        raise DatasetError(
            f"'{path}' is not a bag; known: a ROS 2 bag folder, {', '.join(_SUFFIXES)}"
        )
    return path


def repair_of(path: Path) -> str:
    """Return the command that may repair a bag that cannot be read, or '' where none is known."""
    if path.is_dir():
        storages = [entry for entry in sorted(path.iterdir()) if entry.suffix in _STORAGES]
        return ' && '.join(map(repair_of, storages))
    quoted = shlex.quote(str(path))
    if path.suffix == '.mcap':
        recovered = shlex.quote(str(path.with_name(f'{path.stem}_recovered.mcap')))
        return f'mcap recover {quoted} -o {recovered}'
    if path.suffix == '.db3':
        recovered = shlex.quote(str(path.with_name(f'{path.stem}_recovered.db3')))
        return f'sqlite3 {quoted} .recover | sqlite3 {recovered}'
    return f'rosbag reindex {quoted}' if path.suffix == '.bag' else ''


def _require_folder(path: Path) -> Path:
    names = sorted(entry.name for entry in path.iterdir())
    if (path / _METADATA).is_file():
        _require_inside(path)
        return path
    storages = [name for name in names if Path(name).suffix in _STORAGES]
    unfinished = [name for name in names if name.endswith(_UNFINISHED)]
    if len(storages) == 1:
        _tell_once(f"bag '{path}' has no {_METADATA}: its only file, {storages[0]}, is read")
        return path / storages[0]
    if storages:
        raise DatasetError(
            f"bag '{path}' has no {_METADATA}, as when its recording was broken off; give one of "
            f'its files ({", ".join(storages[:_SHOWN])}), or repair it: '
            f'ros2 bag reindex {shlex.quote(str(path))}'
        )
    if unfinished:
        return require_bag(path / unfinished[0])
    raise DatasetError(
        f"folder '{path}' is no ROS 2 bag: it has no {_METADATA}; it holds: "
        f'{", ".join(names[:_SHOWN]) or "nothing"}'
    )


@cache
def _tell_once(text: str) -> None:
    _LOG.warning(text)


def _require_inside(path: Path) -> None:
    """Check that the files that metadata.yaml lists lie in its folder."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        read = YAML(typ='safe').load((path / _METADATA).read_text(encoding='utf-8'))
        files = [str(name) for name in read['rosbag2_bagfile_information']['relative_file_paths']]
    except (OSError, ValueError, YAMLError, LookupError, TypeError, RecursionError) as error:
        words = ' '.join(str(error).split()) or type(error).__name__
        raise DatasetError(
            f"bag '{path}' cannot be read: its {_METADATA} is damaged ({words}); repair it: "
            f'ros2 bag reindex {shlex.quote(str(path))}'
        ) from error
    folder = path.resolve()
    for name in files:
        told = PurePath(name)
        # Humble and before put the folder's name in front, which is not read.
        place = (path / told.name).resolve()
        if told.is_absolute() or '..' in told.parts or not place.is_relative_to(folder):
            raise DatasetError(
                f"{_METADATA} of bag '{path}' points outside its folder, to '{name}'; allowed: "
                'files in it'
            )
