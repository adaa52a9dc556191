"""The memory that a network needs, measured in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from depth_anything_ros.errors import WorkerError
from depth_anything_ros.inference.selection import Selection
from depth_anything_ros.json_text import as_json, from_json, parse_json
from depth_anything_ros.lab.benchmark.network import NetworkRequest, example_image
from depth_anything_ros.lab.benchmark.networks import open_network

_RUNS = 3
_STATUS = Path('/proc/self/status')
_PEAK = 'VmHWM:'


@dataclass(frozen=True)
class Footprint:
    """
    The peak memory of a process in bytes.

    `resident` is on the computer, Python and libraries included; `device` is what torch held on
    the GPU at once, None where another library or the CPU runs the network.
    """

    resident: int
    device: int | None


def peak_memory_bytes(request: NetworkRequest) -> int:
    """
    Return the peak resident memory of a fresh process that loads a network and runs it.

    Python and the libraries are part of it. Memory of a GPU is not.

    :param request: what to load and run.
    :raises WorkerError: if the process fails, or the system does not tell (it needs Linux).
    """
    return footprint(request).resident


def footprint(request: NetworkRequest) -> Footprint:
    """
    Return the peak memory of a fresh process that loads a network and runs it.

    :param request: what to load and run.
    :raises WorkerError: as :func:`peak_memory_bytes`.
    """
    command = [sys.executable, '-m', __name__, json.dumps(request, default=as_json)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    answer = done.stdout.strip().rpartition('\n')[2]
    if done.returncode or not answer.startswith('{'):
        reason = done.stderr.strip().rpartition('\n')[2] or f'exit status {done.returncode}'
        if done.returncode == -signal.SIGKILL:
            reason = 'the system killed its process, as it does for lack of memory'
        raise WorkerError(f'no peak memory of {request.options.model}: {reason}')
    return from_json(Footprint, parse_json(answer))


def _run(record: str) -> Footprint:
    """Load and run what :class:`NetworkRequest` says, and return the peak of this process."""
    request = from_json(NetworkRequest, parse_json(record))
    network = open_network(request)
    inputs = network.preprocess(example_image())
    for _ in range(_RUNS):
        network.infer(inputs)
    return Footprint(peak_of_this_process(), _peak_of_device(request.selection))


def _peak_of_device(selection: Selection) -> int | None:
    # Of what other libraries hold there torch knows nothing.
    if selection.backend != 'torch' or selection.device == 'cpu':
        return None
    import torch

    return int(torch.cuda.max_memory_allocated(selection.device))


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
    sys.stdout.write(f'{json.dumps(_run(sys.argv[1]), default=as_json)}\n')
