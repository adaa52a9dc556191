"""
Text from elsewhere on its way to people: names out of files, bags and messages.

One function for each place where text can do more than be read: a terminal, a table of
Markdown, a spreadsheet, a plot.
"""

from __future__ import annotations

import re
import unicodedata
from html import escape

# Control, format (such as those that turn the direction of text) and lone surrogates; separators
# of lines and paragraphs.
_UNSEEN = ('Cc', 'Cf', 'Cs', 'Zl', 'Zp')
# What Markdown reads as code, links, tables, HTML or emphasis; not _, which names are full of.
_MARKDOWN = re.compile(r'[\\`*\[\]|~]')
_FORMULA = ('=', '+', '-', '@')


def one_line(text: object) -> str:
    r"""
    Return text for one line of a terminal or a log: what does not show is written as its escape.

    >>> print(one_line('a\x1b[2J\nb'))
    a\x1b[2J\nb
    """
    shown = str(text)
    return shown if shown.isprintable() else ''.join(map(_seen, shown))


def lines(text: object) -> str:
    """Return text of several lines for a terminal or a log; see :func:`one_line`."""
    return '\n'.join(map(one_line, str(text).split('\n')))


def markdown(text: object) -> str:
    """Return text for a line or a cell of Markdown: no markup, no HTML, no end of the cell."""
    return _MARKDOWN.sub(r'\\\g<0>', escape(one_line(text), quote=False))


def csv_cell(value: object) -> object:
    """
    Return a cell of one line that no spreadsheet takes for a formula.

    An apostrophe in front marks such a one as text. Numbers, also as text, stay as they are.
    """
    if not isinstance(value, str) or _is_number(value):
        return value
    shown = one_line(value)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def plot(text: object) -> str:
    """Return text for a plot: no formula between dollar signs."""
    return one_line(text).replace('$', r'\$')


def _seen(letter: str) -> str:
    if unicodedata.category(letter) not in _UNSEEN:
        return letter
    return letter.encode('unicode_escape').decode('ascii')


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isprintable()
