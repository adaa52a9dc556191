"""Predict what there is, one input after the other; one that is broken stops no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from depth_anything_ros.errors import (
    AlignmentError,
    BackendError,
    CameraError,
    DatasetError,
    MessageError,
)
from depth_anything_ros.lab.datasets.base import DARK_CURE
from depth_anything_ros.lab.in_order import in_order
from depth_anything_ros.lab.journal import Journal
from depth_anything_ros.lab.prediction.filming import film
from depth_anything_ros.lab.prediction.making import Maker
from depth_anything_ros.lab.prediction.records import Record, begun
from depth_anything_ros.lab.prediction.sources import Kind, Source
from depth_anything_ros.lab.prediction.video_input import VideoInput
from depth_anything_ros.messages.brightness import brightest, dark_warning
from depth_anything_ros.messages.picture_file import has_16_bits, read_picture
from depth_anything_ros.types import UInt8Array

# Of one input. That nothing can be written is another matter, and ends the run.
_BROKEN = (MessageError, DatasetError, BackendError, AlignmentError, CameraError, OSError)


def predict(sources: Sequence[Source], maker: Maker, journal: Journal[Record]) -> Iterator[Record]:
    """
    Predict one input after the other.

    :param sources: as :func:`find_sources` finds them.
    :param maker: makes the results.
    :param journal: takes what became of each.
    :return: what became of each, in order.
    :raises OutputError: if a result or the journal cannot be written.
    """
    # The next one is read while this one is predicted and drawn.
    opened = zip(sources, in_order(_opened, sources, 1), strict=True)
    for source, picture in maker.in_batches(opened, lambda item: item[1].rgb):
        record = Record(source.place, source.name, source.kind, 0, 0)
        try:
            record = begun(source)
            record = _predicted(source, record, picture, maker)
        except _BROKEN as error:
            record = replace(record, failure=_told(source.place, error))
        journal.add([record])
        yield record


def _told(place: str, error: Exception) -> str:
    """Return what is wrong with an input, with its name."""
    reason = str(error)
    if isinstance(error, OSError):
        refused = error.filename or place
        reason = f"'{refused}' cannot be read: {error.strerror or error}"
    return reason if place in reason else f"'{place}': {reason}"


@dataclass(frozen=True)
class _Opened:
    """A picture that was read, or why it could not be; neither for what has frames."""

    rgb: UInt8Array | None = None
    error: Exception | None = None


def _opened(source: Source) -> _Opened:
    if source.kind is not Kind.PICTURE:
        return _Opened()
    try:
        return _Opened(read_picture(Path(source.place)))
    except _BROKEN as error:
        return _Opened(error=error)


def _predicted(source: Source, record: Record, picture: _Opened, maker: Maker) -> Record:
    if picture.error is not None:
        raise picture.error
    maker.check_names(source)
    for network in maker.networks:
        network.begin(source)
    if picture.rgb is not None:
        _warn_if_dark(source.place, picture.rgb, maker)
        return maker.picture(source, record, picture.rgb)
    with VideoInput(source) as video:
        frames = iter(video)
        first = list(islice(frames, 2))
        if not first:
            raise DatasetError('no frame of it can be decoded')
        if len(first) == 1:  # as a GIF that does not move
            return maker.picture(source, record, first[0].rgb)
        return film(maker, source, record, video, chain(first, frames))


def _warn_if_dark(place: str, rgb: UInt8Array, maker: Maker) -> None:
    warning = dark_warning(place, [brightest(rgb)], DARK_CURE)
    if warning and has_16_bits(Path(place)):
        maker.tell_once('dark', warning)
