import cv2
import numpy as np
import pytest

from depth_anything_ros.errors import ConfigError, UnknownNameError
from depth_anything_ros.lab.datasets.corruptions import (
    CORRUPTIONS,
    LEVELS,
    Corruption,
    corruptions_of,
)

PICTURE = cv2.resize(
    np.random.default_rng(0).integers(30, 200, (6, 8, 3), np.uint8), (160, 120),
    interpolation=cv2.INTER_CUBIC,
)  # fmt: skip


def change(kind, level):
    worse = Corruption(kind, level)(PICTURE)
    if kind == 'fog':
        # Its clouds brighten and darken; what is left of the edges is what counts.
        edges = [cv2.Laplacian(item, cv2.CV_32F).ravel() for item in (worse, PICTURE)]
        return 1 - float(np.corrcoef(edges)[0, 1])
    return float(np.abs(worse.astype(float) - PICTURE).mean())


@pytest.mark.parametrize('kind', CORRUPTIONS)
def test_every_kind_gives_a_picture_that_is_worse_level_by_level(kind):
    kept = PICTURE.copy()
    worse = Corruption(kind, 3)(PICTURE)
    assert (worse.dtype, worse.shape) == (np.uint8, PICTURE.shape)
    assert worse.flags.c_contiguous
    assert np.array_equal(PICTURE, kept)
    changes = [change(kind, level) for level in LEVELS]
    assert changes[0] > 0
    assert changes == sorted(changes)


@pytest.mark.parametrize('kind', CORRUPTIONS)
def test_what_is_random_follows_from_the_picture_alone(kind):
    corruption = Corruption(kind, 4)
    assert np.array_equal(corruption(PICTURE), corruption(PICTURE.copy()))


def test_noise_of_another_picture_is_another():
    noise = Corruption('noise', 1)
    one, other = np.full((2, 64, 64, 3), 128, np.uint8)
    other[0, 0, 0] = 127
    difference = noise(one).astype(int) - noise(other)
    assert np.std(difference) > 10


def test_noise_has_its_deviation():
    grey = np.full((200, 200, 3), 128, np.uint8)
    assert np.std(Corruption('noise', 1)(grey)) == pytest.approx(0.08 * 255, rel=0.02)


def test_light_is_in_stops():
    grey = np.full((4, 4, 3), 100, np.uint8)
    # A stop is half the light; pictures hold its 2.2nd root.
    assert np.all(Corruption('dark', 1)(grey) == round(100 * 0.5 ** (1 / 2.2)))
    assert np.all(Corruption('bright', 2)(grey) == round(100 * 2 ** (1 / 2.2)))
    assert np.all(Corruption('bright', 5)(2 * grey) == 255)


def test_dropped_lines_are_black_and_others_stay():
    worse = Corruption('dropped', 3)(PICTURE)
    black = ~worse.any(axis=(1, 2))
    assert black.mean() == pytest.approx(0.1, abs=0.02)
    assert np.array_equal(worse[~black], PICTURE[~black])


def test_frozen_columns_show_the_one_before_them():
    ramp = np.broadcast_to(np.arange(160, dtype=np.uint8)[None, :, None], (4, 160, 3))
    row = Corruption('frozen', 4)(ramp)[0, :, 0].astype(int)
    assert np.all(row <= np.arange(160))
    assert np.all(np.diff(row) >= 0)
    assert np.mean(row != np.arange(160)) == pytest.approx(0.3, abs=0.1)


def test_words_name_kinds_and_levels():
    assert corruptions_of(['noise:2', 'fog:5']) == [Corruption('noise', 2), Corruption('fog', 5)]
    assert [item.name for item in corruptions_of(['jpeg'])] == [f'jpeg:{n}' for n in LEVELS]
    assert [item.kind for item in corruptions_of(['all:3'])] == list(CORRUPTIONS)
    assert len(corruptions_of(['all', 'noise:1'])) == 5 * len(CORRUPTIONS)


def test_an_unknown_kind_or_level_is_told_with_what_is_allowed():
    with pytest.raises(UnknownNameError, match=r"unknown corruption 'rain'; known: noise, blur"):
        corruptions_of(['rain:1'])
    with pytest.raises(ConfigError, match=r"'noise:6' has level '6'; allowed: 1 to 5"):
        corruptions_of(['noise:6'])
