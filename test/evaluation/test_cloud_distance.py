import numpy as np
import pytest

from depth_anything_ros.evaluation.cloud_distance import chamfer, cloud_distances, cloud_f1
from depth_anything_ros.geometry.camera import ray_table
from depth_anything_ros.types import Camera

CAMERA = Camera(40, 30, 40.0, 40.0, 19.5, 14.5)
RAYS = ray_table(CAMERA)


def clouds(seed):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(1, 2, (30, 40)).astype(np.float32)
    prediction = truth + rng.normal(0, 0.05, truth.shape).astype(np.float32)
    scored = rng.uniform(size=truth.shape) < 0.8
    truth[~scored] = np.nan
    return prediction, truth, scored


def points(depth, scored):
    rows, columns = np.nonzero(scored)
    z = depth[scored].astype(float)
    return np.stack([(columns - 19.5) / 40 * z, (rows - 14.5) / 40 * z, z], axis=1)


@pytest.mark.parametrize('seed', range(3))
def test_distances_equal_those_of_every_point_to_every_other(seed):
    prediction, truth, scored = clouds(seed)
    p, t = points(prediction, scored), points(truth, scored)
    table = np.linalg.norm(p[:, None] - t[None], axis=2)
    to_truth, to_prediction = table.min(axis=1), table.min(axis=0)
    found = cloud_distances(prediction, truth, scored, RAYS)
    assert chamfer(found) == pytest.approx((to_truth.mean() + to_prediction.mean()) / 2, rel=1e-4)
    precision, recall = (to_truth < 0.05).mean(), (to_prediction < 0.05).mean()
    assert cloud_f1(found) == pytest.approx(2 * precision * recall / (precision + recall))


def test_a_large_image_is_thinned_and_says_about_the_same():
    camera = Camera(640, 480, 500.0, 500.0, 319.5, 239.5)
    rows, columns = np.mgrid[:480, :640]
    truth = (3 + np.sin(columns / 90) + np.cos(rows / 70)).astype(np.float32)
    scored = np.ones(truth.shape, bool)
    found = cloud_distances(truth * np.float32(1.1), truth, scored, ray_table(camera))
    assert len(found.to_truth_m) < 4500
    # A tenth of 3 m, less where the surface is seen at a slant.
    assert 0.15 < chamfer(found) < 0.35
    assert cloud_f1(found) < 0.5
    assert chamfer(cloud_distances(truth, truth, scored, ray_table(camera))) == 0.0


def test_clouds_that_do_not_meet_have_no_share_in_common():
    truth = np.full((30, 40), 2.0, np.float32)
    found = cloud_distances(truth + 1, truth, truth > 0, RAYS)
    assert cloud_f1(found) == 0.0
    assert chamfer(found) > 0.9


def test_few_points_and_pixels_without_a_ray_are_no_cloud():
    truth = np.full((30, 40), 2.0, np.float32)
    scored = np.zeros(truth.shape, bool)
    scored[0] = True
    assert cloud_distances(truth, truth, scored, RAYS) is None
    assert cloud_distances(truth, truth, truth > 0, np.full_like(RAYS, np.nan)) is None
