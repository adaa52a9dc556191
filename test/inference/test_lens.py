"""The camera that a network sees in its images."""

import math

import numpy as np
import pytest
import torch
from narrow_models import narrow_models

from depth_anything_ros.errors import BackendError, CameraError
from depth_anything_ros.inference.lens import PredictedLens
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.types import Camera

RGB = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)


class Finder:
    """Stand in for a predictor that finds one field of view after the other."""

    def __init__(self, *angles_deg):
        self.angles = [tuple(map(math.radians, pair)) for pair in angles_deg]
        self.asked = 0

    def field_of_view(self, rgb):
        self.asked += 1
        return self.angles[self.asked - 1]


def test_the_camera_is_by_the_median_view_of_the_first_five_images():
    finder = Finder((90, 90), (90, 60), (90, 61), (60, 60), (90, 60), (20, 20))
    lens = PredictedLens(finder)
    cameras = [lens.camera(RGB) for _ in range(8)]
    assert finder.asked == 5
    assert cameras[0].fx_px == pytest.approx(40.0)
    found = cameras[-1]
    assert found == cameras[4]
    assert found.fx_px == pytest.approx(40 / math.tan(math.radians(30)))
    assert found.fy_px == pytest.approx(30.0)
    assert found == Camera(80, 60, found.fx_px, found.fy_px, 39.5, 29.5)


def test_images_of_another_size_have_a_camera_of_their_own():
    lens = PredictedLens(Finder((90, 90), (60, 60)))
    assert lens.camera(RGB).fx_px == pytest.approx(40.0)
    assert lens.camera(RGB[:30]).fy_px == pytest.approx(15 / math.tan(math.radians(30)))


@pytest.mark.parametrize('angles', [(0, 60), (60, 0), (170, 60), (60, math.nan)])
def test_a_view_that_no_lens_has_is_refused(angles):
    with pytest.raises(CameraError, match=r'the network finds a field of view of .* allowed: 5 '):
        PredictedLens(Finder(angles)).camera(RGB)


def test_an_image_without_a_view_does_not_count():
    lens = PredictedLens(Finder((0, 0), (math.nan, 60), (0, 0), (90, 90), (90, 90)))
    for _ in range(3):
        with pytest.raises(CameraError, match='the network finds a field of view of'):
            lens.camera(RGB)
    assert lens.camera(RGB).fx_px == pytest.approx(40.0)
    assert lens.camera(RGB).fy_px == pytest.approx(30.0)


def test_a_network_is_asked_for_its_view_whatever_runs_its_depth():
    options = {'weights': 'random', 'precision': 'fp32', 'backend': 'torch', 'input_size': 42}
    with narrow_models():
        network = create_predictor(NetworkOptions('depth_anything_3_small', **options))
        other = create_predictor(NetworkOptions('depth_anything_3_metric_large', **options))
    last = network.network.estimator.camera_head.fc_fov[0]
    with torch.no_grad():
        last.weight *= 1e-3  # random weights see what no lens does
        last.bias.copy_(torch.tensor([0.8, 1.0]))
    down, across = network.field_of_view(RGB)
    assert (down, across) == pytest.approx((0.8, 1.0), abs=0.05)
    assert (down, across) != (0.8, 1.0)
    camera = PredictedLens(network).camera(RGB)
    assert camera.fx_px == pytest.approx(40 / math.tan(across / 2))
    with pytest.raises(BackendError, match="'depth_anything_3_metric_large' does not find the f"):
        other.field_of_view(RGB)
