import numpy as np
import pytest

from depth_anything_ros.completion.residuals import thinned


@pytest.mark.parametrize('kind', [np.float32, np.uint8])
@pytest.mark.parametrize('size', [(240, 320), (241, 320), (240, 321), (241, 321), (481, 641)])
def test_each_second_pixel_of_a_wide_image_is_looked_at(size, kind):
    image = np.random.default_rng(0).integers(0, 256, size).astype(kind)
    found = thinned(image)
    assert found.dtype == kind
    np.testing.assert_array_equal(found, image[::2, ::2])


def test_of_a_narrow_image_all_are():
    image = np.zeros((300, 319), np.float32)
    assert thinned(image) is image
