"""The health check beside running nodes, as a container calls it."""

import signal
import sys

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

MODULE = 'depth_anything_ros.nodes.start'


def start(world, *words):
    return world.run('health_check', [sys.executable, '-m', MODULE, 'health_check', *words])


def test_a_node_that_reports_is_well(world):
    probe = world.probe()
    status = DiagnosticStatus(name='robot1/depth_node', level=DiagnosticStatus.WARN, message='dim')
    publisher = probe.publisher(DiagnosticArray, '/diagnostics')
    check = start(world, '/robot1/depth_node', '--timeout', '60')

    def done():
        publisher.publish(DiagnosticArray(status=[status]))
        return not check.running()

    probe.spin_until(done)
    assert check.wait() == 0
    assert 'robot1/depth_node: WARN, dim' in check.output()
    # Every check would leave one more.
    assert not list((world.folder / 'ros_log').glob('*'))


def test_a_check_that_is_interrupted_finds_nobody_well(world):
    probe = world.probe()
    probe.publisher(DiagnosticArray, '/diagnostics')
    check = start(world, 'depth_node', '--timeout', '600')
    probe.await_subscribers('/diagnostics')
    check.signal(signal.SIGTERM)
    assert check.wait() == 1
    assert 'a signal came before the nodes were heard of' in check.output()
    assert 'Traceback' not in check.output()


@pytest.mark.slow
def test_a_node_that_runs_is_well_until_it_is_dead(world):
    node = world.start('depth_node', {'autostart': False, 'diagnostics_period_s': 0.2})
    world.probe().diagnostics()
    check = start(world, '--timeout', '60')
    assert check.wait() == 0, check.output()
    assert 'depth_node: WARN, not active but unconfigured' in check.output()
    node.signal(signal.SIGKILL)
    node.wait()
    check = start(world, 'depth_node', 'other', '--timeout', '0.5')
    assert check.wait() == 1
    assert 'no diagnostics of depth_node, other within 0.5 s; heard of: nobody' in check.output()
    assert 'Traceback' not in check.output()
