import csv
import json
import re
import threading
from contextlib import suppress

import pytest
from made_evaluation import METRIC, MS, RELATIVE, START, identity, make, play, relative_of, truth

from depth_anything_ros.config import EvaluatorConfig
from depth_anything_ros.errors import OutputError
from depth_anything_ros.evaluation.run import RunEvaluation
from depth_anything_ros.types import Camera


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
