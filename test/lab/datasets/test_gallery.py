import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_anything_ros.errors import MissingDependencyError
from depth_anything_ros.evaluation.protocol import align_prediction, score_aligned
from depth_anything_ros.lab.datasets.gallery import Gallery
from depth_anything_ros.lab.datasets.offline import ImageScores, ScoredImage
from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule
from depth_anything_ros.types import DepthSample, OutputKind

RULE = ScoringRule()
KIND = OutputKind.RELATIVE_INVERSE_DEPTH


def scored(source: str, name: str) -> ScoredImage:
    truth_m = np.linspace(1, 9, 12 * 16, dtype=np.float32).reshape(12, 16)
    aligned = align_prediction(1 / truth_m, KIND, truth_m, RULE.alignment, 0.2, 8.0)
    scores = ImageScores(source, name, {'model': score_aligned(aligned, truth_m)})
    sample = DepthSample(np.zeros((12, 16, 3), np.uint8), truth_m, name)
    return ScoredImage(scores, sample, {'model': aligned})


def gallery(per_source: int, folder: Path | None, grid: Path | None) -> Gallery:
    return Gallery(per_source, folder, grid, model='tiny', rule=RULE, random=False)


def test_the_first_images_of_each_source_are_drawn(tmp_path):
    drawn = gallery(1, tmp_path / 'pictures', None)
    for source, name in (('hall', 'hall/1'), ('hall', 'hall/2'), ('desk', 'desk/1')):
        drawn.add('real', scored(source, name))
    drawn.finish()
    names = sorted(path.name for path in (tmp_path / 'pictures').iterdir())
    assert names == ['real-desk_1.png', 'real-hall_1.png']


def test_the_grid_shows_the_same_images_and_makes_its_folder(tmp_path):
    drawn = gallery(2, None, tmp_path / 'docs' / 'grid.png')
    for index in range(3):
        drawn.add('real', scored('hall', f'hall/{index}'))
    drawn.finish()
    picture = cv2.imread(str(tmp_path / 'docs' / 'grid.png'))
    assert picture.shape == (18 + 198, 2 * 736, 3)


def test_an_image_without_score_is_not_drawn_and_takes_no_place(tmp_path):
    drawn = gallery(1, tmp_path, tmp_path / 'grid.png')
    drawn.add('real', ScoredImage(ImageScores('hall', 'broken', {}, {'model': 'unreadable'})))
    drawn.finish()
    assert list(tmp_path.iterdir()) == []
    drawn.add('real', scored('hall', 'good'))
    drawn.finish()
    assert sorted(path.name for path in tmp_path.iterdir()) == ['grid.png', 'real-good.png']


def test_zero_draws_nothing(tmp_path):
    drawn = gallery(0, tmp_path, tmp_path / 'grid.png')
    drawn.add('real', scored('hall', '1'))
    drawn.finish()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_library_is_told_before_the_first_score(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'matplotlib', None)
    gallery(1, None, tmp_path / 'grid.png')
    with pytest.raises(MissingDependencyError, match=r'\[report\]'):
        gallery(1, tmp_path, None)
