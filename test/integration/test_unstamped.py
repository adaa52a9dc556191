"""A started depth node whose sensors do not stamp their messages."""

import re
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from node_world import QUICK, TIMEOUT_S
from sensor_msgs.msg import CameraInfo, Image, LaserScan, PointCloud2

from depth_anything_ros.messages import stamp_ns

NODE = '/depth_node'
RELATIVE, SCALE = f'{NODE}/relative/image_raw', f'{NODE}/scale'
DEPTH, INFO, POINTS = f'{NODE}/depth/image_raw', f'{NODE}/depth/camera_info', f'{NODE}/points'
OUTPUTS = {RELATIVE: Image, SCALE: DiagnosticArray, DEPTH: Image, INFO: CameraInfo}
OUTPUTS[POINTS] = PointCloud2
EXPIRY_S = 1.0
PARAMETERS = {
    **QUICK,
    'laser_pose': "'0 0 0 0 0 0'",
    'reference_min_depth_m': 0.1,
    'reference_max_offset_s': 0.3,
    'scan_max_offset_s': 0.3,
    'alignment_expiry_s': EXPIRY_S,
}


@pytest.fixture(scope='module')
def node(module_world):
    return module_world.start('depth_node', {**PARAMETERS, 'scale_source': 'depth_image'})


@pytest.fixture
def probe(module_world, node, camera):
    made = module_world.probe()
    for message_type, topic in (
        (Image, 'image'), (CameraInfo, 'camera_info'), (Image, 'reference/depth'),
        (LaserScan, 'scan'),
    ):  # fmt: skip
        made.publisher(message_type, topic)
    made.await_subscribers('image', 'camera_info')
    for topic, message_type in OUTPUTS.items():
        made.listen(message_type, topic)
        made.await_publisher(topic)
    made.spin(0.5)
    yield made
    assert node.running(), node.output()
    made.close()


def unstamped(message):
    message.header.stamp.sec = message.header.stamp.nanosec = 0
    return message


def stamped(message):
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(time.time_ns(), 10**9)
    return message


def depth_of(relative, camera):
    """Return a reference depth that fits the network's own output with 0.3 to 2 1/m."""
    low, high = float(relative.min()), float(relative.max())
    inverse = 0.3 + 1.7 * (relative - low) / (high - low)
    return camera.depth(camera.image(), np.rint(1000 / inverse))


def scan_of(relative, camera):
    """Return a scan that fits the network's own output along the row of its plane."""
    row = relative[24]
    inverse = 0.3 + 1.7 * (row - row.min()) / float(row.max() - row.min())
    scan = LaserScan(header=camera.image().header, angle_min=-0.45, angle_increment=0.005)
    scan.range_min, scan.range_max = 0.05, 50.0
    angles = scan.angle_min + scan.angle_increment * np.arange(181)
    columns = np.rint(32 - 60 * np.tan(angles)).astype(int).clip(0, 63)
    scan.ranges = (1 / inverse[columns] / np.cos(angles)).tolist()
    return scan


def states(probe):
    return [message.status[0].message for message in probe.received[SCALE]]


@pytest.mark.parametrize(('of_image', 'of_sensor'), [
    (unstamped, unstamped),
    pytest.param(stamped, unstamped, marks=pytest.mark.slow),
    pytest.param(unstamped, stamped, marks=pytest.mark.slow),
])  # fmt: skip
@pytest.mark.parametrize(
    ('source', 'topic', 'make'),
    [('depth_image', 'reference/depth', depth_of), ('laser_scan', 'scan', scan_of)],
)
def test_metric_depth_ends_with_the_sensor_that_gave_its_scale(
    node, probe, camera, source, topic, make, of_image, of_sensor
):
    assert probe.set_parameters(NODE, scale_source=source)[0].successful
    probe.await_subscribers('image', 'camera_info', topic)
    rgb = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)

    def see(seconds=0.1):
        probe.publish('camera_info', camera.info())
        probe.publish('image', of_image(camera.image(rgb)))
        probe.spin(seconds)

    while not probe.received[RELATIVE]:
        see()
    relative = np.frombuffer(probe.received[RELATIVE][-1].data, np.float32).reshape(48, 64)
    message = make(relative, camera)

    def await_state(wanted, step):
        end_s = time.monotonic() + TIMEOUT_S
        while states(probe)[-1:] != [wanted]:
            assert time.monotonic() < end_s, states(probe)
            step()

    def measure():
        probe.publish(topic, of_sensor(message))
        see()

    for _ in range(10):
        measure()
    await_state('fitted', measure)
    died = len(states(probe))
    await_state('no scale', see)
    # On a busy machine no frame may come while it is held.
    order = ['fitted', 'held', 'no scale']
    after = states(probe)[died:]
    assert after == sorted(after, key=order.index)
    see(0.5)
    depths = len(probe.received[DEPTH])
    see(0.5)
    assert len(probe.received[DEPTH]) == depths
    report = probe.diagnostics()
    assert 'older than the image' in report['no_metric_reason']
    told = re.search('no stamps on (.+): times of arrival count', report['traps'])[1].split(', ')
    for name, kind in (('image', of_image), (topic, of_sensor)):
        assert (name in told) == (kind is unstamped)


def test_all_outputs_of_an_unstamped_image_carry_one_time_of_arrival(node, probe, camera):
    values = {'scale_source': 'fixed', 'fixed_shift': 0.5}
    assert all(result.successful for result in probe.set_parameters(NODE, **values))
    probe.await_subscribers('image', 'camera_info')
    probe.publish('camera_info', camera.info())
    probe.spin(0.3)
    before_ns = time.time_ns()
    probe.publish('image', unstamped(camera.image()))
    probe.spin_until(
        lambda: all(
            any(stamp_ns(message.header) >= before_ns for message in probe.received[topic])
            for topic in OUTPUTS
        )
    )
    headers = [probe.received[topic][-1].header for topic in OUTPUTS]
    assert headers == len(OUTPUTS) * [headers[0]]
    assert before_ns <= stamp_ns(headers[0]) <= time.time_ns()
    assert 'image has no stamps: each message gets the time of its arrival' in node.output()


def test_simulated_time_that_never_comes_refuses_unstamped_images(world, camera):
    node = world.start('depth_node', {**PARAMETERS, 'use_sim_time': True})
    probe = world.probe()
    probe.publisher(Image, 'image')
    probe.await_subscribers('image')
    probe.publish('image', unstamped(camera.image()))
    probe.spin_until(lambda: probe.diagnostics()['frames']['rejected'] == '1')
    assert 'is use_sim_time set without /clock?' in probe.diagnostics()['message']
    assert node.running()
