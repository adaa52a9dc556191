"""Options and fixtures that all tests share."""

import logging
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from shared_memory import free_orphans

from depth_anything_ros.cli.processes import local_only

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
# Folders whose files take long: they start nodes, run verbs or train.
LONG = ('integration', 'robustness', 'cli', 'lab')

# Processes of tests share the cores; threads of torch that wait would keep them busy.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

# Undoes what `import launch` does, whose loggers keep their records from caplog. The manager's
# class wins over logging.setLoggerClass, which launch calls more than once.
logging.Logger.manager.setLoggerClass(logging.Logger)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption('--slow', action='store_true', help='run the slow tests too')
    parser.addoption(
        '--perf',
        action='store_true',
        help='run the tests of absolute times too, on an idle machine',
    )


def pytest_configure(config: pytest.Config) -> None:
    """Keep all ROS on this machine, and let it be interrupted, here and in what tests start."""
    os.environ.update(local_only(os.environ))
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # What a shell does to its background jobs; what the tests start must hear it.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Free what nodes of other runs left that were killed."""
    free_orphans()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Free what nodes of these tests left that were killed."""
    free_orphans()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for name in ('slow', 'perf'):
        if not config.getoption(f'--{name}'):
            skip = pytest.mark.skip(reason=f'{name}; run with --{name}')
            for item in items:
                if name in item.keywords:
                    item.add_marker(skip)
    if hasattr(config, 'workerinput'):
        put_long_files_first(items, slow=config.getoption('--slow'))


def put_long_files_first(items: list[pytest.Item], *, slow: bool) -> None:
    """
    Order files so that the processes which share them end together.

    Files of equal length go by their own names, whatever their folder: those that wait for nodes
    then lie among those that compute.
    """
    slow_files = {item.path for item in items if slow and 'slow' in item.keywords}

    def turn(item: pytest.Item) -> tuple[bool, bool, str, Path]:
        is_long = item.path.relative_to(TESTS).parts[0] in LONG
        return item.path not in slow_files, not is_long, item.path.name, item.path

    items.sort(key=turn)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> object:
    """
    Show the plugin of launch_testing only the files that are launch tests.

    It imports every module to look for them, and one that skips itself on import then takes all
    modules of its folder along.
    """
    if module_path.name.endswith('_launch.py'):
        return None
    return pytest.Module.from_parent(parent, path=module_path)


@pytest.fixture
def small_files() -> Iterator[None]:
    """Let no file of this process grow beyond 64 kB: a refusal by the kernel itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a file system without room, with a file `a.txt` that holds 'old', or skip."""
    folder = tmp_path / 'full'
    folder.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', str(folder)]
    if (
        os.geteuid() != 0
        or subprocess.run(mount, check=False, stderr=subprocess.DEVNULL).returncode
    ):
        pytest.skip('to mount a small disk takes a root that may')
    try:
        (folder / 'a.txt').write_text('old')
        with suppress(OSError), (folder / 'filling').open('wb', buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        yield folder
    finally:
        subprocess.run(['umount', '-l', str(folder)], check=True)


@pytest.fixture(scope='session')
def rgbd() -> Path:
    """Return the folder of real RGB-D frames beside the project, or skip."""
    folder = ROOT.parent / 'shared' / 'rgbd'
    if not (folder / 'index.json').is_file():
        pytest.skip(f'no real RGB-D frames at {folder.parent.name}/{folder.name}')
    return folder


@pytest.fixture(scope='session')
def cases() -> Path:
    """Return the folder of small inputs that failed once, beside the project, or skip."""
    folder = ROOT.parent / 'shared' / 'cases'
    if not folder.is_dir():
        pytest.skip(f'no inputs that failed once at {folder.parent.name}/{folder.name}')
    return folder
