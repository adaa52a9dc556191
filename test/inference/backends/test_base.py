import numpy as np
import pytest

from depth_anything_ros.errors import BackendError
from depth_anything_ros.inference.backends.base import (
    check_pixels,
    require_precision,
)
from depth_anything_ros.types import Precision


def test_require_precision_names_those_allowed():
    require_precision('b', 'cpu', Precision.FP32, (Precision.FP32,))
    with pytest.raises(BackendError, match='b cannot compute in fp16 on cpu; allowed: fp32, bf16'):
        require_precision('b', 'cpu', Precision.FP16, (Precision.FP32, Precision.BF16))


def test_check_pixels_names_both_shapes():
    check_pixels(np.zeros((1, 3, 14, 28), np.float32), (14, 28))
    with pytest.raises(BackendError, match=r'\(1, 3, 28, 14\).*\(1, 3, 14, 28\)'):
        check_pixels(np.zeros((1, 3, 28, 14), np.float32), (14, 28))
