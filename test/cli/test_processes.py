import os
import select
import socket
import subprocess
import sys
import time

import pytest

from depth_anything_ros.cli import processes
from depth_anything_ros.errors import MissingDependencyError


@pytest.fixture
def nodes(tmp_path, monkeypatch):
    """Start small programs in the place of nodes."""
    monkeypatch.setattr(processes, 'find_spec', lambda name: name)
    folder = tmp_path / 'depth_anything_ros' / 'nodes'
    folder.mkdir(parents=True)
    programs = {
        'start': (
            'import runpy, sys\nname = sys.argv.pop(1)\n'
            'runpy.run_module(f"depth_anything_ros.nodes.{name}", run_name="__main__")'
        ),
        'talker': 'import sys; print(sys.argv[1:])',
        'failing': 'print("[FATAL] no such thing"); raise SystemExit(1)',
        'serving': (
            'import time\ntry:\n  print("ready", flush=True)\n  time.sleep(60)\n'
            'except KeyboardInterrupt: print("saved")'
        ),
        'stubborn': (
            'import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n'
            'print("ready", flush=True)\ntime.sleep(60)'
        ),
    }
    for package in (folder, folder.parent):
        (package / '__init__.py').touch()
    for name, text in programs.items():
        (folder / f'{name}.py').write_text(text)
    # `python -m` looks into the working folder first.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    with processes.NodeProcesses(tmp_path / 'logs') as started:
        yield started


def wait_for_text(path, text):
    end_s = time.monotonic() + 60
    while text not in path.read_text():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def test_parameters_and_remaps_reach_the_node_as_ros_arguments(nodes):
    parameters = {'model': 'a', 'checkpoint': '', 'restamp': True, 'rate': 2.0, 'path': "it's"}
    nodes.start('talker', parameters, {'image': '/camera/image'})
    nodes.wait_for('talker', 1)
    expected = ['--ros-args']
    for text in ("model:='a'", "checkpoint:=''", 'restamp:=true', 'rate:=2.0', "path:='it''s'"):
        expected += ['-p', text]
    expected += ['-r', 'image:=/camera/image']
    assert nodes.log('talker').read_text().strip() == str(expected)


def test_a_node_that_fails_ends_the_wait_with_its_own_words(nodes):
    nodes.start('serving', {}, {})
    nodes.start('failing', {}, {})
    with pytest.raises(processes.NodeError, match=r'failing ended with status 1.*no such thing'):
        nodes.wait_for('serving', 1)


def test_a_node_is_asked_to_end_and_its_results_waited_for(nodes):
    nodes.start('serving', {}, {})
    # Python that is interrupted while it starts ends in ways of its own.
    wait_for_text(nodes.log('serving'), 'ready')
    assert nodes.end('serving') == 0
    assert nodes.log('serving').read_text().endswith('saved\n')


def test_a_node_that_does_not_listen_is_ended_all_the_same(nodes, monkeypatch):
    (first, _), *others = processes.PATIENCE_S
    monkeypatch.setattr(processes, 'PATIENCE_S', ((first, 0.3), *others))
    nodes.start('stubborn', {}, {})
    wait_for_text(nodes.log('stubborn'), 'ready')
    assert nodes.end('stubborn') == -15
    with pytest.raises(processes.NodeError, match='stubborn ended with status -15'):
        nodes.finish('stubborn')


def test_one_node_that_cannot_be_ended_does_not_leave_the_others_running(tmp_path, nodes):
    del nodes
    with pytest.raises(OSError, match='no such process'), processes.NodeProcesses(tmp_path) as own:
        own.start('serving', {}, {})
        own.start('talker', {}, {})
        serving, end = own._processes['serving'], own.end

        def fail_once(node):
            if node == 'talker':
                raise OSError('no such process')
            return end(node)

        own.end = fail_once
    assert serving.poll() is not None


def test_the_environment_is_local_and_keeps_what_the_user_has_set():
    environment = processes.node_environment({'HOME': '/home/robot'})
    assert 1 <= int(environment['ROS_DOMAIN_ID']) <= 101
    assert environment['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    assert environment['AMENT_PREFIX_PATH'] == sys.prefix
    assert environment['HOME'] == '/home/robot'
    chosen = {'ROS_DOMAIN_ID': '7', 'AMENT_PREFIX_PATH': '/opt/ros/humble'}
    assert processes.node_environment(chosen).items() >= chosen.items()


@pytest.mark.parametrize('participant', [0, 3])
def test_a_domain_that_others_are_in_is_not_taken(monkeypatch, participant):
    monkeypatch.setattr(processes.random, 'sample', lambda _domains, _count: [98, 99])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind(('127.0.0.1', 7410 + 250 * 98 + 2 * participant))
        assert processes.node_environment({})['ROS_DOMAIN_ID'] == '99'
    monkeypatch.setattr(processes, '_is_free', lambda _domain: False)
    assert processes.node_environment({})['ROS_DOMAIN_ID'] == '98'


def test_the_tests_themselves_stay_on_this_machine():
    assert os.environ.items() >= processes.local_only(os.environ).items()


def test_the_environment_is_local_on_humble_by_its_own_variable():
    assert processes.local_only({'ROS_DISTRO': 'humble'}) == {'ROS_LOCALHOST_ONLY': '1'}
    environment = processes.node_environment({'ROS_DISTRO': 'humble'})
    assert environment['ROS_LOCALHOST_ONLY'] == '1'
    assert 'ROS_AUTOMATIC_DISCOVERY_RANGE' not in environment


def test_without_ros_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, 'find_spec', lambda _name: None)
    with pytest.raises(MissingDependencyError, match=r'rclpy.*\[ros\]'):
        processes.NodeProcesses(tmp_path)


def test_a_child_ends_when_the_parent_that_asked_for_it_is_killed():
    child = (
        'import time; from depth_anything_ros.parent import end_with_parent; '
        "end_with_parent(); print('up', flush=True); time.sleep(60)"
    )
    parent = (
        'import os, subprocess, sys, time\n'
        'from depth_anything_ros.parent import PARENT_VARIABLE\n'
        'environment = {**os.environ, PARENT_VARIABLE: str(os.getpid())}\n'
        f'subprocess.Popen([sys.executable, "-c", {child!r}], env=environment)\n'
        'time.sleep(60)\n'
    )
    process = subprocess.Popen([sys.executable, '-c', parent], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b'up\n'
    process.kill()
    # The child holds the other end of the pipe until it ends.
    assert select.select([process.stdout], [], [], 60)[0]
    assert process.stdout.read() == b''
    process.wait()
    process.stdout.close()
