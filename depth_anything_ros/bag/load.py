"""What a load of images on a node was: what went out and when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SentImage:
    """An image that went out: its stamp, when, which picture it showed, and whether alone."""

    stamp_ns: int
    sent_ns: int
    picture: int
    alone: bool


@dataclass(frozen=True)
class SentLoad:
    """All that went out, when the first answer came and when the even part began and ended."""

    first_answer_ns: int
    begin_ns: int
    end_ns: int
    sent: list[SentImage]


@dataclass(frozen=True)
class HeardOutput:
    """A topic that was listened to, and what the sampled words of its messages are."""

    topic: str
    words_are: str
