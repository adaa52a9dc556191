"""An image of a new size gets its network beside the frames of the running one."""

import sys

import numpy as np
import pytest
from node_world import QUICK, ros_arguments
from sensor_msgs.msg import Image

NODE = '/depth_node'
PARAMETERS = {**QUICK, 'input_size': 28, 'diagnostics_period_s': 0.1}
# Building any network after the first waits until a file is there.
GATED = """
import sys, time
from pathlib import Path
from depth_anything_ros.inference.predictor import Predictor
from depth_anything_ros.nodes.start import start

gate, build, built = Path(sys.argv.pop(1)), Predictor._make, []

def wait(self, size):
    while built and not gate.exists():
        time.sleep(0.01)
    built.append(size)
    return build(self, size)

Predictor._make = wait
start('depth_node')
"""
LISTENED = f'{NODE}/relative/image_raw'


@pytest.fixture
def probe(world, tmp_path):
    command = [sys.executable, '-c', GATED, str(tmp_path / 'gate')]
    world.run('gated', [*command, *ros_arguments(PARAMETERS)])
    made = world.probe()
    made.publisher(Image, 'image')
    made.listen(Image, LISTENED)
    made.await_subscribers('image')
    made.await_publisher(LISTENED)
    made.spin_until(lambda: made.diagnostics()['watched'] == 'True')
    return made


def _stamp(message):
    return message.header.stamp.sec, message.header.stamp.nanosec


def test_frames_of_the_old_size_go_on_while_a_new_size_is_built(probe, camera, tmp_path):
    answered = probe.received[LISTENED]
    upright = np.zeros((64, 48, 3), np.uint8)
    probe.publish('image', camera.image(upright))
    probe.spin_until(lambda: probe.diagnostics()['building'] == '48x64')
    for count in range(1, 11):
        probe.publish('image', camera.image())
        probe.spin_until(lambda count=count: len(answered) == count)
    report = probe.diagnostics()
    assert report['frames']['rejected'] == '1'
    assert report['last_error'] == 'the network for images of 48x64 is being built'
    assert 'building the network for images of 48x64, which wait for it' in report['message']
    # The newest frame of the new size waits and is answered.
    last = camera.image(upright)
    probe.publish('image', camera.image(upright))
    probe.publish('image', last)
    probe.spin(0.3)
    assert len(answered) == 10
    (tmp_path / 'gate').touch()
    probe.spin_until(lambda: len(answered) == 11)
    assert _stamp(answered[-1]) == _stamp(last)
    assert (answered[-1].height, answered[-1].width) == (64, 48)
    report = probe.diagnostics()
    frames = {name: int(count) for name, count in report['frames'].items()}
    assert report['building'] == ''
    assert frames['processed'] == 11
    assert frames['received'] == frames['processed'] + frames['rejected'] + frames['dropped'] == 13
