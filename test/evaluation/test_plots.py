import numpy as np

from depth_anything_ros.evaluation.latency import percentiles
from depth_anything_ros.evaluation.plots import latency_plot


def test_one_stalled_frame_does_not_multiply_the_bars_of_the_histogram():
    latency_ms = 100.0 + 1e-7 * np.random.default_rng(0).standard_normal(1000)
    latency_ms[0] = 10_000.0
    png = latency_plot(np.arange(1000) / 30.0, latency_ms, percentiles(latency_ms))
    assert png.startswith(b'\x89PNG')
