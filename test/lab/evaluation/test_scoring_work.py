"""What a worker of `evaluate` tells of its images and models."""

import time
from dataclasses import replace

import numpy as np
import pytest

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.evaluation.protocol import AlignmentMode
from depth_anything_ros.lab.datasets.corruptions import corruptions_of
from depth_anything_ros.lab.datasets.origin import OpenData, Origin
from depth_anything_ros.lab.datasets.scoring_rule import ScoringRule
from depth_anything_ros.lab.evaluation import work
from depth_anything_ros.lab.evaluation.run import ChosenData, score_data
from depth_anything_ros.lab.evaluation.work import Batch, Plan, score_batch
from depth_anything_ros.lab.workers import local_workers
from depth_anything_ros.types import (
    Camera,
    DepthSample,
    ModelIdentity,
    OutputKind,
    RelativeInverseDepth,
)

# The third cannot be read.
HEIGHTS = (12, 8, 0)


class Sizes:
    name = 'sizes'

    def __len__(self):
        return len(HEIGHTS)

    def sample_name(self, index):
        return str(index)

    def source(self, index):
        return 'all'

    def __getitem__(self, index):
        if not HEIGHTS[index]:
            raise DatasetError('broken')
        truth_m = np.linspace(1, 4, HEIGHTS[index] * 16, dtype=np.float32).reshape(-1, 16)
        camera = Camera(16, HEIGHTS[index], 75.0, 75.0, 7.5, HEIGHTS[index] / 2 - 0.5)
        return DepthSample(np.zeros((*truth_m.shape, 3), np.uint8), truth_m, str(index), camera)


class Model:
    """The first image, which is larger, takes it longest."""

    identity = ModelIdentity('m', 'random', '', 'none', 'fp32', 'cpu', (0, 0), '')
    output_kind = OutputKind.RELATIVE_INVERSE_DEPTH
    weights_path = None
    metres_at_focal_px = None

    def network_size(self, height, width):
        return 2 * height, 2 * width

    def predict(self, rgb):
        time.sleep(0.02 if rgb.shape[0] == max(HEIGHTS) else 0.0)
        return RelativeInverseDepth(np.linspace(1, 0.25, rgb[..., 0].size, dtype=np.float32)
                                    .reshape(rgb.shape[:2]))  # fmt: skip


@pytest.fixture
def plan(monkeypatch):
    monkeypatch.setattr(work, '_models_here', lambda plan: {'m': Model()})
    return Plan([], ScoringRule(), 1)


ORIGIN = Origin('sizes', lambda _: Sizes())


def test_the_input_size_is_that_of_the_last_image_with_a_score_whichever_is_done_last(plan):
    found = score_batch(plan, Batch(ORIGIN, (0, 1, 2)))
    assert [bool(image.scores) for image in found.images] == [True, True, False]
    assert found.models['m'].input_size == (16, 32)
    assert score_batch(plan, Batch(ORIGIN, (2,))).models['m'].input_size == (0, 0)


def test_images_come_in_order_and_the_speed_is_told_where_the_work_is_done_here(plan):
    data = [ChosenData(OpenData('sizes', ORIGIN, Sizes()), [0, 1, 2, *[1] * 20])]
    with local_workers(1) as workers:
        scores = score_data(plan, data, workers)
    assert [image.name for image in scores.images['sizes']] == ['0', '1', '2', *['1'] * 20]
    assert scores.models['m'].input_size == (16, 32)
    assert scores.speed.endswith('images a second; a network ran 0% of the time')


class ByFocalLength(Model):
    """Inverse depth in 1/m for a network input of 300 pixels; it has twice the image's 75."""

    metres_at_focal_px = 300.0

    def predict(self, rgb):
        truth_m = np.linspace(1, 4, rgb[..., 0].size, dtype=np.float32).reshape(rgb.shape[:2])
        return RelativeInverseDepth(0.5 / truth_m, kind=OutputKind.INVERSE_DEPTH_UP_TO_SCALE)


def test_metres_by_the_focal_length_are_scored_as_metres_on_worse_pictures_too(monkeypatch):
    monkeypatch.setattr(work, '_models_here', lambda plan: {'m': ByFocalLength()})
    plan = Plan([], ScoringRule(AlignmentMode.NONE), 1, corruptions_of(['dark:1']))
    (image,) = score_batch(plan, Batch(ORIGIN, (1,))).images
    assert list(image.scores) == ['m', 'm + dark:1']
    for found in image.scores.values():
        assert found.values['abs_rel'] == pytest.approx(0, abs=1e-6)
        assert (found.scale, found.shift) == (1, 0)


def test_uncertainty_is_scored_where_it_is_asked_for_and_a_generic_table_is_told(plan):
    data = [ChosenData(OpenData('sizes', ORIGIN, Sizes()), [0, 1])]
    asked = replace(
        plan, rule=ScoringRule(metrics=('sigma',)), corruptions=corruptions_of(['bright:5'])
    )
    with local_workers(1) as workers:
        plain, scores = (score_data(each, data, workers) for each in (plan, asked))
    (warning,) = scores.warnings
    assert warning.startswith('m: sigma goes by a generic table')
    for image in scores.images['sizes']:
        for found in image.scores.values():
            assert 0 < found.values['sigma.coverage'] <= 1 and found.values['sigma.share'] > 0
            assert found.reliability is not None and found.sigma_sparsification is not None
        assert list(image.scores) == ['m', 'm + bright:5']
    assert plain.warnings == [] and plain.images['sizes'][0].scores['m'].reliability is None
