"""The evaluator node as a process: pairing, latency, results."""

import csv
import json
import signal
import sys
import time
from array import array

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from node_world import floats, ros_arguments
from rcl_interfaces.srv import GetParameters
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header
from std_srvs.srv import Trigger

from depth_anything_ros.nodes.diagnostics import to_status
from depth_anything_ros.nodes.judgement import NodeState
from depth_anything_ros.stream.run_statistics import RunStatistics
from depth_anything_ros.types import ModelIdentity

TOPICS = ('image', 'relative', 'depth', 'ground_truth')
MODEL = ModelIdentity(
    'depth_anything_v2_vits', 'random', '', 'torch', 'fp32', 'cpu', (56, 70), 'Apache-2.0'
)


@pytest.fixture
def probe(world):
    made = world.probe()
    for topic in TOPICS:
        made.publisher(Image, topic)
    made.publisher(DiagnosticArray, '/diagnostics')
    return made


def start(world, probe, **parameters):
    parameters = {'output_dir': world.folder / 'results', 'picture_every': 2, **parameters}
    process = world.start('evaluator_node', parameters)
    probe.await_subscribers(*TOPICS, '/diagnostics')
    # The other side may know of the publishers a little later.
    probe.spin(0.5)
    return process


def send_frame(probe, camera, age_s=0.02, factor=1.1, wait_s=0.1, metric=True):
    """Send an image, its truth of 1 to 3 m, and predictions: exact relative, 10 % deep metric."""
    image = camera.image()
    camera.stamp(image, time.time_ns() - round(age_s * 1e9))
    depth_mm = np.tile(np.linspace(1000, 3000, image.width), (image.height, 1)).astype(np.uint16)
    truth = camera.depth(image, depth_mm)
    probe.publish('image', image)
    probe.publish('ground_truth', truth)
    probe.publish('relative', floats(image, 5 / (depth_mm / 1000) - 0.25))
    if metric:
        probe.publish('depth', floats(image, depth_mm / 1000 * factor))
    probe.spin(wait_s)


def send_diagnostics(probe, rejected=0):
    statistics = RunStatistics()
    for _ in range(rejected):
        statistics.reject('test')
    statistics.processed({'inference': 12.5}, [])
    status = to_status('depth_node', NodeState('active', '/i', MODEL), statistics.snapshot(), 5.0)
    probe.publish('/diagnostics', DiagnosticArray(status=[status]))
    probe.spin(0.2)


def results(world):
    folder = world.folder / 'results'
    with (folder / 'frames.csv').open() as file:
        rows = list(csv.DictReader(file))
    return json.loads((folder / 'summary.json').read_text()), rows, folder


def await_frames(world, probe, node='/evaluator_node', **counts):
    """Wait until the node has taken in what was sent; what is on its way at the end is lost."""

    def counted_by_now():
        response = probe.call(Trigger, f'{node}/save')
        assert response.success
        assert response.message == str((world.folder / 'results').resolve())
        frames = results(world)[0]['frames']
        return {name: frames[name] for name in counts}

    probe.spin_until(lambda: counted_by_now() == counts)


def await_scored(world, probe, count):
    await_frames(world, probe, scored=count)


def test_results_at_sigint_hold_scores_latency_and_what_the_node_said(world, probe, camera):
    process = start(world, probe)
    for _ in range(5):
        send_frame(probe, camera)
    # Which would make the depth node compute it.
    assert probe.node.count_subscribers('sigma') == 0
    for _ in range(2):
        image = camera.image()
        camera.stamp(image, time.time_ns())
        probe.publish('image', image)
        probe.spin(0.1)
    send_diagnostics(probe, rejected=2)
    await_scored(world, probe, 5)
    process.signal(signal.SIGINT)
    assert process.wait() == 0
    summary, rows, folder = results(world)
    frames = summary['frames']
    assert (frames['sent'], frames['received'], frames['scored']) == (7, 5, 5)
    assert (frames['dropped'], frames['rejected'], frames['unscored']) == (0, 2, 0)
    assert len(rows) == 5
    assert summary['metrics']['scale_shift']['abs_rel'] == pytest.approx(0.0, abs=1e-3)
    assert summary['metrics']['online']['abs_rel'] == pytest.approx(0.1, abs=1e-3)
    assert 20.0 <= summary['latency_ms']['p50'] < 60_000
    assert summary['stages_ms']['inference']['p50'] == 12.5
    assert summary['model']['name'] == 'depth_anything_v2_vits'
    assert summary['model']['weights'] == 'random'
    assert (folder / 'report.html').stat().st_size > 1000
    assert len(list((folder / 'pictures').glob('*.png'))) == 3


def test_uncertainty_is_scored_where_it_is_asked_for_in_a_namespace_too(world, camera):
    probe = world.probe()
    topics = [f'/robot/{name}' for name in (*TOPICS, 'sigma')]
    for topic in topics:
        probe.publisher(Image, topic)
    process = world.start(
        'evaluator_node',
        {'output_dir': world.folder / 'results', 'picture_every': 0, 'metrics': "['sigma']"},
        {'__ns': '/robot'},
    )
    probe.await_subscribers(*topics)
    probe.spin(0.5)
    for _ in range(3):
        image = camera.image()
        truth = camera.depth(image)
        depth_m = 1.1 * np.frombuffer(truth.data, np.uint16).reshape(48, 64) / 1000
        relative, metric, sigma = (
            floats(image, values) for values in (1 / depth_m, depth_m, 0.07 * depth_m)
        )
        sent = (image, relative, metric, truth, sigma)
        for topic, message in zip(topics, sent, strict=True):
            probe.publish(topic, message)
        probe.spin(0.1)
    await_frames(world, probe, '/robot/evaluator_node', scored=3)
    process.stop()
    found = results(world)[0]['metrics']['online']
    assert found['frames'] == 3
    # Of 10 % too far the truth lies within 1.645 times 7 %, all of it.
    assert found['sigma.coverage'] == 1.0
    assert found['sigma.share'] == pytest.approx(0.07, rel=1e-3)


def test_results_are_written_on_save_and_again_at_sigterm(world, probe, camera):
    process = start(world, probe, picture_every=0)
    send_frame(probe, camera)
    await_scored(world, probe, 1)
    send_frame(probe, camera)
    await_scored(world, probe, 2)
    (world.folder / 'results' / 'summary.json').unlink()
    process.signal(signal.SIGTERM)
    assert process.wait() == 0
    assert results(world)[0]['frames']['scored'] == 2


@pytest.mark.parametrize(('bound', 'code'), [('abs_rel <= 0.2', 0), ('abs_rel <= 0.05', 3)])
def test_a_gate_gives_the_exit_code_3_where_it_is_not_met(world, probe, camera, bound, code):
    gate = world.folder / 'gate.yaml'
    gate.write_text(f'bounds:\n  - {bound}\n  - frames.dropped == 0\n')
    process = start(world, probe, picture_every=0, gate=gate)
    send_frame(probe, camera)
    await_scored(world, probe, 1)
    process.signal(signal.SIGINT)
    assert process.wait() == code
    assert results(world)[0]['frames']['scored'] == 1
    told = f"gate '{gate}': metrics.online.abs_rel is 0.1"
    assert (told in process.output()) == bool(code)


def test_a_gate_with_an_unknown_figure_ends_the_node_at_once(world):
    gate = world.folder / 'gate.yaml'
    gate.write_text('bounds: [frames.droped == 0]')
    process = world.start('evaluator_node', {'gate': gate})
    assert process.wait() == 1
    assert "there is no figure 'frames.droped'; near it: frames.dropped" in process.output()


def test_results_that_cannot_be_written_are_told_and_give_exit_code_1(world, probe):
    (world.folder / 'file').write_text('')
    process = start(world, probe, output_dir=world.folder / 'file' / 'results')
    response = probe.call(Trigger, '/evaluator_node/save')
    assert not response.success
    assert 'cannot write' in response.message
    process.signal(signal.SIGINT)
    assert process.wait() == 1


@pytest.mark.parametrize('age_s', [-3.0, 1e6])
def test_stamps_of_another_clock_give_no_latency_but_a_warning(world, probe, camera, age_s):
    process = start(world, probe, picture_every=0)
    for _ in range(2):
        send_frame(probe, camera, age_s=age_s)
    send_frame(probe, camera, age_s=0.05)
    await_scored(world, probe, 3)
    process.stop()
    summary, _, _ = results(world)
    assert summary['frames']['scored'] == 3
    assert 50.0 <= summary['latency_ms']['max'] < 60_000
    (warning,) = (text for text in summary['warnings'] if 'latency' in text)
    assert '2 frames' in warning
    assert 'latency_from' in warning


def test_latency_from_image_needs_no_common_clock(world, probe, camera):
    process = start(world, probe, picture_every=0, latency_from='image')
    for _ in range(3):
        send_frame(probe, camera, age_s=1e6)
    await_scored(world, probe, 3)
    process.stop()
    summary, _, _ = results(world)
    assert 0.0 < summary['latency_ms']['p50'] < 60_000
    assert not [text for text in summary['warnings'] if 'latency' in text]


def test_bad_messages_are_left_out_and_the_next_is_scored(world, probe, camera):
    process = start(world, probe, picture_every=0)
    image = camera.image()
    bad = camera.depth(image)
    bad.encoding = 'nv99'
    probe.publish('ground_truth', bad)
    probe.publish('relative', bad)
    probe.spin(0.3)
    send_frame(probe, camera)
    await_scored(world, probe, 1)
    process.stop()
    summary, _, _ = results(world)
    assert summary['frames']['scored'] == 1
    assert "'nv99'" in process.output()
    left_out = [text for text in summary['warnings'] if 'left out' in text]
    assert sum(int(text.split()[0]) for text in left_out) == 2
    assert "'nv99'" in left_out[0]


def send_plain(probe, image, answer_ns=None):
    """Send an image, its truth and relative depth, with the stamps of the image or another one."""
    depth_mm = np.tile(np.linspace(1000, 3000, image.width), (image.height, 1)).astype(np.uint16)
    probe.publish('image', image)
    truth = Image(header=image.header, encoding='16UC1', height=image.height, width=image.width)
    truth.step, truth.data = 2 * image.width, array('B', depth_mm.tobytes())
    probe.publish('ground_truth', truth)
    answer = floats(image, 5 / (depth_mm / 1000))
    if answer_ns is not None:
        answer.header = Header(frame_id=image.header.frame_id)
        answer.header.stamp.sec, answer.header.stamp.nanosec = divmod(answer_ns, 10**9)
    probe.publish('relative', answer)
    probe.spin(0.05)


def test_images_without_stamp_are_not_scored_and_not_called_dropped(world, probe, camera):
    process = start(world, probe, picture_every=0)
    for _ in range(6):
        image = camera.image()
        camera.stamp(image, 0)
        # As the depth node answers an image without stamp.
        send_plain(probe, image, answer_ns=time.time_ns())
    await_frames(world, probe, sent=6)
    probe.spin(1.0)
    process.stop()
    summary, _, _ = results(world)
    frames = summary['frames']
    names = ('sent', 'received', 'scored', 'dropped', 'rejected', 'unscored')
    assert [frames[name] for name in names] == [6, 6, 0, 0, 0, 6]
    assert summary['unscored'] == {'the image carries no stamp': 6}
    assert any('6 images carry no stamp (0)' in text for text in summary['warnings'])


def test_an_image_that_is_sent_twice_is_scored_once(world, probe, camera):
    process = start(world, probe, picture_every=0)
    for _ in range(3):
        image = camera.image()
        probe.publish('image', image)
        send_plain(probe, image)
    await_frames(world, probe, sent=6)
    probe.spin(1.0)
    process.stop()
    frames = results(world)[0]['frames']
    names = ('sent', 'scored', 'dropped', 'unscored')
    assert [frames[name] for name in names] == [6, 3, 3, 0]


def test_a_compressed_camera_is_scored(world, probe, camera):
    topics = ('image/compressed', 'ground_truth/compressedDepth')
    for topic in topics:
        probe.publisher(CompressedImage, topic)
    transports = {'image_transport': 'compressed', 'ground_truth_transport': 'compressedDepth'}
    process = world.start(
        'evaluator_node',
        {'output_dir': world.folder / 'results', 'picture_every': 1, **transports},
    )
    probe.await_subscribers(*topics, 'relative', 'depth', '/diagnostics')
    probe.spin(0.5)
    for _ in range(3):
        image = camera.image()
        camera.stamp(image, time.time_ns())
        depth_mm = np.tile(np.linspace(1000, 3000, image.width), (image.height, 1)).astype('u2')
        pixels = np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3)
        jpeg = cv2.imencode('.jpg', pixels[..., ::-1])[1].tobytes()
        png = bytes(12) + cv2.imencode('.png', depth_mm)[1].tobytes()
        for topic, form, data in (
            (topics[0], 'rgb8; jpeg compressed bgr8', jpeg),
            (topics[1], '16UC1; compressedDepth png', png),
        ):
            message = CompressedImage(header=image.header, format=form, data=array('B', data))
            probe.publish(topic, message)
        probe.publish('relative', floats(image, 5 / (depth_mm / 1000)))
        probe.publish('depth', floats(image, depth_mm / 1000 * 1.1))
        probe.spin(0.1)
    await_scored(world, probe, 3)
    process.stop()
    summary, _, folder = results(world)
    assert (summary['frames']['sent'], summary['frames']['scored']) == (3, 3)
    assert summary['metrics']['online']['abs_rel'] == pytest.approx(0.1, abs=1e-3)
    assert len(list((folder / 'pictures').glob('*.png'))) == 3
    assert len(summary['warnings']) == 1
    assert 'no status named' in summary['warnings'][0]


@pytest.mark.slow
def test_a_camera_that_comes_compressed_only_is_named(world, probe, camera):
    probe.publisher(CompressedImage, 'image/compressed')
    process = start(world, probe)
    probe.node.destroy_publisher(probe.publisher(Image, 'image'))
    probe.spin_until(lambda: 'nothing came on /image' in process.output())
    process.stop()
    summary, _, _ = results(world)
    assert summary['frames']['sent'] == 0
    text = ' '.join(summary['warnings'])
    assert (
        'nothing came on /image: /image/compressed is published instead: set image_transport to '
        'compressed'
    ) in text
    assert 'no predictions came on /relative or /depth' in text
    assert '/ground_truth' in text
    assert "no status named 'depth_node' came on /diagnostics" in text


def test_malformed_diagnostics_do_not_end_the_run(world, probe, camera):
    process = start(world, probe, picture_every=0)
    for key, value in (
        ('stages_ms.inference.p50', 'abc'),
        ('frames.rejected', 'nan'),
        ('model.name', 'x'),
        ('model.' + 'a.' * 50_000, ''),
    ):
        status = DiagnosticStatus(name='depth_node', values=[KeyValue(key=key, value=value)])
        probe.publish('/diagnostics', DiagnosticArray(status=[status]))
        probe.spin(0.1)
    send_diagnostics(probe)
    send_frame(probe, camera)
    await_scored(world, probe, 1)
    assert process.running()
    process.stop()
    summary, _, _ = results(world)
    assert summary['model']['name'] == 'depth_anything_v2_vits'
    assert sum('left out: diagnostics' in text for text in summary['warnings']) >= 2


def kill_between_writes(process, folder):
    """Kill a process while it holds no temporary file, which no program can take along."""
    end_s = time.monotonic() + 60
    process.signal(signal.SIGSTOP)
    while list(folder.glob('.*')):
        assert time.monotonic() < end_s
        process.signal(signal.SIGCONT)
        time.sleep(0.01)
        process.signal(signal.SIGSTOP)
    process.signal(signal.SIGKILL)
    process.wait()


def test_a_run_that_is_killed_leaves_its_rows_and_a_summary(world, probe, camera):
    process = start(world, probe, picture_every=0, save_period_s=0.1)
    frames = world.folder / 'results' / 'frames.csv'
    for count in range(1, 6):
        send_frame(probe, camera)
        probe.spin_until(
            lambda count=count: frames.exists() and frames.read_text().count('\n') == count + 1
        )
    kill_between_writes(process, frames.parent)
    summary, rows, folder = results(world)
    assert [int(row['frame']) for row in rows] == [0, 1, 2, 3, 4]
    assert all(float(row['online_abs_rel']) == pytest.approx(0.1, abs=1e-3) for row in rows)
    assert summary['finished'] is False
    assert 4 <= summary['frames']['scored'] <= 5
    assert not list(folder.glob('.*'))


def test_truth_of_another_camera_without_tf_is_refused_and_counted(world, probe, camera):
    process = start(world, probe, picture_every=0)
    for _ in range(12):
        image = camera.image()
        camera.stamp(image, time.time_ns())
        truth = camera.depth(image)
        truth.header = Header(stamp=image.header.stamp, frame_id='camera_depth_optical_frame')
        probe.publish('image', image)
        probe.publish('ground_truth', truth)
        probe.publish('relative', floats(image, np.ones((image.height, image.width))))
        probe.spin(0.05)
    await_frames(world, probe, sent=12)
    probe.spin(1.0)
    process.stop()
    summary, _, _ = results(world)
    assert (summary['frames']['scored'], summary['frames']['unscored']) == (0, 12)
    (reason,) = summary['unscored']
    assert "'camera_depth_optical_frame' is not registered to the image in" in reason
    assert 'no calibrated camera_info has come on /ground_truth/camera_info' in reason


def test_truth_of_another_camera_is_reprojected_with_both_calibrations(world, probe, camera):
    # 2.5 cm to the left at 1.5 m and 60 px of focal length: one column.
    topics = ('camera_info', 'ground_truth/camera_info')
    for topic in topics:
        probe.publisher(CameraInfo, topic)
    process = start(
        world, probe, picture_every=0, ground_truth_pose="'0 0.025 0 0 0 0'",
        metrics=['chamfer', 'plane_angle', 'obstacles'], camera_height_m=0.3,
    )  # fmt: skip
    probe.await_subscribers(*topics)
    for _ in range(3):
        image = camera.image()
        camera.stamp(image, time.time_ns())
        for topic, frame_id in zip(topics, ('', 'camera_depth_optical_frame'), strict=True):
            info = camera.info()
            info.header = Header(stamp=image.header.stamp, frame_id=frame_id)
            probe.publish(topic, info)
        truth = camera.depth(image, np.full((image.height, image.width), 1500))
        truth.header = Header(stamp=image.header.stamp, frame_id='camera_depth_optical_frame')
        probe.publish('image', image)
        probe.publish('ground_truth', truth)
        probe.publish('depth', floats(image, np.full((image.height, image.width), 1.65)))
        probe.spin(0.1)
    await_frames(world, probe, sent=3)
    probe.spin(1.0)
    process.stop()
    summary, rows, _ = results(world)
    assert summary['frames']['scored'] == 3
    assert summary['metrics']['online']['abs_rel'] == pytest.approx(0.1, abs=1e-5)
    # Clouds and planes are made with the camera of the image: 15 cm behind the wall, parallel. The
    # nearest point is seldom straight ahead: points are 2.5 cm apart, and those beyond the edge
    # of the nearer wall, a tenth of its half width of 80 cm, have it at the edge.
    assert 0.15 <= summary['metrics']['online']['chamfer'] < 0.17
    assert summary['metrics']['online']['plane_angle'] == pytest.approx(0.0, abs=0.01)
    # The wall is found a tenth too far, and its ends are farther away than its middle.
    assert summary['metrics']['online']['obstacles.missed'] == 0.0
    assert 0.15 <= summary['metrics']['online']['obstacles.distance_m'] < 0.17
    assert summary['protocol']['ground'].startswith('lens 0.3 m above the ground')
    # One column of the image sees nothing of the depth.
    assert {int(float(row['online_pixels'])) for row in rows} == {48 * 63}


@pytest.mark.slow
def test_the_end_comes_soon_and_every_image_is_counted(world, probe):
    process = start(world, probe, picture_every=1, backlog_mb=128)
    height, width = 1080, 1920
    rgb = array('B', bytes(3 * height * width))
    depth_m = np.tile(np.linspace(1.0, 3.0, width, dtype=np.float32), (height, 1))
    for index in range(30):
        image = Image(height=height, width=width, step=3 * width, encoding='rgb8', data=rgb)
        image.header = Header(frame_id='camera')
        image.header.stamp.sec, image.header.stamp.nanosec = divmod(
            1_700_000_000 * 10**9 + index * 33_000_000, 10**9
        )
        for topic, message in (
            ('image', image),
            ('ground_truth', floats(image, depth_m)),
            ('relative', floats(image, 1 / depth_m)),
            ('depth', floats(image, depth_m)),
        ):
            probe.publish(topic, message)
        probe.spin(0.03)
    begun_s = time.monotonic()
    process.signal(signal.SIGINT)
    assert process.wait() == 0
    took_s = time.monotonic() - begun_s
    summary, _, _ = results(world)
    frames = summary['frames']
    counted = sum(frames[name] for name in ('scored', 'dropped', 'rejected', 'unscored'))
    assert frames['sent'] == counted
    assert sum(summary['unscored'].values()) == frames['unscored']
    # Whether a prediction or its truth was left out depends on the machine; some images were.
    assert frames['scored'] < frames['sent']
    # Five seconds, the report, and a machine that is busy.
    assert took_s < 20.0


# Writing the results waits until a file is there.
GATED = """
import sys, time
from pathlib import Path
from depth_anything_ros.evaluation.run import RunEvaluation
from depth_anything_ros.nodes.start import start

gate, save = Path(sys.argv.pop(1)), RunEvaluation.save

def wait(*args, **options):
    print('at the gate', flush=True)
    while not gate.exists():
        time.sleep(0.01)
    return save(*args, **options)

RunEvaluation.save = wait
start('evaluator_node')
"""


def test_the_node_goes_on_while_results_are_written(world):
    gate = world.folder / 'gate'
    results_of = ros_arguments({'output_dir': world.folder / 'results'})
    process = world.run('gated', [sys.executable, '-c', GATED, str(gate), *results_of])
    probe = world.probe()
    client = probe.node.create_client(Trigger, '/evaluator_node/save')
    probe.spin_until(client.service_is_ready)
    answer = client.call_async(Trigger.Request())
    probe.spin_until(lambda: 'at the gate' in process.output())
    # Served by the group that takes the messages too.
    request = GetParameters.Request(names=['picture_every'])
    found = probe.call(GetParameters, '/evaluator_node/get_parameters', request)
    assert found.values[0].integer_value == 10
    assert not answer.done()
    gate.touch()
    probe.spin_until(answer.done)
    assert answer.result().message == str((world.folder / 'results').resolve())


# The first writing of the results meets what nobody foresaw.
BROKEN_ONCE = """
from depth_anything_ros.evaluation.run import RunEvaluation
from depth_anything_ros.nodes.start import start

save, calls = RunEvaluation.save, []

def fail_once(*args, **options):
    calls.append(1)
    if len(calls) == 1:
        raise ValueError('unforeseen')
    return save(*args, **options)

RunEvaluation.save = fail_once
start('evaluator_node')
"""


def test_an_unforeseen_error_answers_save_and_the_next_is_served(world):
    results_of = ros_arguments({'output_dir': world.folder / 'results'})
    world.run('broken', [sys.executable, '-c', BROKEN_ONCE, *results_of])
    probe = world.probe()
    answers = [probe.call(Trigger, '/evaluator_node/save') for _ in range(2)]
    assert [answer.success for answer in answers] == [False, True]
    assert answers[0].message == 'ValueError: unforeseen'


def start_patched(world, probe, program):
    """Start a program that patches the evaluator and then runs it, with a minute for its end."""
    parameters = {'output_dir': world.folder / 'results', 'picture_every': 0, 'drain_s': 60.0}
    process = world.run('patched', [sys.executable, '-c', program, *ros_arguments(parameters)])
    probe.await_subscribers('image', 'ground_truth', 'relative', 'depth')
    return process


# A machine so busy that its first image takes until four seconds after the end.
BUSY = """
import time
from depth_anything_ros.evaluation.run import RunEvaluation
from depth_anything_ros.nodes import evaluator_node
from depth_anything_ros.nodes.start import start

add_sent, close, ended = RunEvaluation.add_sent, evaluator_node.EvaluatorNode.close, []

def wait(*args, **options):
    while not ended or time.monotonic() < ended[0] + 4:
        time.sleep(0.01)
    return add_sent(*args, **options)

def end(node):
    ended.append(time.monotonic())
    close(node)

RunEvaluation.add_sent, evaluator_node.EvaluatorNode.close = wait, end
start('evaluator_node')
"""


@pytest.mark.slow
def test_what_waits_is_scored_for_as_long_as_is_said_and_no_longer(world, probe, camera):
    process = start_patched(world, probe, BUSY)
    send_frame(probe, camera)
    probe.spin(1.0)
    begun_s = time.monotonic()
    process.signal(signal.SIGINT)
    assert process.wait() == 0
    assert 4.0 < time.monotonic() - begun_s < 30.0
    assert results(world)[0]['frames']['scored'] == 1


# So busy a machine that an image takes longer than what is left of the end after `drain_s`.
SLOW = """
import time
from depth_anything_ros.evaluation.run import RunEvaluation
from depth_anything_ros.nodes.start import start

score = RunEvaluation._score

def wait(*args):
    time.sleep(2.5)
    score(*args)

RunEvaluation._score = wait
start('evaluator_node')
"""


@pytest.mark.slow
def test_incomplete_frames_have_as_long_at_the_end_as_those_that_wait(world, probe, camera):
    process = start_patched(world, probe, SLOW)
    for _ in range(2):
        send_frame(probe, camera, metric=False)
    probe.spin(0.5)
    process.signal(signal.SIGINT)
    assert process.wait() == 0
    assert results(world)[0]['frames']['scored'] == 2
