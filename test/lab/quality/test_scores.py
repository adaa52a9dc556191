import math

import numpy as np
import pytest

from depth_anything_ros.errors import ConfigError, DatasetError
from depth_anything_ros.lab.quality.scores import (
    ScoreConfig,
    depth_histogram,
    distribution_parts,
    gradient_continuity,
    gradient_magnitude,
    score_depth,
)

DEFAULT = ScoreConfig()


def reference_scores(depth_m, far_m=100.0, bins=20):
    """Return the distribution and gradient scores by plain loops in double precision."""
    height, width = depth_m.shape
    values = [[float(value) for value in row] for row in depth_m]
    valid = [[0 < value <= far_m for value in row] for row in values]  # False for NaN
    known = [
        values[row][column]
        for row in range(height)
        for column in range(width)
        if valid[row][column]
    ]
    counts = [0] * bins
    low, high = min(known), max(known)
    for value in known:
        counts[min(int((value - low) / (high - low) * bins), bins - 1)] += 1
    expected = len(known) / bins
    chi_square = sum((count - expected) ** 2 / expected for count in counts)
    largest = max(counts) / len(known)
    concentration = 1.0
    if largest > 2 / bins:
        concentration = 1 - min(1.0, (largest - 2 / bins) / (0.5 - 2 / bins))
    used = sum(count > 0 for count in counts) / bins
    distribution = 0.5 * math.exp(-chi_square / len(known)) + 0.3 * concentration + 0.2 * used
    lengths = []
    for row in range(height - 1):
        for column in range(width - 1):
            if valid[row][column] and valid[row][column + 1] and valid[row + 1][column]:
                here = values[row][column]
                across, down = values[row][column + 1] - here, values[row + 1][column] - here
                lengths.append(math.sqrt(across**2 + down**2))
    smooth = sorted(lengths)[: len(lengths) - len(lengths) // 10]
    mean = sum(smooth) / len(smooth)
    deviation = math.sqrt(sum((length - mean) ** 2 for length in smooth) / len(smooth))
    return distribution, 1 / (1 + deviation / mean)


@pytest.mark.parametrize('seed', range(6))
@pytest.mark.parametrize('unknown', [0.0, 0.3])
def test_random_maps_agree_with_plain_loops(seed, unknown):
    generator = np.random.default_rng(seed)
    shape = generator.integers(20, 60, 2)
    ramp = np.linspace(1, 5, shape[1]) ** generator.uniform(0.5, 2)
    depth_m = (ramp + generator.gamma(1, 0.05, shape)).astype(np.float32)
    gone = generator.random(shape) < unknown
    depth_m[gone] = generator.choice(
        np.array([np.nan, np.inf, -np.inf, 0, -1, 101], np.float32), np.count_nonzero(gone)
    )
    score = score_depth(depth_m, DEFAULT)
    distribution, gradient = reference_scores(depth_m)
    assert score.distribution == pytest.approx(distribution, rel=1e-5)
    assert score.gradient == pytest.approx(gradient, rel=1e-5)
    assert score.total == pytest.approx((distribution + gradient) / 2, rel=1e-5)
    assert score.valid_share == pytest.approx(1 - gone.mean())


def test_uniform_depth_scores_1_for_its_distribution():
    depth_m = np.repeat(np.arange(1, 21, dtype=np.float32)[None], 9, axis=0)
    score = score_depth(depth_m, DEFAULT)
    assert (score.chi_square, score.concentration, score.range_utilisation) == (1, 1, 1)
    assert score.distribution == pytest.approx(1, abs=1e-12)


def test_tilted_plane_scores_1_for_its_gradient():
    rows, columns = np.mgrid[:30, :40]
    depth_m = (2 + rows / 64 + columns / 128).astype(np.float32)  # exact in binary
    assert score_depth(depth_m, DEFAULT).gradient == 1


def test_constant_map_scores_0_for_concentration_and_lowest_for_the_rest():
    score = score_depth(np.full((12, 16), 3.7, np.float32), DEFAULT)
    # One of 20 bins holds everything: the sum of equation 7 is N (K - 1).
    assert score.chi_square == pytest.approx(math.exp(-19), rel=1e-12)
    assert score.concentration == 0
    assert score.range_utilisation == 1 / 20
    assert score.distribution == pytest.approx(0.01 + 0.5 * math.exp(-19), rel=1e-12)
    assert score.gradient == 1


def test_wall_and_edge_are_told_apart_by_hand():
    # 3x4: gradients exist at 2x3 pixels; 6 // 10 = 0 of them are edges.
    depth_m = np.array([[1, 1, 1, 4], [1, 1, 1, 5], [5, 1, 1, 5]], np.float32)
    lengths = gradient_magnitude(depth_m)
    np.testing.assert_array_equal(lengths, [[0, 0, 3], [4, 0, 4]])
    mean, square = 11 / 6, 41 / 6
    deviation = math.sqrt(square - mean**2)
    score = score_depth(depth_m, DEFAULT)
    assert score.gradient == pytest.approx(1 / (1 + deviation / mean), rel=1e-12)
    # Range 1..5 in 20 bins of 0.2: 8 in the first, 1 (at 4) in number 15, 3 in the last.
    chi_square = (7.4**2 + 0.4**2 + 2.4**2 + 17 * 0.6**2) / 0.6
    assert score.chi_square == pytest.approx(math.exp(-chi_square / 12), rel=1e-12)
    assert score.concentration == 0  # 8 / 12 is above a half
    assert score.range_utilisation == 3 / 20


@pytest.mark.parametrize(
    ('largest', 'concentration'),
    [(5, 1), (10, 1), (20, 0.75), (30, 0.5), (50, 0), (60, 0)],
)
def test_concentration_is_free_to_twice_the_uniform_share_and_0_from_a_half(
    largest, concentration
):
    # 100 pixels in 20 bins: 2 / K of them are 10.
    counts = np.full(20, 0, np.int64)
    counts[0] = largest
    rest = 100 - largest
    counts[1:] = [rest // 19 + (place < rest % 19) for place in range(19)]
    assert distribution_parts(counts)[1] == pytest.approx(concentration, abs=1e-12)


def test_parts_of_a_histogram_follow_the_equations_by_hand():
    counts = np.array([4, 0, 6, 5, 5], np.int64)  # N = 20, K = 5, expected 4
    chi_square, concentration, used = distribution_parts(counts)
    assert chi_square == pytest.approx(math.exp(-((0 + 16 + 4 + 1 + 1) / 4) / 20), rel=1e-12)
    assert concentration == 1  # 6 / 20 is not above 2 / 5
    assert used == 0.8


def test_edges_of_bins_belong_to_the_upper_bin_and_the_largest_value_to_the_last():
    depth_m = np.array([[1, 1.5, 2, 2.5, 3, 5, 5]], np.float32)
    valid = np.ones_like(depth_m, bool)
    assert depth_histogram(depth_m, valid, 8).tolist() == [1, 1, 1, 1, 1, 0, 0, 2]
    assert depth_histogram(depth_m, valid, 1).tolist() == [7]
    assert depth_histogram(depth_m, valid, 255)[[0, 254]].tolist() == [1, 2]
    assert depth_histogram(depth_m, ~valid, 8).tolist() == [0] * 8


def test_a_tenth_of_the_largest_gradients_does_not_count():
    lengths = np.ones((4, 5), np.float32)
    lengths[1, 2], lengths[3, 0] = 50, 2e30
    assert gradient_continuity(lengths) == 1
    lengths[0, 0] = 3  # the third of twenty: smooth, with 17 ones
    mean = 20 / 18
    deviation = math.sqrt((17 + 9) / 18 - mean**2)
    assert gradient_continuity(lengths) == pytest.approx(1 / (1 + deviation / mean), rel=1e-12)


@pytest.mark.parametrize('sign', [1, -1])
def test_gradients_with_unknown_neighbours_do_not_count(sign):
    depth_m = np.add.outer(np.zeros(8), np.arange(9) / 4 + 1).astype(np.float32)
    depth_m[3, 4] = sign * np.float32(np.nan)
    unknown = np.argwhere(np.isnan(gradient_magnitude(depth_m)))
    assert unknown.tolist() == [[2, 4], [3, 3], [3, 4]]
    assert score_depth(depth_m, DEFAULT).gradient == 1


def test_scores_do_not_depend_on_the_unit_of_depth():
    depth_m = np.random.default_rng(3).gamma(2, 1, (40, 50)).astype(np.float32) + 0.5
    near, far = score_depth(depth_m, DEFAULT), score_depth(depth_m * 4, DEFAULT)
    assert near == far


def test_noise_on_a_plane_lowers_the_gradient_score_only_a_little_the_distribution():
    generator = np.random.default_rng(0)
    plane = np.repeat(np.linspace(1, 6, 200, dtype=np.float32)[None], 150, axis=0)
    noisy = plane + generator.normal(0, 0.05, plane.shape).astype(np.float32)
    clean_score, noisy_score = score_depth(plane, DEFAULT), score_depth(noisy, DEFAULT)
    assert clean_score.gradient > 0.99
    assert noisy_score.gradient < 0.7
    assert noisy_score.distribution > 0.9


def test_map_without_valid_depth_has_no_scores():
    score = score_depth(np.zeros((4, 5), np.float32), DEFAULT)
    assert score.valid_share == 0
    assert all(math.isnan(value) for value in list(vars(score).values())[1:])


@pytest.mark.parametrize('shape', [(1, 30), (30, 1), (6, 6)])
def test_map_without_three_valid_neighbours_has_no_gradient_score(shape):
    depth_m = np.full(shape, 2, np.float32)
    if min(shape) > 1:
        depth_m[np.indices(shape).sum(0) % 2 == 1] = np.nan  # a chessboard
    score = score_depth(depth_m, DEFAULT)
    assert math.isnan(score.gradient)
    assert math.isnan(score.total)
    assert score.range_utilisation == 1 / 20


def test_far_plane_makes_depth_unknown():
    depth_m = np.array([[1, 2, 50], [1, 2, 50]], np.float32)
    assert score_depth(depth_m, ScoreConfig(far_m=50)).valid_share == 1
    assert score_depth(depth_m, ScoreConfig(far_m=49)).valid_share == pytest.approx(2 / 3)


def test_depth_given_is_not_changed():
    depth_m = np.array([[1, 0, np.nan], [2, 3, 500]], np.float32)
    before = depth_m.copy()
    score_depth(depth_m, DEFAULT)
    np.testing.assert_array_equal(depth_m, before)


def test_part_of_a_larger_array_scores_as_its_copy():
    depth_m = np.random.default_rng(5).gamma(2, 1, (60, 80)).astype(np.float32) + 0.5
    assert score_depth(depth_m[::2, 5:60], DEFAULT) == score_depth(
        depth_m[::2, 5:60].copy(), DEFAULT
    )


@pytest.mark.parametrize(
    'depth_m',
    [np.ones((4, 5)), np.ones((4, 5, 1), np.float32), np.ones((0, 5), np.float32)],
)
def test_what_is_no_depth_map_is_refused(depth_m):
    with pytest.raises(DatasetError, match=r'allowed: float32 \(H, W\), not empty'):
        score_depth(depth_m, DEFAULT)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'bins': 4}, '4 bins; allowed: 5 to 255'),
        ({'bins': 256}, '256 bins'),
        ({'far_m': 0.0}, 'allowed: finite and above 0'),
        ({'far_m': math.nan}, 'allowed: finite and above 0'),
        ({'far_m': math.inf}, 'allowed: finite and above 0'),
    ],
)
def test_setting_out_of_range_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        ScoreConfig(**options)
