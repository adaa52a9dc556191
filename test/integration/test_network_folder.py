"""A network of somebody else in the node: in a folder, or of transformers."""

import numpy as np
import pytest
from made_networks import write_folder, write_random
from sensor_msgs.msg import Image

from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions

pytest.importorskip('onnx')
onnxruntime = pytest.importorskip('onnxruntime')

HEIGHT, WIDTH = 48, 64
QUICK = {
    'precision': 'fp32',
    'threads': 1,
    'warmup_width': WIDTH,
    'warmup_height': HEIGHT,
    'diagnostics_period_s': 0.2,
}
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]

RELATIVE = '/depth_node/relative/image_raw'

pytestmark = pytest.mark.slow


def answered(world, camera, topic, parameters):
    """Return a probe of a node, an image sent to it, and what it gave on a topic."""
    probe = world.probe()
    world.start('depth_node', {**QUICK, **parameters})
    probe.publisher(Image, '/image')
    found = probe.listen(Image, topic)
    probe.await_subscribers('/image')
    probe.await_publisher(topic)
    probe.spin(0.3)
    image = camera.image()
    probe.publish('/image', image)
    probe.spin_until(lambda: found)
    rgb = np.frombuffer(image.data, np.uint8).reshape(HEIGHT, WIDTH, 3)
    return probe, rgb, np.frombuffer(found[0].data, np.float32).reshape(HEIGHT, WIDTH)


@pytest.mark.parametrize('library', ['onnxruntime', 'openvino'])
@pytest.mark.parametrize(
    ('topic', 'output'),
    [
        (RELATIVE, {}),
        (
            '/depth_node/depth/image_raw',
            {'output_kind': 'metric_depth', 'output_max_depth_m': 10, 'output_metres_per_unit': 8},
        ),
    ],
)
def test_the_node_gives_what_onnx_runtime_alone_gives(
    world, camera, tmp_path, library, topic, output
):
    pytest.importorskip(library)
    write_random(tmp_path / 'model.onnx')
    folder = write_folder(
        tmp_path, name='random', input_size=HEIGHT, input_mean=MEAN, input_std=STD, **output
    )
    probe, rgb, values = answered(world, camera, topic, {'backend': library, 'checkpoint': folder})
    pixels = ((rgb / 255.0 - MEAN) / STD).transpose(2, 0, 1)[None].astype(np.float32)
    session = onnxruntime.InferenceSession(str(folder / 'model.onnx'))
    expected = session.run(None, {'pixels': pixels})[0][0, 0]
    expected = expected * 8 if output else expected
    np.testing.assert_allclose(values, expected, atol=1e-3 * np.ptp(expected))
    assert np.ptp(expected) > 0.1
    report = probe.diagnostics()['model']
    assert (report['name'], report['weights']) == ('random', 'checkpoint')
    assert (report['backend'], report['input_size']) == (library, f'{HEIGHT}x{WIDTH}')


def test_a_folder_that_cannot_be_run_ends_the_node_with_the_reason(world, tmp_path):
    folder = write_folder(tmp_path)
    (folder / 'model.onnx').write_bytes((folder / 'model.onnx').read_bytes()[:40])
    node = world.start('depth_node', {**QUICK, 'checkpoint': folder})
    assert node.wait() == 1
    assert f"'{folder}/model.onnx' is damaged: " in node.output()


def test_the_node_gives_what_transformers_gives(world, camera, tmp_path):
    pytest.importorskip('transformers')
    from hub_models import write_model

    write_model('depth_anything', tmp_path)
    probe, rgb, values = answered(
        world, camera, RELATIVE, {'model': f'hub:{tmp_path}', 'device': 'cpu'}
    )
    options = NetworkOptions(f'hub:{tmp_path}', device='cpu', precision='fp32')
    expected = create_predictor(options).predict(rgb).values
    np.testing.assert_allclose(values, expected, atol=1e-3 * np.ptp(expected))
    report = probe.diagnostics()['model']
    assert (report['name'], report['backend']) == (str(tmp_path), 'transformers')
