"""Whether live pictures of 16 bits are almost black, as 10 or 12 bits in them are."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

from depth_anything_ros.messages.brightness import (
    PICTURES,
    brightest,
    dark_warning,
    has_16_bits,
)
from depth_anything_ros.types import UInt8Array

_LOG = logging.getLogger(__name__)

_CURE = 'let the camera send 8 bits, or its bits scaled to 16'


class BrightnessWatch:
    """
    Look at the last pictures of a topic that have 16 bits.

    `doubt` says what is odd about them, or is empty; the log gets it once.

    :param topic: base name of the topic.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._told = False
        self.forget()

    def forget(self) -> None:
        """Look at the next pictures as if they were the first ones."""
        self._last: deque[int] = deque(maxlen=PICTURES)
        self.doubt = ''

    def look(self, message: Any, rgb: UInt8Array) -> None:
        """
        Take a picture into account.

        :param message: an Image or CompressedImage, whose encoding or format names its bits.
        :param rgb: what it was decoded to, (H, W, 3).
        """
        if not has_16_bits(message):
            if self._last:
                self.forget()
            return
        self._last.append(brightest(rgb))
        full = len(self._last) == PICTURES
        self.doubt = dark_warning(self._topic, self._last, _CURE) if full else ''
        if self.doubt and not self._told:
            self._told = True
            _LOG.warning(self.doubt)
