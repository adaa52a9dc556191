import logging

import pytest

from depth_anything_ros.nodes import process


class Context:
    """Stand in for a ROS context that ends without waking anybody."""

    def __init__(self, checks):
        self._left = checks

    def ok(self):
        self._left -= 1
        return self._left >= 0


class Node:
    def __init__(self, checks):
        self.context = Context(checks)


def test_spinning_looks_at_the_context_again_though_nothing_wakes_it(monkeypatch):
    """An executor that waits without a limit misses a SIGTERM that comes at the wrong moment."""
    waits_s, nodes = [], []

    class Executor:
        def __init__(self, context):
            assert isinstance(context, Context)

        def add_node(self, node):
            nodes.append(node)

        def remove_node(self, node):
            nodes.remove(node)

        def shutdown(self):
            nodes.append('shut down')

        def spin_once(self, timeout_sec=None):
            waits_s.append(timeout_sec)

    monkeypatch.setattr(process, 'SingleThreadedExecutor', Executor)
    process.spin(Node(checks=3))
    assert all(0 < wait_s <= 1 for wait_s in waits_s[:3])
    # Callbacks that wait get their last turns, without another wait.
    assert set(waits_s[3:]) == {0}
    assert nodes == ['shut down']


def test_a_fault_of_a_callback_is_told_and_the_next_one_served(monkeypatch):
    faults, served = [ValueError('a'), None, RuntimeError('b')], []

    class Executor:
        def __init__(self, context):
            pass

        def spin_once(self, timeout_sec=None):
            served.append(timeout_sec)
            fault = faults.pop(0) if faults else None
            if fault is not None:
                raise fault

        def add_node(self, node):
            pass

        remove_node = add_node

        def shutdown(self):
            pass

    monkeypatch.setattr(process, 'SingleThreadedExecutor', Executor)
    told = []
    # Each fault looks at the context once more; one after its end is the end.
    process.spin(Node(checks=6), survive=lambda error: told.append(str(error)))
    assert told == ['a', 'b']
    assert len([wait_s for wait_s in served if wait_s]) == 4
    faults[:] = [ValueError('c')]
    with pytest.raises(ValueError, match='c'):
        process.spin(Node(checks=3))
    faults[:] = [ValueError('d')]
    with pytest.raises(ValueError, match='d'):
        process.spin(Node(checks=1), survive=lambda error: told.append(str(error)))
    assert told == ['a', 'b']


class FailingNode:
    """Raise in `run` what rclpy raises when a call comes after the end of the context."""

    closed = False

    def run(self):
        raise RuntimeError("publisher's context is invalid")

    def close(self):
        FailingNode.closed = True

    def destroy_node(self):
        pass


@pytest.fixture
def ros(monkeypatch):
    """Replace what `run_process` does to the whole process; return whether ROS is up."""
    state = {'ok': True}
    for name in ('prepare_transport', 'try_shutdown'):
        monkeypatch.setattr(process, name, lambda: None)
    monkeypatch.setattr(process, '_init_ros', lambda argv: None)
    monkeypatch.setattr(process.signal, 'signal', lambda number, action: None)
    monkeypatch.setattr(process.rclpy, 'ok', lambda: state['ok'])
    library = logging.getLogger('depth_anything_ros')
    handlers, level = list(library.handlers), library.level
    yield state
    library.handlers[:] = handlers
    library.setLevel(level)


def test_what_rclpy_raises_after_the_end_of_ros_is_no_failure(ros):
    ros['ok'] = False
    FailingNode.closed = False
    assert process.run_process('failing', FailingNode, []) == 0
    assert FailingNode.closed


def test_what_rclpy_raises_while_ros_is_up_is_not_hidden(ros):
    with pytest.raises(RuntimeError, match='context is invalid'):
        process.run_process('failing', FailingNode, [])
