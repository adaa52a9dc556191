import statistics
from time import process_time

import cv2
import numpy as np
import pytest

from depth_anything_ros.completion import fuse
from depth_anything_ros.lab.trials.hiding import HIDINGS, spoil
from depth_anything_ros.memory import keep_large_buffers
from depth_anything_ros.result import DepthOrigin

HEIGHT, WIDTH = 120, 160
MAX_M = 20.0


def room():
    """Return a floor that rises into a wall and a box in front of it, float32 metres."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    inverse = np.maximum(0.25 + 0 * columns, (rows - 40) * 0.02)
    inverse[50:90, 100:130] = 0.9
    return (1 / inverse).astype(np.float32)


def bent(depth_m):
    """Return what a network makes of it: inverse depth bent and wrong by 20 % across the image."""
    columns = np.linspace(0.85, 1.25, WIDTH, dtype=np.float32)
    return (depth_m**-0.8 * columns).astype(np.float32)


def holes(seed=0):
    rng, hidden = np.random.default_rng(seed), np.zeros((HEIGHT, WIDTH), bool)
    for row, column in rng.integers(0, (HEIGHT - 24, WIDTH - 24), (8, 2)):
        hidden[row : row + 24, column : column + 24] = True
    return hidden


def error(depth_m, truth_m, where):
    return float(np.mean(np.abs(depth_m - truth_m)[where] / truth_m[where]))


def test_measured_pixels_stay_to_the_bit_and_holes_are_filled():
    truth, hidden = room(), holes()
    measured = np.where(hidden, np.nan, truth).astype(np.float32)
    fused = fuse(bent(truth), measured, MAX_M)
    assert fused.refused == 0
    assert np.array_equal(fused.depth_m[~hidden], truth[~hidden])
    assert (fused.origin[~hidden] == DepthOrigin.MEASURED).all()
    assert set(np.unique(fused.origin[hidden])) <= {DepthOrigin.FILLED, DepthOrigin.BEYOND}
    assert error(1 / bent(truth), truth, hidden) > 0.15
    assert error(fused.depth_m, truth, hidden) < 0.01


def test_no_seam_is_left_at_the_rim_of_a_hole():
    truth = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    columns = np.arange(WIDTH, dtype=np.float32)
    truth *= 1 + 0.002 * columns
    hidden = np.zeros(truth.shape, bool)
    hidden[40:80, 60:100] = True
    measured = np.where(hidden, np.nan, truth).astype(np.float32)
    fused = fuse(np.full_like(truth, 0.6), measured, MAX_M).depth_m
    for inside, outside in ((60, 59), (99, 100)):
        step = np.abs(fused[45:75, inside] - fused[45:75, outside])
        true_step = np.abs(truth[45:75, inside] - truth[45:75, outside])
        assert (step < 1.5 * true_step).all()


@pytest.mark.parametrize('factor', [0.02, 0.5, 2.0])
def test_a_blob_that_nothing_supports_is_refused_and_filled(factor):
    truth = room()
    measured = truth.copy()
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    blob = (rows - 20) ** 2 + (columns - 40) ** 2 <= 9
    measured[blob] *= np.float32(factor)
    fused = fuse(bent(truth), measured, MAX_M)
    assert fused.refused == blob.sum()
    assert (fused.origin[blob] != DepthOrigin.MEASURED).all()
    assert error(fused.depth_m, truth, blob) < 0.05
    assert np.array_equal(fused.depth_m[~blob], truth[~blob])
    believed = fuse(bent(truth), measured, MAX_M, refusal=0.0)
    assert believed.refused == 0
    assert np.array_equal(believed.depth_m, measured)


def test_a_thing_that_stands_on_the_ground_is_believed_though_the_network_misses_it():
    truth = np.full((HEIGHT, WIDTH), 4.0, np.float32)
    rows = np.arange(HEIGHT, dtype=np.float32)[:, None]
    truth = np.minimum(truth, 1 / np.maximum((rows - 40) * 0.02, 1e-3)).astype(np.float32)
    network = 1 / truth
    foot_m = truth[90, 0]
    truth[70:91, 80:86] = foot_m
    fused = fuse(network, truth, MAX_M)
    assert np.array_equal(fused.depth_m, truth)


def test_pixels_that_fly_between_two_surfaces_are_refused():
    truth = np.full((HEIGHT, WIDTH), 3.0, np.float32)
    truth[:, 80:] = 1.0
    measured = truth.copy()
    measured[:, 79] = 1.7
    fused = fuse(1 / truth, measured, MAX_M)
    assert fused.refused == HEIGHT
    assert (np.abs(fused.depth_m[:, 79] - 3.0) < 0.3).all()


def test_an_island_in_a_hole_contradicts_no_neighbour():
    truth = room()
    measured = np.full_like(truth, np.nan)
    measured[60:66, 40:46] = truth[60:66, 40:46] * np.float32(2)
    measured[:30] = truth[:30]
    assert fuse(bent(truth), measured, MAX_M).refused == 0


def test_what_lies_beyond_the_range_of_the_sensor_says_so():
    truth = room()
    measured = np.where(truth < 2.0, truth, np.nan).astype(np.float32)
    fused = fuse(1 / truth, measured, MAX_M)
    assert (fused.origin[truth > 2.5] == DepthOrigin.BEYOND).all()
    assert error(fused.depth_m, truth, truth > 2.5) < 0.01


@pytest.mark.parametrize('factor', [1.0, 0.9])
def test_filled_depth_beyond_the_largest_is_unknown(factor):
    truth = room()
    network = factor / truth
    network[:10] = -1.0
    measured = truth.copy()
    measured[:30] = np.nan
    fused = fuse(network, measured, MAX_M)
    assert np.isnan(fused.depth_m[:5]).all()
    assert (fused.origin[:5] == DepthOrigin.UNKNOWN).all()


def test_of_few_points_all_say_how_far_the_sensor_measured():
    truth = room()
    measured = np.full_like(truth, np.nan)
    measured[3::10, 3::10] = truth[3::10, 3::10]
    fused = fuse(bent(truth), measured, MAX_M)
    inside = (fused.depth_m > np.nanmin(measured) * 1.05) & (
        fused.depth_m < np.nanmax(measured) / 1.05
    )
    assert not (fused.origin[inside] == DepthOrigin.BEYOND).any()


def test_without_a_scale_there_is_what_was_measured():
    truth, hidden = room(), holes()
    measured = np.where(hidden, np.nan, truth).astype(np.float32)
    fused = fuse(None, measured, MAX_M)
    np.testing.assert_array_equal(fused.depth_m, measured)
    assert (fused.origin == np.where(hidden, 0, 1)).all()


@pytest.mark.parametrize('rows', [0, 1])
def test_a_sensor_that_sees_next_to_nothing_corrects_nothing(rows):
    truth = room()
    measured = np.full_like(truth, np.nan)
    measured[:rows, :9] = 3.9
    fused = fuse(bent(truth), measured, MAX_M)
    hidden = np.isnan(measured)
    np.testing.assert_allclose(fused.depth_m[hidden], 1 / bent(truth)[hidden], rtol=1e-5)
    assert fused.share(DepthOrigin.MEASURED) == 9 * rows / truth.size


@pytest.mark.parametrize('size', [(1, 1), (3, 60), (60, 3), (61, 83), (9, 9)])
def test_every_size_is_filled(size):
    measured = np.full(size, 2.0, np.float32)
    measured[::2] = np.nan
    fused = fuse(np.full(size, 0.45, np.float32), measured, MAX_M)
    assert np.isfinite(fused.depth_m).all()
    assert fused.depth_m.shape == fused.origin.shape == size


def test_a_blob_at_the_rim_of_a_hole_is_refused_if_it_contradicts_the_more():
    truth = room()
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    blob = ((rows - 20) ** 2 + (columns - 40) ** 2 <= 9) & (columns >= 39)
    for factor in (1.45, 3.0):
        measured = truth.copy()
        measured[blob] *= np.float32(factor)
        measured[:, :39] = np.nan
        measured[60:, :39] = truth[60:, :39]
        refused = fuse(bent(truth), measured, MAX_M).refused
        assert refused == blob.sum() if factor == 3.0 else refused < blob.sum() / 4


def test_a_blob_that_the_border_of_the_image_cuts_is_refused_if_it_contradicts_the_more():
    truth = room()
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for column, factor, all_of_it in ((40, 1.45, True), (0, 1.45, False), (0, 3.0, True)):
        blob = (rows - 20) ** 2 + (columns - column) ** 2 <= 9
        measured = truth.copy()
        measured[blob] *= np.float32(factor)
        refused = fuse(bent(truth), measured, MAX_M).refused
        assert refused == blob.sum() if all_of_it else refused < blob.sum() / 4


@pytest.mark.perf
def test_a_vga_frame_takes_six_milliseconds_of_one_core():
    keep_large_buffers()  # as the node does
    rng, truth = np.random.default_rng(0), np.full((480, 640), 4.0, np.float32)
    for depth_m in np.linspace(3.5, 0.8, 40):
        row, column = rng.integers(0, (480, 640))
        truth[row : row + 90, column : column + 60] = depth_m
    network = (truth**-0.8 * np.linspace(0.85, 1.25, 640, dtype=np.float32)).astype(np.float32)
    measured, _ = spoil(truth * rng.normal(1, 0.005, truth.shape).astype(np.float32), rng)
    measured[HIDINGS['blobs'](measured, rng)] = np.nan
    threads, durations = cv2.getNumThreads(), []
    cv2.setNumThreads(1)
    try:
        for _ in range(40):
            start = process_time()
            fused = fuse(network, measured, MAX_M)
            durations.append(process_time() - start)
    finally:
        cv2.setNumThreads(threads)
    assert fused.refused > 0
    taken_s = statistics.quantiles(durations)[0]
    assert taken_s < 6e-3, f'{1e3 * taken_s:.2f} ms'
