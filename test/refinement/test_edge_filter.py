import numpy as np
import pytest

from depth_anything_ros.refinement.edge_filter import CONTRAST, EdgeFilter
from depth_anything_ros.types import Frame, MetricDepth, OutputKind, RelativeInverseDepth

RNG = np.random.default_rng(5)


def frame(grey):
    grey = np.asarray(grey, np.uint8)
    return Frame(np.stack([grey] * 3, axis=-1), 0, 'camera')


def written_out(inverse, grey, radius):
    """The guided filter as the paper writes it, window by window, mirrored at the borders."""

    def mean(values):
        padded = np.pad(values, radius, mode='reflect')
        windows = np.lib.stride_tricks.sliding_window_view(
            padded, (2 * radius + 1, 2 * radius + 1)
        )
        return windows.mean(axis=(2, 3))

    guide = grey / 255
    slope = mean(guide * inverse) - mean(guide) * mean(inverse)
    slope /= mean(guide**2) - mean(guide) ** 2 + CONTRAST
    offset = mean(inverse) - slope * mean(guide)
    return mean(slope) * guide + mean(offset)


@pytest.mark.parametrize('radius', [1, 2, 4])
def test_it_is_the_guided_filter_as_published(radius):
    grey = RNG.integers(0, 256, (14, 17))
    inverse = RNG.uniform(0.1, 3.0, (14, 17)).astype(np.float32)
    found = EdgeFilter(radius)(RelativeInverseDepth(inverse), frame(grey)).values
    np.testing.assert_allclose(found, written_out(inverse, grey, radius), atol=2e-4)


@pytest.mark.parametrize('radius', [1, 6, 20])
def test_scale_and_shift_go_through_and_constants_stay(radius):
    image = frame(RNG.integers(0, 256, (40, 60)))
    inverse = RNG.uniform(0.1, 3.0, (40, 60)).astype(np.float32)
    step = EdgeFilter(radius)
    plain = step(RelativeInverseDepth(inverse), image).values
    scaled = step(RelativeInverseDepth(2.5 * inverse - 0.7), image).values
    np.testing.assert_allclose(scaled, 2.5 * plain - 0.7, atol=1e-4)
    flat = step(RelativeInverseDepth(np.full_like(inverse, 1.25)), image).values
    np.testing.assert_allclose(flat, 1.25, atol=1e-5)


@pytest.mark.parametrize('radius', [1, 6])
def test_scale_and_shift_of_affine_depth_go_through_and_sky_stays(radius):
    image = frame(RNG.integers(0, 256, (40, 60)))
    depth = RNG.uniform(1.0, 3.0, (40, 60)).astype(np.float32)
    step = EdgeFilter(radius)
    plain, scaled = (
        step(RelativeInverseDepth(1 / given, kind=OutputKind.AFFINE_DEPTH), image)
        for given in (depth, 2.5 * depth - 0.7)
    )
    np.testing.assert_allclose(1 / scaled.values, 2.5 / plain.values - 0.7, rtol=1e-4)
    assert scaled.kind is OutputKind.AFFINE_DEPTH
    sky = np.where(np.arange(60) < 20, np.float32(0), 1 / depth)
    filtered = step(RelativeInverseDepth(sky, kind=OutputKind.AFFINE_DEPTH), image).values
    assert (filtered[:, :20] == 0).all() and (filtered[:, 20:] > 0.2).all()
    nothing = RelativeInverseDepth(np.zeros((40, 60), np.float32), kind=OutputKind.AFFINE_DEPTH)
    assert not step(nothing, image).values.any()


def spread_px(radius):
    """The standard deviation of what one bright column becomes, the image showing nothing."""
    inverse = np.zeros((480, 640), np.float32)
    inverse[:, 320] = 1.0
    found = EdgeFilter(radius)(RelativeInverseDepth(inverse), frame(np.full((480, 640), 90)))
    row = found.values[240].astype(np.float64)
    columns = np.arange(640)
    middle = (row * columns).sum() / row.sum()
    return np.sqrt((row * (columns - middle) ** 2).sum() / row.sum())


@pytest.mark.parametrize('radius', [7, 8, 10, 13, 14, 35, 64])
def test_the_radius_is_that_asked_for(radius):
    # Two means over 7 of the small pixels, of radius / 3 each.
    expected = np.sqrt(2 * (7**2 - 1) / 12) * radius / 3
    assert spread_px(radius) == pytest.approx(expected, rel=0.04)


def test_a_blurred_edge_of_depth_becomes_that_of_the_image():
    columns = np.arange(64)
    grey = np.where(columns < 32, 60, 180) * np.ones((48, 1))
    truth = np.where(columns < 32, 0.5, 2.0) * np.ones((48, 1))
    blurred = np.interp(columns, [27.5, 35.5], [0.5, 2.0]) * np.ones((48, 1))
    found = EdgeFilter(6)(RelativeInverseDepth(blurred.astype(np.float32)), frame(grey)).values
    near = slice(28, 36)
    before = np.abs(blurred - truth)[:, near].mean()
    assert np.abs(found - truth)[:, near].mean() < 0.6 * before
    # The jump between the two columns at the image's edge: 1.5 in truth.
    assert blurred[24, 32] - blurred[24, 31] == pytest.approx(0.1875)
    assert found[24, 32] - found[24, 31] > 0.85


def test_metric_depth_is_filtered_as_its_inverse_and_zero_stays():
    image = frame(RNG.integers(0, 256, (24, 32)))
    depth_m = RNG.uniform(0.5, 5.0, (24, 32)).astype(np.float32)
    inverse = EdgeFilter(2)(RelativeInverseDepth(1 / depth_m), image).values
    found = EdgeFilter(2)(MetricDepth(depth_m), image).depth_m
    np.testing.assert_allclose(found, 1 / inverse, rtol=1e-4)
    depth_m[20, 5] = 0.0
    found = EdgeFilter(2)(MetricDepth(depth_m), image).depth_m
    assert found[20, 5] == 0.0
    assert np.isfinite(found).all() and (found >= 0).all()
