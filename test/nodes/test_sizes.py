"""Networks for new sizes of images are built beside the frames."""

import gc
import threading
import weakref

import pytest

from depth_anything_ros.errors import BackendError
from depth_anything_ros.nodes.sizes import RETRY_S, SizeBuilder

WAIT_S = 10


class Network:
    """Stand in for a predictor whose networks take until they are let."""

    def __init__(self, error=None):
        self.built = {(48, 64)}
        self.made = []
        self.begun, self.let = threading.Event(), threading.Event()
        self.error = error

    def is_built(self, height, width):
        return (height, width) in self.built

    def warm_up(self, height, width):
        self.made.append((height, width))
        self.begun.set()
        self.let.wait(WAIT_S)
        if self.error is not None:
            raise self.error
        self.built.add((height, width))


@pytest.fixture
def calls():
    return []


class Clock:
    now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def builder(calls, clock):
    made = SizeBuilder(lambda: calls.append(1), clock)
    yield made
    made.close()


def test_a_new_size_is_built_once_while_known_ones_go_on(builder, calls):
    network = Network()
    assert builder.is_built(network, (48, 64))
    assert builder.building == ''
    for _ in range(5):
        assert not builder.is_built(network, (64, 48))
        assert builder.is_built(network, (48, 64))
    assert builder.building == '48x64'
    network.let.set()
    assert builder.wait_idle(WAIT_S)
    assert builder.is_built(network, (64, 48))
    assert network.made == [(64, 48)]
    assert (builder.building, calls) == ('', [1])


def test_a_size_that_cannot_be_built_is_told_and_not_tried_again_at_once(builder, calls, clock):
    network = Network(BackendError('too large'))
    network.let.set()
    assert not builder.is_built(network, (480, 640))
    assert builder.wait_idle(WAIT_S)
    for _ in range(3):
        clock.now_s += RETRY_S / 4
        with pytest.raises(BackendError, match='no network for images of 640x480: too large'):
            builder.is_built(network, (480, 640))
    assert network.made == [(480, 640)]
    assert calls == [1]


def test_a_size_that_failed_is_tried_again_after_a_while(builder, calls, clock):
    network = Network(BackendError('no memory'))
    network.let.set()
    for tries in (1, 2):
        assert not builder.is_built(network, (480, 640))
        assert builder.wait_idle(WAIT_S)
        assert network.made == [(480, 640)] * tries
        with pytest.raises(BackendError, match='no memory'):
            builder.is_built(network, (480, 640))
        clock.now_s += RETRY_S
    network.error = None
    assert not builder.is_built(network, (480, 640))
    assert builder.wait_idle(WAIT_S)
    assert builder.is_built(network, (480, 640))
    assert calls == [1, 1, 1]


def test_a_network_that_was_exchanged_is_let_go(builder):
    network, other = Network(), Network()
    network.let.set()
    assert not builder.is_built(network, (480, 640))
    assert builder.wait_idle(WAIT_S)
    kept = weakref.ref(network)
    del network
    assert builder.is_built(other, (48, 64))
    gc.collect()
    assert kept() is None


def test_a_build_for_an_exchanged_model_does_not_end_that_of_the_new_one(builder):
    network, other = Network(), Network()
    assert not builder.is_built(network, (480, 640))
    assert network.begun.wait(WAIT_S)
    assert not builder.is_built(other, (480, 640))
    network.let.set()
    assert other.begun.wait(WAIT_S)
    assert builder.building == '640x480'
    assert not builder.is_built(other, (480, 640))
    other.let.set()
    assert builder.wait_idle(WAIT_S)
    assert other.made == [(480, 640)]


def test_another_model_is_tried_at_sizes_that_failed_before(builder):
    network, other = Network(RuntimeError('broken')), Network()
    for one in (network, other):
        one.let.set()
        assert not builder.is_built(one, (480, 640))
        assert builder.wait_idle(WAIT_S)
    assert builder.is_built(other, (480, 640))


def test_of_many_new_sizes_the_last_is_built_next(builder):
    network = Network()
    for width in range(100, 120):
        assert not builder.is_built(network, (100, width))
    network.let.set()
    assert builder.wait_idle(WAIT_S)
    assert len(network.made) <= 2
    assert network.made[-1] == (100, 119)


def test_what_waits_is_forgotten(builder):
    network = Network()
    builder.is_built(network, (100, 100))
    builder.is_built(network, (100, 101))
    builder.discard()
    assert builder.building == ''
    network.let.set()
    assert builder.wait_idle(WAIT_S)
    assert len(network.made) <= 1
