"""What libraries raise, in our words; and their import, so that no load time contains it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec

from depth_anything_ros.errors import BackendError, DepthAnythingError
from depth_anything_ros.inference import BACKENDS

# Errors whose message is a sentence; that of a KeyError is the bare key.
_SPEAKING = (DepthAnythingError, RuntimeError, ValueError, MemoryError, OSError, ImportError)


def import_libraries(backend: str) -> None:
    """
    Import what a backend imports when it is first used, so that no load time contains it.

    A library that is missing is left out: the backend says so, and how to get it.

    :param backend: a name in BACKENDS.
    """
    for name in ('safetensors.torch', *BACKENDS[backend].libraries):
        if find_spec(name.partition('.')[0]) is not None:
            import_module(name)


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
