"""The verb `benchmark` with --node: a node as a whole, and what is wrong with one that errs."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from depth_anything_ros.cli.main import main

FAULTY = Path(__file__).parent.parent / 'faulty_node.py'
QUICK = ['--rate', '5', '--seconds', '6', '--rounds', '1']
NODE = ['input_size:=96', 'threads:=1']


@pytest.mark.parametrize(
    ('words', 'told'),
    [
        (['--node', 'colour:=red'], "'colour:=red' is no parameter of depth_node"),
        (['--node', 'model'], "'model' is no parameter"),
        (['--node', 'input_size:=wide'], "'wide' is not a whole number"),
        (['--node', '--model', 'tiny'], '--model is of networks'),
        (['--node', '--input-size', '64'], '--input-size is of networks'),
        (['--node', '--rate', '0'], '--rate 0; allowed: above 0'),
        (['--node', '--against', 'echo'], '1 --against and 0 --topics'),
        (['--node', '--against', 'a', '--topics', '/depth'], "'/depth' names no type"),
        (['--node', '--against', '', '--topics', '/depth=a'], "'' names no program"),
        (['--node', '--against', "a 'b", '--topics', '/depth=a'], 'No closing quotation'),
        (['--rate', '5'], '--rate is of a node'),
        (['--node', '--bag', '/nowhere'], '/nowhere'),
    ],
)
def test_what_cannot_be_measured_is_told_in_one_line(capsys, words, told):
    assert main(['benchmark', *words]) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.count('\n') == 1


@pytest.mark.slow
def test_every_output_of_the_node_is_accounted_for(tmp_path, capsys):
    pytest.importorskip('rclpy', reason='no ROS 2 is installed')
    answer = tmp_path / 'answer.json'
    command = ['benchmark', '--node', *NODE, '--outputs', 'all', *QUICK, '--json', str(answer)]
    assert main(command) == 0, capsys.readouterr()
    echo, node = json.loads(answer.read_text())['rows']
    assert (echo['name'], len(echo['outputs'])) == ('echo', 1)
    assert node['name'].startswith('depth_node all input_size:=96')
    depth, scan, points, preview = (output['account'] for output in node['outputs'])
    for told in (depth, scan, points, preview):
        assert told['sent'] == 30
        assert told['stale'] == told['doubled'] == told['disordered'] == told['foreign'] == 0
        # A busy machine may make the node leave out an image for a newer one, and it says so.
        assert told['lost'] <= node['dropped']
    ages_ms = [told['age_ms']['p50'] for told in (depth, scan, points, preview)]
    assert ages_ms == sorted(ages_ms), 'what costs more, or is wanted less at once, goes out later'
    assert echo['outputs'][0]['account']['age_ms']['p50'] < ages_ms[0]
    overhead_ms = node['outputs'][0]['overhead_ms']
    assert overhead_ms == pytest.approx(ages_ms[0] - node['inference_ms'])
    assert 0 < node['cores'] < 4
    assert echo['resident_mb'] < node['resident_mb']


@pytest.mark.slow
def test_a_node_that_never_answers_is_quoted(capsys):
    pytest.importorskip('rclpy', reason='no ROS 2 is installed')
    silent = "import time; print('no camera there', flush=True); time.sleep(600)"
    other = shlex.join([sys.executable, '-c', silent])
    command = ['benchmark', '--against', other, '--topics', '/no=sensor_msgs/msg/Image']
    # The echo before it has to answer by then, too.
    assert main([*command, *QUICK, '--start', '30']) == 1
    error = capsys.readouterr().err
    assert 'no answer on /no within 30 s' in error
    assert 'no camera there' in error


@pytest.mark.slow
def test_a_node_that_errs_is_found_out(tmp_path, capsys):
    pytest.importorskip('rclpy', reason='no ROS 2 is installed')
    answer = tmp_path / 'answer.json'
    remap = 'image:=/camera/color/image_raw'
    other = shlex.join([sys.executable, str(FAULTY), '--ros-args', '-r', remap])
    topics = '/faulty/depth=sensor_msgs/msg/Image'
    command = ['benchmark', '--against', other]
    assert main([*command, '--topics', topics, *QUICK, '--json', str(answer)]) == 1
    echo, faulty = json.loads(answer.read_text())['rows']
    told = faulty['outputs'][0]['account']
    # Of 30 images each 5th, 7th and 9th, the last 7th being one that is late.
    assert 4 <= told['stale'] <= 6
    assert told['doubled'] == 3
    assert told['disordered'] == 3
    assert told['lost'] == told['foreign'] == 0
    assert echo['outputs'][0]['account']['stale'] == 0
    assert faulty['outputs'][0]['overhead_ms'] is None
