"""How node processes start, fail and end."""

import signal
import sys
import time
from pathlib import Path

import pytest

SMALL = {'input_size': 56, 'backend': 'torch', 'warmup_width': 64, 'warmup_height': 48}


@pytest.mark.parametrize(
    ('module', 'parameters', 'words'),
    [
        (
            'depth_node',
            {'checkpoint': '/nowhere/x.pth'},
            "checkpoint '/nowhere/x.pth' does not exist",
        ),
        (
            'depth_node',
            {'model': 'midas'},
            "unknown model 'midas'; known: tiny, depth_anything_v2_vits",
        ),
        ('depth_node', {'input_size': 13}, '13'),
        (
            'depth_node',
            {**SMALL, 'weights': 'random', 'qos_overrides./image.subscription.depth': 'many'},
            'qos_overrides./image.subscription.depth',
        ),
        ('evaluator_node', {'latency_from': 'guess'}, "'guess'; known: stamp, image"),
        ('bag_player', {'bag': '/nowhere/bag'}, "no bag at '/nowhere/bag'"),
        ('bag_player', {}, "parameter 'bag' is empty"),
    ],
)
def test_a_wrong_start_ends_in_one_line_and_exit_code_1(world, module, parameters, words):
    process = world.start(module, parameters)
    assert process.wait() == 1
    fatal = [line for line in process.output().splitlines() if 'FATAL' in line]
    assert len(fatal) == 1
    assert words in fatal[0]
    assert 'Traceback' not in process.output()


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--params-file', '/nowhere.yaml'], '/nowhere.yaml'),
        (['--nonsense'], '--nonsense'),
    ],
)
def test_ros_arguments_that_rclpy_refuses_are_told_in_one_line(world, arguments, words):
    command = [sys.executable, '-m', 'depth_anything_ros.nodes.start', 'evaluator_node']
    process = world.run('refused', [*command, '--ros-args', *arguments])
    assert process.wait() == 1
    fatal = [line for line in process.output().splitlines() if 'FATAL' in line]
    assert len(fatal) == 1
    assert words in fatal[0]
    assert 'Traceback' not in process.output()


def test_an_interrupt_during_the_imports_ends_without_a_traceback(world):
    process = world.start('depth_node', {**SMALL, 'weights': 'random', 'autostart': False})
    maps = Path(f'/proc/{process.pid}/maps')
    end_s = time.monotonic() + 60
    while 'cv2.abi3.so' not in maps.read_text():
        assert time.monotonic() < end_s
        time.sleep(0.01)
    process.signal(signal.SIGINT)
    assert process.wait() in (0, -signal.SIGINT)
    assert process.output() == ''


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_the_depth_node_ends_cleanly_while_it_loads(world, number):
    # Large and slow: the signal comes in the middle of the two warm-up runs.
    slow = {'input_size': 518, 'backend': 'torch', 'precision': 'fp32', 'weights': 'random'}
    process = world.start('depth_node', slow)
    end_s = time.monotonic() + 60
    while 'building torch' not in process.output():
        assert time.monotonic() < end_s
        time.sleep(0.02)
    process.signal(number)
    assert process.wait() == 0
    assert 'FATAL' not in process.output()
    assert 'Traceback' not in process.output()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_the_depth_node_ends_cleanly_on_a_signal(world, number):
    process = world.start('depth_node', {**SMALL, 'weights': 'random', 'autostart': False})
    probe = world.probe()
    probe.diagnostics()
    process.signal(number)
    assert process.wait() == 0
    assert 'Traceback' not in process.output()


def test_without_autostart_the_node_waits_unconfigured(world):
    process = world.start('depth_node', {**SMALL, 'checkpoint': '/nowhere', 'autostart': False})
    report = world.probe().diagnostics()
    assert report['state'] == 'unconfigured'
    assert process.running()


@pytest.mark.parametrize(
    ('case', 'words'),
    [
        ('typo.yaml', ("'scale_sorce'", "'scale_source'", "'max_depth'", "'max_depth_m'")),
        ('wrongname.yaml', ('is for /depth_node, only for depth_anything',)),
    ],
)
def test_a_file_with_a_mistake_is_told_in_log_and_diagnostics(world, case, words):
    file = Path(__file__).resolve().parents[3] / 'shared' / 'cases' / 'launch' / case
    if not file.is_file():
        pytest.skip(f'no {case} in shared/cases/launch')
    # Both files ask for this model.
    values = {'model': 'tiny', 'input_size': 64, 'warmup_width': 64, 'warmup_height': 48}
    words_of_values = [word for key in values for word in ('-p', f'{key}:={values[key]}')]
    command = [sys.executable, '-m', 'depth_anything_ros.nodes.start', 'depth_node', '--ros-args']
    process = world.run('mistaken', [*command, '--params-file', str(file), *words_of_values])
    probe = world.probe()
    probe.spin_until(lambda: probe.diagnostics()['state'] == 'active')
    message = probe.diagnostics()['message']
    assert all(word in message and word in process.output() for word in words)
