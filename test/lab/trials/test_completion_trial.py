from dataclasses import replace

import numpy as np
import pytest

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.lab.trials.completion_picture import write_picture
from depth_anything_ros.lab.trials.completion_trial import try_hidden, try_outliers
from depth_anything_ros.lab.trials.hiding import HIDINGS, spoil
from depth_anything_ros.lab.trials.results import CompletionResult, OutlierResult
from depth_anything_ros.types import DepthSample, RelativeInverseDepth

HEIGHT, WIDTH = 120, 160


def floor():
    """Return ground that rises into a wall, float32 metres, with an unknown corner."""
    rows = np.arange(HEIGHT, dtype=np.float32)[:, None]
    inverse = np.maximum(0.25, (rows - 40) * 0.02) * np.ones(WIDTH, np.float32)
    depth_m = (1 / inverse).astype(np.float32)
    depth_m[:10, :10] = np.nan
    depth_m[:3, 20:] = 9.0
    return depth_m


def network(depth_m):
    """Return what a network says that bends depth from left to right."""
    values = np.nan_to_num(1 / depth_m, nan=0.2) * np.linspace(0.7, 1.4, WIDTH)
    return RelativeInverseDepth(values.astype(np.float32))


@pytest.mark.parametrize(
    ('name', 'low', 'high'),
    [('blobs', 0.25, 0.4), ('borders', 0.3, 0.8), ('far half', 0.2, 0.5), ('blocks', 0.6, 0.95)],
)
def test_so_much_is_hidden_and_the_same_again(name, low, high):
    first, second = (HIDINGS[name](floor(), np.random.default_rng(3)) for _ in range(2))
    assert low <= first.mean() <= high
    assert np.array_equal(first, second)


def test_outliers_are_gross_and_of_a_twentieth():
    truth = floor()
    spoilt, bad = spoil(truth, np.random.default_rng(1))
    ratio = np.abs(np.log(spoilt / truth))
    assert (ratio[bad] > 0.01).mean() > 0.9  # two errors may meet
    assert np.array_equal(spoilt[~bad], truth[~bad], equal_nan=True)
    assert 0.05 <= bad[np.isfinite(truth)].mean() < 0.08


def test_fused_depth_beats_the_other_ways_on_a_bent_prediction():
    records = list(try_hidden('a', network(floor()), floor(), (0, 0)))
    assert [record.hiding for record in records] == list(HIDINGS)
    for record in records:
        assert record.changed == 0 and record.ms > 0
        others = {name: value for name, value in record.abs_rel.items() if name != 'fused'}
        assert set(others) == {'global', 'nearest', 'inpaint'}
        assert record.abs_rel['fused'] < 0.8 * others['global']
        if record.hiding in ('blobs', 'blocks'):
            assert record.abs_rel['fused'] < min(others.values())


def test_outliers_are_caught_and_others_kept():
    found = try_outliers('a', network(floor()), floor(), (0, 0))
    assert found.caught > 0.9
    assert found.false < 0.02 and found.clean == 0.0


def test_an_image_without_depth_tells_nothing():
    nothing = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    assert list(try_hidden('a', network(floor()), nothing, (0,))) == []
    assert try_outliers('a', network(floor()), nothing, (0,)) is None
    # Nor does a wall, from which scale cannot be told from shift.
    wall = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    assert list(try_hidden('a', network(floor()), wall, (0,))) == []
    assert try_outliers('a', network(floor()), wall, (0,)) is None


def test_figures_are_means_and_ratios_of_them():
    records = [
        next(iter(try_hidden(source, network(floor()), floor(), (seed,))))
        for source, seed in (('a', 1), ('a', 2), ('b', 3))
    ]
    result = CompletionResult.of(records)
    fused, plain = (
        np.mean([record.abs_rel[name] for record in records]) for name in ('fused', 'global')
    )
    assert (result.hiding, result.images) == ('blobs', 3)
    assert result.to_global == pytest.approx(fused / plain)
    assert result.interval[0] <= result.to_global <= result.interval[1]
    assert result.to_best >= result.to_global
    steps = [np.mean([getattr(record, name) for record in records]) for name in STEPS]
    assert result.step == pytest.approx(steps[0] / steps[1])
    spoilt = [try_outliers('a', network(floor()), floor(), (seed,)) for seed in (1, 2)]
    assert OutlierResult.of(spoilt).caught == pytest.approx(np.mean([s.caught for s in spoilt]))


def test_where_there_is_no_true_step_its_ratio_is_not_known():
    record = next(iter(try_hidden('a', network(floor()), floor(), (1,))))
    flat, none = replace(record, true_step=0.0), replace(record, step=np.nan, true_step=np.nan)
    assert CompletionResult.of([flat]).step is None
    assert CompletionResult.of([none]).step is None
    expected = pytest.approx(record.step / record.true_step)
    assert CompletionResult.of([record, none]).step == expected
    perfect = replace(record, abs_rel=dict.fromkeys(record.abs_rel, 0.0))
    result = CompletionResult.of([perfect])
    assert (result.to_best, result.to_global) == (None, None)


STEPS = ('step', 'true_step')


def test_a_picture_has_a_row_for_each_image(tmp_path):
    sample = DepthSample(np.zeros((HEIGHT, WIDTH, 3), np.uint8), floor(), 'a')
    write_picture(tmp_path / 'new' / 'holes.png', [(sample, network(floor()))] * 2)
    assert (tmp_path / 'new' / 'holes.png').stat().st_size > 1000


def test_there_must_be_an_image_to_draw(tmp_path):
    wall = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    sample = DepthSample(np.zeros((HEIGHT, WIDTH, 3), np.uint8), wall, 'a')
    flat = RelativeInverseDepth(np.ones((HEIGHT, WIDTH), np.float32))
    with pytest.raises(AlignmentError, match='none of the images'):
        write_picture(tmp_path / 'holes.png', [(sample, flat)])
