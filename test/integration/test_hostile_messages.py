"""A started depth node that gets pictures which say they are huge."""

import time
from array import array
from pathlib import Path

import hostile
import numpy as np
import pytest
from node_world import QUICK
from sensor_msgs.msg import CompressedImage, Image

from depth_anything_ros.messages import stamp_ns

NODE = '/depth_node'
RELATIVE = f'{NODE}/relative/image_raw'
PARAMETERS = {
    **QUICK,
    'image_transport': 'compressed',
    'scale_source': 'depth_image',
    'reference_transport': 'compressedDepth',
}


@pytest.fixture
def node(world):
    return world.start('depth_node', PARAMETERS)


@pytest.fixture
def probe(world, node):
    made = world.probe()
    made.publisher(CompressedImage, 'image/compressed')
    made.publisher(CompressedImage, 'reference/depth/compressedDepth')
    made.await_subscribers('image/compressed', 'reference/depth/compressedDepth')
    made.listen(Image, RELATIVE)
    made.await_publisher(RELATIVE)
    made.spin(0.5)
    yield made
    assert node.running(), node.output()


def compressed(data, form='jpeg'):
    message = CompressedImage(format=form, data=array('B', data))
    message.header.frame_id = 'camera_color_optical_frame'
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(time.time_ns(), 10**9)
    return message


def memory_mb(node, name):
    lines = Path(f'/proc/{node.pid}/status').read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1000


def answer(probe, image):
    """Publish an image and wait for its depth."""
    probe.publish('image/compressed', image)
    wanted = stamp_ns(image.header)
    probe.spin_until(
        lambda: any(stamp_ns(item.header) == wanted for item in probe.received[RELATIVE])
    )


@pytest.mark.skipif(not Path('/proc/self/clear_refs').exists(), reason='the kernel tells no peak')
def test_hostile_pictures_take_neither_memory_nor_time(node, probe):
    good = hostile.encoded('.jpg')
    for _ in range(3):
        start_s = node.processor_s()
        answer(probe, compressed(good))
        usual_s = node.processor_s() - start_s
    Path(f'/proc/{node.pid}/clear_refs').write_text('5')
    rest_mb = memory_mb(node, 'VmRSS')
    for data in hostile.PICTURES.values():
        start_s = node.processor_s()
        probe.publish('image/compressed', compressed(data))
        depth = compressed(bytes(12) + data, '16UC1; compressedDepth png')
        probe.publish('reference/depth/compressedDepth', depth)
        probe.spin(0.05)
        answer(probe, compressed(good))
        assert node.processor_s() - start_s < 1.0 + usual_s
    report = probe.diagnostics()
    assert report['frames']['rejected'] == str(len(hostile.PICTURES)), report
    assert report['references']['rejected'] == str(len(hostile.PICTURES)), report
    assert memory_mb(node, 'VmHWM') - rest_mb < 200


def test_the_next_depth_image_is_taken(node, probe):
    depth = hostile.encoded('.png', pixels=np.full((48, 64), 1500, np.uint16))
    for data in (hostile.png(depth=16, colour=0), depth):
        message = compressed(bytes(12) + data, '16UC1; compressedDepth png')
        probe.publish('image/compressed', compressed(hostile.encoded('.jpg')))
        probe.spin(0.2)
        probe.publish('reference/depth/compressedDepth', message)
        probe.spin(0.2)
    probe.spin_until(lambda: probe.diagnostics()['references']['received'] == '2')
    assert probe.diagnostics()['references']['rejected'] == '1'


def test_the_picture_of_the_report_is_refused_with_its_size(node, probe):
    probe.publish('image/compressed', compressed(hostile.jpeg()))
    probe.spin_until(lambda: probe.diagnostics()['frames']['rejected'] == '1')
    words = 'the picture says it is 30000x30000; at most 50 megapixels are decoded'
    assert words in probe.diagnostics()['message']
    assert words in node.output()
