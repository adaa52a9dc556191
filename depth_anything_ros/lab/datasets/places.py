"""Where the files lie that a list names, which may have been written on another machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.home import expand_user
from depth_anything_ros.lab.datasets.doubts import thinned
from depth_anything_ros.lab.datasets.lists import inside

# Names that are tried, evenly from all; a few files may be missing.
_TRIED = 20


@dataclass(frozen=True)
class Places:
    """
    Find the files of a list.

    :param listed: the list, for messages.
    :param root: the folder that names are relative to.
    :param dropped: how many folders in front of a name do not count, None where absolute names
        stand for themselves.
    """

    listed: Path
    root: Path
    dropped: int | None

    def shown(self, name: str) -> str:
        """Return a name as far as it counts."""
        return '/'.join(_parts(name)[self.dropped or 0 :])

    def file(self, name: str) -> Path:
        """
        Return the file of a name.

        :raises DatasetError: if a relative name leads out of the folder.
        """
        if self.dropped is None and name.startswith('/'):
            return Path(name)
        return inside(self.root, self.shown(name), f"'{self.listed}'")


def find_places(listed: Path, names: Sequence[str], root: str) -> Places:
    """
    Return where the files of a list are.

    Without `root` they are relative to the list, and absolute names stand for themselves; with it
    as many folders in front are dropped as it takes to find one of some files.

    :param names: in the list, with slashes.
    :raises DatasetError: if none of them is there.
    """
    tried = [names[number] for number in thinned(len(names), _TRIED)]
    if not root:
        places = Places(listed, listed.parent, None)
        if any(places.file(name).is_file() for name in tried):
            return places
        raise DatasetError(
            f"'{listed}' names files that are not there, as '{places.file(tried[0])}'; say "
            "',root=FOLDER' behind the path, the folder in which they lie"
        )
    folder = expand_user(root).absolute()
    for name in tried:
        for dropped in range(len(_parts(name))):
            places = Places(listed, folder, dropped)
            if '..' not in _parts(name)[dropped:] and places.file(name).is_file():
                return places
    raise DatasetError(
        f"'{listed}' names no file that is in root='{folder}': neither '{tried[0]}' nor an end of "
        'it is there'
    )


def _parts(name: str) -> list[str]:
    return [part for part in name.split('/') if part not in ('', '.')]
