import csv
import json
import re
import sys
import threading
from contextlib import suppress

import cv2
import numpy as np
import pytest

from depth_anything_ros.config import EvaluatorConfig
from depth_anything_ros.errors import OutputError
from depth_anything_ros.evaluation.image_counts import ImageCounts
from depth_anything_ros.evaluation.metrics import chosen_metrics
from depth_anything_ros.evaluation.run import RunEvaluation
from depth_anything_ros.evaluation.run_warnings import Stream
from depth_anything_ros.evaluation.stability import Stability
from depth_anything_ros.evaluation.summary import RunSummary, ScoreTable
from depth_anything_ros.json_text import from_json, parse_json
from depth_anything_ros.types import Camera, ModelIdentity, OutputKind

RELATIVE, METRIC = OutputKind.RELATIVE_INVERSE_DEPTH, OutputKind.METRIC_DEPTH
MS = 1_000_000
START = 1_700_000_000_000_000_000
RGB = np.full((24, 32, 3), 128, np.uint8)


def truth(seed=0):
    return np.random.default_rng(seed).uniform(0.5, 7.0, (24, 32)).astype(np.float32)


def relative_of(truth_m):
    return ((1 / truth_m - 0.1) / 0.05).astype(np.float32)


def identity(weights='checkpoint'):
    return ModelIdentity(
        'depth_anything_v2_vits', weights, 'abc', 'torch', 'fp32', 'cpu', (518, 686), 'Apache-2.0'
    )


def make(tmp_path, **changes):
    arguments = {'output_dir': str(tmp_path / 'out'), 'picture_every': 0, **changes}
    return RunEvaluation(EvaluatorConfig(**arguments))


def play(run, frames=5, metric_factor=1.1, latency_ms=40, start=START):
    """Feed frames 100 ms apart; metric depth is too far by the factor, None for none."""
    for index in range(frames):
        stamp = start + index * 100 * MS
        run.add_sent(stamp, stamp + 2 * MS, RGB)
        run.add_truth(stamp, truth(index))
        arrival = stamp + (latency_ms + index) * MS
        run.add_prediction(stamp, arrival, RELATIVE, relative_of(truth(index)))
        if metric_factor is not None:
            metric = truth(index) * np.float32(metric_factor)
            run.add_prediction(stamp, arrival + 3 * MS, METRIC, metric)


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
        'planarity_error, plane_angle, obstacles have no value in any of 5 frames: no camera, or '
        'no plane of 4 % of the image, or no ground in view, or no obstacle',
        'ause has no value in any of 5 frames: no confidence, or fewer than 100 pixels',
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


def test_random_weights_are_warned_of(tmp_path):
    run = make(tmp_path)
    run.set_model(identity('random'))
    play(run)
    assert run.save().warnings[0].startswith('random weights')
    page = (tmp_path / 'out' / 'report.html').read_text(encoding='utf-8')
    assert '<li>random weights' in page


def test_messages_left_out_are_warned_of_by_reason(tmp_path):
    run = make(tmp_path)
    for reason in ('too slow', 'bad', 'too slow'):
        run.add_left_out(reason)
    run.add_left_out('too slow', 5)
    warnings = run.finish().warnings
    assert [text for text in warnings if 'left out' in text] == [
        '7 messages left out: too slow',
        '1 messages left out: bad',
    ]


def test_an_inverted_prediction_is_warned_of(tmp_path):
    run = make(tmp_path)
    run.add_truth(START, truth())
    run.add_prediction(START, START, RELATIVE, -relative_of(truth()))
    assert 'scale_shift has a negative scale in 1 of 1 frames' in run.finish().warnings[0]


def test_stamps_of_another_clock_are_warned_of(tmp_path):
    run = make(tmp_path)
    play(run, latency_ms=-1000)
    assert 'different clocks' in run.finish().warnings[0]


def test_wrong_stamps_are_warned_of(tmp_path):
    run = make(tmp_path)
    play(run, frames=2)
    run.add_prediction(START + 7, START, RELATIVE, relative_of(truth()))
    assert any('a stamp that no image had' in text for text in run.finish().warnings)


def test_a_run_without_any_frame_is_saved(tmp_path):
    run = make(tmp_path)
    run.save()
    summary = json.loads((tmp_path / 'out' / 'summary.json').read_text(encoding='utf-8'))
    assert summary['frames']['sent'] == 0
    assert summary['rate_hz'] is None
    assert summary['latency_ms']['p50'] is None
    assert summary['model']['name'] is None
    assert summary['metrics']['online']['abs_rel'] is None


def test_saving_in_the_middle_loses_no_frame(tmp_path):
    run = make(tmp_path)
    run.add_sent(START, START)
    run.add_truth(START, truth())
    run.add_prediction(START, START, RELATIVE, relative_of(truth()))
    assert run.save(final=False).frames.scored == 0
    run.add_prediction(START, START, METRIC, truth())
    assert run.finish().metrics['online'].frames == 1


def test_the_page_shows_the_worst_and_the_best_frame_with_its_cloud(tmp_path):
    run = make(tmp_path, picture_every=100)
    run.set_camera(Camera(32, 24, 30.0, 30.0, 15.5, 11.5))
    for index, factor in enumerate((1.2, 1.1, 1.4, 1.3)):
        play(run, frames=1, metric_factor=factor, start=START + index * 2000 * MS)
    run.save()
    text = (tmp_path / 'out' / 'report.html').read_text(encoding='utf-8')
    frames = re.findall('<h3>(.*?)</h3>', text)
    assert frames == ['Frame 2', 'Frame 3', 'Frame 0', 'Frame 1']
    assert text.count('<figcaption>cloud of the prediction</figcaption>') == 4
    assert text.count('src="data:image/jpeg;base64,') == 4 * 6


def test_saving_twice_adds_nothing_twice(tmp_path):
    run = make(tmp_path, picture_every=10)
    play(run)
    first = run.save()
    assert run.save(tmp_path / 'other') == first
    assert (tmp_path / 'other' / 'report.html').is_file()
    assert 'href="../out/pictures/0000.png"' in (tmp_path / 'other' / 'report.html').read_text()


def test_rows_are_on_disk_as_soon_as_frames_are_scored(tmp_path):
    run = make(tmp_path)
    frames = tmp_path / 'out' / 'frames.csv'
    for index in range(3):
        play(run, frames=1, start=START + index * 100 * MS)
        run.process()
        rows = list(csv.DictReader(frames.read_text(encoding='utf-8').splitlines()))
        assert [int(row['stamp_ns']) for row in rows] == [
            START + place * 100 * MS for place in range(index + 1)
        ]
    # What a run leaves that is killed now is what it would have written at its end.
    left = frames.read_bytes()
    run.save()
    assert frames.read_bytes() == left


def test_a_summary_in_the_middle_says_so(tmp_path):
    run = make(tmp_path)
    play(run)
    run.process()
    run.save_summary()
    path = tmp_path / 'out' / 'summary.json'
    summary = json.loads(path.read_text(encoding='utf-8'))
    assert (summary['finished'], summary['frames']['scored']) == (False, 5)
    run.save()
    assert json.loads(path.read_text(encoding='utf-8'))['finished'] is True


def test_results_of_an_earlier_run_are_kept_aside(tmp_path):
    for frames in (1, 2, 3):
        run = make(tmp_path, picture_every=1)
        play(run, frames=frames)
        run.save()
    out = tmp_path / 'out'
    for folder, frames in ((out, 3), (out / 'previous', 2)):
        assert len((folder / 'frames.csv').read_text().splitlines()) == 1 + frames
        assert len(list((folder / 'pictures').iterdir())) == frames
        assert json.loads((folder / 'summary.json').read_text())['frames']['scored'] == frames
        assert (folder / 'report.html').is_file()
    assert not (out / 'previous' / 'previous').exists()


def test_a_run_without_messages_touches_nothing_before_it_is_saved(tmp_path):
    run = make(tmp_path)
    play(run)
    run.save()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / 'out').rglob('*')}
    make(tmp_path).process()
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / 'out').rglob('*')} == before


def test_a_second_save_on_a_full_disk_keeps_the_first_results(full_disk):
    (full_disk / 'filling').unlink()
    config = EvaluatorConfig(output_dir=str(full_disk / 'out'), picture_every=0)
    run = RunEvaluation(config)
    play(run, frames=3)
    run.finish()
    # A page is larger than this disk.
    run.save_summary()
    names = ('frames.csv', 'summary.json')
    before = {name: (full_disk / 'out' / name).read_bytes() for name in names}
    fill(full_disk)
    play(run, frames=16, start=START + 10**12)
    with pytest.raises(OutputError, match='No space left on device'):
        run.save()
    for name in names:
        left = (full_disk / 'out' / name).read_bytes()
        assert left.startswith(before[name]) if name == 'frames.csv' else left == before[name]
        assert left.endswith(b'\n')
    assert {path.name for path in (full_disk / 'out').iterdir()} == set(names)
    (full_disk / 'filling').unlink()
    run.save_summary()
    rows = (full_disk / 'out' / 'frames.csv').read_text().splitlines()
    assert len(rows) == 1 + 19
    summary = json.loads((full_disk / 'out' / 'summary.json').read_text())
    assert summary['frames']['scored'] == 19


def fill(folder):
    with suppress(OSError), (folder / 'filling').open('wb', buffering=0) as file:
        while file.write(bytes(4096)):
            pass


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


def test_truth_of_half_the_size_is_taken_at_the_size_of_the_image(tmp_path):
    run = make(tmp_path, alignments=('online',))
    half = truth()[::2, ::2]
    run.add_sent(START, START)
    run.add_truth(START, half)
    run.add_prediction(START, START, METRIC, np.kron(half, np.full((2, 2), 1.1, np.float32)))
    metrics = run.finish().metrics['online']
    assert metrics.means['abs_rel'] == pytest.approx(0.1, abs=0.005)


def test_truth_of_another_shape_is_refused_with_both_sizes(tmp_path):
    run = make(tmp_path, alignments=('online',))
    run.add_sent(START, START)
    run.add_truth(START, truth()[:, :20])
    run.add_prediction(START, START, METRIC, truth())
    (reason,) = run.finish().unscored
    assert '(24, 32)' in reason and '(24, 20)' in reason


def test_streams_that_never_came_are_warned_of(tmp_path):
    run = make(tmp_path)
    for stream in Stream:
        run.expect(stream, f'no {stream.value}')
    expected = ['no image', 'no prediction', 'no truth', 'no diagnostics']
    assert run.summary().warnings == expected
    play(run)
    run.set_rejected(0)
    assert run.finish().warnings == []


def test_saving_does_not_hold_up_what_comes_meanwhile(tmp_path, monkeypatch):
    run = make(tmp_path)
    play(run)
    held_up = []

    def write_slowly(*_):
        adding = threading.Thread(target=run.set_model, args=(identity(),), daemon=True)
        adding.start()
        adding.join(5)
        held_up.append(adding.is_alive())

    monkeypatch.setattr('depth_anything_ros.evaluation.run_files.write_report', write_slowly)
    run.save()
    assert held_up == [False]


def test_a_folder_that_cannot_be_made_raises(tmp_path):
    (tmp_path / 'out').write_text('a file in the way')
    run = make(tmp_path)
    with pytest.raises(OutputError, match='out'):
        run.save()


def test_a_picture_that_cannot_be_written_raises(tmp_path):
    (tmp_path / 'out').write_text('a file in the way')
    run = make(tmp_path, picture_every=1)
    play(run, frames=1)
    with pytest.raises(OutputError, match='out'):
        run.process()


def test_no_pictures_are_made_unless_asked_for(tmp_path):
    run = make(tmp_path)
    play(run)
    run.finish()
    assert not (tmp_path / 'out' / 'pictures').exists()


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
