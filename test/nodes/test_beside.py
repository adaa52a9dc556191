import threading
import time
from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from rclpy.executors import ExternalShutdownException
from std_srvs.srv import Trigger

from depth_anything_ros.errors import DepthAnythingError
from depth_anything_ros.nodes.beside import beside, offer, outcome, settle


class Node:
    """Stand in for a node: it counts how often its executor is woken, and keeps its service."""

    def __init__(self):
        self.woken = threading.Semaphore(0)
        self.executor = SimpleNamespace(wake=self.woken.release)
        self.ok = True
        self.context = SimpleNamespace(ok=lambda: self.ok)
        self.answer = None

    def create_service(self, service_type, name, answer, *, callback_group):
        assert (service_type, name) == (Trigger, '~/save')
        self.answer = answer


@pytest.fixture
def node():
    return Node()


def run(coroutine):
    """Give a coroutine its turns, as an executor does, and return what comes of it."""
    end_s = time.monotonic() + 10
    while time.monotonic() < end_s:
        try:
            coroutine.send(None)
        except StopIteration as end:
            return end.value
    raise AssertionError('not done')


def failing():
    raise ValueError('no room')


def done(value):
    future = Future()
    future.set_result(value)
    return future


def test_work_is_done_in_another_thread_and_wakes_the_executor(node):
    gate = threading.Event()
    waiting = beside(node, lambda: gate.wait(10) and threading.current_thread())
    for _ in range(3):
        waiting.send(None)
    gate.set()
    assert node.woken.acquire(timeout=10)
    assert run(waiting) is not threading.current_thread()


def test_what_the_work_raises_is_raised_where_it_is_awaited(node):
    with pytest.raises(ValueError, match='no room'):
        run(beside(node, failing))


def test_work_that_takes_too_long_is_cancelled(node):
    future = Future()
    with pytest.raises(DepthAnythingError, match='not done within 0 s'):
        run(outcome(node, future, 0.0))
    settle(future, failing)
    assert future.cancelled()


def test_the_end_of_ros_ends_the_wait(node):
    waiting = outcome(node, Future())
    waiting.send(None)
    node.ok = False
    with pytest.raises(ExternalShutdownException):
        waiting.send(None)


def test_a_service_answers_with_what_came_of_the_work(node):
    offer(node, '~/save', lambda: done('/tmp/cloud.ply'))
    response = run(node.answer(Trigger.Request(), Trigger.Response()))
    assert (response.success, response.message) == (True, '/tmp/cloud.ply')


def test_a_service_answers_with_the_reason_where_there_is_nothing(node):
    refused = DepthAnythingError('no image yet')

    def refuse():
        raise refused

    offer(node, '~/save', refuse)
    response = run(node.answer(Trigger.Request(), Trigger.Response()))
    assert (response.success, response.message) == (False, 'no image yet')


def test_a_service_names_the_class_of_an_error_that_nobody_expected(node):
    future = Future()
    settle(future, failing)
    offer(node, '~/save', lambda: future)
    response = run(node.answer(Trigger.Request(), Trigger.Response()))
    assert (response.success, response.message) == (False, 'ValueError: no room')
