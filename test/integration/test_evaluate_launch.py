"""evaluate.launch.py, started by `ros2 launch`: a bag in, scores out, and an exit code."""

import atexit
import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import pytest

pytest.importorskip('launch_testing', reason='launch_testing is not installed; source a ROS 2')

import launch_testing
from launch import LaunchDescription
from launch.actions import ExecuteProcess, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch_testing.actions import ReadyToTest
from launch_testing.asserts import assertExitCodes
from launch_testing.util import KeepAliveProc

ENVIRONMENT = {
    'ROS_DOMAIN_ID': str(1 + os.getpid() % 100),
    'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
}
FRAMES = 6
TIMEOUT_S = 150.0
ALIGNED = ('scale', 'scale_shift', 'online')


def evaluate(*arguments: str) -> ExecuteProcess:
    return ExecuteProcess(
        cmd=[
            'ros2', 'launch', 'depth_anything_ros', 'evaluate.launch.py',
            'backend:=torch', 'precision:=fp32', 'device:=cpu', 'input_size:=56',
            'scale_source:=depth_image', *arguments,
        ],
        additional_env=ENVIRONMENT,
        sigterm_timeout='20',
        output='screen',
    )  # fmt: skip


@pytest.mark.launch_test
@pytest.mark.skipif(shutil.which('ros2') is None, reason='the ros2 command is not installed')
def generate_test_description() -> tuple[LaunchDescription, dict[str, object]]:
    folder = Path(tempfile.mkdtemp(prefix='evaluate_launch_'))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    bag, results = folder / 'bag', folder / 'results'
    subprocess.run(
        ['depth_anything_ros', 'simulate', str(bag), '--frames', str(FRAMES)], check=True
    )
    played = evaluate(f'bag:={bag}', f'output:={results}', 'weights:=random')
    no_bag = evaluate(f'bag:={folder}/none', f'output:={folder}/no_bag', 'weights:=random')
    no_model = evaluate(
        f'bag:={bag}', f'output:={folder}/no_model', f'checkpoint:={folder}/none.pth'
    )
    one_by_one = [
        RegisterEventHandler(OnProcessExit(target_action=played, on_exit=[no_bag])),
        RegisterEventHandler(OnProcessExit(target_action=no_bag, on_exit=[no_model])),
    ]
    description = LaunchDescription([played, *one_by_one, KeepAliveProc(), ReadyToTest()])
    processes = {'played': played, 'no_bag': no_bag, 'no_model': no_model}
    return description, {'results': results, **processes}


class TestEvaluateLaunch(unittest.TestCase):
    def test_every_launch_ends_by_itself(
        self,
        proc_info: launch_testing.ActiveProcInfoHandler,
        played: ExecuteProcess,
        no_bag: ExecuteProcess,
        no_model: ExecuteProcess,
    ) -> None:
        for process in (played, no_bag, no_model):
            proc_info.assertWaitForStartup(process, timeout=TIMEOUT_S)
            proc_info.assertWaitForShutdown(process, timeout=TIMEOUT_S)


@launch_testing.post_shutdown_test()
class TestResults(unittest.TestCase):
    def test_launch_returns_0_when_the_bag_is_done(
        self, proc_info: launch_testing.ProcInfoHandler, played: ExecuteProcess
    ) -> None:
        assertExitCodes(proc_info, [0], process=played)

    def test_launch_returns_1_when_a_node_fails(
        self,
        proc_info: launch_testing.ProcInfoHandler,
        proc_output: launch_testing.IoHandler,
        no_bag: ExecuteProcess,
        no_model: ExecuteProcess,
    ) -> None:
        for process, name in ((no_bag, '/none'), (no_model, 'none.pth')):
            assertExitCodes(proc_info, [1], process=process)
            text = b''.join(output.text for output in proc_output[process]).decode()
            self.assertIn(name, text)
            self.assertNotIn('Traceback', text)

    def test_every_frame_sent_is_scored_in_lockstep(self, results: Path) -> None:
        summary = json.loads((results / 'summary.json').read_text())
        frames = summary['frames']
        self.assertEqual((frames['sent'], frames['received'], frames['scored']), (FRAMES,) * 3)
        self.assertEqual((frames['dropped'], frames['rejected']), (0, 0))
        self.assertEqual(summary['model']['weights'], 'random')
        for alignment in ALIGNED:
            scores = summary['metrics'][alignment]
            self.assertGreater(scores['abs_rel'], 0.0, alignment)
            self.assertLess(scores['rmse'], 8.0, alignment)
        latency_ms = summary['latency_ms']
        self.assertGreater(latency_ms['p50'], 0.0)
        self.assertGreaterEqual(latency_ms['p99'], latency_ms['p50'])

    def test_results_hold_frames_report_and_pictures(self, results: Path) -> None:
        rows = (results / 'frames.csv').read_text().splitlines()
        self.assertEqual(len(rows), 1 + FRAMES)
        self.assertTrue((results / 'report.html').is_file())
        self.assertTrue(list(results.rglob('*.png')))
