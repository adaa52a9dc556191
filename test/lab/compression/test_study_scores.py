import numpy as np
import pytest
from made_data import MadeDataset

from depth_anything_ros.errors import BackendError
from depth_anything_ros.evaluation.protocol import AlignmentMode
from depth_anything_ros.lab.compression.study_scores import score_network
from depth_anything_ros.lab.datasets.offline import Subject
from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule, Squash
from depth_anything_ros.scale.focal_length import FocalLengthScale
from depth_anything_ros.types import Camera, DepthSample, OutputKind, RelativeInverseDepth

RULE = ScoringRule(min_depth_m=0.5)
CAMERA = Camera(200, 20, 240.0, 240.0, 99.5, 9.5)


class Ramps:
    """Depth from 1 to 4 m that the image holds as well, in centimetres."""

    name = 'ramps'

    def __len__(self):
        return 3

    def __getitem__(self, index):
        depth_m = np.tile(np.linspace(1, 4, 200, dtype=np.float32) - 0.25 * index, (20, 1))
        depth_m = np.round(depth_m, 2).astype(np.float32)
        rgb = np.repeat(np.uint16(100 * depth_m)[..., None] % 256, 3, axis=2).astype(np.uint8)
        return DepthSample(rgb, depth_m, str(index), CAMERA)


def predictor_of(function):
    truths = {
        sample.rgb.tobytes(): sample.depth_m for sample in map(Ramps().__getitem__, range(3))
    }
    return lambda rgb: RelativeInverseDepth(function(truths[rgb.tobytes()]).astype(np.float32))


def test_affine_inverse_depth_is_perfect_when_aligned_and_metres_when_not():
    predict = predictor_of(lambda depth_m: 3.0 / depth_m + 1.0)
    scores = score_network(Subject(predict), Ramps(), range(3), RULE)
    assert (scores.images, scores.failed, scores.inverted) == (3, 0, 0)
    assert scores.scale_shift['abs_rel'] == pytest.approx(0, abs=1e-5)
    assert scores.scale_shift['delta1'] == 1
    expected = [
        np.mean(np.abs(3 / truth + 1 - truth)) for truth in (Ramps()[i].depth_m for i in range(3))
    ]
    assert scores.none['mae'] == pytest.approx(np.mean(expected), rel=1e-5)


def test_metres_by_the_focal_length_are_scored_as_metres_and_aligned():
    """All is 1.2 times as far as it should be, at 240 px where 200 gave the truth."""
    subject = Subject(
        lambda rgb: RelativeInverseDepth(
            1 / Ramps()[0].depth_m, kind=OutputKind.INVERSE_DEPTH_UP_TO_SCALE
        ),
        scale=FocalLengthScale(200.0, lambda height, width: (height, width)),
    )
    scores = score_network(subject, Ramps(), [0], RULE)
    assert scores.none['abs_rel'] == pytest.approx(0.2, rel=1e-5)
    assert scores.scale_shift['abs_rel'] == pytest.approx(0, abs=1e-5)


def test_upside_down_prediction_is_counted():
    scores = score_network(Subject(predictor_of(lambda depth_m: depth_m)), Ramps(), range(3), RULE)
    assert scores.inverted == 3
    assert scores.none['mae'] == 0


def test_image_without_alignment_is_in_neither_mean():
    constant = predictor_of(lambda depth_m: np.where(depth_m.max() > 3.9, 2.0, 1 / depth_m))
    scores = score_network(Subject(constant), Ramps(), range(3), RULE)
    assert (scores.images, scores.failed) == (3, 1)
    assert scores.problems == {'the prediction is constant: no scale can be fitted': 1}
    assert scores.scale_shift['abs_rel'] == pytest.approx(0, abs=1e-5)
    others = score_network(Subject(constant), Ramps(), [1, 2], RULE)
    assert others.none == scores.none


def test_no_score_at_all_is_none():
    def fail(rgb):
        raise BackendError('out of memory')

    scores = score_network(Subject(fail), Ramps(), range(2), RULE)
    assert scores.problems == {'out of memory': 2}
    assert scores.none['rmse'] is scores.scale_shift['rmse'] is None


def test_unreadable_image_is_counted():
    def predict(rgb):
        return RelativeInverseDepth(np.random.default_rng(0).random((30, 40), np.float32))

    scores = score_network(Subject(predict), MadeDataset('made', 8), [6, 7], RULE)
    assert scores.problems == {'007.png is no image': 1}


def test_the_view_of_a_protocol_is_what_is_predicted_and_scored():
    """Truth and image are squashed to 10×5 pixels; aligned or not, the same ones count."""
    seen = []

    def predict(rgb):
        seen.append(rgb.shape)
        return RelativeInverseDepth(np.arange(50, dtype=np.float32).reshape(5, 10))

    rule = ScoringRule(AlignmentMode.NONE, clamp_m=(1.0, 10.0), squash=Squash(5, 10))
    scores = score_network(Subject(predict), Ramps(), [0], rule)
    assert seen == [(5, 10, 3)]
    depth_m = Ramps()[0].depth_m[::4, ::20]
    expected = np.abs(np.arange(50).reshape(5, 10).clip(1, 10) - depth_m).mean()
    assert scores.none['mae'] == pytest.approx(expected, rel=1e-5)
    assert scores.scale_shift['mae'] < scores.none['mae']
