"""How well a network agrees with itself on the mirrored image, as a confidence."""

import numpy as np

from depth_anything_ros.inference.flip import agreement

RAW = np.array([[1.0, 2.0, 4.0, 0.0, 3.0]], np.float32)
# Turned back it is [[1, 4, 1, 2, -1]].
MIRRORED = np.array([[-1.0, 2.0, 1.0, 4.0, 1.0]], np.float32)


def test_agreement_is_the_ratio_whatever_the_scale_and_unknown_where_one_is_no_distance():
    found = agreement(RAW, MIRRORED)
    np.testing.assert_allclose(found, [[1.0, 0.5, 0.25, np.nan, np.nan]])
    np.testing.assert_allclose(agreement(3 * RAW, 3 * MIRRORED), found)


def test_metres_and_their_inverse_agree_as_well():
    raw, turned = RAW[:, :3], MIRRORED[:, 2:]
    np.testing.assert_allclose(agreement(1 / raw, 1 / turned), agreement(raw, turned))
