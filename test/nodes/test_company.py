"""Which networks the depth nodes of one process share."""

import gc
import os
from dataclasses import replace

import pytest
from stand_in_networks import CONFIG, Network

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.nodes.company import Company
from depth_anything_ros.parameters import changed


class Sized(Network):
    """Stand in for a predictor that has one size to begin with."""

    def __init__(self, config):
        super().__init__(config)
        self.built = [(config.warmup_height, config.warmup_width)]

    def is_built(self, height, width):
        return (height, width) in self.built

    def warm_up(self, height, width):
        self.built.append((height, width))


@pytest.fixture
def company():
    return Company(('/front/depth_node', '/rear/depth_node', '/left/depth_node'), Sized)


def test_nodes_with_the_same_network_share_it_and_build_each_size_once(company):
    front = company.load(CONFIG)
    other = replace(CONFIG, max_depth_m=3.0, warmup_height=96, warmup_width=128)
    assert company.load(other) is front
    assert company.load(CONFIG) is front
    assert front.built == [(480, 640), (96, 128)]
    assert front.kept_sizes == 6


@pytest.mark.parametrize('field', [{'input_size': 70}, {'precision': 'fp32'}, {'threads': 1}])
def test_another_network_is_loaded_beside(company, field):
    front = company.load(CONFIG)
    assert company.load(changed(CONFIG, field)) is not front
    assert company.load(CONFIG) is front


def test_a_network_that_nobody_runs_is_let_go(company):
    front = id(company.load(CONFIG))
    gc.collect()
    assert len(company._loaded) == 0, front


@pytest.mark.parametrize('folder', [False, True])
def test_a_checkpoint_that_was_written_anew_is_loaded_anew(company, tmp_path, folder):
    path = tmp_path / 'network'
    file = path / 'model.onnx' if folder else path
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b'1')
    config = replace(CONFIG, network=replace(CONFIG.network, checkpoint=str(path)))
    front = company.load(config)
    assert company.load(config) is front
    os.utime(file, ns=(1, 1))
    rear = company.load(config)
    assert rear is not front
    file.write_bytes(b'22')
    os.utime(file, ns=(1, 1))
    assert company.load(config) not in (front, rear)


def test_a_load_that_fails_is_tried_again_for_the_next(monkeypatch):
    attempts = []

    def load(config):
        attempts.append(config)
        raise CheckpointError('damaged file')

    company = Company(('/front/depth_node', '/rear/depth_node'), load)
    for _ in range(2):
        with pytest.raises(CheckpointError, match='damaged file'):
            company.load(CONFIG)
    assert len(attempts) == 2


def test_turns_of_the_nodes_are_in_one_line(company):
    front, rear = company.turn(), company.turn()
    front.begin()
    assert rear._line[0] is front
