"""From `finetune` to the node: metres of a tuned checkpoint, without a source of scale."""

import os
import subprocess
import sys

import numpy as np
import pytest
from rcl_interfaces.srv import GetParameters, SetParametersAtomically
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image

from depth_anything_ros.bag import RgbdFrame, write_rgbd_bag
from depth_anything_ros.types import Camera, Frame

WALL_M, LIMIT_M = 4.0, 10.0
HEIGHT, WIDTH = 48, 64
OUTPUT, INFO = '/depth_node/depth/image_raw', '/depth_node/depth/camera_info'
QUICK = {
    'model': 'tiny',
    'backend': 'torch',
    'precision': 'fp32',
    'threads': 1,
    'input_size': 32,
    'warmup_width': WIDTH,
    'warmup_height': HEIGHT,
    'diagnostics_period_s': 0.2,
}

pytestmark = pytest.mark.slow


def wall(count):
    """Yield frames of a speckled wall straight ahead."""
    random = np.random.default_rng(0)
    camera = Camera(WIDTH, HEIGHT, 60.0, 60.0, (WIDTH - 1) / 2, (HEIGHT - 1) / 2)
    depth_m = np.full((HEIGHT, WIDTH), WALL_M, np.float32)
    for number in range(count):
        rgb = random.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        frame = Frame(rgb, 1_700_000_000_000_000_000 + number * 10**8, 'camera', camera)
        yield RgbdFrame(frame, depth_m)


@pytest.fixture(scope='module')
def tuned(tmp_path_factory):
    """Return the weights that the verb makes of a bag in a few steps."""
    folder = tmp_path_factory.mktemp('tuned')
    write_rgbd_bag(folder / 'bag', wall(4))
    subprocess.run(
        [
            sys.executable, '-m', 'depth_anything_ros.cli.main', 'finetune', '--model', 'tiny',
            '--max-depth', str(LIMIT_M), '--data', f'bag:{folder / "bag"}', '--epochs', '1',
            '--batch', '2', '--size', '32x64', '--workers', '0', '--threads', '1',
            '--device', 'cpu', '--out', str(folder / 'run'),
        ],
        check=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
    )  # fmt: skip
    return folder / 'run' / 'weights.safetensors'


def test_tuned_checkpoint_publishes_metres_without_a_source_of_scale(world, camera, tuned):
    probe = world.probe()
    world.start('depth_node', {**QUICK, 'checkpoint': tuned})
    for kind, topic in ((Image, '/image'), (CameraInfo, '/camera_info')):
        probe.publisher(kind, topic)
    depth, info = probe.listen(Image, OUTPUT), probe.listen(CameraInfo, INFO)
    probe.await_subscribers('/image', '/camera_info')
    probe.await_publisher(OUTPUT)
    probe.spin(0.3)
    probe.publish('/camera_info', camera.info())
    image = camera.image()
    probe.publish('/image', image)
    probe.spin_until(lambda: depth and info)
    assert depth[0].encoding == '32FC1'
    assert depth[0].header == image.header
    values_m = np.frombuffer(depth[0].data, np.float32)
    # As 20 m or 80 m the same weights would say 8 m and 32 m.
    np.testing.assert_allclose(values_m, WALL_M, rtol=0.1)
    report = probe.diagnostics()
    assert report['model']['weights'] == 'checkpoint'
    assert report['model']['output'] == 'metres to 10 m'


def test_tuned_checkpoint_is_refused_as_any_other_kind(world, tuned):
    for model in ('tiny_sdt_lite', 'depth_anything_v2_metric_hypersim_vits'):
        asked = {**QUICK, 'model': model, 'input_size': 224, 'checkpoint': tuned}
        node = world.start('depth_node', asked)
        assert node.wait() == 1
        assert "is of model 'tiny' according to its own metadata, not of" in node.output()
        assert 'Traceback' not in node.output()
    beside = tuned.with_name('config.json')
    beside.write_text('{"model_type": "depth_anything", "depth_estimation_type": "relative"}')
    try:
        node = world.start('depth_node', {**QUICK, 'checkpoint': tuned})
        assert node.wait() == 1
        for words in ('metres to 10 m according to its own metadata', 'relative inverse depth'):
            assert words in node.output()
    finally:
        beside.unlink()


def test_the_parameters_go_back_to_a_tuned_checkpoint_together(world, tuned, tmp_path):
    damaged = tmp_path / 'damaged.pth'
    damaged.write_bytes(b'no checkpoint')
    probe = world.probe()
    world.start('depth_node', {**QUICK, 'checkpoint': tuned})
    probe.spin_until(lambda: 'model' in probe.diagnostics())
    asked = {
        'model': 'depth_anything_v2_vits',
        'checkpoint': str(damaged),
        'input_size': 56,
    }
    parameters = [Parameter(name, value=value).to_parameter_msg() for name, value in asked.items()]
    request = SetParametersAtomically.Request(parameters=parameters)
    name = '/depth_node/set_parameters_atomically'
    assert probe.call(SetParametersAtomically, name, request).result.successful
    probe.spin_until(lambda: probe.diagnostics()['model_error'] != '')
    request = GetParameters.Request(names=['model', 'checkpoint', 'input_size'])

    def shown():
        model, checkpoint, size = probe.call(
            GetParameters, '/depth_node/get_parameters', request
        ).values
        return model.string_value, checkpoint.string_value, size.integer_value

    probe.spin_until(lambda: shown() == ('tiny', str(tuned), 32), 10, fail=False)
    assert shown() == ('tiny', str(tuned), 32)
