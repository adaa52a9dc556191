"""Networks that load at once or when told to, for tests of what loads them."""

import threading

import numpy as np
import pytest

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.nodes.pipeline_host import PipelineHost
from depth_anything_ros.parameters import changed as with_changes
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.types import Frame, ModelInput, OutputKind, RelativeInverseDepth

CONFIG = from_mapping(
    DepthNodeConfig, {'scale_source': 'fixed', 'fixed_scale': 0.5, 'weights': 'random'}
)


class Network:
    """Stand in for a predictor that gives ones everywhere."""

    output_kind, weights_path = OutputKind.RELATIVE_INVERSE_DEPTH, None

    def __init__(self, config):
        self.identity = config.network.model

    def preprocess(self, rgb):
        return ModelInput(np.zeros((1, 3, 14, 14), np.float32), rgb.shape[:2])

    def infer(self, model_input):
        return np.ones(model_input.source_size, np.float32)

    def postprocess(self, raw, source_size):
        return RelativeInverseDepth(raw)


class GatedLoader:
    """Load at once, except networks of `gates`, which wait for theirs and note that they do."""

    def __init__(self, *sizes):
        self.gates = {size: threading.Event() for size in sizes}
        self.begun = {size: threading.Event() for size in sizes}
        self.warmed_up_for = []

    def __call__(self, config):
        self.warmed_up_for.append((config.warmup_height, config.warmup_width))
        if config.network.input_size in self.gates:
            self.begun[config.network.input_size].set()
            assert self.gates[config.network.input_size].wait(10)
        network = Network(config)
        network.identity = config.network.input_size
        return network


def changed(**fields):
    return with_changes(CONFIG, fields), frozenset(fields)


def depth_m(host):
    frame = Frame(np.zeros((2, 2, 3), np.uint8), 1_000_000_000, 'camera')
    return host.pipeline.process(frame).metric.depth_m[0, 0]


@pytest.fixture
def make_host():
    hosts = []

    def make(load=Network, **options):
        hosts.append(PipelineHost(load, **options))
        return hosts[-1]

    yield make
    for host in hosts:
        host.close(10)
