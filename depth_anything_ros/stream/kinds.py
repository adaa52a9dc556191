"""What is told again and again, counted."""

from __future__ import annotations

import re
from collections import Counter
from threading import Lock

# Not those in names, as `wheel_2`, `/camera1` and `16UC1`.
_NUMBER = re.compile(r'(?<![\w./])[-+]?(?:\d+(?:\.\d*)?(?:e[-+]?\d+)?|nan|inf)(?!\w)', re.I)
_MOST = 1000


class Kinds:
    """
    Count texts by kind: those that differ in their numbers alone count as the first of them.

    Every method is thread-safe. The oldest kinds of more than a thousand are forgotten.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._first: dict[str, str] = {}
        self._counts: Counter[str] = Counter()

    def add(self, text: str) -> int:
        """Count a text; return how many of its kind there were."""
        kind = _NUMBER.sub('#', text)
        with self._lock:
            if kind not in self._first and len(self._first) == _MOST:
                oldest = next(iter(self._first))
                del self._counts[self._first.pop(oldest)]
            first = self._first.setdefault(kind, text)
            self._counts[first] += 1
            return self._counts[first]

    def counted(self, text: str) -> str:
        """Count a text; return it with how many of its kind there were, from the second on."""
        count = self.add(text)
        return f'{text} ({count} times so far)' if count > 1 else text

    @property
    def counts(self) -> Counter[str]:
        """Return the first text of each kind → how many there were."""
        with self._lock:
            return self._counts.copy()
