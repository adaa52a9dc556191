"""
Many cases of each kind of hostile input, counted.

Without --slow each generator makes a few hundred cases, with it ten thousand. The summary at the
end of the run is the table of docs/reliability.md.
"""

import resource
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from depth_anything_ros.errors import DepthAnythingError

with suppress(pytest.skip.Exception):  # without ROS 2 the tests that start nodes skip themselves
    from node_world import camera, world  # noqa: F401 - fixtures

QUICK_CASES, SLOW_CASES = 200, 10_000
# Memory that one case may ask for beyond what the process holds before it.
_ROOM_BYTES = 2 << 30

_CASES = pytest.StashKey[Counter]()
_FAILURES = pytest.StashKey[Counter]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_CASES], config.stash[_FAILURES] = Counter(), Counter()


@pytest.fixture
def bounded_memory():
    """Let what asks for gigabytes fail, as it would on a small robot."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path('/proc/self/statm').read_text(encoding='ascii').split()[0])
    held = pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + _ROOM_BYTES, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.fixture
def attack(request, bounded_memory):
    """Return what runs a check on many cases; only errors meant for the user may come out."""
    slow = request.config.getoption('--slow')
    config = request.config

    def run(name: str, strategy, check: Callable[[object], None]) -> None:
        @settings(
            max_examples=SLOW_CASES if slow else QUICK_CASES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def attacked(case: object) -> None:
            config.stash[_CASES][name] += 1
            try:
                check(case)
            except DepthAnythingError as error:
                text = str(error)
                assert text and len(text) < 2_000, f'{len(text)} characters of error'

        try:
            attacked()
        except BaseException as error:
            config.stash[_FAILURES][name] = len(getattr(error, 'exceptions', (error,)))
            raise

    return run


@pytest.fixture
def count_cases(request):
    """Return what adds cases of a generator that does not go through `attack`."""
    return lambda name, cases: request.config.stash[_CASES].update({name: cases})


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if hasattr(config, 'workeroutput'):
        counted = config.stash[_CASES], config.stash[_FAILURES]
        config.workeroutput['hostile'] = [dict(counter) for counter in counted]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error) -> None:
    """Add up what processes of tests side by side have counted."""
    if cases_and_failures := getattr(node, 'workeroutput', {}).get('hostile'):
        for key, counts in zip((_CASES, _FAILURES), cases_and_failures, strict=True):
            node.config.stash[key].update(counts)


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    cases, failures = config.stash[_CASES], config.stash[_FAILURES]
    if not cases:
        return
    terminalreporter.section('hostile inputs')
    terminalreporter.line('| generator | cases | kinds of failure |')
    terminalreporter.line('| --- | --- | --- |')
    for name, count in cases.items():
        terminalreporter.line(f'| {name} | {count} | {failures[name]} |')
    total = f'| all | {sum(cases.values())} | {sum(failures.values())} |'
    terminalreporter.line(total)
