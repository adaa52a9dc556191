from dataclasses import replace

import numpy as np
import pytest

from depth_anything_ros.lab.simulation.robot import robot_camera
from depth_anything_ros.lab.trials.sigma_cases import SigmaCase, TrialImage
from depth_anything_ros.lab.trials.sigma_judge import by_distance, by_name, judge
from depth_anything_ros.lab.trials.sigma_obstacles import (
    LIMITS,
    cells_by_limit,
    cleared,
)
from depth_anything_ros.lab.trials.sigma_rows import FEATURES, rows_of
from depth_anything_ros.lab.trials.sigma_trial import Entry, entries_of, split
from depth_anything_ros.result import DepthOrigin, DepthResult, FusedDepth
from depth_anything_ros.types import (
    Alignment,
    CameraMounting,
    DepthChoice,
    DepthSample,
    Frame,
    MetricDepth,
    RelativeInverseDepth,
    ScaleState,
)

HEIGHT, WIDTH = 120, 160
RNG = np.random.default_rng(0)


def case(depth_m, truth_m, **others):
    frame = Frame(np.zeros((*depth_m.shape, 3), np.uint8), 0, '')
    return SigmaCase(
        'depth_image',
        False,
        DepthResult(
            frame,
            RelativeInverseDepth(1 / depth_m),
            Alignment(1.0, 0.0, 'depth_image', 9, 1.0, 0.0, 0),
            MetricDepth(depth_m),
            scale_state=ScaleState.FITTED,
            **others,
        ),
        DepthChoice.FUSED if 'fused' in others else DepthChoice.NETWORK,
        truth_m,
    )


def noisy(sigma=0.1, seed=0):
    rng = np.random.default_rng(seed)
    depth_m = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    return depth_m, (depth_m + sigma * rng.standard_normal(depth_m.shape)).astype(np.float32)


def judged(case, sigma, source='a room'):
    return judge(case, sigma, np.random.default_rng(0), source)


def test_rows_tell_the_error_as_a_share_of_depth():
    depth_m, truth_m = noisy()
    truth_m[:60] = np.nan
    depth_m[60:, :80] = np.nan
    (rows,) = rows_of(case(depth_m, truth_m), 100, np.random.default_rng(0))
    assert (rows.part, rows.keys) == ('unfitted', ('depth_image', ''))
    assert rows.codes.shape == (100, len(FEATURES))
    assert np.std(rows.errors) == pytest.approx(0.05, rel=0.25)
    assert (rows.codes[:, FEATURES.index('near')] == -1).all()
    assert (rows.codes[:, FEATURES.index('row')] > 127).all()


def test_rows_of_fused_depth_are_told_apart_by_their_origin():
    depth_m, truth_m = noisy()
    origin = np.full(depth_m.shape, DepthOrigin.FILLED, np.uint8)
    origin[:, :40] = DepthOrigin.BEYOND
    fused = case(depth_m, truth_m, fused=FusedDepth(depth_m, origin))
    filled, beyond = rows_of(fused, 10_000, np.random.default_rng(0))
    assert (filled.part, beyond.part) == ('filled', 'beyond')
    assert len(filled.errors) == 3 * len(beyond.errors) == 30 * 30


def test_sigma_that_is_right_covers_what_it_should_and_half_of_it_less():
    depth_m, truth_m = noisy()
    right, small = (
        judged(case(depth_m, truth_m), np.full_like(depth_m, sigma)) for sigma in (0.1, 0.05)
    )
    found, _ = by_name([right])
    assert found.coverage == pytest.approx((0.5, 0.68, 0.9, 0.95), abs=0.03)
    assert found.sigma_share == pytest.approx(0.05)
    assert by_name([small])[0].coverage[2] == pytest.approx(0.589, abs=0.03)
    assert found.flip_ause is None and found.ause_m is None
    assert right.areas.metres == pytest.approx(2 * right.areas.share, rel=0.1)


def test_a_share_is_as_sure_as_the_groups_agree():
    depth_m, truth_m = noisy()
    right, small = (np.full_like(depth_m, sigma) for sigma in (0.1, 0.05))
    rooms = [judged(case(depth_m, truth_m), right, source) for source in 'abcd']
    mixed = [*rooms[:2], *(judged(case(depth_m, truth_m), small, source) for source in 'cd')]
    for group, widest, least in ((rooms, 0.001, 0.0), (mixed, 0.4, 0.2)):
        found, _ = by_name(group)
        assert found.interval.low <= found.coverage[2] <= found.interval.high
        assert least <= found.interval.high - found.interval.low <= widest


def test_bands_hold_the_pixels_of_their_distance():
    depth_m, truth_m = noisy(0.0)
    bands = by_distance([judged(case(depth_m, truth_m), np.full_like(depth_m, 1))], 8.0)
    assert [band.coverage is not None for band in bands] == [False, True, False, False]
    assert bands[1].abs_rel == 0.0


def test_sparsification_by_the_right_sigma_beats_the_mirrored_image():
    depth_m, truth_m = noisy()
    truth_m[:, 80:] = depth_m[:, 80:] + 4 * (truth_m[:, 80:] - 2)
    sigma = np.full_like(depth_m, 0.1)
    sigma[:, 80:] = 0.4
    relative = RelativeInverseDepth(1 / depth_m, disagreement=np.ones((12, 16), np.float32))
    one = case(depth_m, truth_m)
    flipped = one._replace(flip=True, result=replace(one.result, relative=relative))
    found = judged(flipped, sigma)
    assert found.areas.share < 0.7 * found.flip_areas.share
    assert found.areas.metres < 0.7 * found.flip_areas.metres


def test_sparsification_in_metres_takes_far_pixels_first():
    rng = np.random.default_rng(0)
    depth_m = np.where(np.arange(WIDTH) < WIDTH / 2, 1.0, 4.0) * np.ones((HEIGHT, 1))
    truth_m = depth_m * (1 + 0.1 * rng.choice([-1.0, 1.0], depth_m.shape))
    one = case(depth_m.astype(np.float32), truth_m.astype(np.float32))
    found = judged(one, np.float32(0.1) * one.result.metric.depth_m)
    # 0.1 m and 0.4 m are told apart by sigma; 0.1 / 0.9 and 0.1 / 1.1 by nothing.
    assert found.areas.metres < 1e-6 < 1e-3 < found.areas.share


def test_leaving_out_a_ghost_clears_its_cells_and_only_those():
    rows = np.arange(HEIGHT, dtype=np.float32)[:, None]
    below = np.maximum((rows - (HEIGHT - 1) / 2) / (0.866 * WIDTH), 1e-3)
    truth_m = np.minimum(0.2 / below, 3.0) * np.ones(WIDTH, np.float32)
    truth_m[:90, 60:70] = 1.0
    depth_m = truth_m.copy()
    depth_m[:80, 100:110] = 1.2
    sigma = 0.02 * depth_m
    sigma[:80, 100:110] = 0.4 * 1.2
    camera = robot_camera(WIDTH, HEIGHT)
    sample = DepthSample(
        np.zeros((HEIGHT, WIDTH, 3), np.uint8), truth_m, 'a', camera, None, CameraMounting(0.2)
    )
    counts = cells_by_limit(case(depth_m, truth_m), TrialImage('a', sample), sigma, RNG)
    rows = cleared('depth_image', [counts, counts])
    assert [(row.max_sigma, row.ground_sigmas) for row in rows] == [
        (limit.max_sigma, limit.ground_sigmas) for limit in LIMITS
    ]
    found = {row.max_sigma: row for row in rows if not row.ground_sigmas}
    assert counts[0].false > 0 and found[0.0].false == found[0.5].false == 1.0
    assert found[0.3].false == 0.0
    assert found[0.3].missed == found[0.0].missed < 0.05
    nobody = TrialImage('a', replace(sample, camera=None))
    assert cells_by_limit(case(depth_m, truth_m), nobody, sigma, RNG) is None


class Views:
    name = 'views'

    def __init__(self, sources):
        self.sources = sources

    def __len__(self):
        return len(self.sources)

    def sample_name(self, index):
        return str(index)

    def source(self, index):
        return self.sources[index]


def test_every_fourth_group_judges():
    entries = [Entry(name, 1, iter) for name in 'aabbccdde']
    fitted, judged = split(entries)
    assert [entry.source for entry in fitted] == list('aabbcce')
    assert [entry.source for entry in judged] == list('dd')


def test_images_of_few_groups_count_as_one_each():
    alone = [entry.source for entry in entries_of(Views('aaab'))]
    assert alone == ['a/0', 'a/1', 'a/2', 'b/3']
    assert [entry.source for entry in entries_of(Views('abcd'))] == [f'views/{x}' for x in 'abcd']
