"""Several networks on one command line."""

import argparse

import pytest

from depth_anything_ros.cli.predictor_options import (
    NetworkChoice,
    add_predictors_arguments,
    chosen_networks,
)


@pytest.mark.parametrize(
    ('line', 'networks'),
    [
        ('', [('tiny', '')]),
        ('--model tiny_sdt', [('tiny_sdt', '')]),
        ('--checkpoint a', [('tiny', 'a')]),
        ('--checkpoint a --checkpoint b', [('tiny', 'a'), ('tiny', 'b')]),
        ('--checkpoint a --model tiny_sdt', [('tiny_sdt', 'a')]),
        ('--model tiny_sdt --checkpoint a', [('tiny_sdt', 'a')]),
        ('--model tiny --model tiny_sdt --checkpoint a', [('tiny', ''), ('tiny_sdt', 'a')]),
        ('--model tiny --checkpoint a --model tiny_sdt', [('tiny', 'a'), ('tiny_sdt', '')]),
        ('--model tiny --checkpoint a --checkpoint b', [('tiny', 'a'), ('tiny', 'b')]),
    ],
)
def test_a_checkpoint_is_of_the_model_before_it(line, networks):
    parser = argparse.ArgumentParser()
    add_predictors_arguments(parser, 'tiny')
    found = chosen_networks(parser.parse_args(line.split()))
    assert found == [NetworkChoice(*one) for one in networks]
