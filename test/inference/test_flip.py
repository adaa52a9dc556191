import numpy as np

from depth_anything_ros.inference.flip import disagreement, mean_with_mirrored, mirrored
from depth_anything_ros.types import ModelInput, OutputKind


def test_columns_of_the_input_are_reversed_and_its_source_kept():
    pixels = np.arange(24, dtype=np.float32).reshape(1, 3, 2, 4)
    found = mirrored(ModelInput(pixels, (20, 40)))
    assert found.source_size == (20, 40)
    assert found.pixels.flags.c_contiguous
    np.testing.assert_array_equal(found.pixels[0, 1, 0], [11, 10, 9, 8])


def test_a_network_that_follows_the_mirror_is_not_changed():
    raw = np.random.default_rng(0).uniform(0.5, 4, (3, 5)).astype(np.float32)
    for kind in OutputKind:
        np.testing.assert_allclose(mean_with_mirrored(raw, raw[:, ::-1], kind), raw, rtol=1e-6)


def test_relative_outputs_are_averaged_as_they_are():
    raw, turned = np.array([[1.0, 2.0, 6.0]], np.float32), np.array([[0.0, 4.0, 3.0]], np.float32)
    found = mean_with_mirrored(raw, turned, OutputKind.RELATIVE_INVERSE_DEPTH)
    np.testing.assert_array_equal(found, [[2.0, 3.0, 3.0]])


def test_affine_depth_is_averaged_as_depth_and_sky_stays_sky():
    raw, turned = np.array([[1.0, 4.0, 0.0]], np.float32), np.array([[0.5, 2.0, 3.0]], np.float32)
    found = mean_with_mirrored(raw, turned, OutputKind.AFFINE_DEPTH)
    # Depth of 1 and 1/3, of 1/4 and 1/2, of the sky and 2.
    np.testing.assert_allclose(found, [[2 / (1 + 1 / 3), 2 / (1 / 4 + 1 / 2), 0.0]])
    off = disagreement(raw, turned, OutputKind.AFFINE_DEPTH)
    np.testing.assert_allclose(off, [[2 / 3, 1 / 4, 0.0]], rtol=1e-6)


def test_metres_are_averaged_as_their_inverse_and_zero_stays_zero():
    raw, turned = np.array([[1.0, 4.0, 0.0]], np.float32), np.array([[0.0, 4.0, 3.0]], np.float32)
    found = mean_with_mirrored(raw, turned, OutputKind.METRIC_DEPTH)
    np.testing.assert_allclose(found, [[2 / (1 + 1 / 3), 4.0, 0.0]])
