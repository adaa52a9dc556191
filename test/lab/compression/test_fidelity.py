"""Signal-to-quantisation-noise ratio of outputs."""

import logging
import math

import pytest
import torch
from torch import nn

from depth_anything_ros.lab.compression.fidelity import output_sqnr_db, warn_of_low_sqnr


class Times(nn.Module):
    def __init__(self, factor, offset=0.0):
        super().__init__()
        self.factor, self.offset = factor, offset

    def forward(self, pixels):
        return pixels * self.factor + self.offset


INPUTS = [torch.ones(1, 3, 4, 4), torch.full((1, 3, 2, 2), 2.0)]


@pytest.mark.parametrize(('factor', 'sqnr_db'), [(1.1, 20.0), (0.99, 40.0), (2.0, 0.0)])
def test_relative_error_in_db(factor, sqnr_db):
    assert output_sqnr_db(Times(1.0), Times(factor), INPUTS) == pytest.approx(sqnr_db, abs=1e-3)


def test_power_is_summed_over_inputs():
    # Signal 48 · 1² + 12 · 2² = 96; noise 60 · 0.5² = 15.
    wanted = 10 * math.log10(96 / 15)
    assert output_sqnr_db(Times(1.0), Times(1.0, 0.5), INPUTS) == pytest.approx(wanted)


def test_equal_outputs_give_infinity():
    assert output_sqnr_db(Times(1.0), Times(1.0), INPUTS) == math.inf


@pytest.mark.parametrize(('factor', 'inputs'), [(0.0, INPUTS), (1.0, [])])
def test_no_signal_gives_nan(factor, inputs):
    assert math.isnan(output_sqnr_db(Times(factor), Times(1.0), inputs))


@pytest.mark.parametrize(
    ('sqnr_db', 'message'),
    [
        (math.inf, None),
        (31.6, None),
        (20.0, None),
        (19.9, 'recipe r: its output moves by 10% of its size (SQNR 19.9 dB); 20 dB and more'),
        (14.0, 'moves by 20% of its size'),
        (0.0, 'moves by 100% of its size'),
        (math.nan, 'recipe r: the network gives only zeros'),
    ],
)
def test_warning_below_a_tenth_of_the_output(sqnr_db, message, caplog):
    with caplog.at_level(logging.WARNING):
        assert warn_of_low_sqnr(sqnr_db, 'r') is (message is not None)
    assert message in caplog.text if message else caplog.text == ''
