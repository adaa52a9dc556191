import json

from depth_anything_ros.cli.main import main
from depth_anything_ros.cli.scale import summary
from depth_anything_ros.simulation.scale_trial import Trial


def test_the_table_and_the_answer_have_every_source(tmp_path, capsys):
    path = tmp_path / 'scale.json'
    arguments = ['scale', '--drives', '1', '--frames', '2', '--height', '0.149']
    assert main([*arguments, '--json', str(path)]) == 0
    results = json.loads(path.read_text())['results']
    assert [result['source'] for result in results] == [
        'depth_image',
        'depth_image, reprojected',
        'laser_scan',
        'camera_height, pitch +0°',
        'camera_height, pitch +1°',
        'camera_height, pitch -1°',
    ]
    assert all(result['p50_ms'] > 0 for result in results)
    assert 'laser_scan' in capsys.readouterr().out


def test_figures_are_over_all_drives():
    first = Trial('laser_scan', 0.115, 0, [0.01, 0.03], [0.02], [1.0, 3.0], ['too few'])
    second = Trial('laser_scan', 0.115, 1, [0.02], [0.04], [2.0], [])
    found = summary([first, second])
    assert (found['depth_error_p50'], found['depth_error_max']) == (0.02, 0.03)
    assert (found['scale_error_p50'], found['refused'], found['p50_ms']) == (0.03, 1, 2.0)


def test_a_source_without_any_scale_has_no_error():
    found = summary([Trial('laser_scan', 0.115, 0, [], [], [1.0], ['no'])])
    assert found['depth_error_p50'] is None and found['scale_error_p50'] is None


def test_no_frames_is_an_error_in_one_line(capsys):
    assert main(['scale', '--frames', '0']) == 1
    assert '0 frames' in capsys.readouterr().err
