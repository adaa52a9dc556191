import json

import pytest

from depth_anything_ros.cli.main import main
from depth_anything_ros.lab.trials.model_trial import ModelTrial
from depth_anything_ros.lab.trials.motion_trial import STANDING, TOLD, TURNING
from depth_anything_ros.lab.trials.results import ModelResult, SourceResult
from depth_anything_ros.lab.trials.scale_trial import Trial


def test_the_table_and_the_answer_have_every_source(tmp_path, capsys):
    path = tmp_path / 'scale.json'
    arguments = ['scale', '--drives', '1', '--frames', '2', '--height', '0.149']
    assert main([*arguments, '--json', str(path)]) == 0
    results = json.loads(path.read_text())['results']
    assert [result['source'] for result in results] == [
        'depth_image',
        'depth_image, reprojected',
        'laser_scan',
        'laser_scan with ground, pitch +0°',
        'laser_scan with ground, pitch +1°',
        'laser_scan with ground, pitch -1°',
        'camera_height, pitch +0°',
        'camera_height, pitch +1°',
        'camera_height, pitch -1°',
    ]
    assert all(result['p50_ms'] > 0 for result in results)
    assert 'laser_scan' in capsys.readouterr().out


def test_figures_are_over_all_drives():
    first = Trial('laser_scan', 0.115, 0, [0.01, 0.03], [0.02], [1.0, 3.0], ['too few'])
    second = Trial('laser_scan', 0.115, 1, [0.02], [0.04], [2.0], [])
    found = SourceResult.of([first, second])
    assert (found.depth_error_p50, found.depth_error_max) == (0.02, 0.03)
    assert (found.scale_error_p50, found.refused, found.p50_ms) == (0.03, 1, 2.0)


def test_a_source_without_any_scale_has_no_error():
    found = SourceResult.of([Trial('laser_scan', 0.115, 0, [], [], [1.0], ['no'])])
    assert found.depth_error_p50 is None and found.scale_error_p50 is None


def test_a_model_is_scored_against_the_best_alignment_of_each_frame(tmp_path, capsys):
    path = tmp_path / 'model.json'
    arguments = ['scale', '--model', 'tiny', '--drives', '1', '--frames', '2']
    arguments += ['--height', '0.149', '--backend', 'torch', '--first-drive', '2']
    arguments += ['--points', '300']
    assert main([*arguments, '--json', str(path)]) == 0
    answer = json.loads(path.read_text())
    assert (answer['model']['name'], answer['model']['weights']) == ('tiny', 'pretrained')
    depth = answer['results'][0]
    assert (depth['source'], depth['frames'], depth['without_scale']) == ('depth_image', 2, 0)
    assert depth['ratio'] == pytest.approx(depth['abs_rel'] / depth['best_abs_rel'])
    assert 0.8 < depth['ratio'] < 1.2
    sparse = answer['results'][2]
    assert sparse['source'] == 'depth_image, 300 points'
    assert sparse['field_ratio'] == pytest.approx(sparse['field_abs_rel'] / sparse['abs_rel'])
    assert sparse['field_ratio'] < 0.9
    assert 'ratio' in capsys.readouterr().out


@pytest.mark.slow
def test_the_source_motion_has_a_scale_after_a_way_and_none_without(tmp_path, capsys):
    path = tmp_path / 'motion.json'
    arguments = ['scale', '--model', 'tiny', '--motion', '--drives', '1', '--frames', '7']
    arguments += ['--height', '0.149', '--backend', 'torch', '--first-drive', '2']
    assert main([*arguments, '--json', str(path)]) == 0
    found = {result['source']: result for result in json.loads(path.read_text())['results']}
    assert list(found) == [*TOLD, STANDING, TURNING]
    # Of ten frames a second at 0.3 m/s, the fifth has come 0.12 m.
    moved = found['motion']
    assert (moved['frames'], moved['without_scale'], moved['refused']) == (7, 4, 4)
    assert moved['ratio'] == pytest.approx(moved['abs_rel'] / moved['best_abs_rel'])
    assert 0.8 < moved['ratio'] < 1.5
    for name in (STANDING, TURNING):
        still = found[name]
        assert (still['frames'], still['refused'], still['abs_rel']) == (7, 7, None)
    assert 'turning on the spot' in capsys.readouterr().out


def test_figures_of_a_model_are_means_over_the_frames_that_had_a_scale():
    first = ModelTrial('laser_scan', 0.115, 0, 3, [0.1, 0.2], [0.1, 0.1], [0.1, 0.1], ['no'])
    second = ModelTrial('laser_scan', 0.115, 1, 1, [0.3], [0.2], [0.3], [])
    found = ModelResult.of([first, second])
    assert found.abs_rel == pytest.approx(0.2)
    assert found.best_abs_rel == pytest.approx(0.4 / 3)
    assert found.ratio == pytest.approx(1.5)
    assert (found.frames, found.without_scale, found.refused) == (4, 1, 1)
    assert found.field_abs_rel == pytest.approx(0.5 / 3)
    assert found.field_ratio == pytest.approx(0.5 / 0.6)
    assert found.field_worst == pytest.approx(1.0)
    low, high = found.field_interval
    assert 0.5 < low < found.field_ratio < high <= 1.0
    assert ModelResult.of([ModelTrial('laser_scan', 0.115, 0, 2)]).ratio is None


def test_missing_weights_are_an_error_in_one_line(capsys):
    assert main(['scale', '--model', 'tiny', '--checkpoint', 'none.pth']) == 1
    error = capsys.readouterr().err
    assert error.count('\n') == 1 and 'none.pth' in error


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--model', 'tiny', '--noise', '0.1'], '--noise 0.1 has no meaning with --model tiny'),
        (['--checkpoint', 'a.pth'], '--checkpoint a.pth has no meaning without --model'),
        (['--backend', 'torch'], '--backend torch has no meaning without --model'),
        (['--points', '50'], '--points 50 has no meaning without --model'),
        (['--model', 'tiny', '--points', '0'], '--points 0 is out of range'),
        (['--motion'], '--motion has no meaning without --model'),
        (['--by-confidence', 'flip'], '--by-confidence flip has no meaning without --model'),
        (
            ['--model', 'tiny', '--by-confidence', 'model'],
            "model 'tiny' does not tell how sure it is",
        ),
        (
            ['--model', 'tiny', '--motion', '--points', '50'],
            '--points 50 has no meaning with --motion',
        ),
        (
            ['--model', 'tiny', '--motion', '--kind', 'affine_depth'],
            '--kind affine_depth has no meaning with --model tiny',
        ),
    ],
)
def test_options_that_would_be_ignored_are_refused(arguments, words, capsys):
    assert main(['scale', *arguments]) == 1
    assert words in capsys.readouterr().err
