"""Entries that are added to the tables from outside run end to end, in nodes and verbs."""

import json
import os
import subprocess
import sys
import time
from array import array
from pathlib import Path

import numpy as np
import pytest
from node_world import ros_arguments
from rcl_interfaces.srv import DescribeParameters
from sensor_msgs.msg import Image, Range
from std_srvs.srv import Trigger

TESTS = Path(__file__).resolve().parents[1]
NODE = """
import sys, added_entries
added_entries.register()
from depth_anything_ros.nodes.start import start
start(sys.argv.pop(1))
"""
VERBS = """
import json, sys, added_entries
added_entries.register()
from depth_anything_ros.cli.main import main
sys.exit(max(main(words) for words in json.loads(sys.argv[1])))
"""
RAMP = {'model': 'tiny', 'backend': 'ramp', 'warmup_width': 64, 'warmup_height': 48}


@pytest.fixture
def start(world):
    world.environment['PYTHONPATH'] = os.pathsep.join(
        filter(None, (str(TESTS), world.environment.get('PYTHONPATH')))
    )

    def start(node, parameters):
        return world.run(node, [sys.executable, '-c', NODE, node, *ros_arguments(parameters)])

    return start


def middle_m(message):
    assert message.encoding == '32FC1'
    return np.frombuffer(message.data, np.float32).reshape(48, 64)[24, 32]


def test_the_depth_node_runs_an_added_backend_by_the_scale_of_an_added_source(
    world, start, camera
):
    start('depth_node', {**RAMP, 'scale_source': 'sonar', 'sonar_offset_m': 0.5})
    probe = world.probe()
    depth = probe.listen(Image, '/depth_node/depth/image_raw')
    probe.publisher(Range, 'sonar')
    probe.publisher(Image, 'image')
    probe.await_subscribers('sonar', 'image')

    def depth_at(range_m, expected_m):
        message, image = Range(range=range_m, max_range=8.0), camera.image()
        message.header = image.header
        depth.clear()
        probe.publish('sonar', message)
        probe.spin(0.1)
        probe.publish('image', image)
        return probe.spin_until(lambda: bool(depth), 2.0, fail=False) and (
            middle_m(depth[-1]) == pytest.approx(expected_m, rel=1e-5)
        )

    probe.spin_until(lambda: depth_at(2.5, 2.0))
    # The far end is twice as far as the near one, as the ramp has it.
    rows = np.frombuffer(depth[-1].data, np.float32).reshape(48, 64)[:, 0]
    assert rows[0] / rows[-1] == pytest.approx(2.0, rel=1e-5)
    report = probe.diagnostics()
    assert report['model']['backend'] == 'ramp'
    assert report['scale']['source'] == 'sonar'
    (result,) = probe.set_parameters('/depth_node', sonar_offset_m=0.6)
    assert result.successful
    probe.spin_until(lambda: depth_at(2.5, 1.9))
    (result,) = probe.set_parameters('/depth_node', sonar_offset_m=11.0)
    assert 'out of range' in result.reason
    request = DescribeParameters.Request(names=['scale_source', 'backend', 'sonar_offset_m'])
    source, backend, offset = probe.call(
        DescribeParameters, '/depth_node/describe_parameters', request
    ).descriptors
    assert source.additional_constraints.endswith('motion, sonar')
    assert backend.additional_constraints.endswith('onnxruntime, ramp')
    assert offset.description == 'How far the sonar lies behind the lens. Unit: m.'


def test_what_an_added_source_warns_of_is_in_the_log(world, start, camera):
    node = start('depth_node', {**RAMP, 'scale_source': 'sonar'})
    probe = world.probe()
    probe.listen(Image, '/depth_node/depth/image_raw')
    probe.publisher(Range, 'sonar')
    probe.await_subscribers('sonar')

    def warned():
        probe.publish('sonar', Range(range=9.0, max_range=8.0))
        probe.spin(0.1)
        return 'sonar met nothing' in node.output()

    probe.spin_until(warned)


def test_the_evaluator_node_scores_by_an_added_metric(world, start, camera):
    folder = world.folder / 'results'
    start('evaluator_node', {'output_dir': str(folder), 'picture_every': 0})
    probe = world.probe()
    topics = ('image', 'relative', 'depth', 'ground_truth')
    for topic in topics:
        probe.publisher(Image, topic)
    probe.await_subscribers(*topics)
    probe.spin(0.5)
    image = camera.image()
    camera.stamp(image, time.time_ns())
    truth_mm = np.full((image.height, image.width), 2000, np.uint16)
    prediction_m = np.full(truth_mm.shape, 2.0, np.float32)
    prediction_m[3, 5] = 2.25
    probe.publish('image', image)
    probe.publish('ground_truth', camera.depth(image, truth_mm))
    for topic, values in (('relative', 1.0 / prediction_m), ('depth', prediction_m)):
        message = Image(header=image.header, encoding='32FC1', height=48, width=64, step=256)
        message.data = array('B', values.astype(np.float32).tobytes())
        probe.publish(topic, message)

    def summary():
        assert probe.call(Trigger, '/evaluator_node/save').success
        return json.loads((folder / 'summary.json').read_text())

    probe.spin_until(lambda: summary()['frames']['scored'] == 1)
    assert summary()['metrics']['online']['worst'] == pytest.approx(0.25)


def test_verbs_compress_by_an_added_recipe_and_score_on_added_data_by_an_added_metric(tmp_path):
    network = ['--model', 'tiny', '--backend', 'ramp']
    packed, scores, times, table = (
        str(tmp_path / name) for name in ('blunt.safetensors', 'scores', 'times', 'table')
    )
    verbs = [
        ['compress', '--model', 'tiny', '--recipe', 'blunt(3)', '--views', '0',
         '--out', packed],
        ['evaluate', *network, '--checkpoint', packed, '--data', 'slopes:.,count=3',
         '--json', scores],
        ['benchmark', *network, '--precision', 'fp32', '--baseline', 'none', '--runs', '3',
         '--input-size', '64x64', '--compressed', packed, '--json', times],
        ['info', '--parameters', 'depth_node', '--json', table],
    ]  # fmt: skip
    subprocess.run(
        [sys.executable, '-c', VERBS, json.dumps(verbs)],
        env={**os.environ, 'PYTHONPATH': str(TESTS)}, cwd=tmp_path, check=True,
    )  # fmt: skip
    (answer,) = json.loads(Path(scores).read_text())['data']
    (model,) = answer['models'].values()
    assert model['images'] == 3
    assert 0.0 <= model['metrics']['worst'] < 1e-5
    rows = json.loads(Path(times).read_text())['results']
    assert [(row['backend'], row['status'], row['recipe']) for row in rows] == [
        ('ramp', 'ok', ''), ('ramp', 'ok', 'blunt(3.0)'),
    ]  # fmt: skip
    described = json.loads(Path(table).read_text())['parameters']['sonar_offset_m']
    assert (described['default'], described['affects']) == (0.0, 'reference')
