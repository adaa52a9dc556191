import json

import pytest

from depth_anything_ros.cli.main import main, make_parser
from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.lab.trials.refinement_trial import ODOMETRY, Record
from depth_anything_ros.lab.trials.results import compare_options
from depth_anything_ros.parameters import parameter_infos


@pytest.mark.slow
def test_every_option_is_shown_for_images_and_drives(tmp_path, capsys):
    path = tmp_path / 'refine.json'
    arguments = ['refine', '--backend', 'torch', '--precision', 'fp32', '--threads', '1']
    arguments += [
        '--drives',
        '1',
        '--frames',
        '2',
        '--data',
        'simulator:7:1:128x96',
        '--edge-filter-px',
        '4',
    ]
    arguments += ['--picture', str(tmp_path / 'new' / 'refine.png')]
    assert main([*arguments, '--json', str(path)]) == 0
    assert (tmp_path / 'new' / 'refine.png').stat().st_size > 1000
    answer = json.loads(path.read_text())
    images, still, moving = answer['data']
    names = [result['option'] for result in still['results']]
    assert names == [
        'none',
        'flip_augmentation',
        'edge_filter_px',
        'temporal_smoothing_s',
        'temporal_smoothing_s, odometry',
        'temporal_smoothing_s, odometry 5 % off, 50 ms late',
        'cloud_edge_jump',
        'all',
    ]
    single = [result['option'] for result in images['results']]
    assert single == [name for name in names if not name.startswith('temporal_smoothing_s')]
    assert [data['images'] for data in answer['data']] == [1, 2, 2]
    assert (still['title'], moving['title']) == (
        '1 drives of 2 frames at 0 m/s',
        '1 drives of 2 frames at 0.3 m/s',
    )
    assert answer['settings']['edge_filter_px'] == 4
    assert answer['model']['name'] == 'tiny'
    assert all(result['ms'] > 0 for result in still['results'])
    assert all(0 <= result['missed'] <= 1 for result in still['results'])
    assert answer['obstacles']['obstacle_reach_m'] == 4.0
    assert still['results'][0]['added_ms'] == 0.0
    lags = {lag['option']: lag['lag_s'] for lag in answer['approach']}
    assert list(lags) == ['temporal_smoothing_s', *ODOMETRY, 'all']
    assert lags['temporal_smoothing_s'] > 0.2 > lags['all']
    assert 'change cm' in capsys.readouterr().out


def test_a_camera_that_is_told_to_hang_elsewhere_is_warned_of(tmp_path, capsys):
    path = tmp_path / 'refine.json'
    arguments = ['refine', '--backend', 'torch', '--precision', 'fp32', '--threads', '1']
    arguments += ['--drives', '0', '--data', 'simulator:7:1:128x96', '--camera-height', '5']
    assert main([*arguments, '--json', str(path)]) == 0
    assert 'missed' not in json.loads(path.read_text())['data'][0]['results'][0]
    told = 'simulator:7:1:128x96: in 100% of the images the truth shows another ground than lens 5'
    assert told in capsys.readouterr().err


def record(option, source, **values):
    return Record(option, source, values)


def test_figures_are_means_and_times_medians_of_differences():
    found = compare_options(
        [
            record('none', 'a', abs_rel=0.1, ms=10.0),
            record('none', 'a', abs_rel=0.3, ms=30.0),
            record('none', 'b', abs_rel=0.2, ms=12.0),
            record('flip', 'a', abs_rel=0.1, ms=19.0),
            record('flip', 'a', abs_rel=0.2, ms=31.0),
            record('flip', 'b', abs_rel=0.0, ms=14.0),
        ]
    )
    plain, flip = found
    assert (plain.option, plain.images, plain.values['ms']) == ('none', 3, 12.0)
    assert plain.values['abs_rel'] == pytest.approx(0.2)
    assert (plain.ratio, plain.added_ms, plain.interval) == (1.0, 0.0, (1.0, 1.0))
    assert flip.ratio == pytest.approx(0.5)
    assert (flip.values['ms'], flip.added_ms) == (19.0, 2.0)
    assert flip.interval[0] <= 0.5 <= flip.interval[1]


def test_only_images_that_both_tell_are_compared():
    found = compare_options(
        [
            record('none', 'a'),
            record('none', 'a', abs_rel=0.2),
            record('all', 'a', abs_rel=0.9),
            record('all', 'a', abs_rel=0.1),
        ]
    )
    assert found[1].values['abs_rel'] == pytest.approx(0.5)
    assert found[1].ratio == pytest.approx(0.5)
    assert found[1].interval is None


def test_what_no_image_tells_is_none():
    found = compare_options([record('none', 'a'), record('all', 'a')])
    assert (found[0].ratio, found[1].added_ms) == (None, None)


def test_a_value_out_of_range_is_an_error_in_one_line(capsys):
    assert main(['refine', '--edge-filter-px', '65']) == 1
    assert '--edge-filter-px 65 is out of range; allowed: 0 … 64 px' in capsys.readouterr().err


def test_a_picture_needs_data(tmp_path, capsys):
    assert main(['refine', '--picture', str(tmp_path / 'refine.png')]) == 1
    assert '--data' in capsys.readouterr().err


def test_nothing_to_try_is_an_error_in_one_line(capsys):
    assert main(['refine', '--drives', '0']) == 1
    assert 'nothing to try' in capsys.readouterr().err


def test_the_options_of_the_help_are_those_tried():
    args = make_parser('refine').parse_args(['refine'])
    infos = parameter_infos(DepthNodeConfig)
    for name in ('edge_filter_px', 'temporal_smoothing_s', 'cloud_edge_jump'):
        assert f'{getattr(args, name):g} is a start' in infos[name][1].help
