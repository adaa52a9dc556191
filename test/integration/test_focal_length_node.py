"""A node with a model of metres by the focal length: what it publishes with and without one."""

import sys

import numpy as np
import pytest
from node_world import QUICK, ros_arguments
from sensor_msgs.msg import CameraInfo, Image

# The published one takes 1.3 GB: the same with fewer and narrower layers.
NODE = """
from dataclasses import replace
from depth_anything_ros.models import MODELS
MODELS.add('narrow_metric', replace(
    MODELS['depth_anything_3_metric_large'], name='narrow_metric', encoder_size='vits',
    layers=(2, 5, 8, 11), features=16, out_channels=(8, 8, 8, 8),
))
from depth_anything_ros.nodes.start import start
start('depth_node')
"""
# Random weights may say anything, which the largest depth would cut.
PARAMETERS = {**QUICK, 'model': 'narrow_metric', 'max_depth_m': 1000.0}
RELATIVE, DEPTH = '/depth_node/relative/image_raw', '/depth_node/depth/image_raw'

pytestmark = pytest.mark.slow


def values(message):
    return np.frombuffer(message.data, np.float32)


def test_metres_follow_the_focal_length_and_without_camera_info_there_are_none(world, camera):
    world.run('narrow', [sys.executable, '-c', NODE, *ros_arguments(PARAMETERS)])
    probe = world.probe()
    for kind, topic in ((Image, 'image'), (CameraInfo, 'camera_info')):
        probe.publisher(kind, topic)
    relative, depth = probe.listen(Image, RELATIVE), probe.listen(Image, DEPTH)
    probe.await_subscribers('image', 'camera_info')
    for topic in (RELATIVE, DEPTH):
        probe.await_publisher(topic)
    probe.spin(0.5)
    rgb = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)

    def send(*, metres):
        relative.clear()
        depth.clear()
        probe.publish('image', camera.image(rgb))
        probe.spin_until(lambda: relative and len(depth) == metres)

    send(metres=0)
    probe.spin(0.3)
    assert not depth
    seen = values(relative[0]) > 0
    assert seen.mean() > 0.5
    message = probe.diagnostics()['message']
    assert 'no metric depth: the metres of this model follow from the focal length' in message
    assert 'no camera_info received' in message

    found_m = {}
    for focal_px in (60.0, 120.0):  # the lens zooms
        probe.publish('camera_info', camera.info(focal_px))
        probe.spin(0.3)
        send(metres=1)
        found_m[focal_px] = values(depth[0])
        # The network reads 56×42 of the image's 64×48 pixels.
        expected_m = focal_px * 56 / 64 / 300 / values(relative[0])[seen]
        np.testing.assert_allclose(found_m[focal_px][seen], expected_m, rtol=1e-5)
        assert np.isposinf(found_m[focal_px][~seen]).all()  # what random weights take for sky
    np.testing.assert_allclose(found_m[120.0][seen], 2 * found_m[60.0][seen], rtol=1e-5)
    report = probe.diagnostics()
    assert report['scale']['source'] == 'focal_length'
    assert 'metres by the focal length' in report['model']['output']
