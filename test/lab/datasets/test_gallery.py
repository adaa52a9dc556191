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


def gallery(folder: Path | None, grid: Path | None) -> Gallery:
    return Gallery(['model'], folder, grid, rule=RULE)


def test_images_are_drawn_under_the_names_of_data_and_image(tmp_path):
    drawn = gallery(tmp_path / 'pictures', None)
    for place, (source, name) in enumerate((('hall', 'hall/1'), ('desk', 'desk/1'))):
        drawn.add('real', place, scored(source, name))
    drawn.finish()
    names = sorted(path.name for path in (tmp_path / 'pictures').iterdir())
    assert names == ['real-desk_1.png', 'real-hall_1.png']


def test_pictures_are_listed_in_the_order_of_images_whichever_is_drawn_first(tmp_path):
    drawn = gallery(tmp_path, None)
    for place in (2, 0, 1):
        drawn.add('real', place, scored('hall', f'hall/{place}'))
    assert [path.stem for path in drawn.pictures] == [f'real-hall_{place}' for place in range(3)]


def test_pictures_of_several_models_bear_their_names(tmp_path):
    drawn = Gallery(['model', 'other (x.pth)'], tmp_path, None, rule=RULE)
    image = scored('hall', 'hall/1')
    image.scores.scores['other (x.pth)'] = image.scores.scores['model']
    image.aligned['other (x.pth)'] = image.aligned['model']
    drawn.add('real', 0, image)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ['real-hall_1-model.png', 'real-hall_1-other_x.pth_.png']


def test_the_grid_shows_the_same_images_in_their_order_and_makes_its_folder(tmp_path):
    pictures = []
    for order in ((0, 1, 2), (2, 0, 1)):
        drawn = gallery(None, tmp_path / 'docs' / 'grid.png')
        for index in order:
            drawn.add('real', index, scored('hall', f'hall/{index}'))
        drawn.finish()
        pictures.append(cv2.imread(str(tmp_path / 'docs' / 'grid.png')))
    assert pictures[0].shape == (18 + 2 * 198, 2 * 736, 3)
    assert np.array_equal(*pictures)


def test_an_image_without_score_is_not_drawn(tmp_path):
    drawn = gallery(tmp_path, tmp_path / 'grid.png')
    drawn.add('real', 0, ScoredImage(ImageScores('hall', 'broken', {}, {'model': 'unreadable'})))
    drawn.finish()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_library_is_told_before_the_first_score(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'matplotlib', None)
    gallery(None, tmp_path / 'grid.png')
    with pytest.raises(MissingDependencyError, match=r'\[report\]'):
        gallery(tmp_path, None)
