import cv2
import numpy as np
import pytest

from depth_anything_ros.geometry.bilateral_grid import (
    LAYERS,
    SHAPE,
    GridPlaces,
    at_layers,
    layer_inverse_depths,
    layer_of,
    over_image,
    smooth,
)

SIZE = (480, 640)


def places(rows, columns, inverse):
    return GridPlaces.of(
        *(np.asarray(each, np.float32) for each in (rows, columns, inverse)), SIZE
    )


def scattered(count, least=0.1, most=5.0, seed=0):
    rng = np.random.default_rng(seed)
    rows, columns = rng.uniform(0, 479, count), rng.uniform(0, 639, count)
    return rows, columns, np.exp(rng.uniform(np.log(least), np.log(most), count))


def field_of(points, values):
    return smooth(points.sums(np.ones(len(values))), points.sums(values))


def test_layers_reach_from_ten_metres_to_a_fifth_of_one():
    np.testing.assert_allclose(layer_of(np.array([0.1, 5.0])), (0, LAYERS - 1), atol=1e-9)
    np.testing.assert_allclose(layer_of(layer_inverse_depths()), np.arange(LAYERS), atol=1e-9)
    assert layer_of(np.array([-1.0]))[0] == layer_of(np.array([0.0]))[0]


def test_a_point_counts_once_and_reads_what_is_linear_exactly():
    points = places(*scattered(500))
    assert points.sums(np.ones(500)).sum() == pytest.approx(500, rel=1e-5)
    layers, rows, columns = np.meshgrid(*map(np.arange, SHAPE), indexing='ij')
    nodes = (0.1 * rows - 0.2 * columns + 0.3 * layers).astype(np.float32)
    row, column, inverse = scattered(500)
    down = ((row + 0.5) * (25 / 480) - 0.5).clip(0, 24)
    right = ((column + 0.5) * (33 / 640) - 0.5).clip(0, 32)
    expected = 0.1 * down - 0.2 * right + 0.3 * layer_of(inverse)
    np.testing.assert_allclose(points.read(nodes), expected, atol=1e-4)


def test_every_pixel_has_what_a_point_there_reads():
    nodes = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    inverse = np.random.default_rng(1).uniform(0.05, 6.0, SIZE).astype(np.float32)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    points = places(rows.reshape(-1), columns.reshape(-1), inverse.reshape(-1))
    # Two directions in steps of 1/32, of which half is the error, times the steepest slope.
    np.testing.assert_allclose(
        over_image(nodes, inverse).reshape(-1), points.read(nodes), atol=2 / 64 + 1e-3
    )


def test_tall_images_are_done_in_bands():
    nodes = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    tall = over_image(nodes, np.full((2000, 20), 0.7, np.float32))
    small = over_image(nodes, np.full((400, 20), 0.7, np.float32))
    shrunk = cv2.resize(tall, (20, 400), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(shrunk, small, atol=0.02)


@pytest.mark.parametrize('count', [500, 5000])
def test_one_value_everywhere_comes_back_where_points_are(count):
    points = places(*scattered(count))
    field = field_of(points, np.full(count, 0.3))
    np.testing.assert_allclose(np.median(points.read(field)), 0.3, rtol=0.05)
    assert field.max() < 0.31


def test_many_points_bring_back_a_smooth_field():
    rows, columns, inverse = scattered(5000)
    values = 0.3 * np.sin(rows / 100) * np.cos(columns / 150) * np.log(inverse)
    field = field_of(places(rows, columns, inverse), values)
    rows, columns, inverse = scattered(1000, seed=1)
    expected = 0.3 * np.sin(rows / 100) * np.cos(columns / 150) * np.log(inverse)
    error = places(rows, columns, inverse).read(field) - expected
    assert np.sqrt(np.mean(error**2)) < 0.2 * np.std(expected)


def test_what_is_known_of_a_thing_does_not_reach_behind_it():
    near = places(np.full(200, 240), np.linspace(200, 400, 200), np.full(200, 2.0))
    background = places(np.full(200, 240), np.linspace(200, 400, 200), np.full(200, 0.2))
    values = np.full(200, 0.5)
    field = smooth(near.sums(np.ones(200)) + background.sums(np.ones(200)), near.sums(values))
    assert near.read(field).mean() > 0.45
    assert abs(background.read(field)).max() < 0.05


def test_far_from_all_points_and_beyond_their_depths_the_field_is_0():
    rows, columns, inverse = scattered(500, least=0.5, most=2.0)
    points = places(rows, columns / 4, inverse)
    field = field_of(points, np.full(500, 0.5))
    other_half, farther, nearer = (
        places(*at) for at in ([[240], [500], [1.0]], [[240], [80], [0.2]], [[240], [80], [5.0]])
    )
    for place in (other_half, farther, nearer):
        assert abs(place.read(field)[0]) < 0.01


def test_without_points_there_is_no_field():
    nothing = np.zeros(SHAPE, np.float32)
    assert not smooth(nothing, nothing).any()


def test_layers_elsewhere_read_between_those_that_are_there():
    nodes = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    np.testing.assert_allclose(at_layers(nodes, layer_inverse_depths()), nodes, atol=1e-5)
    ends = at_layers(nodes, np.array([0.0, 100.0]))
    np.testing.assert_allclose(ends, nodes[[0, -1]], atol=1e-6)
