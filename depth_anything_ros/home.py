"""The home folder of the user, who in a container may have none."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from depth_anything_ros.errors import ConfigError

logger = logging.getLogger(__name__)

# Where libraries that cannot do without write, each below the home folder unless told otherwise.
_VARIABLES = {'ROS_LOG_DIR': 'log', 'MPLCONFIGDIR': 'matplotlib'}


def check_working_folder() -> None:
    """
    Check that the folder the process works in exists: without it libraries do not load.

    :raises ConfigError: if it is gone.
    """
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise ConfigError(
            'the folder this was started in no longer exists; change to one that does'
        ) from error


def expand_user(text: str) -> Path:
    """
    Return a path as the user wrote it, with `~` read as the home folder.

    :raises ConfigError: if the path needs a home and the user has none, or no path can be so.
    """
    if '\0' in text:
        raise ConfigError(f'{text!r} holds a null character, which no path can')
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"'{text}': this user has no home folder; set HOME or write the whole path"
        ) from error


@contextmanager
def usable_home() -> Iterator[None]:
    """
    Give this process and its children a temporary home where the user has none, and say so.

    Libraries keep caches and logs in the home folder, and without one they fail, each in its own
    way: ROS 2 does not start. A home that can only be read stays, for the caches in it; logs of
    ROS 2, what matplotlib keeps and downloads where none are there go to a temporary folder.
    """
    home = _home()
    if home is not None and _writable(home):
        yield
        return
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix='home-'))
        except OSError:  # nothing can be written anywhere: what needs no home still works
            yield
            return
        if home is None:
            logger.warning(
                'user %d has no home folder: what is kept there lasts until this run ends. '
                'Set HOME to a folder that keeps it', os.getuid()
            )  # fmt: skip
            needed = {'HOME': folder}
        else:
            needed = {name: str(Path(folder, part)) for name, part in _VARIABLES.items()}
            if not (home / '.cache' / 'huggingface').exists():
                needed['HF_HOME'] = str(Path(folder, 'huggingface'))
        stack.enter_context(_environment(needed))
        yield


def _home() -> Path | None:
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return home if home.is_dir() or _writable(home) else None


def _writable(folder: Path) -> bool:
    """Return whether a folder, or the first on the way to it that exists, can be written to."""
    found = next(path for path in (folder, *folder.parents) if path.exists())
    return found.is_dir() and os.access(found, os.W_OK | os.X_OK)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set variables that are not set, or are empty, for as long as the block runs."""
    missing = {name: value for name, value in values.items() if not os.environ.get(name)}
    # A home that does not exist is as good as none.
    missing |= {name: value for name, value in values.items() if name == 'HOME'}
    before = {name: os.environ.get(name) for name in missing}
    os.environ.update(missing)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
