"""The verb `record` on small bags."""

import json
import os
import shutil

import pytest
from small_drive import IMAGE, INFO, Network, write_drive

from depth_anything_ros.bag import BagReader
from depth_anything_ros.cli.main import main
from depth_anything_ros.lab.recording import many

QUICK = ('--scale-source', 'depth_image', '--model', 'tiny')


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    monkeypatch.setattr(many, '_predictor', lambda options: Network())


@pytest.fixture(scope='module')
def drive(tmp_path_factory):
    return write_drive(tmp_path_factory.mktemp('drive') / 'drive', 3)


def call(*words):
    return main(['record', *map(str, words)])


def count(path, topic='/depth_node/depth/image_raw'):
    with BagReader(path) as reader:
        return reader.topics[topic].count


def test_a_bag_is_recorded_and_told(drive, tmp_path, capsys):
    out, answer = tmp_path / 'out', tmp_path / 'answer.json'
    assert call(drive, '--out', out, *QUICK, '--json', answer) == 0
    assert count(out) == 3
    shown = capsys.readouterr()
    assert f'{out}: 3 of 3 images, 3 with metric depth, in ' in shown.out
    assert '/depth_node/depth/image_raw' in shown.out
    (told,) = json.loads(answer.read_text())
    assert (told['images'], told['metric'], told['rejected']) == (3, 3, [])
    assert told['messages']['/depth_node/preview/image_raw/compressed'] == 3


def test_a_damaged_image_makes_the_exit_code_1(tmp_path, capsys):
    bag = write_drive(tmp_path / 'bag', 3, broken=(1,))
    assert call(bag, '--out', tmp_path / 'out', *QUICK) == 1
    assert count(tmp_path / 'out') == 2
    assert 'warning: image 1 (1700000000100000000 ns): ' in capsys.readouterr().err


def test_a_calibration_topic_of_another_type_is_refused(drive, tmp_path, capsys):
    told = ('-r', f'camera_info:={IMAGE}')
    assert call(drive, '--out', tmp_path / 'out', *QUICK, *told) == 1
    assert f"topic '{IMAGE}' in bag" in capsys.readouterr().err


def test_a_bag_without_index_is_read_from_its_only_file(drive, tmp_path):
    shutil.copytree(drive, tmp_path / 'broken')
    (tmp_path / 'broken' / 'metadata.yaml').unlink()
    assert call(tmp_path / 'broken', '--out', tmp_path / 'out', *QUICK) == 0
    assert count(tmp_path / 'out') == 3


def test_a_bag_that_ends_early_names_the_command_that_recovers_it(drive, tmp_path, capsys):
    shutil.copytree(drive, tmp_path / 'broken')
    (storage,) = (tmp_path / 'broken').glob('*.mcap')
    storage.write_bytes(storage.read_bytes()[: storage.stat().st_size // 2])
    assert call(tmp_path / 'broken', '--out', tmp_path / 'out', *QUICK) == 1
    assert f'repair it: mcap recover {storage}' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_a_place_that_is_taken_is_told_before_the_work(drive, tmp_path, capsys):
    assert call(drive, '--out', drive, *QUICK) == 1
    assert f"'{drive}' exists; bags are not written over" in capsys.readouterr().err


def test_an_unreadable_bag_is_told_before_a_network_is_loaded(tmp_path, capsys, monkeypatch):
    loaded = []
    monkeypatch.setattr(many, '_predictor', loaded.append)
    assert call(tmp_path / 'nowhere', '--out', tmp_path / 'out', *QUICK) == 1
    assert f"no bag at '{tmp_path}/nowhere'" in capsys.readouterr().err
    assert not loaded


def test_several_bags_go_into_a_folder_and_a_broken_one_stops_no_other(drive, tmp_path, capsys):
    other = write_drive(tmp_path / 'other', 2)
    bags = (drive, tmp_path / 'nowhere', other)
    assert call(*bags, '--out', tmp_path / 'out', *QUICK) == 1
    assert (count(tmp_path / 'out' / 'drive'), count(tmp_path / 'out' / 'other')) == (3, 2)
    shown = capsys.readouterr()
    assert f"warning: {tmp_path}/nowhere: no bag at '{tmp_path}/nowhere'" in shown.err
    assert '2 of 3 bags recorded, images: 5\n' in shown.out
    assert shown.err.endswith(f'warning: not recorded: {tmp_path}/nowhere\n')
    assert call(*bags, '--out', tmp_path / 'out', *QUICK) == 1
    assert '--resume leaves those that are there' in capsys.readouterr().err
    third = write_drive(tmp_path / 'third', 2)
    assert call(drive, third, '--out', tmp_path / 'out', '--resume', *QUICK) == 0
    assert f'{tmp_path}/out/drive: there already' in capsys.readouterr().out
    assert count(tmp_path / 'out' / 'third') == 2


def test_a_kept_bag_is_in_the_answer_and_told_if_another_model_made_it(drive, tmp_path, capsys):
    other, answer = write_drive(tmp_path / 'other', 2), tmp_path / 'answer.json'
    assert call(other, '--out', tmp_path / 'out' / 'other', *QUICK) == 0
    words = (drive, other, '--out', tmp_path / 'out', '--resume', '--json', answer)
    assert call(*words, *QUICK) == 0
    kept, new = json.loads(answer.read_text())
    assert (kept['there'], kept['images'], new['there'], new['images']) == (True, 0, False, 3)
    assert kept['messages']['/depth_node/depth/image_raw'] == 2
    assert 'was made by' not in capsys.readouterr().err
    assert call(*words, '--model', 'tiny_dpt', '--scale-source', 'depth_image') == 0
    assert f"{tmp_path}/out/other was made by 'tiny', not by 'tiny_dpt'" in capsys.readouterr().err


def test_two_bags_of_one_name_have_no_two_places(drive, tmp_path, capsys):
    assert call(drive, drive, '--out', tmp_path / 'out', *QUICK) == 1
    assert (
        f"2 bags would be written to '{tmp_path}/out/drive': '{drive}', '{drive}'; record them "
        'one at a time, each with an --out of its own'
    ) in capsys.readouterr().err


def test_parameters_come_from_the_file_of_the_node_and_options_win(drive, tmp_path, capsys):
    file = tmp_path / 'depth.yaml'
    file.write_text(
        'other:\n  ros__parameters: {max_depth_m: 1.0}\n'
        '/**:\n  ros__parameters:\n'
        '    {scale_source: depth_image, max_depth_m: 3.0, image_is_rectified: yes,\n'
        '     max_deph_m: 2, use_sim_time: true}\n'
    )
    answer = tmp_path / 'answer.json'
    words = (drive, '--params', file, '-p', 'depth_encoding:=16UC1', '--json', answer)
    assert call(*words, '--out', tmp_path / 'out', '--model', 'tiny') == 0
    assert "'max_deph_m' is given and does not exist; did you mean 'max_depth_m'?" in (
        capsys.readouterr().err
    )
    with BagReader(tmp_path / 'out') as reader:
        message = next(reader.messages(['/depth_node/depth/image_raw'])).deserialize()
    assert message.encoding == '16UC1'
    assert message.data.view('u2').max() <= 3000


@pytest.mark.parametrize(
    ('words', 'told'),
    [
        (('-p', 'max_deph_m:=2'), "did you mean 'max_depth_m'?"),
        (('-p', 'max_depth_m'), 'write it as NAME:=VALUE'),
        (('-p', 'max_depth_m:=far'), "'far' is not a number"),
        (('-p', 'cloud_from:=fuse'), "error: parameter 'cloud_from': unknown value 'fuse'"),
        (('-r', 'colour:=/a'), "no input is called 'colour'; known: image, camera_info"),
        (('-r', 'image:=/a'), "no topic '/a' in bag"),
        (('--outputs', 'depth,colour'), "unknown output 'colour'; known: relative, depth"),
        (('--outputs', ','), '--outputs names nothing to write'),
        (('--params', '/nowhere.yaml'), "parameter file '/nowhere.yaml' cannot be read"),
        (('--scale-source', 'laser_scan'), "has no sensor_msgs/msg/LaserScan for 'scan'"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(drive, tmp_path, capsys, words, told):
    assert call(drive, '--out', tmp_path / 'out', *QUICK, *words) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.count('\n') == 1
    assert not (tmp_path / 'out').exists()


def test_a_file_for_other_nodes_is_refused(drive, tmp_path, capsys):
    file = tmp_path / 'depth.yaml'
    file.write_text('front:\n  ros__parameters: {scale_source: depth_image}\n')
    words = (drive, '--out', tmp_path / 'out', '--params', file, '--model', 'tiny')
    assert call(*words) == 1
    assert 'is for /depth_node, only for front' in capsys.readouterr().err
    assert call(*words, '--node', '/front') == 0
    assert count(tmp_path / 'out', '/front/depth/image_raw') == 3


def test_topics_that_are_told_are_read(drive, tmp_path, capsys):
    words = ('-r', f'image:={IMAGE}', '-r', 'scan:=/scan', '-r', 'imu:=/imu')
    assert call(drive, '--out', tmp_path / 'out', *QUICK, *words) == 0
    error = capsys.readouterr().err
    assert "'scan:=/scan' is not used: nothing at work reads 'scan'" in error
    assert "'imu:=/imu' is not used" in error


@pytest.mark.parametrize('name', ['front/depth', '/front/depth'])
def test_the_slash_before_the_name_of_the_node_may_be_left_out(drive, tmp_path, name):
    assert call(drive, '--out', tmp_path / 'out', *QUICK, '--node', name) == 0
    assert count(tmp_path / 'out', '/front/depth/depth/image_raw') == 3


@pytest.mark.parametrize('name', ['bad name', '/1cam', '/a//b/', '', '/', 'käfer', '~/a'])
def test_what_is_no_name_of_a_node_is_refused(drive, tmp_path, capsys, name):
    with pytest.raises(SystemExit):
        call(drive, '--out', tmp_path / 'out', *QUICK, '--node', name)
    assert f"'{name}' is no name of a node; allowed: letters" in capsys.readouterr().err


def test_none_of_the_metres_that_were_asked_for_is_exit_code_1(drive, tmp_path, capsys):
    far = ('-p', 'reference_min_depth_m:=50.0', '-p', 'reference_max_depth_m:=60.0')
    assert call(drive, '--out', tmp_path / 'out', *QUICK, *far) == 1
    told = f'warning: {tmp_path}/out: not one image has the metric depth that was asked for'
    assert told in capsys.readouterr().err
    assert call(drive, '--out', tmp_path / 'relative', '--model', 'tiny') == 0


@pytest.mark.parametrize(
    ('named', 'empty', 'takes'),
    [
        ('fused,source', 'fused, source',
         'the depth of a sensor (--scale-source depth_image, or in scale_fallbacks)'),
        ('scale,preview,points', 'points',
         'metric depth (--scale-source, or a model of metres) and camera_info (or -p '
         'predicted_camera:=true with Depth Anything 3 or VGGT, which find the field of view)'),
        ('sigma', 'sigma', 'metric depth (--scale-source, or a model of metres)'),
    ],
)  # fmt: skip
def test_a_named_output_that_stays_empty_is_exit_code_1(
    drive, tmp_path, capsys, named, empty, takes
):
    answer = tmp_path / 'answer.json'
    words = ('--model', 'tiny', '--outputs', named, '--json', answer)
    assert call(drive, '--out', tmp_path / 'out', *words) == 1
    assert (
        f'warning: {tmp_path}/out: nothing to write for {empty}, which --outputs names: it takes '
        f'{takes}\n'
    ) in capsys.readouterr().err
    assert len(json.loads(answer.read_text())[0]['empty']) == len(empty.split())
    assert call(drive, '--out', tmp_path / 'all', *QUICK, '--outputs', named) == 0


def test_references_that_are_all_rejected_are_not_told_as_missing(drive, tmp_path, capsys):
    words = ('-p', 'reference_registration:=unregistered', '-r', f'reference/camera_info:={INFO}')
    bag = write_drive(tmp_path / 'bag', 3, info_size=(128, 96))
    assert call(bag, '--out', tmp_path / 'out', *QUICK, *words) == 1
    error = capsys.readouterr().err
    assert 'every reference depth so far was rejected, the last one: ' in error
    assert 'received yet' not in error


def test_resume_removes_what_a_killed_run_left(drive, tmp_path):
    other = write_drive(tmp_path / 'other', 2)
    left = tmp_path / 'out' / '.third.8f6d791a.part'
    (left / 'third').mkdir(parents=True)
    os.utime(left, (0, 0))
    assert call(drive, other, '--out', tmp_path / 'out', *QUICK, '--resume') == 0
    assert not left.exists()
    assert count(tmp_path / 'out' / 'other') == 2
