"""The way from a page to its file; the one place of the robot's wing for Jinja2."""

from __future__ import annotations

from base64 import b64encode
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from depth_anything_ros.errors import MissingDependencyError
from depth_anything_ros.escape import one_line
from depth_anything_ros.files import write_text
from depth_anything_ros.page.chart import SIDE, draw
from depth_anything_ros.page.parts import Page
from depth_anything_ros.table import is_number, shown

if TYPE_CHECKING:
    from jinja2 import Environment

_LIBRARY = 'jinja2'
_TEMPLATES = Path(__file__).parent / 'templates'


def why_no_page() -> str:
    """Return why no page can be written here, or ''; the library is looked for, not loaded."""
    try:
        check_page()
    except MissingDependencyError as error:
        return str(error)
    return ''


def check_page() -> None:
    """
    Make sure that a page can be written here, before work whose end is one.

    :raises MissingDependencyError: if Jinja2 is not installed.
    """
    if find_spec(_LIBRARY) is None:
        raise MissingDependencyError(_LIBRARY, 'report')


def write_page(path: Path, page: Page) -> None:
    """
    Write a page with all that it shows, but for pictures of a gallery, which it links to.

    Whatever stands in it as text is read as text: no tag, no script, no control character.

    :param path: the HTML file; folders on the way are made.
    :raises MissingDependencyError: if Jinja2 is not installed.
    :raises OutputError: if the file cannot be written.
    """
    check_page()
    template = _environment().get_template('page.html')
    sections = [section for section in page.sections if section.parts]
    write_text(path, template.render(page=page, sections=sections))


@lru_cache(None)
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    def finalize(value: object) -> object:
        return value if hasattr(value, '__html__') else one_line(shown(value))

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals['side'] = SIDE
    environment.filters.update(
        drawn=draw,
        is_number=lambda cell: is_number(shown(cell)),
        percent=lambda place: f'{100 * place:.3f}',
        jpeg=lambda content: f'data:image/jpeg;base64,{b64encode(content).decode("ascii")}',
    )
    return environment
