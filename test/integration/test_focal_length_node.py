"""A node with a model of metres by the focal length: what it publishes with and without one."""

import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from narrow_models import narrow_models
from node_world import QUICK, ros_arguments
from safetensors.torch import save_file
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from depth_anything_ros.models.checkpoint import load_estimator

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


# Its encoder and heads as they are narrowed where many models are tried.
SEEING = """
import sys
from narrow_models import narrow_models
from depth_anything_ros.nodes.start import start
with narrow_models():
    start('depth_node')
"""
POINTS = '/depth_node/points'


def values(message):
    return np.frombuffer(message.data, np.float32)


def beside_the_node(world):
    """Return a probe that sends images and calibration, and what it hears of both depths."""
    probe = world.probe()
    for kind, topic in ((Image, 'image'), (CameraInfo, 'camera_info')):
        probe.publisher(kind, topic)
    relative, depth = probe.listen(Image, RELATIVE), probe.listen(Image, DEPTH)
    probe.await_subscribers('image', 'camera_info')
    for topic in (RELATIVE, DEPTH):
        probe.await_publisher(topic)
    probe.spin(0.5)
    return probe, relative, depth


def test_metres_follow_the_focal_length_and_without_camera_info_there_are_none(world, camera):
    world.run('narrow', [sys.executable, '-c', NODE, *ros_arguments(PARAMETERS)])
    probe, relative, depth = beside_the_node(world)
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


def seeing(model, folder):
    """Write weights that find a view of 0.8 rad down and 1 rad across; random ones find none."""
    with narrow_models():
        state = load_estimator(model, weights='random')[0].state_dict()
    state['camera_head.fc_fov.0.weight'].zero_()
    state['camera_head.fc_fov.0.bias'].copy_(torch.tensor([0.8, 1.0]))
    save_file(state, folder / 'seeing.safetensors')
    return folder / 'seeing.safetensors'


def run_seeing(world, folder, model, **parameters):
    tests = str(Path(__file__).resolve().parents[1])
    world.environment['PYTHONPATH'] = os.pathsep.join(
        filter(None, (tests, world.environment.get('PYTHONPATH')))
    )
    given = {
        **QUICK, 'model': model, 'checkpoint': seeing(model, folder), 'weights': 'pretrained',
        'max_depth_m': 1000.0, 'predicted_camera': True, **parameters,
    }  # fmt: skip
    world.run('seeing', [sys.executable, '-c', SEEING, *ros_arguments(given)])


def test_the_nested_model_gives_metres_by_camera_info_or_by_the_view_that_it_finds(
    world, camera, tmp_path
):
    run_seeing(world, tmp_path, 'depth_anything_3_nested_giant_large')
    probe, relative, depth = beside_the_node(world)

    def at_300_px():
        """Return the metres and sky of an image, and its metres at a focal length of 300 px."""
        relative.clear()
        depth.clear()
        probe.publish('image', camera.image())
        probe.spin_until(lambda: relative and depth)
        found_m, inverse = values(depth[0]), values(relative[0])
        assert np.isposinf(found_m[inverse == 0]).all()
        known = np.isfinite(found_m)
        assert known.any()
        return float(np.median(found_m[known] * inverse[known])) * 300

    # The network reads 56×42 of the image's 64×48 pixels.
    seen_px = (32 / math.tan(0.5) + 24 / math.tan(0.4)) / 2 * 56 / 64
    assert at_300_px() == pytest.approx(seen_px, rel=1e-3)
    message = probe.diagnostics()['message']
    assert 'metres, clouds and scans go by a field of view that the network finds' in message
    assert 'no camera_info yet' in message
    probe.publish('camera_info', camera.info(60.0))
    probe.spin(0.3)
    assert at_300_px() == pytest.approx(60.0 * 56 / 64, rel=1e-4)
    report = probe.diagnostics()
    assert 'field of view' not in report['message']
    assert report['scale']['source'] == 'focal_length'
    assert report['model']['licence'] == 'CC-BY-NC-4.0'


def test_a_cloud_without_camera_info_goes_by_the_view_that_the_network_finds(
    world, camera, tmp_path
):
    run_seeing(world, tmp_path, 'depth_anything_3_small', scale_source='fixed', fixed_scale=1.0)
    probe = world.probe()
    for kind, topic in ((Image, 'image'), (CameraInfo, 'camera_info')):
        probe.publisher(kind, topic)
    depth, points = probe.listen(Image, DEPTH), probe.listen(PointCloud2, POINTS)
    probe.await_subscribers('image', 'camera_info')
    probe.await_publisher(POINTS)
    probe.spin(0.5)

    def focal_px():
        """Return the focal length that a cloud was made with."""
        depth.clear()
        points.clear()
        probe.publish('image', camera.image())
        probe.spin_until(lambda: depth and points)
        cloud = np.frombuffer(points[0].data, np.float32).reshape(48, 64, 4)
        known = np.isfinite(cloud[..., 2])
        assert known.any()
        across = (np.arange(64) - 31.5)[None] * values(depth[0]).reshape(48, 64)
        return float(np.median((across / cloud[..., 0])[known]))

    seen_px = focal_px()
    report = probe.diagnostics()
    assert seen_px == pytest.approx(32 / math.tan(0.5), rel=1e-3)
    assert float(report['predicted_camera']['fx_px']) == pytest.approx(seen_px, rel=1e-3)
    told = 'clouds and scans go by a field of view that the network finds, 57.3 by 45.8 degrees'
    assert told in report['message']
    info = camera.info(60.0)
    info.k[2] = info.p[2] = 31.5
    probe.publish('camera_info', info)
    probe.spin(0.3)
    assert focal_px() == pytest.approx(60.0, rel=1e-4)
    assert 'field of view' not in probe.diagnostics()['message']
