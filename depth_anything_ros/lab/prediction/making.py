"""The results of one picture, and what the frames of a video share with it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.files import write_together
from depth_anything_ros.lab.prediction.networks import Network, require_metres
from depth_anything_ros.lab.prediction.painting import Look, Painter
from depth_anything_ros.lab.prediction.records import Record
from depth_anything_ros.lab.prediction.results import (
    FRAMES,
    MAX_PNG_M,
    PICTURE,
    Wanted,
    beyond_png,
    png_bytes,
    result_files,
    with_ending,
)
from depth_anything_ros.lab.prediction.sources import Kind, Source
from depth_anything_ros.lab.prediction.video_output import VIDEO, Encoder
from depth_anything_ros.result import DepthResult
from depth_anything_ros.types import UInt8Array

T = TypeVar('T')

# Landscape and portrait are two, and a screenshot in between is no reason to tell.
_MANY_SHAPES = 3


@dataclass(frozen=True)
class Settings:
    """
    What is made of every input.

    `out` is the folder for it, `frames` the most frames of a video or a camera, None for all,
    `batch` how many pictures the networks are run on at once.
    """

    out: Path
    look: Look
    wanted: Wanted
    encoder: Encoder
    frames: int | None = None
    batch: int = 1


class Maker:
    """
    Make and write results.

    :param networks: at least one.
    :param settings: what is made.
    :param tell: told what a person should know, each thing once.
    """

    def __init__(
        self, networks: Sequence[Network], settings: Settings, tell: Callable[[str], None]
    ) -> None:
        self.settings = settings
        self.networks = networks
        self._tell = tell
        self._told: set[str] = set()
        self._shapes: set[tuple[int, int]] = set()

    def tell_once(self, subject: str, text: str) -> None:
        """Tell what a person should know, unless something of that subject has been told."""
        if subject not in self._told:
            self._told.add(subject)
            self._tell(text)

    def picture(self, source: Source, record: Record, rgb: UInt8Array) -> Record:
        """
        Write the results of one picture.

        :param rgb: uint8 (H, W, 3).
        :return: the record with them.
        :raises AlignmentError: if there is no trustworthy scale, where metres are asked for.
        :raises BackendError: if a network cannot run on it.
        :raises CameraError: if the lens takes no pictures of its size.
        :raises OutputError: if a file cannot be written.
        """
        found = self.estimates(rgb, 0)
        for network, result in zip(self.networks, found, strict=True):
            if network.gives_metres:
                require_metres(result)
        stem = self.settings.out / source.name
        shown = with_ending(stem, PICTURE), png_bytes(self.painter().draw(found)[..., ::-1])
        written = write_together(chain([shown], self._files(stem, found)))
        return replace(record, frames=1, results=self.names(written))

    def estimates(self, rgb: UInt8Array, stamp_ns: int) -> list[DepthResult]:
        """Return what each network says of a frame; see :meth:`Network.estimate`."""
        self._note_shape(rgb)
        return [network.estimate(rgb, stamp_ns) for network in self.networks]

    def _note_shape(self, rgb: UInt8Array) -> None:
        """Tell what helps where pictures of many shapes each need a network of their own."""
        predictor = self.networks[0].predictor
        self._shapes.add(predictor.network_size(rgb.shape[0], rgb.shape[1]))
        backend = predictor.selection.backend
        if len(self._shapes) > _MANY_SHAPES and backend != 'torch':
            self.tell_once(
                'shapes',
                f'the pictures have many shapes: {backend} makes a network for each of them, '
                'which takes seconds the first time; --backend torch needs only one',
            )

    def in_batches(
        self, items: Iterable[T], rgb_of: Callable[[T], UInt8Array | None]
    ) -> Iterator[T]:
        """
        Pass items through, after the networks have run on several of them at once.

        :param rgb_of: returns the picture of an item, None where there is none.
        """
        if self.settings.batch == 1:
            yield from items
            return
        rest = iter(items)
        while chunk := list(islice(rest, self.settings.batch)):
            images = [rgb for rgb in map(rgb_of, chunk) if rgb is not None]
            for network in self.networks if len(images) > 1 else ():
                network.look_ahead(images)
            yield from chunk

    def painter(self) -> Painter:
        """Return what draws the networks' depth of one input."""
        return Painter(self.settings.look, self.networks)

    def write(self, stem: Path, found: Sequence[DepthResult]) -> None:
        """
        Write the numbers that are wanted of one frame.

        :param stem: path of the files, without their endings.
        :raises OutputError: if one cannot be written.
        """
        write_together(self._files(stem, found))

    def _files(self, stem: Path, found: Sequence[DepthResult]) -> Iterator[tuple[Path, bytes]]:
        """Give path and content of the numbers that are wanted of one frame."""
        for network, result in zip(self.networks, found, strict=True):
            if network.gives_metres and not result.has_metres:
                continue
            own = self._stem(stem, network)
            yield from result_files(own, result, self.settings.wanted)
            if 'png' in self.settings.wanted.depth and beyond_png(result):
                self.tell_once(
                    'far',
                    f'depth beyond {MAX_PNG_M} m is 0, unknown, in a PNG of millimetres; '
                    '--depth npy keeps it',
                )

    def names(self, paths: Sequence[Path]) -> list[str]:
        """Return paths of results as records have them."""
        return [path.relative_to(self.settings.out).as_posix() for path in paths]

    def check_places(self, sources: Sequence[Source]) -> None:
        """
        Check that no result would take the place of an input.

        :raises DatasetError: if one would.
        """
        inputs: dict[str, str] = {}
        for source in sources:
            real = Path(os.path.realpath(source.place))
            for place in (real, *real.parents):  # a folder of frames is replaced as a whole
                inputs.setdefault(str(place), source.place)
        for source in sources:
            for path in self._places(source):
                taken = inputs.get(os.path.realpath(path))
                if taken is not None:
                    raise DatasetError(
                        f"the result '{path}' of '{source.place}' would take the place of the "
                        f"input '{taken}'; write to another folder"
                    )

    def check_names(self, source: Source) -> None:
        """
        Check that the names of the results are none that the drive refuses.

        :raises DatasetError: if one is too long.
        """
        out = self.settings.out
        for path in self._places(source):
            # Each part by itself too: a folder that is yet to be made hides the parts below it.
            for place in (path, *(out / part for part in path.relative_to(out).parts)):
                try:
                    place.lstat()
                except OSError as error:
                    if error.errno == errno.ENAMETOOLONG:
                        raise DatasetError(
                            f"the name of its result '{place.name}' is too long; give the input "
                            'a shorter one'
                        ) from error

    def _places(self, source: Source) -> Iterator[Path]:
        """Give the files that may become of a source."""
        stem = self.settings.out / source.name
        yield from (with_ending(stem, ending) for ending in (PICTURE, VIDEO))
        if source.kind is not Kind.PICTURE and self.settings.wanted.anything:
            yield with_ending(stem, FRAMES)
        for network in self.networks:
            for ending in self.settings.wanted.endings(network.gives_metres):
                yield with_ending(self._stem(stem, network), ending)

    def _stem(self, stem: Path, network: Network) -> Path:
        """Return the path of a network's own results, without their endings."""
        return with_ending(stem, f'_{network.label}') if len(self.networks) > 1 else stem
