"""Table 1 of "Depth Anything V2 Mini", as a study by protocol seed000 finds it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from depth_anything_ros.lab.compression.chain import in_words_of_the_paper
from depth_anything_ros.lab.compression.study_results import StudyResult
from depth_anything_ros.table import Table, number

MINI = 'seed000'
"""The protocol of that paper."""

PAPER = '"Depth Anything V2 Mini"'

# RMSE in metres and the share of δ1, of the first 500 frames of the file, by model and recipe.
_PUBLISHED = {
    'depth_anything_v2_vits': {
        'float32': (2.18, 0.1538),
        'int16_static': (2.89, 0.0),
        'fp16': (2.18, 0.1541),
        'int8_dynamic': (2.15, 0.1508),
    },
    'depth_anything_v2_vitb': {
        'float32': (2.58, 0.1495),
        'int16_static': (2.89, 0.0),
        'fp16': (2.58, 0.1495),
        'int8_dynamic': (1.60, 0.2625),
    },
    'depth_anything_v2_vitl': {
        'float32': (7.42, 0.0213),
        'int16_static': (2.89, 0.0),
        'fp16': (7.43, 0.0213),
        'int8_dynamic': (7.44, 0.0204),
    },
}
_FRAMES = re.compile(r'nyu_depth_v2(/0-499)?:')


def table_1(model: str, results: Sequence[StudyResult], word: str) -> Table:
    """
    Return RMSE, δ and size of every recipe as the paper has them, and both scores aligned.

    What the paper found of the same model, recipe and frames stands beside.

    :param model: its name.
    :param results: the parent's first.
    :param word: of the data.
    """
    published = _PUBLISHED.get(model, {}) if _FRAMES.match(word) else {}
    headings = ['model variant', 'RMSE', 'δ (1.25)', 'size', 'aligned RMSE', 'aligned δ (1.25)']
    headings += ['RMSE in the paper', 'δ in the paper'] if published else []
    rows = []
    for result in results:
        scores = result.scores[word]
        row = [
            in_words_of_the_paper(result.recipe),
            *_rmse_and_delta(scores.none['rmse'], scores.none['delta1']),
            f'{result.file.bytes / 1e6:.0f} MB',
            *_rmse_and_delta(scores.scale_shift['rmse'], scores.scale_shift['delta1']),
        ]
        if published:
            row += _rmse_and_delta(*published.get(result.recipe, (None, None)))
        rows.append(row)
    return Table(headings, rows)


def _rmse_and_delta(rmse_m: float | None, delta1: float | None) -> list[str]:
    return [number(rmse_m, '.2f'), number(delta1, '.2%')]
