"""Options and fixtures that all tests share."""

import logging
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Undoes what `import launch` does, whose loggers keep their records from caplog. The manager's
# class wins over logging.setLoggerClass, which launch calls more than once.
logging.Logger.manager.setLoggerClass(logging.Logger)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption('--slow', action='store_true', help='run the slow tests too')


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption('--slow'):
        return
    skip = pytest.mark.skip(reason='slow; run with --slow')
    for item in items:
        if 'slow' in item.keywords:
            item.add_marker(skip)


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


@pytest.fixture(scope='session')
def rgbd() -> Path:
    """Return the folder of real RGB-D frames beside the project, or skip."""
    folder = ROOT.parent / 'shared' / 'rgbd'
    if not (folder / 'index.json').is_file():
        pytest.skip(f'no real RGB-D frames at {folder.parent.name}/{folder.name}')
    return folder
