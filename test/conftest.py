"""Options and fixtures that all tests share."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption('--slow', action='store_true', help='run the slow tests too')


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption('--slow'):
        return
    skip = pytest.mark.skip(reason='slow; run with --slow')
    for item in items:
        if 'slow' in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope='session')
def rgbd() -> Path:
    """Return the folder of real RGB-D frames beside the project, or skip."""
    folder = ROOT.parent / 'shared' / 'rgbd'
    if not (folder / 'index.json').is_file():
        pytest.skip(f'no real RGB-D frames at {folder.parent.name}/{folder.name}')
    return folder
