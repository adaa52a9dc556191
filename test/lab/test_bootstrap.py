import numpy as np
import pytest

from depth_anything_ros.lab.bootstrap import mean_intervals, ratio_interval, slope_interval


def groups(sizes, seed=0, ratio=0.5, noise=0.0):
    rng = np.random.default_rng(seed)
    found = {}
    for index, size in enumerate(sizes):
        second = rng.uniform(0.1, 0.4, size)
        first = second * (ratio + noise * rng.standard_normal(size))
        found[f'source {index}'] = np.stack([first, second], axis=1)
    return found


def test_interval_of_a_constant_ratio_is_that_ratio():
    interval = ratio_interval(groups((1, 4, 7), ratio=0.75))
    assert interval.low == pytest.approx(0.75, abs=1e-12)
    assert interval.high == pytest.approx(0.75, abs=1e-12)


def test_interval_of_one_source_follows_the_normal_law_of_its_images():
    pairs = groups((400,), noise=0.2)
    first, second = pairs['source 0'].T
    ratio = first.mean() / second.mean()
    # The delta method: the standard error of a ratio of means.
    error = np.std(first - ratio * second) / second.mean() / np.sqrt(400)
    interval = ratio_interval(pairs)
    assert interval.low == pytest.approx(ratio - 1.96 * error, abs=0.15 * error)
    assert interval.high == pytest.approx(ratio + 1.96 * error, abs=0.15 * error)


def test_sources_that_differ_widen_the_interval():
    images = np.array([[0.1, 0.2]] * 20 + [[0.2, 0.2]] * 20)
    together = ratio_interval({'one': images})
    apart = ratio_interval({'a': images[:20], 'b': images[20:]})
    assert (apart.low, apart.high) == (pytest.approx(0.5), pytest.approx(1.0))
    assert together.low > 0.6
    assert together.high < 0.9


def test_interval_agrees_with_plain_loops():
    pairs = groups((1, 3, 9, 4), ratio=0.6, noise=0.5)
    rng = np.random.default_rng(3)
    ratios = []
    for _ in range(1500):
        drawn = []
        for source in rng.choice(list(pairs), len(pairs)):
            drawn += [rng.choice(pairs[source]) for _ in pairs[source]]
        first, second = np.mean(drawn, axis=0)
        ratios.append(first / second)
    low, high = np.quantile(ratios, (0.025, 0.975))
    interval = ratio_interval(pairs, draws=20_000)
    assert interval.low == pytest.approx(low, abs=0.05 * (high - low))
    assert interval.high == pytest.approx(high, abs=0.05 * (high - low))


def test_sources_of_one_image_are_drawn_whole():
    pairs = {name: np.array([[ratio, 1.0]]) for name, ratio in (('a', 0.2), ('b', 0.4))}
    interval = ratio_interval(pairs)
    assert (interval.low, interval.high) == (pytest.approx(0.2), pytest.approx(0.4))


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    pairs = groups((3, 5, 8), noise=0.3)
    assert ratio_interval(pairs) == ratio_interval(pairs)
    assert ratio_interval(pairs) != ratio_interval(pairs, seed=1)


@pytest.mark.parametrize('pairs', [{}, {'a': np.ones((1, 2))}, {'a': np.empty((0, 2))}])
def test_fewer_than_two_images_have_no_interval(pairs):
    assert ratio_interval(pairs) is None


@pytest.mark.parametrize('heaviest', [1, 5])
def test_intervals_of_means_agree_with_plain_loops(heaviest):
    rng = np.random.default_rng(5)
    values = {str(size): rng.normal(size, 2, (size, 2)) for size in (1, 3, 6)}
    weights = {
        source: rng.integers(1, heaviest + 1, found.shape).astype(float)
        for source, found in values.items()
    }
    means = []
    for _ in range(1500):
        drawn = []
        for source in rng.choice(list(values), len(values)):
            count = len(values[source])
            drawn += [(source, image) for image in rng.integers(0, count, count)]
        means.append(
            np.average(
                [values[source][image] for source, image in drawn],
                axis=0,
                weights=[weights[source][image] for source, image in drawn],
            )
        )
    expected = np.quantile(means, (0.025, 0.975), axis=0)
    for interval, (low, high) in zip(
        mean_intervals(values, weights, draws=20_000), expected.T, strict=True
    ):
        assert interval.low == pytest.approx(low, abs=0.05 * (high - low))
        assert interval.high == pytest.approx(high, abs=0.05 * (high - low))


def test_numbers_that_images_do_not_have_are_in_no_mean():
    values = {'a': np.array([[1.0, np.nan, 5.0], [1.0, 2.0, np.nan], [1.0, 2.0, np.nan]])}
    whole, some, one = mean_intervals(values)
    assert (whole.low, whole.high) == (1, 1)
    assert (some.low, some.high) == (2, 2)
    assert one is None


def test_the_slope_of_points_lies_in_its_interval_and_noise_widens_it():
    random = np.random.default_rng(0)
    x = random.normal(size=(4, 10))
    widths = []
    for noise in (0.0, 0.2):
        y = 1.5 * x + 3 + noise * random.normal(size=x.shape)
        points = {str(at): np.stack([x[at], y[at]], axis=1) for at in range(4)}
        interval = slope_interval(points)
        assert interval.low - 1e-9 <= 1.5 <= interval.high + 1e-9
        widths.append(interval.high - interval.low)
    assert widths[0] < 1e-9 < 0.05 < widths[1]
    assert slope_interval({'one': points['0'][:1]}) is None
