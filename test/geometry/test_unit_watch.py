"""The unit of live depth is looked at again while the node runs."""

from types import SimpleNamespace

import numpy as np

from depth_anything_ros.geometry.unit_watch import UnitWatch


def test_a_unit_that_changes_later_is_told_once():
    watch, message = UnitWatch('reference/depth', 'unit'), SimpleNamespace(encoding='16UC1')
    right, ten_times = (np.full((8, 8), depth_m, np.float32) for depth_m in (0.8, 8.0))
    assert [watch.look(message, right, 'mm') for _ in range(300)] == [''] * 300
    told = [text for _ in range(400) if (text := watch.look(message, ten_times, 'mm'))]
    assert len(told) == 1
    assert "unit:=0.1mm' (0.8 m)" in told[0]


def test_what_no_sensor_measures_stays_doubted_until_it_is_gone():
    watch, message = UnitWatch('reference/depth', 'unit'), SimpleNamespace(encoding='32FC1')
    for depth_m, doubted in ((0.8, False), (800.0, True), (0.8, False)):
        for _ in range(100):
            watch.look(message, np.full((8, 8), depth_m, np.float32), 'mm')
        assert bool(watch.impossible) is doubted
