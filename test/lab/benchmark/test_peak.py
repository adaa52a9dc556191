import time

import torch

from depth_anything_ros.lab.benchmark.peak import peak_gflop_per_s
from depth_anything_ros.types import Precision


def test_peak_is_measured_once_and_no_product_of_matrices_beats_it_by_far():
    peak = peak_gflop_per_s(Precision.FP32)
    assert peak_gflop_per_s(Precision.FP32) == peak
    side = 1024
    matrix = torch.ones(side, side)
    fastest_s = float('inf')
    for _ in range(10):
        start_s = time.perf_counter()
        matrix @ matrix
        fastest_s = min(fastest_s, time.perf_counter() - start_s)
    assert 2 * side**3 / fastest_s * 1e-9 < 3 * peak
    assert peak > 0.1, 'not even 10⁸ operations a second'
