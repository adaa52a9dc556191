from dataclasses import dataclass, field

import numpy as np
import pytest

from depth_anything_ros.errors import BackendError, DatasetError
from depth_anything_ros.evaluation.protocol import AlignmentMode
from depth_anything_ros.lab.datasets.offline import Subject, chosen_indices, score_images
from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule
from depth_anything_ros.scale.focal_length import FocalLengthScale
from depth_anything_ros.types import (
    Camera,
    DepthSample,
    MetricDepth,
    OutputKind,
    RelativeInverseDepth,
)

TRUTH_M = np.linspace(1, 4, 48, dtype=np.float32).reshape(6, 8)
RGB = np.zeros((6, 8, 3), np.uint8)
CAMERA = Camera(8, 6, 150.0, 250.0, 3.5, 2.5)


@dataclass
class Listed:
    """A data set of three images in two sources, of which some cannot be read."""

    name: str = 'listed'
    broken: set[int] = field(default_factory=set)
    count: int = 3
    read: list[int] = field(default_factory=list)
    camera: Camera | None = None

    def __len__(self):
        return self.count

    def sample_name(self, index):
        return f'image {index}'

    def source(self, index):
        return ('kitchen', 'kitchen', 'hall')[index]

    def __getitem__(self, index):
        if index in self.broken:
            raise DatasetError(f"'image {index}' is broken")
        self.read.append(index)
        return DepthSample(RGB, TRUTH_M, self.sample_name(index), self.camera)


def perfect(rgb):
    return RelativeInverseDepth(3 / TRUTH_M - 1)


def constant(rgb):
    return RelativeInverseDepth(np.ones_like(TRUTH_M))


def failing(rgb):
    raise BackendError('the network gave 3 of 48 values that are not finite')


def score(dataset=None, rule=None, **predictors):
    dataset = dataset or Listed()
    subjects = {name: Subject(predict) for name, predict in predictors.items()}
    return list(score_images(dataset, range(3), subjects, rule or ScoringRule()))


def test_a_prediction_that_is_right_up_to_scale_and_shift_has_no_error():
    for index, image in enumerate(score(model=perfect)):
        assert image.scores.name == f'image {index}'
        found = image.scores.scores['model']
        assert found.values['abs_rel'] == pytest.approx(0, abs=1e-5)
        assert found.values['delta1'] == 1
        assert found.scale == pytest.approx(1 / 3, rel=1e-4)
        assert not image.scores.problems
        np.testing.assert_allclose(image.aligned['model'].depth_m, TRUTH_M, rtol=1e-4)


def test_every_predictor_is_scored_on_the_same_image_read_once():
    dataset = Listed()
    found = score(dataset, model=perfect, other=lambda rgb: RelativeInverseDepth(1 / TRUTH_M**2))
    assert dataset.read == [0, 1, 2]
    assert all(set(image.scores.scores) == {'model', 'other'} for image in found)
    assert found[0].scores.scores['other'].values['abs_rel'] > 0.01


def test_metres_are_scored_as_metres():
    rule = ScoringRule(AlignmentMode.NONE)
    image = score(rule=rule, model=lambda rgb: MetricDepth(TRUTH_M * np.float32(1.1)))[0]
    assert image.scores.scores['model'].values['abs_rel'] == pytest.approx(0.1, rel=1e-4)


def test_a_scale_of_its_own_gives_metres_where_nothing_is_fitted():
    """Depth is in metres for a focal length of 100 pixels; the camera has 150 and 250."""
    found = by_focal_length(AlignmentMode.NONE)
    assert found.scores['near'].values['abs_rel'] == pytest.approx(0, abs=1e-6)
    # Of twice the focal length all is twice as far.
    assert found.scores['far'].values['abs_rel'] == pytest.approx(1, rel=1e-5)
    assert found.scores['near'].scale == 1
    assert not found.problems


def test_of_metres_by_the_focal_length_a_fit_knows_the_scale_alone():
    found = by_focal_length(AlignmentMode.SCALE_SHIFT)
    for score_ in found.scores.values():
        assert score_.values['abs_rel'] == pytest.approx(0, abs=1e-6)
        assert score_.scale == pytest.approx(0.5, rel=1e-5)
        assert score_.shift == 0


def test_metric_models_as_they_are_beside_fitted_ones_takes_metres_by_the_focal_length():
    """So protocols of papers do."""
    found = by_focal_length(AlignmentMode.SCALE_SHIFT, metric_alignment=AlignmentMode.NONE)
    assert found.scores['far'].values['abs_rel'] == pytest.approx(1, rel=1e-5)


def test_sky_and_an_unknown_camera_are_no_metres():
    def half_sky(rgb):
        values = 2 / TRUTH_M
        values[:3] = 0
        return RelativeInverseDepth(values, kind=OutputKind.INVERSE_DEPTH_UP_TO_SCALE)

    found = by_focal_length(AlignmentMode.NONE, predict=half_sky)
    assert found.scores['near'].coverage == 0.5
    assert found.scores['near'].values['abs_rel'] == pytest.approx(0, abs=1e-6)
    assert by_focal_length(AlignmentMode.NONE, camera=None).problems['near'] == (
        'the metres of this model follow from the focal length, and the data do not tell the '
        "image's camera; an alignment that fits the scale, as 'scale' does, needs none"
    )


def by_focal_length(alignment, predict=None, camera=CAMERA, **rule):
    """Return the scores of a model that is in metres at 100 px, and at 50 px."""
    alone = RelativeInverseDepth(2 / TRUTH_M, kind=OutputKind.INVERSE_DEPTH_UP_TO_SCALE)
    predict = predict or (lambda rgb: alone)
    subjects = {
        name: Subject(predict, scale=FocalLengthScale(px, lambda height, width: (height, width)))
        for name, px in (('near', 100.0), ('far', 50.0))
    }
    dataset = Listed(camera=camera)
    rule = ScoringRule(alignment, **rule)
    return next(iter(score_images(dataset, [0], subjects, rule))).scores


def test_the_range_limits_what_is_scored():
    image = score(rule=ScoringRule(max_depth_m=2), model=perfect)[0]
    assert image.scores.scores['model'].pixels == np.count_nonzero(TRUTH_M <= 2)


@pytest.mark.parametrize(('predict', 'problem'), [(constant, 'constant'), (failing, 'not finite')])
def test_a_failed_prediction_has_a_problem_and_no_number(predict, problem):
    image = score(model=predict, other=perfect)[0]
    assert set(image.scores.scores) == {'other'}
    assert problem in image.scores.problems['model']
    assert set(image.aligned) == {'other'}


def test_an_image_that_cannot_be_read_is_a_problem_of_every_predictor():
    first, second, _ = score(Listed(broken={1}), model=perfect, other=constant)
    assert 'model' in first.scores.scores
    assert second.sample is None
    assert second.scores.source == 'kitchen'
    assert second.scores.scores == {}
    assert second.scores.problems == dict.fromkeys(('model', 'other'), "'image 1' is broken")


def test_without_a_named_source_all_images_are_chosen():
    assert chosen_indices(Listed(), []) == [0, 1, 2]
    assert chosen_indices(Listed(), ['kitchen']) == [0, 1]
    assert chosen_indices(Listed(), ['hall', 'kitchen']) == [0, 1, 2]


def test_an_unknown_source_is_an_error_that_lists_the_known():
    with pytest.raises(DatasetError, match="no source 'attic'; known: hall, kitchen"):
        chosen_indices(Listed(), ['hall', 'attic'])


def test_data_without_images_is_an_error():
    with pytest.raises(DatasetError, match="'listed' has no images"):
        chosen_indices(Listed(count=0), [])
