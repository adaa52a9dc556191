"""The depth node on the compressed topics of an RGB-D camera, as image_transport names them."""

from array import array

import cv2
import numpy as np
import pytest
from node_world import QUICK
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from depth_anything_ros.messages import decode_compressed

COLOR, DEPTH = '/cam/color/image_raw', '/cam/depth/image_raw'
COMPRESSED, COMPRESSED_DEPTH = f'{COLOR}/compressed', f'{DEPTH}/compressedDepth'
INFO = '/cam/color/camera_info'
OUTPUT = '/depth_node/depth/image_raw'
PARAMETERS = {**QUICK, 'scale_source': 'depth_image'}


@pytest.fixture
def probe(world):
    return world.probe()


def start(world, **parameters):
    remaps = {'image': COLOR, 'reference/depth': DEPTH}
    return world.start('depth_node', {**PARAMETERS, **parameters}, remaps)


def jpeg(image):
    rgb = np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3)
    data = cv2.imencode('.jpg', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes()
    return CompressedImage(header=image.header, format='rgb8; jpeg', data=array('B', data))


def compressed_depth(header, depth_mm):
    """Return 16UC1 depth with the header of twelve bytes that compressedDepth has."""
    data = bytes(12) + cv2.imencode('.png', depth_mm)[1].tobytes()
    depth_format = '16UC1; compressedDepth png'
    return CompressedImage(header=header, format=depth_format, data=array('B', data))


def test_image_calibration_and_reference_come_from_beside_the_remapped_topics(
    world, probe, camera
):
    start(world, image_transport='compressed', reference_transport='compressedDepth')
    for topic, kind in (
        (COMPRESSED, CompressedImage),
        (COMPRESSED_DEPTH, CompressedImage),
        (INFO, CameraInfo),
    ):
        probe.publisher(kind, topic)
    probe.await_subscribers(COMPRESSED, COMPRESSED_DEPTH, INFO)
    relative = probe.listen(Image, '/depth_node/relative/image_raw')
    depth = probe.listen(Image, OUTPUT)
    probe.await_publisher(OUTPUT)
    probe.spin(0.5)
    ramp = np.repeat(np.linspace(0, 255, 64, dtype=np.uint8)[None, :, None], 48, 0).repeat(3, 2)
    picture = jpeg(camera.image(ramp))
    assert decode_compressed(picture).shape == (48, 64, 3)
    probe.publish(INFO, camera.info())
    probe.publish(COMPRESSED, picture)
    probe.spin_until(lambda: relative)
    values = np.frombuffer(relative[0].data, np.float32).reshape(48, 64)
    scale = 1.7 / float(np.ptp(values))
    wanted_m = 1 / (scale * (values - values.min()) + 0.3)
    picture = jpeg(camera.image(ramp))
    depth_mm = np.rint(1000 * wanted_m).astype(np.uint16)
    probe.publish(COMPRESSED_DEPTH, compressed_depth(picture.header, depth_mm))
    probe.spin(0.3)
    probe.publish(COMPRESSED, picture)
    probe.spin_until(lambda: depth)
    found_m = np.frombuffer(depth[0].data, np.float32).reshape(48, 64)
    np.testing.assert_allclose(found_m, wanted_m, rtol=0.01)
    assert depth[0].header == picture.header
    report = probe.diagnostics()
    assert (report['references']['received'], report['references']['rejected']) == ('1', '0')
    assert (report['no_camera_reason'], report['traps']) == ('', '')


def test_diagnostics_name_the_form_that_is_published_instead(world, probe):
    start(world)
    probe.publisher(CompressedImage, COMPRESSED)
    probe.publisher(CompressedImage, COMPRESSED_DEPTH)
    probe.spin_until(lambda: 'published instead' in probe.diagnostics()['message'])
    message = probe.diagnostics()['message']
    assert (
        f'no images yet on {COLOR}: {COMPRESSED} is published instead: set image_transport to '
        'compressed' in message
    )
    assert (
        f'no depth on {DEPTH}: {COMPRESSED_DEPTH} is published instead: set reference_transport '
        'to compressedDepth' in message
    )
