"""What the library says in the words of the node, in those of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable

# What a verb may call by another name.
_OTHER_NAMES = {
    'checkpoint': 'init', 'learning_rate': 'lr', 'camera_height_m': 'camera_height',
    'camera_pitch_deg': 'camera_height', 'camera_roll_deg': 'camera_height',
}  # fmt: skip
_ASSIGNED = re.compile(r'\b([a-z][a-z0-9_]*):=')
_ONE = re.compile(r"\bparameter '([a-z0-9_]+)':?")
_SEVERAL = re.compile(r"\bparameters '([a-z0-9_]+)'( \([^)]*\))? and '([a-z0-9_]+)'")

_options: set[str] = set()


def speak_of(options: Iterable[str]) -> None:
    """
    Choose the options that messages may name.

    :param options: of the verb that runs, as attributes of its arguments.
    """
    _options.clear()
    _options.update(options)


def in_words_of_the_cli(text: str) -> str:
    """Return a message with the options of the verb in the place of the node's parameters."""
    text = _ASSIGNED.sub(lambda found: _option(found[1], f'{found[0]}', ' '), text)
    text = _SEVERAL.sub(
        lambda found: (
            f'{_option(found[1], found[1])}{found[2] or ""} and {_option(found[3], found[3])}'
        ),
        text,
    )
    return _ONE.sub(lambda found: _option(found[1], found[0]), text)


def _option(name: str, otherwise: str, end: str = '') -> str:
    for known in (name, _OTHER_NAMES.get(name, '')):
        if known in _options:
            return f'--{known.replace("_", "-")}{end}'
    return otherwise
