import numpy as np
import pytest

from depth_anything_ros.errors import AlignmentError
from depth_anything_ros.scale.fixed import FixedConfig, FixedScale
from depth_anything_ros.types import RelativeInverseDepth

RELATIVE = RelativeInverseDepth(np.ones((4, 4), np.float32))


def test_the_given_numbers_come_back_with_the_stamp_of_the_frame():
    alignment = FixedScale(0.2, -0.1).align(RELATIVE, 42)
    assert (alignment.scale, alignment.shift) == (0.2, -0.1)
    assert (alignment.source, alignment.stamp_ns) == ('fixed', 42)
    assert (alignment.points, alignment.inlier_ratio, alignment.residual) == (0, 1.0, 0.0)


def test_the_numbers_come_from_the_parameters():
    config = FixedConfig(fixed_scale=0.3, fixed_shift=0.02)
    alignment = FixedScale.from_config(config).align(RELATIVE, 0)
    assert (alignment.scale, alignment.shift) == (0.3, 0.02)


@pytest.mark.parametrize('numbers', [(0.0, 0.0), (-1.0, 0.0), (1.0, float('nan'))])
def test_numbers_that_are_no_alignment_are_refused(numbers):
    with pytest.raises(AlignmentError, match='the scale above 0'):
        FixedScale(*numbers)
