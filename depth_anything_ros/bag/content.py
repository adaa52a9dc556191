"""A few bytes of a serialised message, by which its content is known again."""

from __future__ import annotations

import numpy as np

from depth_anything_ros.types import UInt8Array

# Stamp, frame and the first fields, which do not tell one picture from another.
_SKIPPED_WORDS = 32
_MOST_WORDS = 512
_WORD_BYTES = 4
_ENCAPSULATION_BYTES = 4


def sampled_words(cdr: bytes) -> UInt8Array:
    """
    Return words of 4 bytes evenly spread over a message, uint8 (n, 4), n at most 512.

    Messages of the same length are sampled at the same places. Numbers of 4 bytes, and the pixels
    of an image, begin at whole words.

    :param cdr: the serialised message with its 4-byte encapsulation.
    Source: OMG CDR: numbers are aligned to their size, counted from behind the encapsulation.
    """
    whole = (len(cdr) - _ENCAPSULATION_BYTES) // _WORD_BYTES
    count = max(0, whole) * _WORD_BYTES
    words = np.frombuffer(cdr, np.uint8, count, min(_ENCAPSULATION_BYTES, len(cdr)))
    words = words.reshape(-1, _WORD_BYTES)[_SKIPPED_WORDS:]
    step = -(-len(words) // _MOST_WORDS) or 1
    return np.ascontiguousarray(words[::step])
