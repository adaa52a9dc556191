import sys

import numpy as np
import pytest

from depth_anything_ros.errors import MissingDependencyError
from depth_anything_ros.evaluation.latency import percentiles
from depth_anything_ros.evaluation.plots import latency_plot, why_no_plots


def test_one_stalled_frame_does_not_multiply_the_bars_of_the_histogram():
    latency_ms = 100.0 + 1e-7 * np.random.default_rng(0).standard_normal(1000)
    latency_ms[0] = 10_000.0
    png = latency_plot(np.arange(1000) / 30.0, latency_ms, percentiles(latency_ms))
    assert png.startswith(b'\x89PNG')


def test_without_the_library_a_plot_names_the_extra(monkeypatch):
    assert why_no_plots() == ''
    monkeypatch.setitem(sys.modules, 'matplotlib', None)
    assert 'depth_anything_ros[report]' in why_no_plots()
    with pytest.raises(MissingDependencyError, match=r'depth_anything_ros\[report\]'):
        latency_plot(np.arange(2.0), np.arange(2.0), percentiles(np.arange(2.0)))
