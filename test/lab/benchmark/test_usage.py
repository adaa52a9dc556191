"""CPU time and memory of processes and what they started."""

import subprocess
import sys
import time
from itertools import count

import pytest

from depth_anything_ros.lab.benchmark.usage import Usage, UsageWatch, usage_of

BURN = 'import time\nwhile time.process_time() < 0.4: pass\n'
HOLD = 'held = bytearray(60_000_000)\nfor i in range(0, len(held), 4096): held[i] = 1\n'
WAIT = 'import sys\nprint(flush=True)\nsys.stdin.read()\n'
CHILD = (
    'import subprocess, sys\n'
    'child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=sys.stdin)\n'
    'child.wait()\n'
)


@pytest.fixture
def started():
    processes = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, '-c', *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        processes.append(process)
        assert process.stdout.readline() == b'\n'
        return process.pid

    yield start
    for process in processes:
        process.communicate()


def test_cpu_and_memory_of_a_process(started):
    found = usage_of(started(BURN + HOLD + WAIT))
    assert 0.4 <= found.cpu_s < 5
    assert 60e6 < found.resident_bytes < 120e6


def test_what_a_process_started_counts(started):
    found = usage_of(started(CHILD, BURN + HOLD + WAIT))
    assert found.cpu_s >= 0.4
    assert found.resident_bytes > 60e6


def test_a_process_that_is_gone_has_no_usage():
    with subprocess.Popen([sys.executable, '-c', '']) as process:
        process.wait()
    with pytest.raises(OSError, match='No such'):
        usage_of(process.pid)


def test_the_use_between_two_moments(monkeypatch):
    readings = (Usage(second * 10**9, 2.0 + 0.5 * second, 100 + second) for second in count())
    monkeypatch.setattr('depth_anything_ros.lab.benchmark.usage._PERIOD_S', 0.001)
    monkeypatch.setattr(
        'depth_anything_ros.lab.benchmark.usage.usage_of', lambda _: next(readings)
    )
    with UsageWatch(1) as watch:
        while watch.between(6 * 10**9, 7 * 10**9) is None:
            time.sleep(0.01)
    found = watch.between(2 * 10**9, 6 * 10**9)
    assert (found.cores, found.resident_bytes, found.largest_bytes) == (0.5, 106, 106)
    assert watch.between(0, 10**8) is None
