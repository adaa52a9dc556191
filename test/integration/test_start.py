"""How node processes start, fail and end."""

import signal

import pytest

SMALL = {'input_size': 56, 'backend': 'torch', 'warmup_width': 64, 'warmup_height': 48}


@pytest.mark.parametrize(
    ('module', 'parameters', 'words'),
    [
        ('depth_node', {'checkpoint': '/nowhere/x.pth'}, "no checkpoint file '/nowhere/x.pth'"),
        ('depth_node', {'model': 'midas'}, "unknown model 'midas'; known: depth_anything_v2_vits"),
        ('depth_node', {'input_size': 13}, '13'),
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


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_the_depth_node_ends_cleanly_on_a_signal(world, number):
    process = world.start('depth_node', {**SMALL, 'weights': 'random', 'autostart': False})
    probe = world.probe()
    probe.diagnostics()
    process.signal(number)
    assert process.wait(20) == 0
    assert 'Traceback' not in process.output()


def test_without_autostart_the_node_waits_unconfigured(world):
    process = world.start('depth_node', {**SMALL, 'checkpoint': '/nowhere', 'autostart': False})
    report = world.probe().diagnostics()
    assert report['state'] == 'unconfigured'
    assert process.running()
