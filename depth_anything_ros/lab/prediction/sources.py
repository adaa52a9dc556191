"""What there is to predict: pictures, videos and cameras, each with a name for its results."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePath

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.home import expand_user
from depth_anything_ros.messages.picture_file import is_picture

PICTURES = ('.jpg', '.jpeg', '.png', '.webp', '.bmp', '.tif', '.tiff')
# Pictures all the same: that they cannot be decoded is told for each rather than passed over.
_UNREADABLE = ('.heic', '.heif', '.avif', '.jxl', '.jp2')
VIDEOS = (
    '.mp4', '.m4v', '.mov', '.avi', '.mkv', '.webm', '.mpg', '.mpeg', '.wmv', '.flv', '.3gp',
    '.ogv', '.gif',
)  # fmt: skip
_BAGS = ('.mcap', '.db3', '.bag')
_SHOWN = 3
# Major number of the devices of cameras on Linux.
_VIDEO_DEVICES = 81


class Kind(str, Enum):
    """What is predicted: one picture, the frames of a video, or what a camera gives."""

    PICTURE = 'picture'
    VIDEO = 'video'
    CAMERA = 'camera'


@dataclass(frozen=True)
class Source:
    """
    One thing to predict.

    `place` is its path, or the number of a camera. `name` is that of its results, without an
    ending, relative to the folder that they are written into.
    """

    place: str
    kind: Kind
    name: str


@dataclass(frozen=True)
class _Found:
    """A source before it has a name: where it lies, below the folder that was given."""

    place: str
    kind: Kind
    inside: PurePath
    top: str

    def name(self, tier: int) -> str:
        """Return a name for its results: the higher the tier, the longer and the rarer."""
        stem = self.inside.with_suffix('').as_posix() if self.inside.suffix else str(self.inside)
        ending = self.inside.suffix.replace('.', '_')
        above = f'{self.top}/' if self.top else ''
        return (stem, f'{stem}{ending}', f'{above}{stem}', f'{above}{stem}{ending}')[tier]


_TIERS = 4


def find_sources(words: Sequence[str], out: Path, announce: Callable[[str], None]) -> list[Source]:
    """
    Return what words name, each once.

    Folders are searched to the bottom; hidden files, and `out` where it lies inside, are left
    out. Results are named as the files are, with the folders between them and the one given. Two
    that would get one name are told apart by their endings, or else by their folders, or by
    both, or by number.

    :param words: files, folders, and numbers of cameras.
    :param out: the folder for the results.
    :param announce: told what was left out.
    :raises DatasetError: if a word is empty, there is no such file or folder, it holds nothing to
        predict, it is a bag, a pipe or a device that is no camera, or it is `out` itself.
    """
    found: dict[str, _Found] = {}
    for word in words:
        for one in _found(word, out, announce):
            found.setdefault(os.path.realpath(one.place), one)
    names = _names(list(found.values()))
    return [
        Source(one.place, one.kind, name) for one, name in zip(found.values(), names, strict=True)
    ]


def _found(word: str, out: Path, announce: Callable[[str], None]) -> Iterator[_Found]:
    if not word:
        raise DatasetError("an input is empty (an unset variable?); the current folder is '.'")
    path = expand_user(word)
    try:
        mode = path.stat().st_mode if path.is_symlink() or path.exists() else 0
    except OSError as error:
        raise DatasetError(f"'{word}' cannot be read: {error.strerror}") from error
    if word.isdecimal() and not mode:
        yield _Found(word, Kind.CAMERA, PurePath(f'camera{word}'), '')
    elif stat.S_ISDIR(mode):
        yield from _in_folder(path, out, announce)
    elif stat.S_ISCHR(mode) and os.major(path.stat().st_rdev) == _VIDEO_DEVICES:
        yield _Found(str(path), Kind.CAMERA, PurePath(path.name), '')
    elif stat.S_ISREG(mode):
        _refuse_bag(path, path.suffix.lower() in _BAGS)
        yield _Found(str(path), _kind(path), PurePath(path.name), _parent_name(path))
    elif mode:
        raise DatasetError(f"'{word}' is neither a file, nor a folder, nor a camera")
    else:
        raise DatasetError(f"no file or folder '{word}'")


def _in_folder(folder: Path, out: Path, announce: Callable[[str], None]) -> Iterator[_Found]:
    _refuse_bag(folder, (folder / 'metadata.yaml').is_file())
    if os.path.realpath(folder) == os.path.realpath(out):
        raise DatasetError(
            f"the results would lie among the inputs of '{folder}' and be taken for such the "
            f"next time; write to another folder, as '{folder / 'depth'}'"
        )
    others: Counter[str] = Counter()
    any_found = False
    for file in _files(folder, os.path.realpath(out)):
        kind = _KINDS.get(file.suffix.lower())
        if kind is None:
            others[file.suffix.lower() or file.name] += 1
            continue
        any_found = True
        yield _Found(str(file), kind, file.relative_to(folder), _own_name(folder))
    listed = ', '.join(f'{count} {name}' for name, count in others.most_common(_SHOWN))
    if not any_found:
        holds = f'; it holds {listed}' if listed else '; it is empty'
        raise DatasetError(
            f"folder '{folder}' holds no picture or video{holds} "
            f'(known: {", ".join((*PICTURES, *VIDEOS))})'
        )
    if others:
        announce(f"left out of '{folder}', as no pictures or videos: {listed}")


def _files(folder: Path, out: str) -> Iterator[Path]:
    """Give the files below a folder in the order of their names."""
    for place, folders, files in os.walk(folder):
        # In place: what is left here is not gone into.
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith('.') and os.path.realpath(Path(place, name)) != out
        )
        paths = (Path(place, name) for name in sorted(files) if not name.startswith('.'))
        # A link that leads nowhere is told where it is read; a pipe would never end.
        yield from (path for path in paths if path.is_file() or not path.exists())


def _kind(path: Path) -> Kind:
    """Return the kind of a file that was named itself: by its ending, else by how it starts."""
    known = _KINDS.get(path.suffix.lower())
    if known is not None:
        return known
    try:
        return Kind.PICTURE if is_picture(path) else Kind.VIDEO
    except OSError:
        return Kind.PICTURE  # told where it is read


_KINDS = {
    **dict.fromkeys((*PICTURES, *_UNREADABLE), Kind.PICTURE),
    **dict.fromkeys(VIDEOS, Kind.VIDEO),
}


def _refuse_bag(path: Path, is_bag: bool) -> None:
    if is_bag:
        raise DatasetError(
            f"'{path}' is a bag; `depth_anything_ros record` writes the depth of bags"
        )


def _parent_name(path: Path) -> str:
    return _own_name(path.absolute().parent)


def _own_name(folder: Path) -> str:
    """Return the name of a folder, also of `.` and `..`; '' for the root."""
    return folder.resolve().name


def _names(found: Sequence[_Found]) -> list[str]:
    """Return a name for each, no two alike, also where letter case does not count."""
    tiers = [0] * len(found)
    for _ in range(_TIERS - 1):
        names = [one.name(tier) for one, tier in zip(found, tiers, strict=True)]
        counts = Counter(map(str.casefold, names))
        tiers = [
            tier + (counts[name.casefold()] > 1) for tier, name in zip(tiers, names, strict=True)
        ]
    given: set[str] = set()
    names = []
    for one, tier in zip(found, tiers, strict=True):
        name = plain = one.name(tier)
        number = 2
        while name.casefold() in given:
            name, number = f'{plain}_{number}', number + 1
        given.add(name.casefold())
        names.append(name)
    return names
