import numpy as np
import pytest

from depth_anything_ros.lab.trials.edges import between_surfaces, edge_band

ROWS, COLUMNS = np.mgrid[:40, :60]


def step_m(near_m=1.0, far_m=3.0, column=30):
    return np.where(column > COLUMNS, near_m, far_m).astype(np.float32)


def test_the_band_lies_around_the_step_and_is_as_wide_as_asked():
    columns = np.flatnonzero(edge_band(step_m(), 5).all(axis=0))
    assert columns.tolist() == list(range(24, 36))
    assert edge_band(step_m(), 0).any(axis=0).nonzero()[0].tolist() == [29, 30]
    assert edge_band(step_m().T.copy(), 0).any(axis=1).nonzero()[0].tolist() == [29, 30]


def test_planes_and_bends_have_no_edge():
    floor = 60.0 / (ROWS + 3.0)
    assert not edge_band(floor.astype(np.float32)).any()
    room = np.minimum(floor, 4.0).astype(np.float32)
    assert (room[:-1] / room[1:]).max() > 1.05
    assert not edge_band(room).any()


def test_unknown_truth_is_no_edge():
    truth = np.full((40, 60), 2.0, np.float32)
    truth[10:20, 10:20] = np.nan
    assert not edge_band(truth).any()


def test_a_point_between_two_surfaces_floats_and_others_do_not():
    depth = step_m()
    depth[5, 28], depth[6, 31] = 2.0, 1.7
    # In front of all, behind all, close to one, far from the step, and unknown.
    depth[7, 28], depth[8, 28], depth[9, 28], depth[10, 31] = 0.5, 4.0, 1.04, 2.87
    depth[11, 5], depth[12, 28] = 2.0, np.nan
    found = between_surfaces(depth, step_m())
    assert [tuple(place) for place in np.argwhere(found)] == [(5, 28), (6, 31)]


def test_a_surface_within_the_window_holds_a_point_that_lies_on_it():
    truth = step_m()
    truth[:, 33:35] = 2.0
    depth = step_m()
    depth[5, 28] = 2.0
    assert not between_surfaces(depth, truth, 5)[5, 28]
    assert between_surfaces(depth, truth, 3)[5, 28]


@pytest.mark.parametrize('tolerance', [0.05, 0.2])
def test_the_tolerance_is_a_share_of_the_truth(tolerance):
    depth = step_m()
    depth[5, 28], depth[6, 28] = 1 + 0.99 * tolerance, 1 + 1.01 * tolerance
    found = between_surfaces(depth, step_m(), tolerance=tolerance)
    assert (found[5, 28], found[6, 28]) == (False, True)


def test_unknown_truth_is_no_surface():
    truth = np.where(COLUMNS < 30, 1.0, np.nan).astype(np.float32)
    depth = np.full((40, 60), 2.0, np.float32)
    assert not between_surfaces(depth, truth).any()
