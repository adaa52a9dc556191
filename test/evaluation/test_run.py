import csv
import json
import sys
import threading

import cv2
import numpy as np
import pytest
from made_evaluation import (
    METRIC,
    MS,
    RELATIVE,
    RGB,
    START,
    identity,
    make,
    play,
    relative_of,
    truth,
)

from depth_anything_ros.errors import OutputError
from depth_anything_ros.evaluation.image_counts import ImageCounts
from depth_anything_ros.evaluation.metrics import chosen_metrics
from depth_anything_ros.evaluation.stability import Stability
from depth_anything_ros.evaluation.summary import RunSummary, ScoreTable
from depth_anything_ros.json_text import from_json, parse_json
from depth_anything_ros.types import Camera


def test_what_flickers_before_a_still_camera_is_told(tmp_path):
    run = make(tmp_path, alignments=('scale_shift', 'online'))
    still = truth()
    for index, factor in enumerate((1.0, 1.1, 1.0, 0.9)):
        stamp = START + index * 100 * MS
        run.add_sent(stamp, stamp, RGB)
        run.add_truth(stamp, still)
        run.add_prediction(stamp, stamp, RELATIVE, relative_of(still))
        run.add_prediction(stamp, stamp, METRIC, still * np.float32(factor))
    found = run.finish().stability
    assert found['online'].frames == 3
    assert found['online'].change == pytest.approx(0.1, rel=1e-4)
    assert found['online'].change_m == pytest.approx(0.1 * still.mean(), rel=1e-4)
    assert found['scale_shift'].change == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize(
    ('library', 'lacking'), [('matplotlib', 'pictures'), ('jinja2', 'report.html')]
)
def test_without_a_library_of_the_report_all_else_is_written_with_a_warning(
    tmp_path, monkeypatch, library, lacking
):
    monkeypatch.setitem(sys.modules, library, None)
    run = make(tmp_path, picture_every=1)
    play(run)
    summary = run.save()
    whole = {'frames.csv', 'pictures', 'report.html', 'summary.json'}
    assert {path.name for path in (tmp_path / 'out').iterdir()} == whole - {lacking}
    written = parse_json((tmp_path / 'out' / 'summary.json').read_bytes())
    assert summary == from_json(RunSummary, written)
    assert summary.metrics['online'].means['abs_rel'] == pytest.approx(0.1, abs=1e-3)
    assert summary.warnings == [
        f"no {lacking}: '{library}' is not installed; install it with "
        "`pip install 'depth_anything_ros[report]'`"
    ]


def test_a_dropped_frame_is_not_taken_for_flicker(tmp_path):
    run = make(tmp_path, alignments=('online',))
    still = truth()
    # Depth drifts by 1 % a frame; of eight images the third to the fifth are lost.
    for index in range(8):
        stamp = START + index * 100 * MS
        run.add_sent(stamp, stamp, RGB)
        run.add_truth(stamp, still)
        if index not in (2, 3, 4):
            run.add_prediction(stamp, stamp, METRIC, still * np.float32(1 + 0.01 * index))
    found = run.finish().stability['online']
    assert found.frames == 3
    assert found.change == pytest.approx(0.01, rel=1e-3)
    assert found.gap_s == pytest.approx(0.1)


def test_a_scene_that_changes_tells_nothing_of_stability(tmp_path):
    run = make(tmp_path)
    play(run)
    assert run.finish().stability['online'] == Stability(None, None, 0, None)


def test_a_lockstep_run_is_scored_completely(tmp_path):
    run = make(tmp_path)
    play(run)
    frames = run.finish().frames
    assert frames == ImageCounts(
        sent=5, received=5, scored=5, dropped=0, rejected=0, unscored=0, truth=5
    )


def test_every_alignment_is_scored_as_it_should(tmp_path):
    run = make(tmp_path)
    play(run)
    metrics = run.finish().metrics
    assert list(metrics) == ['none', 'scale', 'scale_shift', 'online']
    assert metrics['scale_shift'].means['abs_rel'] < 1e-4
    assert metrics['online'].means['abs_rel'] == pytest.approx(0.1, abs=0.003)
    assert metrics['scale'].means['abs_rel'] > 0.05
    assert metrics['none'].means['delta1'] < 0.3
    assert all(found.frames == 5 and found.means['coverage'] == 1.0 for found in metrics.values())


def test_latency_counts_from_the_stamp_to_the_first_prediction(tmp_path):
    run = make(tmp_path)
    play(run)
    summary = run.finish()
    assert summary.latency_ms == pytest.approx(
        {'p50': 42.0, 'p95': 43.8, 'p99': 43.96, 'max': 44.0}
    )
    # Five arrivals, 101 ms apart.
    assert summary.rate_hz == pytest.approx(1000 / 101)


def test_latency_can_count_from_the_arrival_of_the_image(tmp_path):
    run = make(tmp_path, latency_from='image')
    play(run)
    assert run.finish().latency_ms['p50'] == pytest.approx(40.0)


def test_the_files_of_a_run_say_the_same(tmp_path):
    run = make(tmp_path, picture_every=2)
    run.set_model(identity())
    play(run)
    run.save()
    out = tmp_path / 'out'
    summary = json.loads((out / 'summary.json').read_text(encoding='utf-8'))
    with (out / 'frames.csv').open(newline='', encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    for mode in ('none', 'scale', 'scale_shift', 'online'):
        for name in chosen_metrics():
            found = [float(row[f'{mode}_{name}'] or 'nan') for row in rows]
            mean, unknown = summary['metrics'][mode][name], int(np.isnan(found).sum())
            assert summary['metrics'][mode].get('undefined', {}).get(name, 0) == unknown
            if unknown == len(rows):
                assert mean is None
            else:
                assert mean == pytest.approx(np.nanmean(found), rel=1e-6, abs=1e-9)
    pictures = sorted(path.name for path in (out / 'pictures').iterdir())
    assert pictures == ['0000.png', '0002.png', '0004.png']
    assert cv2.imread(str(out / 'pictures' / '0002.png')) is not None
    page = (out / 'report.html').read_text(encoding='utf-8')
    assert all(f'href="pictures/{name}"' in page for name in pictures)


def test_the_summary_has_the_documented_layout(tmp_path):
    run = make(tmp_path)
    run.set_model(identity())
    run.set_stages({'inference': {'p50': 1.0, 'p95': 2.0, 'p99': None}})
    play(run)
    run.save()
    summary = json.loads((tmp_path / 'out' / 'summary.json').read_text(encoding='utf-8'))
    assert set(summary['latency_ms']) == {'p50', 'p95', 'p99', 'max'}
    assert set(summary['metrics']['online']) == {
        *chosen_metrics(), 'frames', 'coverage', 'truth_mean_m', 'undefined',
    }  # fmt: skip
    assert summary['model'] == {
        'name': 'depth_anything_v2_vits',
        'weights': 'checkpoint',
        'sha256': 'abc',
        'backend': 'torch',
        'precision': 'fp32',
        'device': 'cpu',
        'input_size': [518, 686],
        'licence': 'Apache-2.0',
        'integers': '',
        'output': '',
    }
    assert summary['stages_ms'] == {'inference': {'p50': 1.0, 'p95': 2.0, 'p99': None}}
    assert summary['environment']['numpy'] == np.__version__
    assert summary['protocol']['latency_from'] == 'stamp'
    assert summary['warnings'] == []


def test_frames_without_prediction_are_dropped_or_rejected(tmp_path):
    run = make(tmp_path)
    play(run)
    for index in range(3):
        run.add_sent(START + (600 + index) * MS, START, RGB)
    run.set_rejected(1)
    frames = run.finish().frames
    assert (frames.sent, frames.received) == (8, 5)
    assert (frames.dropped, frames.rejected) == (2, 1)


def test_without_metric_depth_only_online_has_no_score(tmp_path):
    run = make(tmp_path)
    play(run, metric_factor=None)
    summary = run.finish()
    assert summary.frames.scored == 5
    assert summary.metrics['online'] == ScoreTable(
        dict.fromkeys((*chosen_metrics(), 'coverage', 'truth_mean_m')), 0
    )
    assert summary.metrics['scale_shift'].frames == 5
    assert summary.warnings == ['5 frames: online: no metric_depth received']


def test_a_metric_model_is_scored_with_every_alignment(tmp_path):
    run = make(tmp_path)
    for index in range(3):
        stamp = START + index * 100 * MS
        run.add_truth(stamp, truth(index))
        run.add_prediction(stamp, stamp, METRIC, truth(index) * np.float32(1.1))
    metrics = run.finish().metrics
    assert metrics['online'] == metrics['none']
    assert metrics['scale'].means['abs_rel'] == pytest.approx(0.0, abs=1e-6)


def test_all_metrics_are_scored_where_they_are_asked_for(tmp_path):
    run = make(tmp_path, alignments=('online',), metrics=('all',))
    # Of the same view at twice the size, as of a depth node that publishes small images.
    run.set_camera(Camera(64, 48, 60.0, 60.0, 31.5, 23.5))
    play(run)
    found = run.save().metrics['online']
    assert found.means['chamfer'] > 0
    assert found.means['edge_f1'] == pytest.approx(1.0, abs=0.1)
    assert found.undefined['planarity_error'] == 5
    header = (tmp_path / 'out' / 'frames.csv').read_text().splitlines()[0]
    assert 'online_cloud_f1' in header
    assert run.summary().warnings == [
        'planarity_error, plane_angle have no value in any of 5 frames: no camera, or no plane of '
        '4 % of the image',
        'ause, aurg have no value in any of 5 frames: no confidence, or fewer than 100 pixels',
        'sigma has no value in any of 5 frames: no uncertainty of the depth, or fewer than 100 '
        'pixels',
        'obstacles has no value in any of 5 frames: no ground in view (tell where it is by '
        'camera_height_m, camera_pitch_deg and camera_roll_deg) in 5',
    ]


@pytest.mark.parametrize('camera', [None, Camera(0, 0, 1, 1, 0, 0), Camera(64, 64, 9, 9, 32, 32)])
def test_without_the_camera_of_the_images_a_cloud_that_is_asked_for_is_warned_of(tmp_path, camera):
    run = make(tmp_path, metrics=('chamfer',))
    if camera is not None:
        run.set_camera(camera)
    play(run, frames=1)
    (warning,) = run.finish().warnings
    assert warning.startswith('chamfer has no value in any of 1 frames: no camera')


def test_a_lost_relative_prediction_is_not_replaced_by_the_metric_one(tmp_path):
    run = make(tmp_path)
    play(run, frames=2)
    stamp = START + 900 * MS
    run.add_sent(stamp, stamp)
    run.add_truth(stamp, truth(9))
    run.add_prediction(stamp, stamp, METRIC, truth(9))
    metrics = run.finish().metrics
    assert metrics['scale'].frames == 2
    assert metrics['online'].frames == 3


def test_predictions_without_truth_are_received_but_not_scored(tmp_path):
    run = make(tmp_path)
    play(run, frames=2)
    stamp = START + 900 * MS
    run.add_sent(stamp, stamp)
    run.add_prediction(stamp, stamp, RELATIVE, relative_of(truth()))
    run.add_truth(stamp + 21 * MS, truth())
    summary = run.finish()
    assert (summary.frames.received, summary.frames.scored) == (3, 2)
    assert summary.frames.unscored == 1
    assert summary.warnings == ['1 frames: no truth within the pairing tolerance']


def test_truth_within_the_tolerance_is_used(tmp_path):
    run = make(tmp_path)
    run.add_prediction(START, START, METRIC, truth())
    run.add_truth(START + 15 * MS, truth())
    assert run.finish().frames.scored == 1
    assert run.summary().metrics['online'].means['mae'] == 0.0


def test_what_is_not_scored_in_time_is_counted_as_such(tmp_path):
    run = make(tmp_path)
    for index in range(6):
        stamp = START + index * 100 * MS
        run.add_sent(stamp, stamp)
        run.add_truth(stamp, truth(index))
        run.add_prediction(stamp, stamp, RELATIVE, relative_of(truth(index)))
    summary = run.save(limit_s=0.0)
    assert (summary.frames.scored, summary.frames.unscored) == (0, 6)
    assert summary.unscored == {'not scored within 0 s of the end': 6}


def test_a_frame_that_cannot_be_scored_does_not_end_the_run(tmp_path, monkeypatch):
    run = make(tmp_path)

    def fail(*_):
        raise ZeroDivisionError('broken')

    with monkeypatch.context() as patch:
        patch.setattr('depth_anything_ros.evaluation.frame_scoring.score_view', fail)
        play(run, frames=1)
        run.process()
    play(run, frames=2, start=START + 10**10)
    summary = run.finish()
    assert (summary.frames.scored, summary.frames.unscored) == (2, 1)
    assert summary.unscored == {'ZeroDivisionError: broken': 1}


def test_scoring_that_hangs_does_not_hold_up_the_end(tmp_path):
    run = make(tmp_path)
    play(run, frames=2)
    with run._scoring, pytest.raises(OutputError, match='hangs'):
        run.save(limit_s=0.1)


def test_arrays_do_not_pile_up_when_nobody_processes(tmp_path):
    run = make(tmp_path)
    play(run, frames=100)
    assert run._gatherer.ready() <= 17
    assert run.finish().frames.scored == 100


def test_frames_may_be_scored_by_another_thread(tmp_path):
    run = make(tmp_path)
    done = threading.Event()

    def work():
        while not done.wait(0.001):
            run.process()

    worker = threading.Thread(target=work)
    worker.start()
    play(run, frames=60)
    done.set()
    worker.join()
    summary = run.finish()
    assert summary.frames.scored == 60
    assert summary.metrics['scale_shift'].means['abs_rel'] < 1e-4
