"""The whole job: a bag through player, depth node and evaluator."""

import json

import cv2
import numpy as np
import pytest
import two_cameras

from depth_anything_ros.bag import RgbdFrame, write_rgbd_bag
from depth_anything_ros.cli.main import main
from depth_anything_ros.lab.simulation.journey import journey
from depth_anything_ros.lab.simulation.robot import robot_camera
from depth_anything_ros.types import Camera, Frame

SMALL = ('--weights', 'random', '--backend', 'torch', '--input-size', '64')


@pytest.fixture(autouse=True)
def _own_domain(world, monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', world.environment['ROS_DOMAIN_ID'])


def demo(out, *arguments):
    code = main(['demo', '--out', str(out), *SMALL, *arguments])
    summary = out / 'summary.json'
    return code, json.loads(summary.read_text()) if summary.is_file() else None


def real_frames(folder, count):
    """Read frames of a sequence: rgb/*, depth/* in millimetres, meta.json; 640x480."""
    values = json.loads((folder / 'meta.json').read_text())['intrinsics']
    colours, depths = sorted((folder / 'rgb').iterdir()), sorted((folder / 'depth').iterdir())
    camera = Camera(640, 480, *(float(values[name]) for name in ('fx', 'fy', 'cx', 'cy')))
    for index, (colour, depth) in enumerate(zip(colours[:count], depths[:count], strict=True)):
        rgb = cv2.cvtColor(cv2.imread(str(colour)), cv2.COLOR_BGR2RGB)
        depth_m = cv2.imread(str(depth), cv2.IMREAD_UNCHANGED).astype(np.float32) / 1000
        stamp_ns = 1_700_000_000_000_000_000 + index * 33_333_333
        frame = Frame(rgb, stamp_ns, 'camera_color_optical_frame', camera)
        yield RgbdFrame(frame, np.where(depth_m > 0, depth_m, np.float32(np.nan)))


def write_drive(path, frames, width, height):
    """Write a bag of a simulated drive at 30 Hz."""
    driven = journey(0, frames, 30.0, robot_camera(width, height))
    write_rgbd_bag(path, (frame.rgbd for frame in driven), 'sqlite3')


def test_demo_on_the_sample_scores_every_frame(tmp_path, monkeypatch, capsys):
    out, answer = tmp_path / 'out', tmp_path / 'answer.json'
    code, summary = demo(out, '--frames', '6', '--json', str(answer))
    assert code == 0
    frames = summary['frames']
    assert [frames[name] for name in ('sent', 'received', 'scored')] == [6, 6, 6]
    assert [frames[name] for name in ('dropped', 'rejected')] == [0, 0]
    assert 0 < summary['latency_ms']['p50'] <= summary['latency_ms']['p99'] < 60_000
    assert summary['stages_ms']['inference']['p50'] > 0
    assert summary['metrics']['scale_shift']['frames'] == 6
    assert summary['model']['weights'] == 'random'
    assert json.loads(answer.read_text()) == summary
    assert len(list((out / 'pictures').glob('*.png'))) == 1
    assert (out / 'frames.csv').read_text().count('\n') == 7
    shown = capsys.readouterr().out
    assert '6 sent, 6 received, 6 scored' in shown
    assert str(out / 'report.html') in shown


@pytest.mark.slow
def test_demo_tells_which_bound_of_a_gate_is_broken_and_exits_with_3(tmp_path, capsys):
    gate = tmp_path / 'gate.yaml'
    gate.write_text('bounds: [frames.dropped == 0, scale_shift.abs_rel <= 1e-6]')
    code, summary = demo(tmp_path / 'out', '--frames', '2', '--gate', str(gate))
    assert (code, summary['frames']['scored']) == (3, 2)
    assert 'metrics.scale_shift.abs_rel is ' in capsys.readouterr().err
    gate.write_text('bounds: [scale_shift.abs_rell <= 1]')
    code, summary = demo(tmp_path / 'none', '--gate', str(gate))
    assert (code, summary) == (1, None)
    assert 'near it: scale_shift.abs_rel' in capsys.readouterr().err


def test_demo_refuses_more_frames_than_there_are(tmp_path, capsys):
    code, summary = demo(tmp_path / 'out', '--frames', '31')
    assert (code, summary) == (1, None)
    assert "sample_drive'; allowed: 1 to 30" in capsys.readouterr().err


def test_demo_on_real_frames_scores_every_frame(tmp_path, rgbd):
    bag = tmp_path / 'bag'
    assert write_rgbd_bag(bag, real_frames(rgbd / 'sequences' / 'redkitchen_7scenes', 10)) == 10
    code, summary = demo(tmp_path / 'out', '--bag', str(bag))
    assert code == 0
    frames = summary['frames']
    assert [frames[name] for name in ('sent', 'received', 'scored')] == [10, 10, 10]


@pytest.mark.slow
@pytest.mark.parametrize(
    ('model', 'backend'),
    [
        ('anydepth_vits', 'torch'),
        ('anydepth_vits', 'openvino'),
        ('anydepth_lite_vits', 'openvino'),
    ],
)
def test_demo_runs_anydepth(tmp_path, model, backend):
    code, summary = demo(tmp_path / 'out', '--model', model, '--backend', backend, '--frames', '3')
    assert code == 0
    assert (summary['model']['name'], summary['model']['weights']) == (model, 'random')
    frames = summary['frames']
    assert [frames[name] for name in ('sent', 'received', 'scored')] == [3, 3, 3]


@pytest.mark.parametrize(
    ('model', 'source'),
    [
        ('tiny', 'sample'),
        ('tiny', 'real'),
        pytest.param('tiny_sdt_lite', 'sample', marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_shipped_models_show_depth_in_metres(tmp_path, request, model, source):
    arguments = ['--out', str(tmp_path / 'out'), '--frames', '6']
    arguments += [] if model == 'tiny' else ['--model', model]
    if source == 'real':
        bag = tmp_path / 'bag'
        sequence = request.getfixturevalue('rgbd') / 'sequences' / 'redkitchen_7scenes'
        write_rgbd_bag(bag, real_frames(sequence, 10))
        arguments += ['--bag', str(bag)]
    assert main(['demo', *arguments]) == 0
    summary = json.loads((tmp_path / 'out' / 'summary.json').read_text())
    assert summary['model']['name'] == model
    assert summary['model']['weights'] == 'pretrained'
    assert summary['warnings'] == []
    online, fitted = summary['metrics']['online'], summary['metrics']['scale_shift']
    assert online['frames'] == fitted['frames'] == summary['frames']['sent']
    assert online['coverage'] > 0.8
    assert online['abs_rel'] < 1.5 * fitted['abs_rel'] < 0.3


@pytest.mark.slow
def test_demo_in_realtime_drops_what_is_too_fast_and_says_so(tmp_path):
    bag = tmp_path / 'bag'
    write_drive(bag, 60, 160, 120)
    code, summary = demo(tmp_path / 'out', '--bag', str(bag), '--mode', 'realtime', '--rate', '4')
    assert code == 0
    frames = summary['frames']
    assert frames['sent'] == 60
    assert frames['received'] + frames['dropped'] + frames['rejected'] == 60


def test_demo_without_the_topics_says_which_there_are(tmp_path, capsys):
    bag = tmp_path / 'bag'
    write_drive(bag, 1, 32, 24)
    code, summary = demo(tmp_path / 'out', '--bag', f'{bag},depth=/depth')
    assert (code, summary) == (1, None)
    error = capsys.readouterr().err
    assert "no topic '/depth'" in error
    assert '/camera/depth/image_raw' in error


def test_demo_refuses_a_topic_that_holds_no_images(tmp_path, capsys):
    bag = tmp_path / 'bag'
    write_drive(bag, 1, 32, 24)
    topic = '/camera/color/camera_info'
    code, summary = demo(tmp_path / 'out', '--bag', f'{bag},image={topic}')
    assert (code, summary) == (1, None)
    error = capsys.readouterr().err
    assert f"topic '{topic}' in bag '{bag}' is sensor_msgs/msg/CameraInfo; allowed" in error


def test_demo_tells_why_a_node_failed(tmp_path, capsys):
    bag = tmp_path / 'bag'
    write_drive(bag, 1, 32, 24)
    broken = tmp_path / 'x.pth'
    broken.write_bytes(b'no checkpoint')
    arguments = ['--bag', str(bag), '--checkpoint', str(broken)]
    assert main(['demo', '--out', str(tmp_path / 'out'), *arguments]) == 1
    error = capsys.readouterr().err
    assert 'depth_node ended with status 1' in error
    assert f"checkpoint '{broken}'" in error


def test_demo_refuses_unregistered_depth_without_tf(tmp_path, capsys):
    two_cameras.write_bag(tmp_path / 'bag', 1, tf=False)
    code, summary = demo(tmp_path / 'out', '--bag', str(tmp_path / 'bag'))
    assert (code, summary) == (1, None)
    error = capsys.readouterr().err
    assert "is not registered to the image in 'camera_color_optical_frame'" in error
    assert 'record /tf_static with the images' in error


@pytest.mark.slow
def test_demo_scores_unregistered_depth_as_it_scores_registered(tmp_path):
    scores = []
    for registered in (True, False):
        bag, out = tmp_path / f'bag_{registered}', tmp_path / f'out_{registered}'
        two_cameras.write_bag(bag, 12, 640, registered=registered, tf=not registered)
        assert main(['demo', '--bag', str(bag), '--out', str(out)]) == 0
        metrics = json.loads((out / 'summary.json').read_text())['metrics']
        scores.append([metrics[name]['abs_rel'] for name in ('scale_shift', 'online')])
        assert metrics['online']['frames'] == 12
    np.testing.assert_allclose(scores[1], scores[0], rtol=0.02)


@pytest.mark.slow
def test_demo_plays_compressed_images_and_depth(tmp_path, cases):
    code = main(['demo', '--bag', str(cases / 'compressed_both'), '--out', str(tmp_path)])
    summary = json.loads((tmp_path / 'summary.json').read_text())
    assert code == 0
    assert [summary['frames'][name] for name in ('sent', 'received', 'scored')] == [12, 12, 12]
    assert summary['metrics']['online']['abs_rel'] < 0.15
