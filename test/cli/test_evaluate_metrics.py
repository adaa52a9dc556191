"""Metrics beside the usual ones, and data that knows an order only, through `evaluate`."""

import csv
import json
import re

import cv2
import numpy as np
import pytest

from depth_anything_ros.cli.evaluate import run
from depth_anything_ros.cli.main import make_parser
from depth_anything_ros.errors import ConfigError, GateError, UnknownNameError
from depth_anything_ros.evaluation.metrics import METRICS, chosen_metrics

EXTRA = ('edge_f1', 'chamfer', 'cloud_f1', 'planarity_error', 'plane_angle')


def evaluate(folder, *words):
    words = ['evaluate', '--model', 'tiny', '--backend', 'torch', '--pictures', '0',
             '--json', str(folder / 'a.json'), '--out', str(folder / 'out'), *words]  # fmt: skip
    assert run(make_parser('evaluate').parse_args(words)) == 0
    with (folder / 'out' / 'images.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    return json.loads((folder / 'a.json').read_text()), rows


def test_all_metrics_are_scored_where_they_are_asked_for(tmp_path, capsys):
    answer, rows = evaluate(tmp_path, '--data', 'simulator:7:2:320x240', '--metrics', 'all')
    data = answer['data'][0]['models']['tiny']
    assert tuple(answer['protocol']['metrics'])[-1] == 'sigma.share'
    for name in EXTRA:
        found = [float(row[name]) for row in rows if row[name]]
        assert data['metrics'][name] == pytest.approx(np.mean(found))
    assert data['metrics']['ause'] is None
    assert data['metrics']['undefined']['ause'] == 2
    shown = capsys.readouterr()
    assert all(METRICS[name].heading in shown.out for name in EXTRA)
    assert data['metrics']['plane_angle'] > 0
    assert 0 < data['metrics']['sigma.ause'] < data['metrics']['abs_rel']
    assert 0.5 < data['metrics']['sigma.coverage'] <= 1
    page = (tmp_path / 'out' / 'report.html').read_text()
    assert 'Pixels within an interval of uncertainty' in page
    assert 'tiny by σ, least sure first' in page
    assert 'ause, aurg have no value in any of 2 images: no confidence' in shown.err


def test_the_mirrored_image_tells_how_sure_a_model_is(tmp_path):
    words = ['--data', 'simulator:7:2:160x120', '--pictures', '0']
    plain, before = evaluate(tmp_path, *words)
    answer, rows = evaluate(tmp_path, *words, '--confidence', 'flip', '--metrics', 'sigma.ause')
    found = answer['data'][0]['models']['tiny']['metrics']
    assert 0 < found['ause'] < found['abs_rel']
    # Below a random order, as the table that is printed tells.
    assert found['aurg'] > 0.1 * found['abs_rel']
    # The depth that is scored is that of the image alone.
    assert [row['abs_rel'] for row in rows] == [row['abs_rel'] for row in before]
    assert answer['protocol']['confidence'] == 'flip' and 'confidence' not in plain['protocol']
    page = (tmp_path / 'out' / 'report.html').read_text()
    assert 'tiny, least sure first' in page and 'tiny, largest error first' in page
    # In one chart with what uncertainty tells.
    assert 'tiny by σ, least sure first' in page


def test_obstacles_have_a_table_of_distances_and_sizes_and_a_gate(tmp_path, capsys):
    gate = tmp_path / 'gate.yaml'
    gate.write_text('bounds: [obstacles.missed <= 0.02, obstacles.band3.distance_m <= 5]')
    words = ['--data', 'simulator:7:2:320x240', '--metrics', 'obstacles', '--gate', str(gate)]
    with pytest.raises(GateError, match=r'missed of tiny .* too high; allowed: <= 0.02'):
        evaluate(tmp_path, *words, '--obstacle-max-height', '1', '--pictures', '1')
    answer = json.loads((tmp_path / 'a.json').read_text())
    assert answer['protocol']['obstacles'] == {
        'obstacle_min_height_m': 0.05, 'obstacle_max_height_m': 1.0, 'obstacle_reach_m': 4.0,
        'braking_distance_m': 1.0,
    }  # fmt: skip
    found = answer['data'][0]['models']['tiny']['metrics']
    assert found['ground']['states']['known']['images'] == 2
    shown = capsys.readouterr().out
    assert 'The ground of 2 images is known in 2 (lens ' in shown
    assert re.search(r'tiny +all +' + f'{found["obstacles.missed"]:.1%}', shown)
    assert '2 to 4 m away' in shown
    assert 'obstacles missed' in shown
    assert 'obstacles.thin' not in shown
    for name in ('report.md', 'report.html'):
        text = (tmp_path / 'out' / name).read_text()
        assert '2 to 4 m away' in text
        assert 'obstacles from 0.05 to 1 m above the ground and up to 4 m away' in text
    assert 'Obstacles missed' in text
    assert 'obstacles from above, camera at the bottom' in text


def test_a_camera_that_is_told_to_hang_elsewhere_is_refused(tmp_path):
    words = ['--data', 'simulator:7:1:160x120', '--metrics', 'obstacles.missed']
    answer, _ = evaluate(tmp_path, *words, '--camera-height', '5')
    data = answer['data'][0]['models']['tiny']
    assert data['metrics']['undefined']['obstacles.missed'] == 1
    assert data['metrics']['ground']['states']['contradicted']['images'] == 1
    (warning,) = answer['data'][0]['warnings']
    assert 'told to be lens 5 m above the ground' in warning
    assert 'correct --camera-height, --camera-pitch and --camera-roll' in warning
    assert answer['protocol']['mounting'] == {'height_m': 5, 'pitch_rad': 0, 'roll_rad': 0}
    told = 'lens 5 m above the ground, looking 0° down and leaning 0° to the right, by options'
    assert answer['protocol']['ground'] == told
    text = (tmp_path / 'out' / 'report.html').read_text()
    assert f'ground {told}' in text
    assert 'The ground of 1 images is not where it is told in 1 (lens ' in text


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--camera-height', '0.2'], '--camera-height is of the metrics of obstacles; add'),
        (['--metrics', 'obstacles', '--camera-pitch', '3'], 'need --camera-height'),
        (['--metrics', 'obstacles', '--camera-height', '0'], 'allowed: above 0 to 10 m'),
        (['--metrics', 'obstacles', '--obstacle-reach', '50'], 'allowed: 0.5 … 20 m'),
    ],
)
def test_options_of_obstacles_that_cannot_be_are_refused(options, message):
    words = ['evaluate', '--model', 'tiny', '--data', 'none:here', *options]
    with pytest.raises(ConfigError, match=message):
        run(make_parser('evaluate').parse_args(words))


def test_pairs_of_points_are_scored_by_their_order(tmp_path, capsys):
    folder = tmp_path / 'da2k'
    (folder / 'images' / 'indoor').mkdir(parents=True)
    picture = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    cv2.imwrite(str(folder / 'images' / 'indoor' / 'a.jpg'), picture)
    pairs = [
        {'point1': [row, 5], 'point2': [59 - row, 70], 'closer_point': name}
        for row in (2, 20) for name in ('point1', 'point2')
    ]  # fmt: skip
    text = json.dumps({'images/indoor/a.jpg': pairs})
    (folder / 'annotations.json').write_text(text)
    answer, (row, *_) = evaluate(
        tmp_path, '--model', 'tiny_sdt_lite', '--data', f'da2k:{folder}', '--corrupt', 'dark:5'
    )
    data = answer['data'][0]['models']['tiny']
    # Each pair comes in both orders, of which one is right.
    assert data['metrics']['pair_accuracy'] == 0.5
    assert (row['pair_accuracy'], row['pixels'], row['abs_rel']) == ('0.5', '4', '')
    assert data['metrics']['abs_rel'] is None
    shown = capsys.readouterr().out
    assert 'pair accuracy' in shown
    assert 'abs_rel' not in shown
    assert answer['data'][0]['judged_by'] == 'pair_accuracy'
    assert answer['data'][0]['verdicts'] == [
        'whether tiny_sdt_lite is worse than tiny is open: pair_accuracy +0.0000 of one image'
    ]
    assert 'pair_accuracy − tiny' in shown
    assert data['corrupted']['dark:5']['ratio']['value'] == 1
    for name in ('report.md', 'report.html'):
        assert 'AbsRel' not in (tmp_path / 'out' / name).read_text()


def test_unknown_metrics_are_refused_before_anything_is_opened(tmp_path):
    words = ['evaluate', '--model', 'tiny', '--data', 'none:here', '--metrics', 'edges']
    with pytest.raises(UnknownNameError, match="unknown metric 'edges'; known: abs_rel"):
        run(make_parser('evaluate').parse_args(words))


def test_without_asking_the_usual_metrics_are_scored(tmp_path):
    _, (row,) = evaluate(tmp_path, '--data', 'simulator:7:1:160x120')
    found = [name for name in row if name in chosen_metrics(['all'])]
    assert tuple(found) == chosen_metrics()
