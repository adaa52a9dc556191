"""What the figures of a study say: how far a recipe is from its parent, where pruning breaks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from depth_anything_ros.lab.compression.chain import parse_chain
from depth_anything_ros.lab.compression.misses import MISSED, Misses
from depth_anything_ros.lab.compression.prune import Prune, Scope
from depth_anything_ros.lab.compression.study_results import StudyResult

COMPARED = 'abs_rel'
BOUNDS = (0.03, 0.1)
"""How much larger than its parent's the aligned AbsRel of a recipe may be: hardly, clearly."""

_UNIT = {'layer': 'by layer', 'global': 'over all layers together'}


@dataclass(frozen=True)
class Breakdown:
    """
    How much may be pruned before aligned AbsRel rises by more than a bound.

    `within` is the largest share pruned such that it and all smaller ones studied stay within the
    bound, `beyond` the next one, with its `change`; each is None if there is none, and `change`
    also where `beyond` leaves images without a score.
    """

    scope: Scope
    bound: float
    within: float | None
    beyond: float | None
    change: float | None


def change(result: StudyResult, parent: StudyResult, word: str) -> float | None:
    """
    Return by what share the aligned AbsRel of a recipe is above its parent's.

    :param result: of the recipe, as `Study.results` returns it.
    :param parent: of the parent.
    :param word: of the data.
    :return: negative where the recipe is better; None where the two were not scored on the same
        number of images, or on none.
    """
    own, before = result.scores[word], parent.scores[word]
    found, reference = own.scale_shift[COMPARED], before.scale_shift[COMPARED]
    if own.failed != before.failed or found is None or not reference:
        return None
    return found / reference - 1.0


def misses(result: StudyResult, parent: StudyResult, word: str) -> Misses | None:
    """
    Return which obstacles a recipe and its parent miss.

    :param word: of the data.
    :return: None where the two were not scored on the same number of images, or nothing is known
        of obstacles.
    """
    own, before = result.scores[word], parent.scores[word]
    found, reference = own.scale_shift.get(MISSED), before.scale_shift.get(MISSED)
    if own.failed != before.failed or found is None or reference is None:
        return None
    return Misses(reference, found)


def sweep(results: Sequence[StudyResult], scope: Scope) -> list[tuple[float, StudyResult]]:
    """Return the results of pruning alone by the share pruned, the least first."""
    found = []
    for result in results[1:]:
        recipe, *others = parse_chain(result.recipe)
        if isinstance(recipe, Prune) and not others and recipe.scope == scope:
            found.append((recipe.amount, result))
    return sorted(found, key=lambda item: item[0])


def breakdowns(results: Sequence[StudyResult], word: str) -> list[Breakdown]:
    """
    Return where pruning leaves each of BOUNDS, for each scope that was studied.

    :param results: the parent's first.
    :param word: of the data.
    """
    return [
        _breakdown(results, word, scope, bound)
        for scope in get_args(Scope)
        for bound in BOUNDS
        if sweep(results, scope)
    ]


def _breakdown(results: Sequence[StudyResult], word: str, scope: Scope, bound: float) -> Breakdown:
    within = None
    for amount, result in sweep(results, scope):
        found = change(result, results[0], word)
        if found is None or found > bound:
            return Breakdown(scope, bound, within, amount, found)
        within = amount
    return Breakdown(scope, bound, within, None, None)


def sentence(found: Breakdown) -> str:
    """Return a breakdown in words."""
    start = f'Pruning {_UNIT[found.scope]} keeps aligned AbsRel within {found.bound:.0%}'
    within = 'no share studied' if found.within is None else f'up to {found.within:.0%} pruned'
    if found.beyond is None:
        return f'{start} of the parent with every share studied, {within}.'
    how = (
        'some images have no score'
        if found.change is None
        else f'AbsRel is {found.change:.1%} above the parent'
    )
    return f'{start} of the parent with {within}; with {found.beyond:.0%} {how}.'


def contradiction(results: Sequence[StudyResult], word: str) -> str:
    """
    Return the recipes that raw AbsRel calls better and aligned AbsRel clearly worse, in words.

    :param results: the parent's first.
    :param word: of the data.
    :return: empty where there are none.
    """
    parent = results[0]
    names = [
        result.recipe
        for result in results[1:]
        if (change(result, parent, word) or 0.0) > BOUNDS[-1]
        and _raw(result, word) < _raw(parent, word)
    ]
    if not names:
        return ''
    return (
        f'Raw AbsRel is lower than that of the parent with {", ".join(names)}, whose aligned '
        f'AbsRel is more than {BOUNDS[-1]:.0%} higher: raw scores do not rank these networks.'
    )


def _raw(result: StudyResult, word: str) -> float:
    found = result.scores[word].none[COMPARED]
    return math.inf if found is None else found


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """
    Return the places of the points that no other one beats, from the smallest size on.

    A point is beaten by one that is not larger in either number and smaller in one.

    :param points: (size, error).
    """
    front: list[int] = []
    for place in sorted(range(len(points)), key=lambda place: points[place]):
        if not front or points[place][1] < points[front[-1]][1]:
            front.append(place)
    return front
