import doctest
import math
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
from level_scene import CAMERA, MOUNTING, Box, depth_of

from depth_anything_ros.errors import ConfigError
from depth_anything_ros.evaluation.ground import Ground, GroundState
from depth_anything_ros.evaluation.metrics import METRICS
from depth_anything_ros.evaluation.obstacle_grid import obstacle_scene
from depth_anything_ros.evaluation.obstacle_metrics import PARTS
from depth_anything_ros.evaluation.obstacle_rule import ObstacleRule
from depth_anything_ros.evaluation.obstacles import obstacle_errors
from depth_anything_ros.evaluation.view import View
from depth_anything_ros.types import CameraMounting

RULE = ObstacleRule()
BOX = Box(1.52)
POLE = Box(1.02, left_m=0.375, width_m=0.04, length_m=0.02)
EMPTY = depth_of()


def view(depth_m, truth_m, rule=RULE, mounting=MOUNTING, scored=None):
    known = np.isfinite(truth_m) if scored is None else scored
    return View(
        depth_m, truth_m, known & np.isfinite(depth_m), 8.0, CAMERA, known_truth=known,
        told=mounting, rule=rule,
    )  # fmt: skip


def score(name, depth_m, truth_m, **options):
    return METRICS[f'obstacles.{name}'].of(view(depth_m, truth_m, **options))


@pytest.mark.parametrize('module', ['obstacles', 'obstacle_metrics'])
def test_the_numbers_in_docstrings_are_right(module):
    found = doctest.testmod(import_module(f'depth_anything_ros.evaluation.{module}'))
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize(
    'mounting',
    [MOUNTING, CameraMounting(0.3, math.radians(15)), CameraMounting(0.3, 0.1, math.radians(8))],
)
def test_a_box_of_known_size_at_a_known_distance_takes_its_cells(mounting):
    truth_m = depth_of(BOX, mounting=mounting)
    errors = view(truth_m, truth_m, mounting=mounting).obstacles
    # Its face is 30 cm wide and 50 cm high, above the lens: 6 cells side by side, 1.52 m away.
    assert errors.places.true.sum() == 6
    rows, columns = np.nonzero(errors.places.true)
    assert set(rows) == {30}
    assert list(columns - errors.places.true.shape[1] // 2) == [-3, -2, -1, 0, 1, 2]
    assert errors.obstacles.bands.tolist() == [1]
    assert errors.obstacles.sizes.tolist() == [1]
    assert errors.cells.found.all()
    assert not errors.predicted.false.any()
    assert errors.cells.errors_m == pytest.approx(0, abs=1e-6)


def test_what_is_flat_or_hangs_above_the_robot_is_no_obstacle():
    low, high = Box(1.5, height_m=0.04), Box(2.0, bottom_m=0.85, height_m=0.3)
    for boxes in ([low], [high], []):
        truth_m = depth_of(*boxes)
        assert math.isnan(score('missed', truth_m, truth_m))
        assert math.isnan(score('false', truth_m, truth_m))
    rule = replace(RULE, obstacle_min_height_m=0.03)
    assert score('missed', EMPTY, depth_of(low), rule=rule) == 1
    rule = replace(RULE, obstacle_max_height_m=1.0)
    assert score('missed', EMPTY, depth_of(high), rule=rule) == 1


@pytest.mark.parametrize(('factor', 'missed'), [(1.08, 0), (0.92, 0), (1.2, 1), (0.85, 1)])
def test_a_box_is_found_within_a_tenth_of_its_distance(factor, missed):
    truth_m = depth_of(BOX)
    depth_m = truth_m * np.float32(factor)
    assert score('missed', depth_m, truth_m) == missed
    assert score('missed_cells', depth_m, truth_m) == missed
    # The face is at 1.52 m, and its ends are farther away by less than 1 %.
    error_m = score('distance_m', depth_m, truth_m)
    assert error_m == pytest.approx(1.52 * abs(factor - 1), rel=0.01)


def test_an_erased_box_is_missed_and_seen_through_where_the_robot_would_not_stop():
    truth_m = depth_of(BOX)
    assert score('missed', EMPTY, truth_m) == 1
    assert math.isnan(score('false_free', EMPTY, truth_m))
    near = replace(RULE, braking_distance_m=2.0)
    assert score('false_free', EMPTY, truth_m, rule=near) == 1
    assert score('false_free', truth_m, truth_m, rule=near) == 0
    unknown = np.where(truth_m < 3, np.float32(np.nan), truth_m)
    assert score('missed', unknown, truth_m, rule=near) == 1
    assert score('false_free', unknown, truth_m, rule=near) == 0
    assert math.isnan(score('distance_m', unknown, truth_m))


def test_obstacles_are_counted_one_by_one_and_by_size_and_distance():
    truth_m, depth_m = depth_of(BOX, POLE), depth_of(BOX)
    assert score('missed', depth_m, truth_m) == 0.5
    # The pole stands in one cell, the box takes the six that it takes alone.
    assert score('missed_cells', depth_m, truth_m) == pytest.approx(1 / 7)
    assert score('thin.missed', depth_m, truth_m) == 1
    assert score('medium.missed', depth_m, truth_m) == 0
    assert math.isnan(score('large.missed', depth_m, truth_m))
    assert score('band2.missed', depth_m, truth_m) == 0.5
    assert math.isnan(score('band1.missed', depth_m, truth_m))
    assert score('band2.distance_m', truth_m, truth_m) == pytest.approx(0, abs=1e-6)


def test_an_obstacle_is_missed_where_less_than_half_of_it_is_found():
    truth_m = depth_of(replace(BOX, width_m=0.6))
    for cells, missed in ((3, 1), (4, 0)):
        # A cell that is half seen is seen, and one beside it counts as found.
        kept = np.arange(320) < 159.5 + 277 / 1.52 * (0.05 * (cells + 0.5) - 0.3)
        depth_m = np.where(kept, truth_m, EMPTY)
        assert score('missed', depth_m, truth_m) == missed
        assert score('missed_cells', depth_m, truth_m) == pytest.approx(1 - (cells + 2) / 12)


def test_what_stands_in_free_space_is_false():
    truth_m, depth_m = depth_of(BOX), depth_of(BOX, POLE)
    assert score('false', depth_m, truth_m) == pytest.approx(1 / 7)
    assert score('thin.false', depth_m, truth_m) == 1
    assert score('medium.false', depth_m, truth_m) == 0
    assert score('missed', depth_m, truth_m) == 0
    assert score('false', depth_m, EMPTY) == 1


def test_what_the_camera_cannot_see_is_neither_missed_nor_false():
    # The second box is hidden by the first one, and the truth knows nothing of the pole.
    hidden = Box(2.5, width_m=0.3)
    truth_m = depth_of(BOX, hidden)
    assert score('missed', depth_of(BOX), truth_m) == 0
    behind = np.where(depth_of(BOX) < 1.7, np.float32(2.52), EMPTY)
    behind = np.where(depth_of(BOX) == EMPTY, EMPTY, behind)
    assert math.isnan(score('false', behind, depth_of(BOX)))
    assert score('missed', behind, depth_of(BOX)) == 1
    unknown = np.where(depth_of(POLE) < EMPTY, np.float32(np.nan), depth_of(BOX))
    assert score('false', depth_of(BOX, POLE), unknown) == 0


def test_truth_out_of_range_shows_no_obstacle_but_space_seen_through():
    truth_m = depth_of(BOX)
    far = truth_m > 1.6
    assert score('missed', EMPTY, truth_m, scored=far) != 1
    assert score('false', depth_of(POLE), np.where(far, np.inf, truth_m), scored=~far) == 1


def test_a_few_pixels_are_no_obstacle():
    depth_m = EMPTY.copy()
    depth_m[60:62, 100:103] = 1.0  # 6 pixels of 13 mm² each
    assert math.isnan(score('false', depth_m, EMPTY))
    depth_m[60:63, 100:103] = 1.0
    assert score('false', depth_m, EMPTY) == 1


def test_without_camera_or_ground_nothing_is_known():
    truth_m = depth_of(BOX)
    known = view(truth_m, truth_m)
    assert math.isnan(METRICS['obstacles.missed'].of(replace(known, camera=None)))
    wall = np.full_like(truth_m, 2.0)
    assert math.isnan(METRICS['obstacles.missed'].of(view(wall, wall, mounting=None)))
    assert math.isnan(METRICS['obstacles.scan.missed'].of(replace(known, camera=None)))


@pytest.mark.parametrize(
    'wrong',
    [CameraMounting(height_m, math.radians(pitch_deg), math.radians(roll_deg))
     for height_m, pitch_deg, roll_deg in
     ((0.2, 0, 0), (0.4, 0, 0), (0.6, 0, 0), (0.3, 5, 0), (0.3, -5, 0), (0.3, 0, 5))],
)  # fmt: skip
def test_a_camera_that_is_told_to_hang_otherwise_than_the_truth_shows_has_no_figures(wrong):
    truth_m, depth_m = depth_of(BOX, POLE), depth_of(BOX)
    for name in ('missed', 'missed_cells', 'false', 'false_free', 'scan.missed', 'scan.false'):
        assert math.isnan(score(name, depth_m, truth_m, mounting=wrong))
    exact = replace(view(depth_m, truth_m, mounting=wrong), mounting=MOUNTING)
    assert exact.ground.state is GroundState.CONTRADICTED
    assert exact.obstacles is None


@pytest.mark.parametrize(
    'near', [CameraMounting(0.32), CameraMounting(0.28, 0.03), CameraMounting(0.3, -0.04, 0.03)]
)
def test_a_camera_that_is_told_nearly_right_is_taken_as_the_truth_shows(near):
    truth_m, depth_m = depth_of(BOX, POLE), depth_of(BOX)
    assert score('missed', depth_m, truth_m, mounting=near) == 0.5
    assert score('missed_cells', depth_m, truth_m, mounting=near) == pytest.approx(1 / 7)
    assert math.isnan(score('missed', EMPTY, EMPTY, mounting=near))


def test_where_the_truth_shows_no_ground_it_is_where_it_is_told():
    wall = np.where(depth_of(wall_m=2.0) == 2.0, np.float32(2.0), np.float32(np.nan))
    found = view(wall, wall)
    assert found.ground == Ground(GroundState.TOLD, MOUNTING, MOUNTING)
    assert METRICS['obstacles.scan.missed'].of(found) == 0
    # Ground so rough that no plane is found in it, and below that which is told.
    rough = EMPTY * (1 + 0.1 * np.random.default_rng(0).standard_normal(EMPTY.shape))
    lower = view(wall, rough.astype(np.float32), mounting=CameraMounting(0.1))
    assert lower.ground == Ground(GroundState.CONTRADICTED, None, CameraMounting(0.1))


def test_the_ground_is_found_in_the_truth_where_nobody_knows_the_mounting():
    truth_m = depth_of(BOX, POLE)
    assert score('missed', depth_of(BOX), truth_m, mounting=None) == 0.5


def test_beams_stop_at_the_box_or_pass():
    truth_m = depth_of(BOX)
    errors = view(EMPTY, truth_m).beam_errors
    # One for each column of the box, which are all that end within 4 m.
    assert errors.counted.sum() == int(277 * 0.3 / 1.52)
    assert score('scan.missed', EMPTY, truth_m) == 1
    assert score('scan.missed', truth_m, truth_m) == 0
    assert math.isnan(score('scan.false', EMPTY, truth_m))
    assert score('scan.false', truth_m, EMPTY) == 1
    assert score('scan.missed', truth_m * np.float32(1.08), truth_m) == 0


@pytest.mark.parametrize(('true', 'predicted'), [(0.99, 1.01), (1.01, 0.99)])
def test_a_beam_that_ends_near_the_reach_is_right_on_either_side_of_it(true, predicted):
    rule = ObstacleRule(obstacle_reach_m=2.0, braking_distance_m=1.0)
    truth_m, depth_m = (depth_of(replace(BOX, ahead_m=2.0 * share)) for share in (true, predicted))
    errors = view(depth_m, truth_m, rule=rule).beam_errors
    assert not errors.missed[errors.counted].any()
    assert not errors.false.any()


def test_parts_have_their_rows():
    rows = [name for name in METRICS if name.startswith('obstacles.')]
    for part in PARTS[1:]:
        assert [f'obstacles.{part.name}.{what}' in rows for what in
                ('missed', 'false', 'distance_m')] == [True] * 3  # fmt: skip
    shown = [name for name in rows if not METRICS[name].detail]
    assert shown == [f'obstacles.{name}' for name in (
        'missed', 'missed_cells', 'false', 'false_free', 'distance_m', 'scan.missed', 'scan.false'
    )]  # fmt: skip


@pytest.mark.parametrize('values', [{'obstacle_min_height_m': 0.9}, {'braking_distance_m': 5.0}])
def test_a_rule_that_cannot_be_is_refused(values):
    with pytest.raises(ConfigError, match=next(iter(values))):
        ObstacleRule(**values)


def test_nothing_depends_on_how_large_the_image_is():
    other = replace(CAMERA, width=640, height=480, fx_px=554.0, fy_px=554.0,
                    cx_px=319.5, cy_px=239.5)  # fmt: skip
    truth_m = depth_of(BOX, POLE, camera=other)
    scene = obstacle_scene(truth_m, truth_m, truth_m > 0, other, MOUNTING, RULE)
    assert obstacle_errors(scene).places.true.sum() == 7
