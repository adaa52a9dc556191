"""evaluate.launch.py, started by `ros2 launch`: a bag in, scores out, and an exit code."""

import atexit
import json
import shutil
import tempfile
import unittest
from pathlib import Path

import pytest

pytest.importorskip('launch_testing', reason='launch_testing is not installed; source a ROS 2')

import launch_testing
import numpy as np
from launch import LaunchDescription
from launch.actions import ExecuteProcess, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch_testing.actions import ReadyToTest
from launch_testing.asserts import assertExitCodes
from launch_testing.util import KeepAliveProc
from node_world import Domain
from started_by_launch import launch_test

from depth_anything_ros.bag import RgbdFrame, write_rgbd_bag
from depth_anything_ros.types import Camera, Frame

DOMAIN = Domain()
ENVIRONMENT = {'ROS_DOMAIN_ID': str(DOMAIN.number)}
SHIPPED = ('depth_anything_ros', 'evaluate.launch.py')
FRAMES = 6
WIDTH, HEIGHT = 160, 120
# Of every row of pixels; whole millimetres, as 16UC1 keeps them.
DEPTH_M = np.linspace(1.0, 3.0, WIDTH).round(3).astype(np.float32)
# The scale given leaves nothing of the random network: every pixel is published at this depth.
PUBLISHED_M = 2.0
TIMEOUT_S = 150.0


def wall(index: int) -> RgbdFrame:
    """Return a slanted wall, 1 m away at the left and 3 m at the right, with some texture."""
    camera = Camera(WIDTH, HEIGHT, 150.0, 150.0, WIDTH / 2, HEIGHT / 2)
    depth_m = np.broadcast_to(DEPTH_M, (HEIGHT, WIDTH))
    rng = np.random.default_rng(index)
    rgb = rng.integers(0, 60, (HEIGHT, WIDTH, 3)) + (180.0 / depth_m)[..., None]
    stamp_ns = 1_700_000_000_000_000_000 + index * 100_000_000
    frame = Frame(rgb.astype(np.uint8), stamp_ns, 'camera_color_optical_frame', camera)
    return RgbdFrame(frame, depth_m.copy())


# As a launch file of a robot includes ours.
PUSHED = """
from launch import LaunchDescription
from launch.actions import GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import PushRosNamespace
from launch_ros.substitutions import FindPackageShare

def generate_launch_description():
    path = [FindPackageShare('depth_anything_ros'), '/launch/evaluate.launch.py']
    included = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(path),
        launch_arguments={'bag': LaunchConfiguration('bag')}.items(),
    )
    return LaunchDescription([GroupAction([PushRosNamespace('robot'), included])])
"""


def evaluate(*arguments: str, file: tuple[str, ...] = SHIPPED) -> ExecuteProcess:
    return ExecuteProcess(
        cmd=[
            'ros2', 'launch', *file,
            'backend:=torch', 'precision:=fp32', 'device:=cpu', 'input_size:=56',
            f'warmup_width:={WIDTH}', f'warmup_height:={HEIGHT}', 'scale_source:=fixed',
            'fixed_scale:=1e-9', f'fixed_shift:={1 / PUBLISHED_M}', *arguments,
        ],
        additional_env=ENVIRONMENT,
        sigterm_timeout='20',
        output='screen',
    )  # fmt: skip


@launch_test
@pytest.mark.slow
def generate_test_description() -> tuple[LaunchDescription, dict[str, object]]:
    folder = Path(tempfile.mkdtemp(prefix='evaluate_launch_'))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    bag, results = folder / 'bag', folder / 'results'
    write_rgbd_bag(bag, (wall(index) for index in range(FRAMES)))
    pushed = folder / 'pushed.launch.py'
    pushed.write_text(PUSHED)
    played = evaluate(
        f'bag:={bag}', f'output:={results}', 'weights:=random', 'name:=eye', file=(str(pushed),)
    )
    no_bag = evaluate(f'bag:={folder}/none', f'output:={folder}/no_bag', 'weights:=random')
    no_model = evaluate(
        f'bag:={bag}', f'output:={folder}/no_model', f'checkpoint:={folder}/none.pth'
    )
    gate = folder / 'gate.yaml'
    gate.write_text('bounds: [frames.dropped == 0, abs_rel <= 0.01]')
    gated = evaluate(f'bag:={bag}', f'output:={folder}/gated', f'gate:={gate}', 'weights:=random')
    one_by_one = [
        RegisterEventHandler(OnProcessExit(target_action=played, on_exit=[no_bag])),
        RegisterEventHandler(OnProcessExit(target_action=no_bag, on_exit=[no_model])),
        RegisterEventHandler(OnProcessExit(target_action=no_model, on_exit=[gated])),
    ]
    description = LaunchDescription([played, *one_by_one, KeepAliveProc(), ReadyToTest()])
    processes = {'played': played, 'no_bag': no_bag, 'no_model': no_model, 'gated': gated}
    return description, {'results': results, 'nothing': folder / 'no_bag', **processes}


class TestEvaluateLaunch(unittest.TestCase):
    def test_every_launch_ends_by_itself(
        self,
        proc_info: launch_testing.ActiveProcInfoHandler,
        played: ExecuteProcess,
        no_bag: ExecuteProcess,
        no_model: ExecuteProcess,
        gated: ExecuteProcess,
    ) -> None:
        for process in (played, no_bag, no_model, gated):
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

    def test_launch_returns_3_when_a_bound_of_the_gate_is_broken(
        self,
        proc_info: launch_testing.ProcInfoHandler,
        proc_output: launch_testing.IoHandler,
        gated: ExecuteProcess,
    ) -> None:
        assertExitCodes(proc_info, [3], process=gated)
        text = b''.join(output.text for output in proc_output[gated]).decode()
        self.assertIn('metrics.online.abs_rel is ', text)
        self.assertNotIn('frames.dropped is', text)

    def test_a_bag_that_does_not_exist_leaves_no_report(
        self,
        nothing: Path,
        proc_output: launch_testing.IoHandler,
        no_bag: ExecuteProcess,
    ) -> None:
        self.assertFalse(nothing.exists())
        text = b''.join(output.text for output in proc_output[no_bag]).decode()
        self.assertIn("no bag at '", text)
        self.assertNotIn('process started', text)

    def test_every_frame_sent_is_scored_in_lockstep(self, results: Path) -> None:
        summary = json.loads((results / 'summary.json').read_text())
        frames = summary['frames']
        self.assertEqual((frames['sent'], frames['received'], frames['scored']), (FRAMES,) * 3)
        self.assertEqual((frames['dropped'], frames['rejected']), (0, 0))
        self.assertEqual(summary['model']['weights'], 'random')
        self.assertIn('inference', summary['stages_ms'])
        latency_ms = summary['latency_ms']
        self.assertGreater(latency_ms['p50'], 0.0)
        self.assertGreaterEqual(latency_ms['p99'], latency_ms['p50'])

    def test_published_depth_gets_the_score_it_deserves(self, results: Path) -> None:
        scores = json.loads((results / 'summary.json').read_text())['metrics']['online']
        error_m = np.abs(PUBLISHED_M - DEPTH_M.astype(float))
        self.assertEqual(scores['frames'], FRAMES)
        self.assertAlmostEqual(scores['abs_rel'], np.mean(error_m / DEPTH_M), delta=1e-4)
        self.assertAlmostEqual(scores['mae'], np.mean(error_m), delta=1e-4)
        self.assertAlmostEqual(scores['rmse'], np.sqrt(np.mean(error_m**2)), delta=1e-4)

    def test_results_hold_frames_report_and_pictures(self, results: Path) -> None:
        rows = (results / 'frames.csv').read_text().splitlines()
        self.assertEqual(len(rows), 1 + FRAMES)
        self.assertTrue((results / 'report.html').is_file())
        self.assertTrue(list(results.rglob('*.png')))
