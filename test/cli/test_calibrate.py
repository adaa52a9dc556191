import json

import cv2
import numpy as np
import pytest
import yaml

import depth_anything_ros as dar
from depth_anything_ros.cli import calibrate
from depth_anything_ros.cli.main import main, make_parser
from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.inference import estimator_network
from depth_anything_ros.lab.tape.advice import REACH_M
from depth_anything_ros.lab.tape.fit import TOLERANCE
from depth_anything_ros.lab.tape.line import around
from depth_anything_ros.models import MODELS
from depth_anything_ros.parameters import from_mapping
from depth_anything_ros.types import ModelIdentity, OutputKind, RelativeInverseDepth

SCALE = 0.01
IDENTITY = ModelIdentity('red', 'checkpoint', '', 'none', 'fp32', 'cpu', (48, 64), 'none')


class Red:
    """Stand in for a predictor: inverse depth is the red of the picture."""

    identity = IDENTITY
    output_kind = OutputKind.RELATIVE_INVERSE_DEPTH
    spec = MODELS['tiny']
    kind = RelativeInverseDepth

    def predict(self, rgb):
        return self.kind(rgb[..., 0].astype(np.float32))


@pytest.fixture
def network(monkeypatch):
    found = Red()
    monkeypatch.setattr(calibrate, 'open_relative_predictor', lambda args, size: found)
    return found


@pytest.fixture
def picture(tmp_path):
    """Return a picture of four squares, as far as 1 / (0.01 · red) metres."""
    red = np.kron(np.array([[200, 100], [50, 80]], np.uint8), np.ones((24, 32), np.uint8))
    path = tmp_path / 'squares.png'
    cv2.imwrite(str(path), np.dstack([np.zeros_like(red), np.zeros_like(red), red]))
    return str(path)


POINTS = (('16,12', 0.5), ('48,12', 1.0), ('16,36', 2.0), ('48,36', 1.25))


def words(picture, points=POINTS, measured='axis'):
    at = [word for place, metres in points for word in ('--at', picture, place, str(metres))]
    return ['calibrate', *at, *(['--measured', measured] if measured else [])]


def test_the_parameters_are_shown_and_written_for_the_node(network, picture, tmp_path, capsys):
    out, answer = tmp_path / 'scale.yaml', tmp_path / 'answer.json'
    assert main([*words(picture), '--out', str(out), '--json', str(answer)]) == 0
    (section,) = yaml.safe_load(out.read_text()).values()
    values = section['ros__parameters']
    config = from_mapping(DepthNodeConfig, values)
    assert (values['model'], config.scale.scale_source) == ('tiny', 'fixed')
    assert values['fixed_scale'] == pytest.approx(SCALE, rel=1e-4)
    assert values['fixed_shift'] == pytest.approx(0.0, abs=1e-4)
    shown = capsys.readouterr().out
    assert out.read_text() in shown
    assert 'by the others alone a point is off by 0.0%' in shown
    told = json.loads(answer.read_text())
    assert told['model']['name'] == 'red'
    assert [point['reading']['depth_m'] for point in told['fit']['points']] == [
        metres for _, metres in POINTS
    ]


def test_distances_from_the_lens_are_turned_into_depth(network, picture, tmp_path):
    answer = tmp_path / 'answer.json'
    call = [*words(picture, measured=''), '--camera', '60,60,31.5,23.5', '--json', str(answer)]
    assert main(call) == 0
    first = json.loads(answer.read_text())['fit']['points'][0]['reading']
    x, y = (16 - 31.5) / 60, (12 - 23.5) / 60
    assert first['depth_m'] == pytest.approx(0.5 / np.sqrt(1 + x * x + y * y))


def test_a_refused_point_is_named_and_the_status_is_1(network, picture, capsys):
    points = [*POINTS[:3], ('48,36', 2.5), ('10,10', 0.5)]
    assert main(words(picture, points)) == 1
    error = capsys.readouterr().err
    assert 'at 48,36 says 2.50 m where the others say 1.25 m: refused' in error


def test_the_expected_error_and_the_best_next_point_are_told(network, picture, tmp_path, capsys):
    answer = tmp_path / 'answer.json'
    assert main([*words(picture, POINTS[:2]), '--reach', '2.2', '--json', str(answer)]) == 0
    shown = capsys.readouterr().out
    assert 'expected to be off by 1.' in shown
    assert 'no shift: it takes three or more points' in shown
    assert f'best next point: {picture} at ' in shown
    told = json.loads(answer.read_text())
    assert told['next']['depth_m'] == pytest.approx(2.0)
    assert told['next']['error_after'] < told['next']['error_before']


def test_a_model_of_affine_depth_is_refused_by_name(network, picture, capsys):
    network.spec = MODELS['depth_anything_3_mono_large']
    assert main(words(picture)) == 1
    told = capsys.readouterr().err
    assert "'depth_anything_3_mono_large' gives depth that lacks a scale and a shift" in told
    assert 'take a sensor or camera_height' in told


def test_a_model_up_to_scale_is_given_no_shift(network, picture, tmp_path, capsys):
    network.output_kind = OutputKind.INVERSE_DEPTH_UP_TO_SCALE
    out = tmp_path / 'scale.yaml'
    points = [(place, 1.02 * metres if metres > 1 else metres) for place, metres in POINTS]
    assert main([*words(picture, points), '--out', str(out)]) == 0
    (section,) = yaml.safe_load(out.read_text()).values()
    assert section['ros__parameters']['fixed_shift'] == 0.0
    assert section['ros__parameters']['fixed_scale'] == pytest.approx(SCALE, rel=0.02)
    shown = capsys.readouterr()
    assert 'no shift: the inverse depth of this model lacks the scale alone' in shown.out
    assert 'nothing confirms' not in shown.err


def test_points_that_contradict_each_other_are_told_a_good_place(network, picture, capsys):
    call = [*words(picture, [POINTS[0], ('48,12', 1.3)]), '--reach', '2']
    assert main(call) == 1
    assert f'tell which one is wrong; a good place is {picture} at ' in capsys.readouterr().err


def test_a_point_that_nothing_confirms_is_warned_of(network, tmp_path, capsys):
    path = str(tmp_path / 'wide.png')
    red = np.repeat(np.uint8([100, 95, 91, 33]), 32)[None].repeat(24, 0)
    cv2.imwrite(path, np.dstack([0 * red, 0 * red, red]))
    points = [(f'{32 * n + 16},12', 100 / red) for n, red in enumerate((100, 95, 91, 33))]
    assert main(words(path, points)) == 0
    shown = capsys.readouterr()
    assert f'nothing confirms {path} at 112,12: a wrong reading would not be' in shown.err
    assert 'cannot tell' in shown.out


def test_a_point_at_an_edge_is_warned_of(network, picture, capsys):
    main(words(picture, [('32,12', 1.0), *POINTS[:3]]))
    assert 'at 32,12 is at an edge of the depth; choose a flat place' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda call: [*call[:1]], 'no points: give --at PICTURE X,Y METRES two to five times'),
        (lambda call: call[:-2], 'needs the camera: --camera FILE|fx,fy,cx,cy or --fov DEGREES'),
        (lambda call: [*call, '--trials', '2'], '--trials simulates its readings; leave --at out'),
        (lambda call: [*call, '--at', call[2], '64,0', '1'], 'columns are 0 to 63, rows 0 to 47'),
        (lambda call: [*call, '--at', call[2], '6.5,0', '1'], 'column,row in whole pixels'),
        (lambda call: [*call, '--at', call[2], '6,0', '-1'], 'metres above 0, as 320,240 1.52'),
        (lambda call: [*call, '--at', call[2], '6,0', '132'], '132 m is beyond a tape measure'),
        (lambda call: [*call, '--at', call[2], '16,13', '1'], '16,13 is next to 16,12'),
        (lambda call: [*call, '--at', 'no.png', '6,0', '1'], "picture 'no.png' cannot be read"),
        (lambda call: call[:5] + call[-2:], '1 points; 2 to 5 are needed'),
    ],
)
def test_what_cannot_be_is_told_in_one_line(network, picture, capsys, change, message):
    assert main(change(words(picture))) == 1
    assert message in capsys.readouterr().err


def test_a_model_of_metres_is_refused_before_its_weights_are_fetched(picture, capsys, monkeypatch):
    monkeypatch.setattr(
        estimator_network, 'stored_weights', lambda *_: pytest.fail('weights are fetched')
    )
    name = 'depth_anything_v2_metric_hypersim_vits'
    assert main([*words(picture), '--model', name]) == 1
    expected = f"model '{name}' gives metres by itself; give --model a relative one"
    assert expected in capsys.readouterr().err


def test_a_point_in_the_sky_is_refused(network, tmp_path, capsys):
    sky = str(tmp_path / 'sky.png')
    cv2.imwrite(sky, np.zeros((48, 64, 3), np.uint8))
    assert main(words(sky)) == 1
    assert 'the network sees it infinitely far away, as sky' in capsys.readouterr().err


def test_predict_takes_the_model_and_the_scale_that_calibrate_wrote(tmp_path, capsys):
    rng = np.random.default_rng(0)
    picture, written = str(tmp_path / 'room.png'), tmp_path / 'scale.yaml'
    blobs = cv2.resize(rng.integers(0, 255, (3, 4, 3)).astype(np.uint8), (160, 120))
    cv2.imwrite(picture, blobs)
    fast = ['--backend', 'torch', '--precision', 'fp32', '--threads', '1']
    model = dar.load('tiny', backend='torch', precision='fp32', threads=1, input_size=64)
    relative = model.predict(picture).values
    # Places whose distance is by a scale of the network's own depth.
    places = [(20, 20), (80, 60), (140, 100), (20, 100)]
    told = [2.0 * float(np.median(relative) / np.median(around(relative, *at))) for at in places]
    at = [
        word
        for (column, row), metres in zip(places, told, strict=True)
        for word in ('--at', picture, f'{column},{row}', f'{metres:.6f}')
    ]
    call = ['calibrate', '--measured', 'axis', '--input-size', '64', *at, *fast]
    assert main([*call, '--out', str(written)]) == 0
    out = tmp_path / 'depth'
    call = ['predict', picture, '--out', str(out), '--depth', 'npy', *fast]
    assert main([*call, '--params', str(written)]) == 0
    depth_m = np.load(out / 'room_depth_m.npy')
    found = [float(np.median(around(depth_m, *at))) for at in places]
    assert found == pytest.approx(told, rel=0.01)
    assert main([*call, '--params', str(written), '--input-size', '32']) == 1
    assert 'is that of its own network' in capsys.readouterr().err
    written.write_text('/**:\n  ros__parameters:\n    scale_source: camera_height\n')
    assert main([*call, '--params', str(written)]) == 1
    assert "its scale_source is 'camera_height'" in capsys.readouterr().err


@pytest.mark.slow
def test_trials_show_how_far_off_readings_are(tmp_path, capsys):
    answer = tmp_path / 'answer.json'
    assert main(['calibrate', '--trials', '2', '--json', str(answer)]) == 0
    told = json.loads(answer.read_text())
    assert [result['rooms'] for result in told['results']] == [2, 2]
    assert '4 points, read to ± 2 cm' in capsys.readouterr().out


def test_the_defaults_are_those_of_the_fit():
    args = make_parser('calibrate').parse_args(['calibrate'])
    assert (args.tolerance, args.reach) == (TOLERANCE, REACH_M)
