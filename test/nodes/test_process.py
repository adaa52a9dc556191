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

        def spin_once(self, timeout_sec=None):
            waits_s.append(timeout_sec)

    monkeypatch.setattr(process, 'SingleThreadedExecutor', Executor)
    process.spin(Node(checks=3))
    assert len(waits_s) == 3
    assert all(0 < wait_s <= 1 for wait_s in waits_s)
    assert nodes == []
