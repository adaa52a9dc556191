import statistics
from dataclasses import replace
from time import process_time

import cv2
import numpy as np
import pytest

from depth_anything_ros.geometry.bilateral_grid import GridPlaces
from depth_anything_ros.memory import keep_large_buffers
from depth_anything_ros.scale.field import ScaleField
from depth_anything_ros.types import Alignment, ReferencePoints

S = 1_000_000_000
SIZE = (480, 640)
GATE = 0.3


def alignment(points, scale=0.5, shift=0.1):
    return Alignment(scale, shift, 'test', 9, 1.0, 0.0, 0, reference=points)


def bent(rows, columns):
    """Return by what factor the made network's inverse depth is too small."""
    return np.exp(0.3 * np.sin(rows / 100.0) * np.cos(columns / 120.0))


def points(count=500, factor=bent, seed=0, most=2.0):
    rng = np.random.default_rng(seed)
    rows, columns = (rng.uniform(0, end - 1, count).astype(np.float32) for end in SIZE)
    aligned = rng.uniform(0.4, most, count)
    depth_m = 1.0 / (aligned * factor(rows, columns))
    relative = (aligned - 0.1) / 0.5
    return ReferencePoints(
        rows, columns, relative.astype(np.float32), depth_m.astype(np.float32), SIZE
    )


def factors_at(factors, at):
    aligned = 0.5 * at.relative + 0.1
    return GridPlaces.of(at.rows, at.columns, aligned, SIZE).read(factors.nodes)


def error(factors, at, factor=bent):
    """Return AbsRel at other points, with a field or None."""
    found = 1.0 if factors is None else factors_at(factors, at)
    return float(np.mean(np.abs(factor(at.rows, at.columns) / found - 1.0)))


OTHERS = points(2000, seed=1)


@pytest.mark.parametrize(('count', 'share'), [(50, 0.9), (500, 0.5), (4096, 0.25)])
def test_the_more_points_the_better_the_field(count, share):
    factors = ScaleField(0.5, GATE).update(alignment(points(count)), 0)
    assert error(factors, OTHERS) < share * error(None, OTHERS)


def test_the_mean_change_is_that_at_the_points():
    at = points(2000)
    factors = ScaleField(0.5, GATE).update(alignment(at), 0)
    told = np.mean(np.abs(factors_at(factors, at) - 1.0))
    assert factors.mean_change == pytest.approx(told, rel=0.1)


@pytest.mark.parametrize('farther', [1, 40])
def test_a_right_alignment_is_left_alone(farther):
    at = points(500, factor=lambda rows, columns: 1.0)
    relative = ((at.relative * 0.5 + 0.1) / farther - 0.1) / 0.5
    at = replace(at, relative=relative, depth_m=at.depth_m * farther)
    factors = ScaleField(0.5, GATE).update(alignment(at), 0)
    np.testing.assert_allclose(factors.nodes, 1.0, atol=1e-3)


def test_points_that_are_wrong_hardly_count():
    at, rng = points(500), np.random.default_rng(5)
    wrong = at.depth_m * np.where(rng.random(500) < 0.2, rng.uniform(0.2, 3.0, 500), 1.0)
    spoilt = replace(at, depth_m=wrong.astype(np.float32))
    found = ScaleField(0.5, GATE).update(alignment(spoilt), 0)
    assert error(found, OTHERS) < 0.5 * error(None, OTHERS)


def test_weights_say_which_points_count():
    right = points(500)
    wrong = points(500, seed=2, factor=lambda rows, columns: 2.0 * bent(rows, columns))
    both = ReferencePoints(
        *(
            np.concatenate([getattr(one, name) for one in (right, wrong)])
            for name in ('rows', 'columns', 'relative', 'depth_m')
        ),
        SIZE,
        np.repeat(np.array([1.0, 0.001], np.float32), 500),
    )
    found = ScaleField(0.5, GATE).update(alignment(both), 0)
    assert error(found, OTHERS) < 0.6 * error(None, OTHERS)


def test_points_where_the_network_gives_no_number_are_left_out():
    at = points(500)
    relative = at.relative.copy()
    relative[::5], relative[1::5] = np.nan, np.inf
    found = ScaleField(0.5, GATE).update(alignment(replace(at, relative=relative)), 0)
    assert np.isfinite(found.nodes).all()
    assert error(found, OTHERS) < 0.5 * error(None, OTHERS)
    nowhere = replace(at, relative=np.full_like(relative, np.nan))
    assert ScaleField(0.5, GATE).update(alignment(nowhere), 0) is None


def test_few_points_a_frame_add_up_over_frames():
    field = ScaleField(0.5, GATE)
    errors = [
        error(field.update(alignment(points(50, seed=frame)), frame * S // 10), OTHERS)
        for frame in range(10)
    ]
    assert errors[-1] < 0.75 * errors[0]


def test_without_memory_frames_before_only_judge_which_points_are_wrong():
    field, at = ScaleField(0.0, 0.0), points(50, seed=9)
    for frame in range(3):
        field.update(alignment(points(50, seed=frame)), frame * S // 10)
    alone = ScaleField(0.0, 0.0).update(alignment(at), 0)
    np.testing.assert_allclose(field.update(alignment(at), S).nodes, alone.nodes, atol=5e-3)


def test_without_points_the_field_fades_and_ends():
    field = ScaleField(0.5, GATE)
    changes = [np.abs(field.update(alignment(points()), 0).nodes - 1.0).max()]
    for frame in range(1, 60):
        factors = field.update(alignment(None), frame * S // 10)
        if factors is None:
            break
        changes.append(np.abs(factors.nodes - 1.0).max())
    assert factors is None and frame > 5
    assert np.all(np.diff(changes) < 1e-6)


def test_what_is_remembered_ends_while_other_points_come():
    field, at = ScaleField(0.5, GATE), points(500)
    left = replace(at, columns=at.columns / 4)
    field.update(alignment(at), 0)
    for tenth in range(1, 80):
        factors = field.update(alignment(left), tenth * S // 10)
    right = factors.nodes[..., 20:]
    assert np.abs(right - 1.0).max() < 1e-6


def test_a_source_without_points_has_no_field():
    field = ScaleField(0.5, GATE)
    assert field.update(alignment(None), 0) is None
    assert field.update(alignment(None), S) is None
    for tenth in range(1, 5):
        moved = alignment(None, 0.5 + 0.02 * tenth, 0.1 - 0.01 * tenth)
        assert field.update(moved, S + tenth * S // 10) is None
    empty = points(0)
    assert ScaleField(0.5, GATE).update(alignment(empty), 0) is None


def largest_jump(before, after, first, second):
    """Return the largest change of depth from one alignment with its field to another."""
    rows, columns = (axis.reshape(-1) for axis in np.mgrid[0:480:16, 0:640:16])
    worst = 0.0
    for relative in np.linspace(0.5, 6.0, 40):
        depths = []
        for one, factors in ((first, before), (second, after)):
            aligned = np.full(len(rows), one.scale * relative + one.shift)
            inside = 1 / 3 <= aligned[0] <= 1 / 0.3
            found = GridPlaces.of(rows, columns, aligned, SIZE).read(factors.nodes)
            depths.append(1.0 / (aligned * found))
        if inside:
            worst = max(worst, float(np.max(np.abs(depths[1] / depths[0] - 1.0))))
    return worst


@pytest.mark.parametrize('scale', [0.5, 0.6, 0.42])
def test_depth_never_jumps_by_more_than_the_gate(scale):
    field = ScaleField(0.5, GATE)
    one, other = alignment(points()), alignment(points(seed=3, factor=lambda r, c: 2.5), scale)
    before = field.update(one, 0)
    after = field.update(other, S // 10)
    jump = largest_jump(before, after, one, other)
    # Between nodes the old field is read where its own layers have kinks.
    assert 0.2 < jump <= GATE + 0.02
    free = ScaleField(0.5, 0.0)
    assert largest_jump(free.update(one, 0), free.update(other, S // 10), one, other) > 0.4
    for frame in range(2, 12):
        after = field.update(other, frame * S // 10)
    assert factors_at(after, OTHERS).mean() * scale / 0.5 > 2.0


def test_a_scale_that_moves_takes_the_field_along():
    """The same image and depth: scale and shift wander, what they give with the field does not."""
    field, at = ScaleField(100.0, GATE), points()
    before = field.update(alignment(at), 0)
    moved = alignment(None, 0.55, 0.05)
    after = field.update(moved, S // 1000)
    old = (0.5 * OTHERS.relative + 0.1) * factors_at(before, OTHERS)
    aligned = 0.55 * OTHERS.relative + 0.05
    new = aligned * GridPlaces.of(OTHERS.rows, OTHERS.columns, aligned, SIZE).read(after.nodes)
    assert np.median(np.abs(new / old - 1)) < np.median(np.abs(aligned / (old) - 1))


@pytest.mark.perf
def test_a_vga_frame_takes_two_milliseconds():
    keep_large_buffers()  # as the node does
    field, durations = ScaleField(0.5, GATE), []
    inverse = np.tile(np.linspace(0.1, 5.0, 640, dtype=np.float32), (480, 1))
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for frame in range(40):
            fitted = alignment(points(4096, seed=frame))
            start = process_time()
            factors = field.update(fitted, frame * S // 10)
            middle = process_time()
            factors.over(inverse)
            durations.append((process_time() - start, middle - start))
    finally:
        cv2.setNumThreads(threads)
    whole_s, update_s = (statistics.quantiles(each)[0] for each in zip(*durations, strict=True))
    told = f'{1e3 * whole_s:.2f} ms, of which {1e3 * update_s:.2f} for the grid'
    assert whole_s < 2e-3, told
