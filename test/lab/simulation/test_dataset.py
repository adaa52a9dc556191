import pickle

import numpy as np
import pytest

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.lab.simulation.dataset import SimulatedDataset


def test_views_have_names_and_one_source():
    views = SimulatedDataset(3, 4, 24, 32)
    assert len(views) == 4
    assert [views.sample_name(index) for index in range(4)] == [
        '3_000000', '3_000001', '3_000002', '3_000003',
    ]  # fmt: skip
    assert {views.source(index) for index in range(4)} == {'simulator_3'} == {views.name}


def test_view_is_that_of_the_world_and_survives_pickling():
    from depth_anything_ros.lab.simulation.world import World

    views = SimulatedDataset(3, 4, 24, 32)
    sample = pickle.loads(pickle.dumps(views))[2]
    expected = World(3, 24, 32).sample(2)
    assert sample.name == '3_000002'
    np.testing.assert_array_equal(sample.rgb, expected.rgb)
    np.testing.assert_array_equal(sample.depth_m, expected.depth_m)
    assert sample.depth_m.shape == (24, 32)
    assert (sample.camera.width, sample.camera.height, sample.camera.cx_px) == (32, 24, 15.5)


def test_views_of_world_2_bear_its_name():
    views = SimulatedDataset(3, 4, 24, 32, version=2)
    assert views.name == views.source(0) == 'simulator_3_world2'
    assert views[2].depth_m.shape == (24, 32)


@pytest.mark.parametrize('ask', [lambda d, i: d[i], SimulatedDataset.source])
@pytest.mark.parametrize('index', [-1, 4])
def test_view_beyond_the_end_is_refused(ask, index):
    with pytest.raises(IndexError, match=f'view {index} of 4'):
        ask(SimulatedDataset(3, 4, 24, 32), index)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((-1, 4, 24, 32), 'seed -1'),
        ((3, 0, 24, 32), '0 views'),
        ((3, 4, 24, 8), '8x24; 16x16 is the least'),
    ],
)
def test_impossible_views_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        SimulatedDataset(*arguments)
