"""A network of somebody else in the node: in a folder, or of transformers."""

import numpy as np
import pytest
from made_networks import grey, write_folder, write_grey, write_random
from sensor_msgs.msg import Image

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.stream.assembly import assemble
from depth_anything_ros.types import ConfidenceSource, DepthReference, Frame

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

RELATIVE, DEPTH = '/depth_node/relative/image_raw', '/depth_node/depth/image_raw'

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
            DEPTH,
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


def test_a_folder_of_affine_depth_gives_metres_as_the_same_pipeline_does_offline(
    world, camera, tmp_path
):
    """True depth is twice what the network gives and half a metre, where it is sure of it."""
    write_grey(tmp_path / 'model.onnx', outputs=('values', 'sure'))
    folder = write_folder(
        tmp_path, input_size=HEIGHT, output_kind='affine_depth', output_name='values',
        output_confidence='sure',
    )  # fmt: skip
    parameters = {
        'backend': 'onnxruntime', 'checkpoint': folder, 'scale_source': 'depth_image',
        'align_by_confidence': True, 'reference_registration': 'registered',
    }  # fmt: skip
    probe = world.probe()
    world.start('depth_node', {**QUICK, **parameters})
    for topic in ('/image', '/reference/depth'):
        probe.publisher(Image, topic)
    found, relative = probe.listen(Image, DEPTH), probe.listen(Image, RELATIVE)
    probe.await_subscribers('/image', '/reference/depth')
    probe.await_publisher(DEPTH)
    probe.spin(0.3)
    rgb = np.random.default_rng(0).integers(0, 220, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    given = grey(rgb / 255)
    true_mm = np.rint(1000 * np.where(given > np.median(given), 2 * given + 0.5, 4 * given + 0.5))
    image = camera.image(rgb)
    probe.publish('/reference/depth', camera.depth(image, true_mm))
    probe.spin_until(lambda: probe.diagnostics()['references']['received'] == '1')
    probe.publish('/image', image)
    probe.spin_until(lambda: found and relative)
    depth_m = np.frombuffer(found[0].data, np.float32).reshape(HEIGHT, WIDTH)
    np.testing.assert_allclose(depth_m, 2 * given + 0.5, rtol=0.01)
    inverse = np.frombuffer(relative[0].data, np.float32).reshape(HEIGHT, WIDTH)
    np.testing.assert_allclose(inverse, 1 / given, rtol=1e-5)
    report = probe.diagnostics()
    assert report['model']['output'] == 'depth up to scale and shift'
    assert report['scale']['source'] == 'depth_image'
    assert float(report['scale']['shift']) == pytest.approx(0.5, abs=0.01)

    config = from_mapping(DepthNodeConfig, {**parameters, 'checkpoint': str(folder),
                                            'precision': 'fp32', 'threads': 1})  # fmt: skip
    offline = assemble(create_predictor(config.network), config)
    stamp_ns = image.header.stamp.sec * 10**9 + image.header.stamp.nanosec
    offline.scale_source.add_reference(DepthReference(np.float32(true_mm / 1000), stamp_ns))
    frame = Frame(rgb, stamp_ns, image.header.frame_id)
    result = offline.process(frame, confidence=ConfidenceSource.MODEL)
    np.testing.assert_allclose(depth_m, result.metric.depth_m, rtol=1e-6)


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
