"""The services of docker/compose.yaml: their commands score the drive that comes along."""

import json
import shlex
import signal
import sys
from pathlib import Path

import pytest
import yaml
from made_networks import write_folder

pytest.importorskip('onnxruntime')

ROOT = Path(__file__).resolve().parents[2]
SERVICES = yaml.safe_load((ROOT / 'docker' / 'compose.yaml').read_text())['services']
# What depth.launch.py leads the inputs of the node to.
REMAPS = {
    'image/compressed': 'camera/color/image_raw/compressed',
    'camera_info': 'camera/color/camera_info',
    'reference/depth/compressedDepth': 'camera/depth/image_raw/compressedDepth',
    'reference/camera_info': 'camera/depth/camera_info',
}


@pytest.fixture
def words_of(tmp_path):
    """Return a function that gives the command of a service, with places of this machine."""
    places = {
        '/opt/sample_drive': ROOT / 'depth_anything_ros' / 'cli' / 'sample_drive',
        '/network': write_folder(tmp_path / 'network'),
        '/data': tmp_path / 'data',
    }

    def words(service):
        found = shlex.join(SERVICES[service]['command'])
        for inside, here in places.items():
            found = found.replace(f':={inside}', f':={here}')
        return shlex.split(found)

    return words


@pytest.mark.slow
def test_camera_node_and_evaluator_score_frames(world, words_of, tmp_path):
    start = [sys.executable, '-m', 'depth_anything_ros.nodes.start']
    launch, package, file, *given = words_of('depth')[1:]
    assert (launch, package, file) == ('launch', 'depth_anything_ros', 'depth.launch.py')
    world.start('depth_node', dict(word.split(':=') for word in given), REMAPS)
    evaluator = world.run('evaluator', [*start, *words_of('evaluator')])
    camera = world.run('camera', [*start, *words_of('camera'), '-p', 'frames:=12'])
    assert camera.wait() == 0, camera.output()
    evaluator.signal(signal.SIGTERM)
    assert evaluator.wait() == 0, evaluator.output()
    frames = json.loads((tmp_path / 'data' / 'summary.json').read_text())['frames']
    assert frames['sent'] == 12
    assert frames['scored'] > 0
