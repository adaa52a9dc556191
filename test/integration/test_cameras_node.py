"""Several cameras in one process: each gets its own depth, its share, and its own faults."""

import re
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from node_world import QUICK, floats, ros_arguments
from sensor_msgs.msg import CameraInfo, Image

from depth_anything_ros.inference.opening import create_predictor
from depth_anything_ros.inference.options import NetworkOptions
from depth_anything_ros.messages import stamp_ns

NETWORK = {
    'model': 'tiny',
    'input_size': 64,
    'backend': 'torch',
    'precision': 'fp32',
    'threads': 1,
}
OF_ALL = {**QUICK, **NETWORK, 'weights': 'pretrained'}
# 1 / depth = scale · relative + shift
FRONT, REAR = (0.5, 0.25), (2.0, 0.125)
SECTIONS = {
    '/front/depth_node': {'scale_source': 'depth_image', 'reference_max_offset_s': 0.001},
    '/rear/depth_node': {
        'scale_source': 'fixed', 'fixed_scale': REAR[0], 'fixed_shift': REAR[1]
    },
}  # fmt: skip
CAMERAS = ('front', 'rear')


def start(world, cameras=CAMERAS, sections=None, parameters=None, command=()):
    """Start the cameras with a parameter file that has a section for each."""
    file = world.folder / 'cameras.yaml'
    given = {key: {'ros__parameters': values} for key, values in (sections or SECTIONS).items()}
    file.write_text(yaml.safe_dump(given))
    module = command or ('-m', 'depth_anything_ros.nodes.start', 'cameras_node')
    words = ros_arguments({**OF_ALL, **(parameters or {})})
    return world.run(
        'cameras', [sys.executable, *module, *cameras, *words, '--params-file', str(file)]
    )


@pytest.fixture(scope='module')
def node(module_world):
    return start(module_world)


@pytest.fixture(scope='module')
def network():
    """Return relative inverse depth of an image, as the node is to find it."""
    predictor = create_predictor(NetworkOptions(**NETWORK))
    return lambda image: predictor.predict(values_of(image, np.uint8)).values


@pytest.fixture
def probe(module_world, node):
    made = connected(module_world)
    yield made
    assert node.running(), node.output()
    made.close()


def connected(world, outputs=('relative', 'depth')):
    made = world.probe()
    for name in CAMERAS:
        for topic in (f'/{name}/image', f'/{name}/camera_info'):
            made.publisher(CameraInfo if topic.endswith('info') else Image, topic)
        for output in outputs:
            made.listen(Image, depth_topic(name, output))
    for name in CAMERAS:
        made.await_subscribers(f'/{name}/image')
        for output in outputs:
            made.await_publisher(depth_topic(name, output))
    made.spin(0.5)
    return made


def depth_topic(name, output='depth'):
    return f'/{name}/depth_node/{output}/image_raw'


def values_of(message, dtype):
    shape = (message.height, message.width, *((3,) if dtype == np.uint8 else ()))
    return np.frombuffer(message.data, dtype).reshape(shape)


def frame_of(camera, name):
    """Return the next image of a camera, in that camera's frame."""
    image = camera.image()
    image.header.frame_id = f'{name}_optical_frame'
    return image


def answers(probe, name, images, output='depth'):
    """Wait for the answers to images of a camera and return them in the order of the images."""
    received = probe.received[depth_topic(name, output)]
    stamps = [stamp_ns(image.header) for image in images]

    def found():
        by_stamp = {stamp_ns(message.header): message for message in received}
        return [by_stamp[stamp] for stamp in stamps if stamp in by_stamp]

    probe.spin_until(lambda: len(found()) == len(images))
    return found()


def test_each_camera_gets_the_depth_of_its_own_images_by_its_own_scale(probe, camera, network):
    for turn in range(3):
        images = {name: frame_of(camera, name) for name in CAMERAS}
        expected = {name: network(image) for name, image in images.items()}
        scale, shift = FRONT
        measured = floats(images['front'], 1 / (scale * expected['front'] + shift))
        probe.publish('/front/reference/depth', measured)
        if not turn:
            probe.await_subscribers('/front/reference/depth')
            probe.publish('/front/reference/depth', measured)
        probe.publish('/front/camera_info', camera.info())
        probe.spin(0.2)
        for name, image in images.items():
            probe.publish(f'/{name}/image', image)
        for name, (scale, shift) in (('front', FRONT), ('rear', REAR)):
            (relative,) = answers(probe, name, [images[name]], 'relative')
            np.testing.assert_allclose(values_of(relative, np.float32), expected[name], atol=1e-4)
            assert np.abs(expected['front'] - expected['rear']).mean() > 0.01
            (depth,) = answers(probe, name, [images[name]])
            assert relative.header == depth.header == images[name].header
            np.testing.assert_allclose(
                1 / values_of(depth, np.float32), scale * expected[name] + shift, rtol=0.01
            )
    front, rear = (probe.diagnostics(f'{name}/depth_node') for name in CAMERAS)
    assert (front['scale']['source'], rear['scale']['source']) == ('depth_image', 'fixed')
    assert front['frames']['processed'] == rear['frames']['processed'] == '3'
    assert front['published']['depth/image_raw'] == '3'


def test_both_run_one_network_that_was_built_once(probe, node):
    assert node.output().count('building torch for tiny') == 1
    identities = [probe.diagnostics(f'{name}/depth_node')['model'] for name in CAMERAS]
    assert identities[0] == identities[1]
    assert identities[0]['input_size'] == '64x96'


def test_a_slow_camera_gets_every_frame_beside_one_that_never_rests(probe, camera):
    before = {name: counts(probe, name) for name in CAMERAS}
    received = probe.received[depth_topic('rear')]

    def is_answered(image):
        """Let the other camera go on, and return whether there is depth of an image."""
        probe.publish('/front/image', frame_of(camera, 'front'))
        probe.spin(1 / 30)
        return any(stamp_ns(one.header) == stamp_ns(image.header) for one in received)

    for _ in range(4):
        image = frame_of(camera, 'rear')
        probe.publish('/rear/image', image)
        probe.spin_until(partial(is_answered, image))

    def gained(name):
        return {key: count - before[name][key] for key, count in counts(probe, name).items()}

    probe.spin_until(lambda: gained('rear')['processed'] == 4)
    assert (gained('rear')['received'], gained('rear')['dropped']) == (4, 0)
    assert gained('front')['processed'] > 0
    assert float(probe.diagnostics('rear/depth_node')['stages_ms']['turn']['p50']) >= 0.0


def counts(probe, name):
    frames = probe.diagnostics(f'{name}/depth_node')['frames']
    return {key: int(value) for key, value in frames.items()}


def test_garbage_from_one_camera_leaves_the_other_alone(probe, camera):
    before = counts(probe, 'front')['rejected']
    images = []
    for _ in range(3):
        garbage = frame_of(camera, 'front')
        garbage.encoding = 'garbage'
        probe.publish('/front/image', garbage)
        images.append(frame_of(camera, 'rear'))
        probe.publish('/rear/image', images[-1])
        answers(probe, 'rear', images)
    probe.spin_until(lambda: counts(probe, 'front')['rejected'] > before)
    assert "'garbage'" in probe.diagnostics('front/depth_node')['message']
    assert 'garbage' not in probe.diagnostics('rear/depth_node')['message']


def test_a_parameter_is_that_of_one_camera(probe, camera):
    (result,) = probe.set_parameters('/front/depth_node', input_size=96)
    assert result.successful, result.reason
    expected = {'front': '96x128', 'rear': '64x96'}

    def sizes():
        found = {name: probe.diagnostics(f'{name}/depth_node') for name in CAMERAS}
        return {name: report['model']['input_size'] for name, report in found.items()}

    probe.spin_until(lambda: sizes() == expected)
    image = frame_of(camera, 'rear')
    probe.publish('/rear/image', image)
    answers(probe, 'rear', [image])
    (result,) = probe.set_parameters('/front/depth_node', input_size=64)
    probe.spin_until(lambda: sizes() == {**expected, 'front': '64x96'})


def test_the_end_of_one_node_leaves_the_other(probe, camera):
    shutdown = ChangeState.Request(transition=Transition(label='shutdown'))
    assert probe.call(ChangeState, '/front/depth_node/change_state', shutdown).success
    images = [frame_of(camera, 'rear')]
    probe.publish('/rear/image', images[0])
    answers(probe, 'rear', images)
    assert probe.diagnostics('front/depth_node')['state'] == 'finalized'
    assert probe.diagnostics('rear/depth_node')['state'] == 'active'


FAULTY = """
from depth_anything_ros.nodes.start import start
from depth_anything_ros.stream.camera_input import CameraInput

update = CameraInput.update

def fail(self, info):
    if info.header.frame_id == 'faulty':
        raise ZeroDivisionError('a fault of ours')
    update(self, info)

CameraInput.update = fail
start('cameras_node')
"""


@pytest.mark.slow
def test_what_one_camera_cannot_do_is_told_and_the_other_goes_on(world, camera):
    sections = {**SECTIONS, '/front/depth_node': {'checkpoint': '/nowhere/x.pth'}}
    process = start(world, sections=sections, command=('-c', FAULTY))
    probe = world.probe()
    probe.spin_until(lambda: probe.diagnostics('rear/depth_node')['state'] == 'active')
    front = probe.diagnostics('front/depth_node')
    assert (front['state'], front['level']) == ('unconfigured', b'\x02')
    assert "checkpoint '/nowhere/x.pth' does not exist" in front['message']
    # Where that is put right, it starts after all.
    (result,) = probe.set_parameters('/front/depth_node', checkpoint='')
    assert result.successful, result.reason
    for transition in ('configure', 'activate'):
        request = ChangeState.Request(transition=Transition(label=transition))
        assert probe.call(ChangeState, '/front/depth_node/change_state', request).success
    assert probe.diagnostics('front/depth_node')['state'] == 'active'
    assert 'Traceback' not in process.output()
    # What no callback should raise ends none of them.
    probe = connected(world, outputs=('relative',))
    info = camera.info()
    info.header.frame_id = 'faulty'
    probe.publish('/front/camera_info', info)
    probe.spin_until(lambda: probe.diagnostics('front/depth_node')['level'] == b'\x02')
    told = 'a callback failed: ZeroDivisionError: a fault of ours'
    assert told in probe.diagnostics('front/depth_node')['message']
    assert 'a fault of ours' in process.output()
    assert told not in probe.diagnostics('rear/depth_node')['message']
    for name in CAMERAS:
        image = frame_of(camera, name)
        probe.publish(f'/{name}/image', image)
        answers(probe, name, [image], 'relative')
    assert process.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ('parameters', 'told'),
    [
        ({'fixed_scale': 'much'}, ['/front/depth_node: ', 'fixed_scale']),
        (
            {'checkpoint': '/nowhere/x.pth'},
            ['no camera can start: ', '/front/depth_node: ', '/rear/depth_node: '],
        ),
    ],
)
def test_a_start_of_no_camera_ends_in_one_line_and_exit_code_1(world, parameters, told):
    process = start(world, sections={'/**': {}}, parameters=parameters)
    assert process.wait() == 1
    (fatal,) = [line for line in process.output().splitlines() if 'FATAL' in line]
    assert all(words in fatal for words in told), fatal
    assert 'Traceback' not in process.output()


SLOW_NETWORK = """
import time
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.nodes.start import start

infer = Predictor.infer

def infer_slowly(self, model_input):
    time.sleep(0.25)
    return infer(self, model_input)

Predictor.infer = infer_slowly
start('cameras_node')
"""


@pytest.mark.slow
def test_two_cameras_of_10_hz_get_half_of_what_one_gets(world, camera):
    start(world, command=('-c', SLOW_NETWORK))
    probe = connected(world, outputs=('relative',))

    def rates_hz(names, seconds):
        """Let these cameras run and return how much each got, from its first answer on."""
        for name in names:
            probe.arrivals_ns[depth_topic(name, 'relative')].clear()
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            for name in names:
                probe.publish(f'/{name}/image', frame_of(camera, name))
            probe.spin(0.1)
        probe.spin(0.5)
        arrivals = [np.array(probe.arrivals_ns[depth_topic(name, 'relative')]) for name in names]
        return [1e9 / np.diff(arrivals_ns).mean() for arrivals_ns in arrivals]

    # The rest of a busy machine is not the node's: the best of some rounds is what it can do.
    shares = []
    while len(shares) < 3 and max(shares, default=0.0) < 0.45:
        (alone,) = rates_hz(['front'], 4)
        front, rear = (rate_hz / alone for rate_hz in rates_hz(CAMERAS, 6))
        assert alone < 4.0
        assert front == pytest.approx(rear, rel=0.1)
        shares.append(min(front, rear))
    # More than half is fine: the depth of one is made while the network runs for the other.
    assert shares[-1] >= 0.45, shares
    # What each waited for is the network of the other.
    for name in CAMERAS:
        assert float(probe.diagnostics(f'{name}/depth_node')['stages_ms']['turn']['p95']) > 200.0


@pytest.mark.slow
def test_two_cameras_take_much_less_memory_than_two_processes(world, camera):
    values = {**OF_ALL, 'warmup_width': 640, 'warmup_height': 480}

    def proportional_mb(processes, names):
        """Return their memory after a frame of each, what they share counted once."""
        probe = connected(world, outputs=('relative',))
        images = {name: frame_of(camera, name) for name in names}
        for name, image in images.items():
            probe.publish(f'/{name}/image', image)
        for name, image in images.items():
            answers(probe, name, [image], 'relative')
        rollups = [Path(f'/proc/{process.pid}/smaps_rollup').read_text() for process in processes]
        for process in processes:
            process.stop()
        return sum(int(re.search(r'^Pss:\s+(\d+)', text, re.M)[1]) for text in rollups) / 1e3

    two = [world.start('depth_node', values, {'__ns': f'/{name}'}) for name in CAMERAS]
    two_mb = proportional_mb(two, CAMERAS)
    one_mb = proportional_mb([start(world, parameters=values)], CAMERAS)
    assert one_mb < 0.75 * two_mb, (one_mb, two_mb)
