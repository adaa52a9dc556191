"""Work for processes that end in the middle of it."""

import os
import signal
from pathlib import Path


def square(number: int) -> int:
    return number**2


def square_unless_killed(folder: Path, number: int) -> int:
    """Return the square; 5 ends its process the first time, as the kernel does without memory."""
    if number == 5 and not (folder / 'killed').exists():
        (folder / 'killed').touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


def end(_: int) -> None:
    os._exit(3)
