import sys

import pytest

from depth_anything_ros.errors import MissingDependencyError
from depth_anything_ros.evaluation.plots import new_figure, why_no_plots


def test_without_the_library_a_plot_names_the_extra(monkeypatch):
    assert why_no_plots() == ''
    monkeypatch.setitem(sys.modules, 'matplotlib', None)
    assert 'depth_anything_ros[report]' in why_no_plots()
    with pytest.raises(MissingDependencyError, match=r'depth_anything_ros\[report\]'):
        new_figure((1, 1), 100)
