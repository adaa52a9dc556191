"""When a process of several cameras ends by itself; what they do is tested in integration."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='no ROS 2 is installed')

from depth_anything_ros.errors import DepthAnythingError
from depth_anything_ros.nodes import cameras_node


class Camera:
    """A node whose network cannot be loaded; with `put_right` somebody does that at once."""

    put_right = False
    seen = threading.Event()

    def __init__(self, namespace, _company):
        self._is_first = namespace == '/front'
        self._failed = False
        self.context = SimpleNamespace(ok=lambda: True, try_shutdown=lambda: None)

    @property
    def is_loaded(self):
        if self._is_first and self._failed and self.put_right:
            self.seen.set()
            return True
        return False

    async def start_by_itself(self):
        if not self._is_first and self.put_right:
            self.seen.wait(1)
        self._failed = True
        raise DepthAnythingError('no weights')


@pytest.fixture
def cameras(monkeypatch):
    monkeypatch.setattr(cameras_node, 'DepthNode', Camera)
    monkeypatch.setattr(cameras_node, '_LOOK_S', 0.01)
    ended = threading.Event()

    def spin(node, first, _survive):
        asyncio.run(first())
        if Camera.put_right and node is made._nodes['/rear/depth_node']:
            # As long as it takes to look some times.
            ended.wait(0.2)
            ended.set()
        ended.wait(30)

    monkeypatch.setattr(cameras_node, 'spin', spin)
    made = cameras_node.CamerasNode(['cameras_node', 'front', 'rear'])
    yield made
    ended.set()


def test_where_no_camera_can_start_the_process_ends(cameras):
    with pytest.raises(
        DepthAnythingError, match='/front/depth_node: no weights; /rear/depth_node'
    ):
        cameras.run()


def test_a_camera_that_was_put_right_keeps_the_process(cameras, monkeypatch):
    monkeypatch.setattr(Camera, 'put_right', True)
    cameras.run()
    assert cameras._failures == {'/rear/depth_node': 'no weights'}
