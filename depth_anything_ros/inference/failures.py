"""What libraries raise, in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from depth_anything_ros.errors import BackendError, DepthAnythingError

# Errors whose message is a sentence; that of a KeyError is the bare key.
_SPEAKING = (DepthAnythingError, RuntimeError, ValueError, MemoryError, OSError, ImportError)


@contextmanager
def failures(what: str) -> Iterator[None]:
    """
    Turn whatever a library raises, lack of memory too, into an error of ours.

    Errors of ours pass as they are.

    :param what: the start of its message.
    :raises BackendError: in its place.
    """
    try:
        yield
    except DepthAnythingError:
        raise
    except Exception as error:
        raise BackendError(f'{what}: {first_line(error)}') from error


def first_line(error: BaseException) -> str:
    """Return what an error says in one line: its first one, with its kind where that helps."""
    said, kind = str(error).strip(), type(error).__name__
    if not said:
        return kind
    line = said.splitlines()[0]
    return line if isinstance(error, _SPEAKING) else f'{kind}: {line}'
