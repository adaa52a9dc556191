"""Work on items by threads of this process: results come in the order of the items."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar('T')
R = TypeVar('R')

# While a network runs on an item, others are made ready for it and what it gave is looked at.
THREADS = 3


def in_order(
    function: Callable[[T], R], items: Iterable[T], threads: int = THREADS
) -> Iterator[R]:
    """
    Yield what a function returns for each item, while threads are at the items that follow.

    It is for what libraries do outside of Python, as decoding and arithmetic. Items are taken on
    the caller's thread, so that whatever gives them needs to know of no other. No more than
    `threads` + 1 of them are on their way.

    :param function: is called by several threads at once, unless `threads` is 1; what it raises
        is raised in the place of its result.
    :param items: what is worked on.
    """
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads, 'in_order') as executor:
        try:
            for item in items:
                waiting.append(executor.submit(function, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # Left early, by Ctrl-C or an error: what has not begun is not begun.
            for future in waiting:
                future.cancel()
