"""The memory that a network needs, measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from depth_anything_ros.errors import WorkerError
from depth_anything_ros.inference.selection import Selection

_RUNS = 3
_STATUS = Path('/proc/self/status')
_PEAK = 'VmHWM:'


@dataclass(frozen=True)
class Load:
    """
    Say what the process is to load and run.

    `checkpoint` is a file of weights for `model`; `size` is the network's (height, width).
    `threads` 0 leaves the number of CPU threads to the library. `cache_dir` holds exported
    networks: with an export in it the process loads that, as a node does from its second start.
    """

    model: str
    checkpoint: Path
    selection: Selection
    size: tuple[int, int]
    threads: int
    cache_dir: Path


def peak_memory_bytes(load: Load) -> int:
    """
    Return the peak resident memory of a fresh process that loads a network and runs it.

    Python and the libraries are part of it. Memory of a GPU is not.

    :param load: what to load and run.
    :raises WorkerError: if the process fails, or the system does not tell (it needs Linux).
    """
    record = {
        **asdict(load),
        'checkpoint': str(load.checkpoint),
        'cache_dir': str(load.cache_dir),
    }
    command = [sys.executable, '-m', __name__, json.dumps(record)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    answer = done.stdout.strip().rpartition('\n')[2]
    if done.returncode or not answer.isdecimal():
        reason = done.stderr.strip().rpartition('\n')[2] or f'exit status {done.returncode}'
        raise WorkerError(f'no peak memory of {load.model}: {reason}')
    return int(answer)


def _run(record: str) -> int:
    """Load and run what :class:`Load` says, and return the peak of this process in bytes."""
    import numpy as np

    from depth_anything_ros.inference import create_predictor
    from depth_anything_ros.types import ModelInput

    given = json.loads(record)
    size = (given['size'][0], given['size'][1])
    predictor = create_predictor(
        given['model'],
        checkpoint=given['checkpoint'],
        **given['selection'],
        input_size=size,
        threads=given['threads'],
        cache_dir=given['cache_dir'],
    )
    ramp = np.linspace(-1, 1, 3 * size[0] * size[1], dtype=np.float32).reshape(1, 3, *size)
    for _ in range(_RUNS):
        predictor.infer(ModelInput(ramp, size))
    return peak_of_this_process()


def peak_of_this_process(status: Path = _STATUS) -> int:
    """
    Return the peak resident memory of this process in bytes.

    It is not that of getrusage, which a process inherits from the one that started it.

    :param status: the file of Linux that tells.
    :raises WorkerError: if there is none.
    """
    lines = status.read_text().splitlines() if status.is_file() else []
    for line in lines:
        if line.startswith(_PEAK):
            return int(line.split()[1]) * 1024
    raise WorkerError(f"'{status}' does not tell the peak memory of a process")


if __name__ == '__main__':
    sys.stdout.write(f'{_run(sys.argv[1])}\n')
