from dataclasses import replace

import pytest
import torch

from depth_anything_ros.errors import DatasetError
from depth_anything_ros.lab.training.data import Batch
from depth_anything_ros.lab.training.metric_head import fit_to_metres
from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.initialisation import initialise


def test_relative_model_starts_as_the_metres_that_fit_its_values():
    estimator = create_model(replace(MODELS['tiny'], max_depth_m=10.0)).eval()
    initialise(estimator, 0)
    pixels = torch.randn(2, 3, 32, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        values = estimator.values(pixels)
        line = 0.5 - 0.5 * (values - values.mean()) / values.std()
        depth_m = 10.0 * line.sigmoid()
        unknown = torch.full_like(depth_m, torch.nan)
        fit_to_metres(estimator, 10.0, [Batch(pixels, depth_m), Batch(pixels, unknown)])
        torch.testing.assert_close(estimator(pixels), depth_m, rtol=1e-3, atol=1e-3)


def test_constant_model_starts_at_one_depth():
    estimator = create_model(replace(MODELS['tiny'], max_depth_m=10.0)).eval()
    initialise(estimator, 0)
    torch.nn.init.zeros_(estimator.depth_head.output[-1].weight)
    pixels = torch.zeros(1, 3, 32, 32)
    fit_to_metres(estimator, 10.0, [Batch(pixels, torch.full((1, 32, 32), 4.0))])
    with torch.no_grad():
        torch.testing.assert_close(estimator(pixels), torch.full((1, 32, 32), 4.0))


def test_metres_cannot_be_fitted_to_no_depth():
    estimator = create_model(replace(MODELS['tiny'], max_depth_m=10.0)).eval()
    batch = Batch(torch.zeros(1, 3, 32, 32), torch.full((1, 32, 32), torch.nan))
    with pytest.raises(DatasetError, match='no known depth'):
        fit_to_metres(estimator, 10.0, [batch])
