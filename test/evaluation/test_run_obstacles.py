"""Obstacles in a run of the nodes: figures, gate, page, and where the ground is taken from."""

import json
import math

import numpy as np
import pytest
from level_scene import CAMERA, MOUNTING, Box, depth_of

from depth_anything_ros.errors import GateError
from depth_anything_ros.evaluation import view
from depth_anything_ros.evaluation.config import EvaluatorConfig
from depth_anything_ros.evaluation.gate import RUN, Gate, run_figures
from depth_anything_ros.evaluation.ground import ground_of
from depth_anything_ros.evaluation.run import RunEvaluation
from depth_anything_ros.types import CameraMounting, OutputKind

SECOND_NS = 10**9
BOX, POLE = Box(1.52), Box(1.02, left_m=0.375, width_m=0.04, length_m=0.02)
TRUTH_M, PREDICTION_M = depth_of(BOX, POLE), depth_of(BOX)
RGB = np.full((240, 320, 3), 90, np.uint8)


def played(folder, *, camera=CAMERA, mounting=None, **changes):
    """Return a run of two frames in which the pole is missed."""
    arguments = {'output_dir': str(folder), 'alignments': ('online',), 'metrics': ('obstacles',)}
    run = RunEvaluation(EvaluatorConfig(**arguments | {'picture_every': 100} | changes))
    if camera is not None:
        run.set_camera(camera)
    if mounting is not None:
        run.set_mounting(mounting)
    for index in range(1, 3):
        stamp_ns = index * SECOND_NS
        run.add_sent(stamp_ns, stamp_ns, RGB)
        run.add_truth(stamp_ns, TRUTH_M)
        run.add_prediction(stamp_ns, stamp_ns, OutputKind.METRIC_DEPTH, PREDICTION_M)
    return run


def test_a_missed_pole_is_in_figures_gate_and_page(tmp_path):
    run = played(tmp_path, mounting=MOUNTING)
    (tmp_path / 'gate.yaml').write_text('bounds: [obstacles.missed <= 0.02]')
    gate = Gate(tmp_path / 'gate.yaml', run_figures(run.summary()), RUN, {})
    summary = run.save()
    means = summary.metrics['online'].means
    assert means['obstacles.missed'] == 0.5
    assert means['obstacles.thin.missed'] == 1.0
    assert means['obstacles.false'] == 0.0
    told = r'metrics.online.obstacles.missed is 0.5, 0.48 .* too high'
    with pytest.raises(GateError, match=told):
        gate.check(run_figures(summary))
    text = (tmp_path / 'report.html').read_text()
    assert 'Obstacles missed' in text
    assert 'obstacles from above, camera at the bottom' in text
    assert 'up to 10 cm' in text
    # Nothing is within the braking distance.
    assert '<dt>false free</dt><dd>–</dd>' in text
    protocol = json.loads((tmp_path / 'summary.json').read_text())['protocol']
    assert protocol['obstacles']['braking_distance_m'] == 1.0
    assert protocol['ground'] == (
        'lens 0.3 m above the ground, looking 0° down and leaning 0° to the right, by TF'
    )
    header = (tmp_path / 'frames.csv').read_text().splitlines()[0]
    assert 'online_obstacles.band1.missed' in header


def test_parameters_come_before_tf_and_the_truth_after_it(tmp_path):
    told = played(tmp_path, mounting=CameraMounting(5.0), camera_height_m=0.3).finish()
    assert told.metrics['online'].ground.states['seen'].images == 2
    assert told.protocol.ground.endswith('by parameters')
    assert told.protocol.ground.startswith('lens 0.3 m')
    found = played(tmp_path).finish()
    assert found.protocol.ground == 'found in the truth of each frame'
    assert found.metrics['online'].means['obstacles.missed'] == 0.5


def test_a_camera_that_is_told_to_hang_where_it_does_not_is_refused(tmp_path):
    run = played(tmp_path, mounting=CameraMounting(0.6, math.radians(2)))
    summary = run.save()
    found = summary.metrics['online']
    assert found.means['obstacles.missed'] is found.means['obstacles.scan.missed'] is None
    assert found.ground.states['contradicted'].images == 2
    (warning,) = summary.warnings
    assert warning.startswith(
        'obstacles: the camera is told to be lens 0.6 m above the ground, looking 2° down and '
        'leaning 0° to the right, but by the truth of 2 of 2 frames it is lens 0.3 m above the '
        'ground, looking '
    )
    assert warning.endswith(
        "; none of the frames has figures of obstacles: correct TF of 'base_footprint', or set "
        'camera_height_m, or tell nothing and the ground is looked for in the truth'
    )
    text = (tmp_path / 'report.html').read_text()
    assert 'The ground of 2 frames is not where it is told in 2 (lens 0.3 m above' in text
    assert 'obstacles from above' not in text


@pytest.mark.parametrize('metrics', ['obstacles', 'obstacles.missed'])
def test_without_a_camera_nothing_is_known_and_once_told(tmp_path, metrics):
    summary = played(tmp_path, camera=None, metrics=(metrics,)).finish()
    assert summary.metrics['online'].means['obstacles.missed'] is None
    (warning,) = [text for text in summary.warnings if 'obstacles' in text]
    assert warning == ('obstacles has no value in any of 2 frames: no calibrated camera in 2')


def test_the_ground_of_a_frame_is_looked_for_once(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        view, 'ground_of', lambda *arguments: asked.append(1) or ground_of(*arguments)
    )
    summary = played(tmp_path, alignments=('none', 'scale', 'online')).finish()
    assert [scores.means['obstacles.missed'] for scores in summary.metrics.values()][2] == 0.5
    assert len(asked) == summary.frames.scored == 2


def test_who_does_not_ask_gets_neither_figures_nor_protocol(tmp_path):
    summary = played(tmp_path, metrics=('default',)).finish()
    assert summary.protocol.obstacles is summary.protocol.ground is None
    assert not any('obstacles' in name for name in summary.metrics['online'].means)
