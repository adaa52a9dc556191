"""The node in lockstep and `record` give the same numbers, and the evaluator the same scores."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import Image, PointCloud2

import depth_anything_ros
from depth_anything_ros.bag import BagReader
from depth_anything_ros.cli.demo_bag import open_bag
from depth_anything_ros.cli.main import main
from depth_anything_ros.messages import decode_any_depth, decode_inverse_depth, stamp_ns

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SAMPLE = Path(depth_anything_ros.__file__).parent / 'cli' / 'sample_drive'
RELATIVE, DEPTH, SCALE = (
    f'/depth_node/{name}' for name in ('relative/image_raw', 'depth/image_raw', 'scale')
)
FUSED, SOURCE = '/depth_node/fused/image_raw', '/depth_node/fused/source'
SIGMA, POINTS = '/depth_node/sigma/image_raw', '/depth_node/points'
DECODED = {
    RELATIVE: decode_inverse_depth,
    DEPTH: decode_any_depth,
    FUSED: decode_any_depth,
    SOURCE: lambda message: np.frombuffer(message.data, np.uint8),
    SIGMA: decode_any_depth,
    POINTS: lambda message: np.frombuffer(message.data, np.float32).reshape(-1, 4)[:, :3],
}
START_S = 120.0
# Depth follows the camera by the odometry of the drive.
FOLLOWING = {'temporal_smoothing_s': 0.3, 'odometry_pose': '-0.12 0 -0.149 0 0 0'}
# Slow enough for an evaluator on a busy machine to hear every message.
REPLAY_RATE = 0.3


def simulate(path, *words):
    assert main(['simulate', str(path), *words]) == 0
    return path


def _given(parameters):
    """Leave out what rcl cannot be given: an empty text."""
    return {name: value for name, value in parameters.items() if value != ''}


def play(world, bag, parameters, out, *, node=True):
    """Play a bag in lockstep through the node, or in time with what is recorded in it."""
    if node:
        world.start(
            'depth_node',
            _given({'image_transport': bag.image.transport, **parameters}),
            {**bag.remaps('reference/depth', 'reference/camera_info'), 'scan': '/scan'},
        )
    evaluator = world.start(
        'evaluator_node',
        _given(
            {
                'output_dir': out,
                'image_transport': bag.image.transport,
                'latency_from': 'image',
                'drain_s': 300.0,
                'metrics': "['sigma']",
                **bag.depth_parameters('ground_truth'),
            }
        ),
        {
            **bag.remaps('ground_truth', 'ground_truth/camera_info'),
            'relative': RELATIVE,
            'depth': DEPTH,
            'sigma': SIGMA,
        },
    )
    player = world.start(
        'bag_player',
        {
            'bag': bag.path,
            'mode': 'lockstep' if node else 'realtime',
            'rate': REPLAY_RATE,
            'image_topic': bag.image.name,
            'subscribers': 1 + node,
            'wait_for_subscribers_s': START_S,
        },
        {'prediction': RELATIVE},
    )
    return player, evaluator


def scores(evaluator, out):
    evaluator.signal(signal.SIGINT)
    assert evaluator.wait() == 0, evaluator.output()
    return json.loads((out / 'summary.json').read_text())['metrics']


def by_stamp(messages, decode):
    return {stamp_ns(message.header): decode(message) for message in messages}


def alignment(message):
    pairs = {pair.key: pair.value for pair in message.status[0].values}
    return message.status[0].message, *(pairs.get(key) for key in ('source', 'scale', 'shift'))


def assert_same(live, recorded):
    """Check that numbers agree to 1e-6 and are unknown in the same places."""
    assert live.keys() == recorded.keys()
    for stamp, values in live.items():
        np.testing.assert_allclose(recorded[stamp], values, rtol=1e-6, atol=1e-6)


def record(place, out, parameters, outputs, topics):
    """Record a bag, and return the messages of some topics, none of one that is not there."""
    words = [word for name, value in parameters.items() for word in ('-p', f'{name}:={value}')]
    words += ['--outputs', outputs]
    assert main(['record', str(place), '--out', str(out), '--merge', *words]) == 0
    with BagReader(out) as reader:
        return {
            topic: [message.deserialize() for message in reader.messages([topic])]
            if topic in reader.topics
            else []
            for topic in topics
        }


@pytest.mark.parametrize('source', ['depth_image', 'laser_scan'])
def test_record_gives_the_numbers_and_scores_of_the_node_in_lockstep(world, tmp_path, source):
    if source == 'depth_image':
        place, frames, extra = SAMPLE, 30, {'scale_field': 'true', 'cloud_from': 'fused'}
    else:
        place = simulate(tmp_path / 'drive', '--frames', '100', '--size', '320x240')
        frames, extra = 100, {'laser_pose': '-0.04 0 0.02 0 0 0', **FOLLOWING}
    bag = open_bag(str(place))
    parameters = {
        'model': 'tiny', 'scale_source': source, 'max_sigma': 0.2,
        **bag.depth_parameters('reference'), **extra,
    }  # fmt: skip
    probe = world.probe()
    heard = {
        topic: probe.listen(kind, topic)
        for topic, kind in (
            *((topic, Image) for topic in (RELATIVE, DEPTH, FUSED, SOURCE, SIGMA)),
            (POINTS, PointCloud2),
            (SCALE, DiagnosticArray),
        )
    }
    player, evaluator = play(world, bag, parameters, tmp_path / 'live')
    probe.spin_until(lambda: not player.running(), 300.0)
    assert player.wait() == 0, player.output()
    probe.spin(1.0)
    live_scores = scores(evaluator, tmp_path / 'live')

    out = tmp_path / 'recorded'
    fused = 'fused,source,' * (source == 'depth_image')
    found = record(place, out, parameters, f'relative,depth,scale,{fused}sigma,points', heard)
    for topic, decode in DECODED.items():
        assert_same(by_stamp(heard[topic], decode), by_stamp(found[topic], decode))
    assert by_stamp(heard[SCALE], alignment) == by_stamp(found[SCALE], alignment)
    assert len(found[RELATIVE]) == frames
    assert len(found[DEPTH]) > 0.8 * frames
    # The first frame, if at all, is asked for before its depth is kept whole.
    assert len(found[FUSED]) == (frames if source == 'depth_image' else 0)
    for made in (SIGMA, POINTS):
        assert len(found[made]) == len(found[FUSED if source == 'depth_image' else DEPTH])

    for process in world._processes:
        process.stop()
    again = open_bag(f'{out},image={bag.image.name},depth={bag.depth.name}')
    player, evaluator = play(world, again, {}, tmp_path / 'replayed', node=False)
    probe.spin_until(lambda: not player.running(), 300.0)
    replayed = scores(evaluator, tmp_path / 'replayed')
    assert replayed.keys() == live_scores.keys()
    assert 0 < replayed['online']['sigma.coverage'] <= 1
    for name, found_scores in replayed.items():
        assert found_scores.pop('undefined', {}) == live_scores[name].pop('undefined', {})
        assert found_scores == pytest.approx(live_scores[name], rel=1e-6, nan_ok=True)
