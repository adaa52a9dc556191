"""Every output belongs to its input by content, and the node adds little to the network."""

import time

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions

RELATIVE = '/depth_node/relative/image_raw'
OUTPUTS = (
    (Image, RELATIVE),
    (Image, '/depth_node/depth/image_raw'),
    (PointCloud2, '/depth_node/points'),
)
NETWORK = {
    'weights': 'random',
    'backend': 'torch',
    'precision': 'fp32',
    'input_size': 56,
    'threads': 1,
}
SCALE = {'scale_source': 'fixed', 'fixed_shift': 0.5}
FRAMES = 25
OVERHEAD_LIMIT_MS = 25.0
# The share of a busy machine is not the node's: the best of some runs is what it can do.
ATTEMPTS = 4


@pytest.fixture
def probe(world):
    world.start('depth_node', {**NETWORK, **SCALE, 'diagnostics_period_s': 0.2})
    made = world.probe()
    made.publisher(Image, 'image')
    made.publisher(CameraInfo, 'camera_info')
    for message_type, topic in OUTPUTS:
        made.listen(message_type, topic)
    made.await_subscribers('image', 'camera_info')
    for _, topic in OUTPUTS:
        made.await_publisher(topic)
    made.spin(0.5)
    return made


def tagged(number, height=480, width=640):
    """Return an image with its number in the pixels: as a pattern over all of it, and in bits."""
    rgb = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    rgb = np.kron(rgb, np.ones((height // 6, width // 8, 1), np.uint8))
    rgb[0, :8] = [[255 * (number >> bit & 1)] * 3 for bit in range(8)]
    return rgb


def send(probe, camera, number):
    """Send image `number` and wait for all outputs of it; return its stamp."""
    image = camera.image(tagged(number))
    info = camera.info()
    info.width, info.height = image.width, image.height
    camera.stamp(image, time.time_ns())
    info.header = image.header
    probe.publish('camera_info', info)
    camera.stamp(image, stamp_ns := time.time_ns())
    probe.publish('image', image)
    probe.spin_until(lambda: all(len(probe.received[topic]) > number for _, topic in OUTPUTS))
    return stamp_ns


def test_output_k_belongs_to_input_k_by_content(probe, camera):
    predictor = create_predictor(NetworkOptions('depth_anything_v2_vits', **NETWORK))
    expected = [predictor.predict(tagged(number)).values for number in range(8)]
    for number in range(len(expected)):
        send(probe, camera, number)
    for number, message in enumerate(probe.received[RELATIVE]):
        values = np.frombuffer(message.data, np.float32).reshape(480, 640)
        distances = [float(np.abs(values - other).mean()) for other in expected]
        assert int(np.argmin(distances)) == number
        others = distances[:number] + distances[number + 1 :]
        assert distances[number] < 0.01 * min(others)


@pytest.mark.perf
def test_the_node_adds_little_to_the_network(probe, camera):
    overheads_ms = []
    for attempt in range(ATTEMPTS):
        first = attempt * FRAMES
        sent_ns = [send(probe, camera, first + index) for index in range(FRAMES)]
        probe.spin(0.3)
        inference_ms = float(probe.diagnostics()['stages_ms']['inference']['p50'])
        arrivals = [probe.arrivals_ns[topic][first:] for _, topic in OUTPUTS]
        last_ns = np.max(arrivals, axis=0)
        latency_ms = (last_ns - np.array(sent_ns)) * 1e-6
        overheads_ms.append(float(np.median(latency_ms)) - inference_ms)
        if overheads_ms[-1] <= OVERHEAD_LIMIT_MS:
            return
    pytest.fail(f'overhead p50 of {ATTEMPTS} runs: {overheads_ms} ms')
