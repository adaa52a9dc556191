"""
What became of every image that was sent to a node: which outputs came of it, when, and of what.

An output belongs to an image by its stamp. Whether it was made of that image is told by its
content: where it looks clearly more like what came of another picture when that was sent alone
than like what came of its own, it was made of that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_anything_ros.bag.load import SentLoad
from depth_anything_ros.evaluation.latency import percentiles
from depth_anything_ros.types import Float64Array, UInt8Array

Int64Array = NDArray[np.int64]

# Of the words of a message by what their bytes are.
WORD_TYPES = {'float32': '<f4', 'uint16': '<u2', 'uint8': 'u1'}
# Two pictures whose outputs differ less than this, of 1 for nothing in common, are not told apart.
_LEAST_DIFFERENCE = 1e-3
# What comes of one picture differs a little each time, and pictures of a robot that stands differ
# no more: another one is meant where that is less than half as different.
_CLEARLY_NEARER = 0.5


@dataclass(frozen=True)
class SentImages:
    """
    Images in the order in which they were sent, int64 (n,) each.

    `sent_ns` is when the image was handed to the middleware; `picture` numbers what it showed;
    `alone` (bool) says whether the next one waited for the answer.
    """

    stamp_ns: Int64Array
    sent_ns: Int64Array
    picture: Int64Array
    alone: NDArray[np.bool_]

    @classmethod
    def of(cls, load: SentLoad) -> SentImages:
        """Return the images of what a source says that it sent."""
        return cls(
            stamp_ns=np.array([image.stamp_ns for image in load.sent], np.int64),
            sent_ns=np.array([image.sent_ns for image in load.sent], np.int64),
            picture=np.array([image.picture for image in load.sent], np.int64),
            alone=np.array([image.alone for image in load.sent], np.bool_),
        )


@dataclass(frozen=True)
class Arrivals:
    """
    Messages of one topic in the order in which they arrived.

    `stamp_ns` and `arrival_ns` are int64 (n,). `words` are bytes of each, uint8 (n, m, 4), None
    where their lengths differ, and `words_are` says what they are, a key of WORD_TYPES, '' if
    that is not known.
    """

    topic: str
    stamp_ns: Int64Array
    arrival_ns: Int64Array
    words: UInt8Array | None
    words_are: str


@dataclass(frozen=True)
class OutputAccount:
    """
    What came on one topic of the images that were sent at a rate.

    `lost` images have no message; `doubled` messages have the stamp of one before, `disordered`
    ones that of an earlier image than the one before, `foreign` ones of no image. `stale` ones
    were made of another picture than their stamp says, as far as that was answered alone; None
    where pictures are not told apart.
    `age_ms` are percentiles of the time from sending to arrival.
    """

    topic: str
    sent: int
    received: int
    lost: int
    stale: int | None
    doubled: int
    disordered: int
    foreign: int
    age_ms: dict[str, float | None]

    @property
    def is_whole(self) -> bool:
        """Return whether each message has its image and the order was kept."""
        return not (self.stale or self.doubled or self.disordered or self.foreign)


def account(sent: SentImages, arrivals: Arrivals) -> OutputAccount:
    """Return what became of the images that were not sent alone, on one topic."""
    number = {int(stamp): index for index, stamp in enumerate(sent.stamp_ns)}
    of_image = np.array([number.get(int(stamp), -1) for stamp in arrivals.stamp_ns], np.int64)
    alone = np.append(sent.alone, False)[of_image]
    streamed = ~alone & (of_image >= 0)
    images = of_image[streamed]
    first = np.unique(images, return_index=True)[1]
    ages_ms = (arrivals.arrival_ns[streamed] - sent.sent_ns[images])[first] * 1e-6
    return OutputAccount(
        topic=arrivals.topic,
        sent=int((~sent.alone).sum()),
        received=len(images),
        lost=int((~sent.alone).sum()) - len(first),
        stale=_stale(sent, arrivals, of_image, streamed),
        doubled=len(images) - len(first),
        disordered=int((np.diff(images) < 0).sum()),
        foreign=int((of_image < 0).sum()),
        age_ms=percentiles(ages_ms),
    )


def _stale(
    sent: SentImages, arrivals: Arrivals, of_image: Int64Array, streamed: NDArray[np.bool_]
) -> int | None:
    """
    Return how many messages look like another picture than their stamp says.

    What came of pictures that were never answered alone says nothing.
    """
    if arrivals.words is None or arrivals.words_are not in WORD_TYPES:
        return None
    content = numbers(arrivals.words, arrivals.words_are)
    alone = np.flatnonzero(~streamed & (of_image >= 0))
    # The last one of each picture: what a node remembers has settled by then.
    known = {int(sent.picture[of_image[index]]): content[index] for index in alone}
    pictures = sorted(known)
    if len(pictures) < 2:
        return None
    references = np.stack([known[picture] for picture in pictures])
    between = np.array([differences(references, each) for each in references])
    if np.min(between[~np.eye(len(pictures), dtype=bool)]) < _LEAST_DIFFERENCE:
        return None
    shown = sent.picture[of_image]
    judged = np.flatnonzero(streamed & np.isin(shown, pictures))
    off = np.array([differences(references, content[index]) for index in judged])
    off = off.reshape(len(judged), len(pictures))
    own = off[np.arange(len(judged)), np.searchsorted(pictures, shown[judged])]
    return int((off.min(axis=1) < _CLEARLY_NEARER * own).sum())


def numbers(words: UInt8Array, words_are: str) -> Float64Array:
    """Return what words are as numbers, (n, k)."""
    flat = np.ascontiguousarray(words).reshape(len(words), -1)
    # Pixels read as floats may be any number, and none.
    with np.errstate(invalid='ignore'):
        return flat.view(WORD_TYPES[words_are]).astype(np.float64)


def differences(references: Float64Array, content: Float64Array) -> Float64Array:
    """
    Return how different a content is from each of others, 0 for the same, 1 for all of it.

    It is the mean over numbers of the difference over the sum of the sizes; a number beside none
    counts as wholly different, and none beside none as the same.

    :param references: (n, k); :param content: (k,).
    """
    known, also = np.isfinite(references), np.isfinite(content)
    with np.errstate(invalid='ignore', divide='ignore', over='ignore'):
        sizes = np.abs(references) + np.abs(content)
        share = np.where(sizes > 0, np.abs(references - content) / sizes, 0.0)
    share = np.where(known & also, share, known != also)
    found: Float64Array = share.mean(axis=1)
    return found


def joined(accounts: Sequence[OutputAccount]) -> OutputAccount:
    """
    Return one account of several runs: counts are summed up, ages are medians of percentiles.

    :param accounts: of one topic, one or more.
    """
    stale = [each.stale for each in accounts if each.stale is not None]
    ages = {
        name: median_of([each.age_ms[name] for each in accounts]) for name in accounts[0].age_ms
    }
    return OutputAccount(
        topic=accounts[0].topic,
        stale=sum(stale) if stale else None,
        age_ms=ages,
        **{
            name: sum(getattr(each, name) for each in accounts)
            for name in ('sent', 'received', 'lost', 'doubled', 'disordered', 'foreign')
        },
    )


def median_of(values: Sequence[float | None]) -> float | None:
    """Return the median of the values that are known, None without any."""
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None
