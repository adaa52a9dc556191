"""The process of a node loads the robot's wing only, and the evaluator what its report needs."""

import json
import os
import signal
import sys

import numpy as np
import pytest
from node_world import QUICK, floats, ros_arguments
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_srvs.srv import Trigger

from depth_anything_ros.bag import RgbdFrame, write_rgbd_bag
from depth_anything_ros.types import Camera, Frame

# Tells on SIGUSR1 what is loaded.
TELLING = """
import signal, sys
from pathlib import Path

told = Path(sys.argv.pop(1))

def tell(*_):
    part = told.with_suffix('.part')
    part.write_text(' '.join(sys.modules))
    part.replace(told)

signal.signal(signal.SIGUSR1, tell)
from depth_anything_ros.nodes.start import start
start(sys.argv.pop(1))
"""
DRAWING, WRITING = 'matplotlib', 'jinja2'
WORKSHOP = {
    DRAWING, 'mpl_toolkits', WRITING, 'h5py', 'transformers', 'pandas', 'dask', 'distributed',
    'PIL', 'depth_anything_ros.lab', 'depth_anything_ros.cli',
}  # fmt: skip


@pytest.fixture
def probe(world):
    return world.probe()


@pytest.fixture
def told(tmp_path):
    return tmp_path / 'modules'


def start(world, told, node, parameters=None, program=(), first=''):
    """Start a node whose process can be asked, after a line of Python."""
    command = [sys.executable, '-c', f'{first}\n{TELLING}', str(told), node, *program]
    return world.run(node, [*command, *ros_arguments(parameters)])


def of_workshop(process, probe, told):
    """Return what the process has loaded that a robot does not need."""
    told.unlink(missing_ok=True)
    os.kill(process.pid, signal.SIGUSR1)
    probe.spin_until(told.exists)
    loaded = told.read_text().split()
    assert 'depth_anything_ros.nodes.start' in loaded
    return {name for name in WORKSHOP if name in loaded}


@pytest.mark.parametrize(
    'backend',
    [
        'torch',
        *(pytest.param(name, marks=pytest.mark.slow) for name in ('openvino', 'onnxruntime')),
    ],
)
def test_a_depth_node_that_has_published_all_its_outputs_is_lean(
    world, probe, told, camera, backend
):
    if backend != 'torch':
        pytest.importorskip(backend, reason=f'{backend} is not installed')
    parameters = {**QUICK, 'backend': backend, 'scale_source': 'fixed', 'fixed_shift': 0.5}
    process = start(world, told, 'depth_node', parameters)
    outputs = {
        '/depth_node/points': PointCloud2,
        '/depth_node/depth/image_raw': Image,
        '/depth_node/preview/image_raw': Image,
    }
    received = [probe.listen(message_type, topic) for topic, message_type in outputs.items()]
    probe.publisher(Image, 'image')
    probe.publisher(CameraInfo, 'camera_info')
    probe.await_subscribers('image', 'camera_info')

    def all_came():
        probe.publish('camera_info', camera.info())
        probe.publish('image', camera.image())
        probe.spin(0.1)
        return all(received)

    probe.spin_until(all_came)
    assert of_workshop(process, probe, told) == set()


def await_scores(probe, camera, folder):
    """Send frames until two are scored."""
    topics = ('image', 'ground_truth', 'depth')
    for topic in topics:
        probe.publisher(Image, topic)
    probe.await_subscribers(*topics)

    def scored():
        image = camera.image()
        truth = camera.depth(image)
        depth_mm = np.frombuffer(truth.data, np.uint16).reshape(truth.height, truth.width)
        for topic, message in zip(
            topics, (image, truth, floats(image, depth_mm / 1000)), strict=True
        ):
            probe.publish(topic, message)
        probe.spin(0.1)
        rows = folder / 'frames.csv'
        return rows.exists() and len(rows.read_text().splitlines()) > 2

    probe.spin_until(scored)


def test_an_evaluator_loads_what_writes_its_report_only_then(world, probe, told, camera):
    folder = world.folder / 'results'
    parameters = {'output_dir': folder, 'picture_every': 0}
    process = start(world, told, 'evaluator_node', parameters)
    await_scores(probe, camera, folder)
    assert of_workshop(process, probe, told) == set()
    assert probe.call(Trigger, '/evaluator_node/save').success
    assert of_workshop(process, probe, told) == {WRITING}
    assert b'<svg' in (folder / 'report.html').read_bytes()


def test_an_evaluator_without_the_libraries_of_its_report_writes_all_else_and_says_so(
    world, probe, told, camera
):
    folder = world.folder / 'results'
    missing = f'import sys; sys.modules.update({DRAWING}=None, {WRITING}=None)'
    parameters = {'output_dir': folder, 'picture_every': 1}
    process = start(world, told, 'evaluator_node', parameters, first=missing)
    await_scores(probe, camera, folder)
    assert probe.call(Trigger, '/evaluator_node/save').success
    process.signal(signal.SIGINT)
    assert process.wait() == 0
    summary = json.loads((folder / 'summary.json').read_text())
    assert summary['frames']['scored'] >= 2
    told_of = [text for text in summary['warnings'] if 'depth_anything_ros[report]' in text]
    assert [text.partition(':')[0] for text in told_of] == ['no pictures', 'no report.html']
    assert all(text in process.output() for text in told_of)
    assert {path.name for path in folder.iterdir()} == {'frames.csv', 'summary.json'}


def test_a_player_in_the_middle_of_a_bag_is_lean(world, probe, told, tmp_path):
    camera = Camera(32, 24, 30.0, 30.0, 16.0, 12.0)
    rgb, depth_m = np.zeros((24, 32, 3), np.uint8), np.ones((24, 32), np.float32)
    write_rgbd_bag(
        tmp_path / 'bag',
        [RgbdFrame(Frame(rgb, 10**9 * at_s, 'optical', camera), depth_m) for at_s in (1, 2)],
    )
    # In lockstep it waits for the prediction of the first image, which never comes.
    parameters = {'bag': tmp_path / 'bag', 'mode': 'lockstep', 'lockstep_timeout_s': 600.0}
    process = start(world, told, 'bag_player', parameters)
    probe.publisher(Image, 'prediction')
    images = probe.listen(Image, '/camera/color/image_raw')
    probe.spin_until(lambda: len(images) > 0)
    assert of_workshop(process, probe, told) == set()
    assert process.running()


def test_a_viewer_that_waits_for_an_image_is_lean(world, probe, told):
    process = start(world, told, 'viewer', program=['/bin/false'])
    probe.publisher(Image, 'image')
    probe.await_subscribers('image')
    assert of_workshop(process, probe, told) == set()
