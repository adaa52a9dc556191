"""Chains of recipes as words: `prune(0.3)+int16_static`."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, get_type_hints

from depth_anything_ros.errors import CompressionError
from depth_anything_ros.lab.compression import RECIPES
from depth_anything_ros.lab.compression.recipe import Kind, Recipe

_LOGGER = logging.getLogger(__name__)

# What "Depth Anything V2 Mini" calls INT16, dynamic, is float16.
_WORDS_OF_THE_PAPER = {'fp16': 'int16_dynamic'}
_FORMER_NAMES = {word: name for name, word in _WORDS_OF_THE_PAPER.items()}
_LINK = re.compile(r'(?P<name>\w+)(?:\((?P<arguments>[^()]*)\))?')


def parse_chain(text: str) -> tuple[Recipe, ...]:
    """
    Return the recipes that a text names, in the order in which they are applied.

    :param text: names joined by '+', with arguments in the order of the recipe's fields or by
        their names: `prune(0.3)`, `prune(0.5, global)`, `prune(amount=0.5)+int16_static`.
    :raises UnknownNameError: if there is no recipe of a name.
    :raises CompressionError: if the text cannot be read, an argument is not allowed, or the
        recipes do not go together.
    """
    recipes = tuple(_parse_link(link.strip(), text) for link in text.split('+'))
    order = list(Kind)
    for first, second in pairwise(recipes):
        if order.index(first.kind) >= order.index(second.kind):
            raise CompressionError(
                f"recipe '{text}': {_name(second)} ({second.kind.value}) cannot follow "
                f'{_name(first)} ({first.kind.value}); allowed: at most one for each of '
                f'{", ".join(kind.value for kind in order)}, in this order'
            )
    return recipes


def chain_text(recipes: Sequence[Recipe]) -> str:
    """Return the shortest text that :func:`parse_chain` reads as these recipes."""
    return '+'.join(_link_text(recipe) for recipe in recipes)


def in_words_of_the_paper(chain: str) -> str:
    """Return a chain with the names that "Depth Anything V2 Mini" has for its recipes added."""
    return '+'.join(
        f'{link} ({_WORDS_OF_THE_PAPER[link]})' if link in _WORDS_OF_THE_PAPER else link
        for link in chain.split('+')
    )


def _parse_link(link: str, chain: str) -> Recipe:
    match = _LINK.fullmatch(link)
    if match is None:
        raise CompressionError(
            f"recipe '{chain}': '{link}' cannot be read; write NAME or NAME(ARGUMENT, …), "
            f'joined by +; names: {", ".join(RECIPES)}'
        )
    recipe = RECIPES[_name_of_today(match['name'])]
    return recipe(**_arguments(recipe, match['arguments'] or '', link))


def _name_of_today(name: str) -> str:
    if name not in _FORMER_NAMES:
        return name
    today = _FORMER_NAMES[name]
    _LOGGER.warning("recipe '%s' stores float16; it is called %s now", name, today)
    return today


def _arguments(recipe: type[Recipe], text: str, link: str) -> dict[str, Any]:
    fields = _fields(recipe)
    given: dict[str, Any] = {}
    words = [word.strip() for word in text.split(',')] if text.strip() else []
    for place, word in enumerate(words):
        key, equals, value = word.rpartition('=')
        name = key.strip() if equals else next(iter(fields[place : place + 1]), '')
        if name not in fields or name in given:
            known = f'takes {", ".join(fields)}, each once' if fields else 'takes no argument'
            raise CompressionError(f"recipe '{link}': '{word}' is not allowed; it {known}")
        given[name] = _value(recipe, name, value.strip(), link)
    missing = [name for name in fields if name not in given and not hasattr(recipe, name)]
    if missing:
        raise CompressionError(
            f"recipe '{link}' needs {', '.join(missing)}: {link.partition('(')[0]}(VALUE)"
        )
    return given


def _value(recipe: type[Recipe], name: str, text: str, link: str) -> float | str:
    if get_type_hints(recipe)[name] is not float:
        return text
    try:
        return float(text)
    except ValueError:
        raise CompressionError(f"recipe '{link}': {name} '{text}' is not a number") from None


def _fields(recipe: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(recipe)]


def _name(recipe: Recipe) -> str:
    return next(name for name, known in RECIPES.items() if known is type(recipe))


def _link_text(recipe: Recipe) -> str:
    """Return the name and those arguments, from the first on, that are not the default."""
    fields = dataclasses.fields(recipe)  # type: ignore[arg-type]
    values = [getattr(recipe, field.name) for field in fields]
    while fields and values[-1] == fields[-1].default:
        fields, values = fields[:-1], values[:-1]
    words = [str(value) for value in values]
    return f'{_name(recipe)}({", ".join(words)})' if words else _name(recipe)
