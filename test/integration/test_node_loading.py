"""The depth node while its network loads, or its cloud is written: it goes on answering."""

import signal
import sys
import time

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from node_world import QUICK, ros_arguments
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import Trigger

NODE = '/depth_node'
PARAMETERS = {**QUICK, 'scale_source': 'fixed', 'fixed_shift': 0.5, 'diagnostics_period_s': 0.1}
# Loading, or writing a cloud, waits until a file is there.
GATED = """
import sys, time
from pathlib import Path
from depth_anything_ros.nodes import frame_processor, pipeline_host
from depth_anything_ros.nodes.start import start

what, gate = sys.argv.pop(1), Path(sys.argv.pop(1))
place = {'load': pipeline_host, 'cloud': frame_processor}[what]
name = {'load': 'create_predictor', 'cloud': 'write_ply'}[what]
work = getattr(place, name)

def wait(*args, **options):
    print('at the gate', flush=True)
    while not gate.exists():
        time.sleep(0.01)
    return work(*args, **options)

setattr(place, name, wait)
start('depth_node')
"""


@pytest.fixture
def gate(tmp_path):
    return tmp_path / 'gate'


@pytest.fixture
def probe(world):
    return world.probe()


def start(world, what, gate, **parameters):
    arguments = ros_arguments({**PARAMETERS, **parameters})
    return world.run('gated', [sys.executable, '-c', GATED, what, str(gate), *arguments])


def at_the_gate(process):
    end_s = time.monotonic() + 60
    while 'at the gate' not in process.output():
        assert time.monotonic() < end_s and process.running(), process.output()
        time.sleep(0.02)


def change(probe, transition):
    request = ChangeState.Request(transition=Transition(id=transition))
    return probe.call(ChangeState, f'{NODE}/change_state', request).success


def state(probe):
    return probe.call(GetState, f'{NODE}/get_state').current_state.label


def test_a_node_that_loads_says_so_and_answers(world, probe, gate):
    process = start(world, 'load', gate)
    at_the_gate(process)
    report = probe.diagnostics()
    assert (report['state'], report['loading']) == ('configuring', 'depth_anything_v2_vits')
    assert 'loading depth_anything_v2_vits' in report['message']
    assert state(probe) == 'configuring'
    for transition in (
        Transition.TRANSITION_CONFIGURE,
        Transition.TRANSITION_CLEANUP,
        Transition.TRANSITION_ACTIVATE,
        Transition.TRANSITION_ON_CONFIGURE_SUCCESS,
    ):
        assert not change(probe, transition)
    assert 'transition refused: the node is configuring' in process.output()
    assert state(probe) == 'configuring'
    results = probe.set_parameters(NODE, input_size=70, max_depth_m=3.0)
    assert all(result.successful for result in results)
    gate.touch()
    probe.spin_until(lambda: probe.diagnostics()['state'] == 'active')
    assert state(probe) == 'active'
    # What was set meanwhile is what runs in the end.
    probe.spin_until(lambda: probe.diagnostics().get('model', {}).get('input_size') == '70x98')
    assert probe.diagnostics()['loading'] == ''


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('autostart', [True, False])
def test_a_node_that_loads_ends_at_once_on_a_signal(world, probe, gate, number, autostart):
    process = start(world, 'load', gate, autostart=autostart)
    if not autostart:
        client = probe.node.create_client(ChangeState, f'{NODE}/change_state')
        probe.spin_until(client.service_is_ready)
        configure = Transition(id=Transition.TRANSITION_CONFIGURE)
        client.call_async(ChangeState.Request(transition=configure))
        probe.spin(0.1)
    at_the_gate(process)
    probe.diagnostics()
    process.signal(number)
    assert process.wait() == 0
    assert 'Traceback' not in process.output()
    assert 'FATAL' not in process.output()


@pytest.mark.slow
def test_transitions_that_the_state_does_not_allow_are_refused(world, probe, gate):
    gate.touch()
    process = start(world, 'load', gate, autostart=False)
    probe.diagnostics()
    assert not change(probe, Transition.TRANSITION_ACTIVATE)
    assert not change(probe, 99)
    assert state(probe) == 'unconfigured'
    assert probe.set_parameters(NODE, device='abacus')[0].successful
    assert not change(probe, Transition.TRANSITION_CONFIGURE)
    report = probe.diagnostics()
    assert (state(probe), report['state'], report['loading']) == (*2 * ('unconfigured',), '')
    assert 'abacus' in report['failure']
    assert probe.set_parameters(NODE, device='cpu')[0].successful
    for transition, wanted in (
        (Transition.TRANSITION_CONFIGURE, 'inactive'),
        (Transition.TRANSITION_ACTIVATE, 'active'),
        (Transition.TRANSITION_DEACTIVATE, 'inactive'),
        (Transition.TRANSITION_CLEANUP, 'unconfigured'),
        (Transition.TRANSITION_CONFIGURE, 'inactive'),
        (Transition.TRANSITION_CLEANUP, 'unconfigured'),
    ):
        assert change(probe, transition)
        assert state(probe) == wanted
    assert process.running()


def test_a_cloud_is_written_beside_the_executor(world, probe, camera, gate, tmp_path):
    process = start(world, 'cloud', gate, cloud_dir=tmp_path / 'clouds')
    probe.publisher(Image, 'image')
    probe.publisher(CameraInfo, 'camera_info')
    probe.await_subscribers('image', 'camera_info')
    probe.publish('camera_info', camera.info())
    probe.publish('image', camera.image())
    probe.spin_until(lambda: probe.diagnostics()['frames']['received'] == '1')
    client = probe.node.create_client(Trigger, f'{NODE}/save_cloud')
    probe.spin_until(client.service_is_ready)
    answer = client.call_async(Trigger.Request())
    probe.spin_until(lambda: 'at the gate' in process.output())
    received = int(probe.diagnostics()['frames']['received'])
    probe.publish('image', camera.image())
    probe.spin_until(lambda: int(probe.diagnostics()['frames']['received']) == received + 1)
    assert state(probe) == 'active'
    assert not answer.done()
    gate.touch()
    probe.spin_until(answer.done)
    assert answer.result().success, answer.result().message
    assert len(list((tmp_path / 'clouds').glob('*.ply'))) == 1
