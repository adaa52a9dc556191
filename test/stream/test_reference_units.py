"""What becomes of reference messages, without a network or a ROS graph."""

import numpy as np
import pytest
from made_references import depth, depth_world, kept

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.errors import ConfigError
from depth_anything_ros.geometry.plausibility import FRAMES
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.scale.depth_image import DepthImageConfig


@pytest.mark.parametrize(('unit', 'depth_m'), [('mm', 1.5), ('0.1mm', 0.15), ('tum', 0.3)])
def test_reference_depth_is_read_in_its_unit(unit, depth_m):
    world = depth_world(reference_depth_unit=unit, reference_min_depth_m=0.1)
    world.references.add('reference/depth', depth())
    np.testing.assert_allclose(kept(world).depth_m, depth_m, rtol=1e-6)
    assert world.references.doubt == ''


def see_depth(world, depth_mm, count=FRAMES):
    for _ in range(count):
        message = depth()
        message.data = np.full((48, 64), depth_mm, np.uint16).tobytes()
        world.references.add('reference/depth', message)


def test_a_road_is_wondered_at_once_and_a_room_not_at_all():
    world = depth_world()
    see_depth(world, 1500, 3 * FRAMES)
    assert (world.warnings, world.references.doubt) == ([], '')
    world = depth_world()
    see_depth(world, 12_000, FRAMES - 1)
    assert world.warnings == []
    see_depth(world, 12_000, 20)
    (warning,) = world.warnings
    assert warning.startswith(
        "median depth of 'reference/depth' is 12 m, at 1000 steps a metre; usual are 0.25 to "
        "3.5 m; set the unit, as 'reference_depth_unit:=0.1mm' (1.2 m) or "
        "'reference_depth_unit:=tum' (2.4 m)"
    )
    assert world.references.doubt == ''


def test_a_road_in_a_unit_that_was_told_is_no_reason_to_warn():
    world = depth_world(reference_depth_unit='cm')
    see_depth(world, 1200, 2 * FRAMES)
    assert (world.warnings, world.references.doubt) == ([], '')


def test_an_impossible_median_of_reference_depth_casts_doubt_on_the_unit():
    world = depth_world(reference_depth_unit='cm')
    see_depth(world, 30_000, 2 * FRAMES)
    doubt = world.references.doubt
    assert doubt.startswith(
        "median depth of 'reference/depth' is 300 m, at 100 steps a metre; possible are 0.05 to "
        "200 m; set the unit, as 'reference_depth_unit:=0.1mm' (3 m)"
    )
    assert world.warnings == [doubt]
    world.references.forget()
    assert world.references.doubt == ''


def test_another_unit_is_looked_at_anew():
    units = {'reference_depth_unit': 'cm'}
    world = depth_world()
    world.references._config = lambda: from_mapping(DepthNodeConfig, units)
    see_depth(world, 30_000)
    assert world.references.doubt != ''
    units['reference_depth_unit'] = '0.1mm'
    see_depth(world, 30_000)
    assert world.references.doubt == ''


def test_a_wrong_unit_of_reference_depth_is_refused_with_the_known():
    with pytest.raises(ConfigError, match="'reference_depth_unit': 'inch' is not a unit"):
        DepthImageConfig(reference_depth_unit='inch')
