import math
from random import Random

import numpy as np
import pytest

from depth_anything_ros.lab.simulation.building import Blueprint, Footprint, Kind, Placement
from depth_anything_ros.lab.simulation.clutter import THINGS, crowd, packed_bin
from depth_anything_ros.lab.simulation.furniture import ALONG_WALLS
from depth_anything_ros.lab.simulation.paint import color_from_hsv
from depth_anything_ros.lab.simulation.scenery import furnish, overlaps
from depth_anything_ros.lab.simulation.seats import Space, chair, office_chair, stool
from depth_anything_ros.lab.simulation.things import Fit
from depth_anything_ros.lab.simulation.viewpoint import choose_view, solids_of


def extents(plan):
    """Return the lowest and highest coordinates of each shape, (N, 3) each."""
    solids = solids_of(plan)
    scaled = np.abs(solids.turn * solids.half_m[:, None, :])
    level = np.hypot(scaled[..., 0], scaled[..., 1])
    boxes = (solids.kind == Kind.BOX) | (solids.kind == Kind.ROOM)
    reach = np.where(boxes[:, None], scaled.sum(2), level + scaled[..., 2])
    balls = solids.kind == Kind.ELLIPSOID
    reach = np.where(balls[:, None], np.hypot(level, scaled[..., 2]), reach)
    return solids.center - reach, solids.center + reach


@pytest.mark.parametrize('row', ALONG_WALLS, ids=lambda row: row[0].__name__)
@pytest.mark.parametrize('seed', range(4))
def test_furniture_stands_on_the_floor_in_about_its_space(row, seed):
    make, weight, widths, depths = row
    plan = Blueprint(Random(seed))
    make(plan, Placement(0.0, 0.0), Space(widths[1], depths[1]))
    low, high = extents(plan)
    assert weight > 0
    assert plan.shapes
    assert -1e-9 < low[:, 2].min() < 0.11
    assert high[:, 2].max() < 3.2
    assert all(min(shape.half_m) > 0 for shape in plan.shapes)
    assert all(0 <= shape.coat < len(plan.coats) for shape in plan.shapes)


@pytest.mark.parametrize('make', [chair, office_chair, stool])
def test_seats_stand_round_their_place(make):
    plan = Blueprint(Random(1))
    make(plan, Placement(2.0, 1.0))
    low, high = extents(plan)
    assert low[:, 2].min() == pytest.approx(0, abs=0.06)
    assert np.abs((low + high)[:, :2] / 2 - (2.0, 1.0)).max() < 0.5


@pytest.mark.parametrize('make', [row[0] for row in THINGS], ids=lambda make: make.__name__)
@pytest.mark.parametrize('seed', range(4))
def test_things_lie_on_their_level_and_near_their_place(make, seed):
    plan = Blueprint(Random(seed))
    make(plan, Placement(1.0, 2.0, 0.7, 0.4), Fit(0.2, 0.4))
    if not plan.shapes:
        return  # no room for it
    low, high = extents(plan)
    assert low[:, 2].min() > 0.7 - 1e-6
    assert low[:, 2].min() < 0.7 + 0.05
    assert np.abs(low[:, :2] - (1.0, 2.0)).max() < 1.5
    assert high[:, 2].max() < 0.7 + 1.2


@pytest.mark.parametrize('make', [crowd, packed_bin])
def test_crowds_are_many_things(make):
    plan = Blueprint(Random(3))
    make(plan, Placement(0.0, 0.0, 0.5))
    assert len(plan.shapes) >= 5
    assert extents(plan)[0][:, 2].min() > 0.5 - 1e-6


@pytest.mark.parametrize('seed', range(12))
def test_room_holds_what_is_in_it(seed):
    plan, room = furnish(Random(seed))
    assert plan.shapes[0].kind is Kind.ROOM
    assert all(shape.kind is not Kind.ROOM for shape in plan.shapes[1:])
    low, high = extents(plan)
    middle = (low + high)[3:] / 2
    inside = (middle > -0.6).all(1) & (middle < np.array(room) + 0.6).all(1)
    assert inside.mean() > 0.98
    assert min(room) >= 1.2
    assert max(room) <= 14
    assert 1 <= len(plan.lamps) <= 3
    for lamp in plan.lamps:
        assert all(0 <= at <= side for at, side in zip(lamp.position, room, strict=True))


@pytest.mark.parametrize('seed', range(12))
def test_view_is_from_inside_the_room_and_outside_of_things(seed):
    plan, room = furnish(Random(seed))
    view, solids = choose_view(plan, room)
    position = view.pose.position
    assert (position > 0).all()
    assert (position < np.array(room)).all()
    local = np.einsum('nij,ni->nj', solids.turn, position - solids.center)
    boxes = solids.kind == Kind.BOX
    assert not (np.abs(local) < solids.half_m)[boxes].all(1).any()
    assert math.radians(45) <= view.fov_rad <= math.radians(80)


def test_heights_and_styles_of_views_vary():
    heights, pitches = [], []
    for seed in range(80):
        plan, room = furnish(Random(f'heights/{seed}'))
        view, _ = choose_view(plan, room)
        heights.append(view.pose.z_m)
        pitches.append(view.pose.pitch_rad)
    assert 0.05 < min(heights) < 0.3
    assert 1.4 < max(heights) <= 2.15
    assert np.mean(np.array(heights) < 0.45) > 0.1
    assert np.mean(np.array(pitches) > 0.6) > 0.1
    assert np.mean(np.array(pitches) < 0) > 0.05


def test_footprints_overlap_when_closer_than_the_gap():
    one, beside = Footprint(0, 0, 1, 1), Footprint(1.1, 0, 2, 1)
    assert not overlaps(one, [beside], 0.05)
    assert overlaps(one, [beside], 0.2)
    assert not overlaps(one, [], 1.0)


@pytest.mark.parametrize(
    'hsv, rgb',
    [
        ((0, 0, 1), (1, 1, 1)),
        ((0, 1, 1), (1, 0, 0)),
        ((1 / 3, 1, 1), (0, 1, 0)),
        ((2 / 3, 1, 1), (0, 0, 1)),
        ((1 / 6, 1, 1), (1, 1, 0)),
        ((0.5, 0, 0.5), (0.5**2.2,) * 3),
    ],
)
def test_colours_are_linear(hsv, rgb):
    np.testing.assert_allclose(color_from_hsv(*hsv), rgb, atol=1e-12)
