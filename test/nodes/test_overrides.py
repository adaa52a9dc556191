"""What is given as a parameter and not used is named; the shipped files are used by any node."""

import sys
from pathlib import Path

import pytest
import rclpy
import yaml

from depth_anything_ros.config import DepthNodeConfig
from depth_anything_ros.nodes import overrides, parameters
from depth_anything_ros.nodes.overrides import full_name, given_values, unused_overrides
from depth_anything_ros.nodes.parameters import declare_parameters
from depth_anything_ros.parameters import parameter_infos
from depth_anything_ros.parameters.node_file import matches, sections

CONFIG = Path(__file__).resolve().parents[2] / 'config'


@pytest.fixture
def make_node(monkeypatch):
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    monkeypatch.setenv('ROS_LOCALHOST_ONLY', '1')
    context = rclpy.Context()
    context.init(domain_id=85)
    nodes = []

    def make(*arguments, name='depth_node', namespace=''):
        words = ['program', '--ros-args', *map(str, arguments)]
        monkeypatch.setattr(sys, 'argv', words)
        node = rclpy.create_node(name, context=context, namespace=namespace, cli_args=words)
        nodes.append(node)
        declare_parameters(node, DepthNodeConfig)
        return node

    yield make
    for node in nodes:
        node.destroy_node()
    context.try_shutdown()


@pytest.fixture
def write(tmp_path):
    def write_file(key, **values):
        path = tmp_path / 'given.yaml'
        path.write_text(yaml.safe_dump({key: {'ros__parameters': values}}))
        return path

    return write_file


def test_a_misspelt_parameter_is_named_with_the_nearest(make_node, write, capfd):
    file = write('/**/depth_node', model='tiny', scale_sorce='depth_image', max_depth=5.0)
    node = make_node('--params-file', file, '-p', 'zebra:=1')
    assert set(unused_overrides(node)) == {
        "parameter 'scale_sorce' is given and does not exist; did you mean 'scale_source'?",
        "parameter 'max_depth' is given and does not exist; did you mean 'max_depth_m'?",
        "parameter 'zebra' is given and does not exist",
    }
    assert 'scale_sorce' in ''.join(capfd.readouterr())
    assert node.get_parameter('model').value == 'tiny'


def test_a_file_without_a_section_for_the_node_is_named(make_node, write):
    file = write('depth_anything', model='tiny', max_depth_m=5.0)
    (sentence,) = unused_overrides(make_node('--params-file', file, namespace='robot'))
    assert sentence == (
        f"nothing in '{file}' is for /robot/depth_node, only for depth_anything; call it '/**' or "
        "'/robot/depth_node'"
    )


COMPANY = ('/front/depth_node', '/rear/depth_node')


@pytest.mark.parametrize(
    ('keys', 'is_fine'),
    [
        (['/rear/depth_node'], True),
        (['/rear/depth_node', '/rear/camera'], True),
        (['/**'], True),
        (['/rear/depth_node', '/frnot/depth_node'], False),
        (['/left/depth_node'], False),
        (['camera'], False),
    ],
)
def test_a_file_may_be_for_other_nodes_of_the_company_alone(make_node, tmp_path, keys, is_fine):
    path = tmp_path / 'given.yaml'
    path.write_text(yaml.safe_dump({key: {'ros__parameters': {'threads': 1}} for key in keys}))
    node = make_node('--params-file', path, namespace='front')
    told = [
        f"nothing in '{path}' is for /front/depth_node, only for {', '.join(sorted(keys))}; call "
        "it '/**' or '/front/depth_node'"
    ]
    assert list(unused_overrides(node, company=COMPANY)) == ([] if is_fine else told)


def test_a_parameter_on_the_command_line_may_be_for_another_of_the_company(make_node):
    words = '-p', '/rear/depth_node:threads:=3'
    node = make_node(namespace='front')
    arguments = ['program', '--ros-args', *words]
    assert unused_overrides(node, arguments, COMPANY) == ()
    assert len(unused_overrides(node, arguments, COMPANY[:1])) == 1


def test_a_parameter_for_another_node_on_the_command_line_is_named(make_node):
    node = make_node('-p', 'depht_node:model:=tiny', '-p', 'depth_node:threads:=3')
    assert unused_overrides(node) == (
        "'depht_node:model:=tiny' is for node 'depht_node', this is /depth_node",
    )
    assert node.get_parameter('threads').value == 3


def test_what_rclpy_declares_by_itself_or_later_is_no_mistake(make_node):
    node = make_node(
        '-p', 'use_sim_time:=true', '-p', 'qos_overrides./image.subscription.depth:=1'
    )
    assert unused_overrides(node) == ()


def test_arguments_outside_ros_args_are_not_ours(make_node):
    node = make_node()
    words = ['program', '-p', 'a:b:=1', '--ros-args', '-p', 'threads:=1', '--', '-p', 'a:b:=1']
    assert unused_overrides(node, words) == ()


@pytest.mark.parametrize('namespace', ['', '/robot', '/site/robot'])
@pytest.mark.parametrize(
    'key',
    ['/**', '/**/depth_node', '/*/depth_node', 'depth_node', '/depth_node', 'robot/depth_node',
     '/robot/*', '/other'],
)  # fmt: skip
def test_a_section_matches_where_rcl_applies_it(make_node, write, key, namespace):
    node = make_node('--params-file', write(key, threads=7), namespace=namespace)
    assert matches(key, node.get_fully_qualified_name()) == (
        node.get_parameter('threads').value == 7
    )
    assert (unused_overrides(node) == ()) == (node.get_parameter('threads').value == 7)


@pytest.mark.parametrize('section', ['', ' ~', ' 3', ' [a, b]'])
def test_a_section_without_parameters_gives_none(tmp_path, section):
    file = tmp_path / 'empty.yaml'
    file.write_text(f'/**:\n  ros__parameters:{section}\nother:\n  ros__parameters: {{a: 1}}\n')
    words = ['--ros-args', '--params-file', str(file), '-p', 'threads:=3']
    assert given_values('/depth_node', words) == {'threads': 3}
    assert sections(yaml.safe_load(file.read_text())) == {'/**': {}, 'other': {'a': 1}}


def test_what_is_unused_is_looked_for_once_and_handed_over(make_node, monkeypatch, capfd):
    node = make_node('-p', 'threads:=2')
    calls = []
    monkeypatch.setattr(
        parameters, 'unused_overrides', lambda node, company: calls.append(node) or ('a sentence',)
    )
    monkeypatch.setattr(node, 'declare_parameters', lambda *_, **__: [])
    monkeypatch.setattr(parameters, 'parameter_infos', lambda _: {})
    _, unused = declare_parameters(node, DepthNodeConfig)
    assert (unused, calls) == (('a sentence',), [node])
    assert ''.join(capfd.readouterr()).count('a sentence') == 1


def test_nested_sections_are_found():
    values = {'ros__parameters': {'a': 1}}
    found = sections({'robot': {'depth_node': values, 'other': values}, '/**': values, 'x': None})
    assert list(found) == ['robot/depth_node', 'robot/other', '/**']


@pytest.mark.parametrize('file', ['depth.yaml', 'r550.yaml'])
@pytest.mark.parametrize(('name', 'namespace'), [('depth_node', ''), ('eye', '/robot')])
def test_the_shipped_files_hold_for_any_name_and_namespace(make_node, file, name, namespace):
    node = make_node('--params-file', CONFIG / file, name=name, namespace=namespace)
    assert unused_overrides(node) == ()
    values = yaml.safe_load((CONFIG / file).read_text())['/**']['ros__parameters']
    assert {key: node.get_parameter(key).value for key in values} == values
    assert set(values) <= set(parameter_infos(DepthNodeConfig))


def test_overrides_are_still_where_rclpy_keeps_them(make_node):
    assert overrides._overrides(make_node('-p', 'threads:=2')) == ['threads']


@pytest.mark.parametrize(
    'words',
    [
        ['-p', 'threads:=3', '-p', 'model:=tiny'],
        ['-p', 'threads:=3', '-p', 'threads:=5'],
        ['-p', 'other:threads:=3'],
        ['-r', '__node:=eye', '-p', 'eye:threads:=3'],
        ['-r', '__ns:=/robot', '-p', 'depth_node:threads:=3'],
        ['--params-file', 'FILE'],
        ['-p', 'threads:=3', '--params-file', 'FILE'],
        ['--params-file', 'FILE', '-p', 'threads:=3'],
        ['-r', '__ns:=/robot', '--params-file', 'FILE'],
        ['-r', 'other:__ns:=/robot', '-r', 'image:=/eye', '--params-file', 'FILE'],
    ],
)
def test_values_are_known_before_there_is_a_node(make_node, write, words):
    file = str(write('robot/depth_node', threads=7, max_depth_m=4.0))
    words = [file if word == 'FILE' else word for word in words]
    node = make_node(*words)
    given = given_values(full_name('depth_node', sys.argv), sys.argv)
    assert given == {name: node.get_parameter(name).value for name in overrides._overrides(node)}


OWN, ALL = '/robot/depth_node', '/**'


@pytest.mark.parametrize(
    ('sections', 'word', 'winner'),
    [
        ({OWN: 3, ALL: 4}, 'FILE', ALL),
        ({ALL: 3, OWN: 4}, 'FILE', ''),
        ({OWN: 3, ALL: 7}, 'FILE', ''),
        ({ALL: 3, OWN: 4}, 'threads:=7', OWN),
        ({OWN: 3, ALL: 4}, 'threads:=7', ''),
        ({OWN: 3}, 'threads:=7', ''),
    ],
)
def test_what_ros_lets_another_section_overrule_is_named(
    make_node, write, tmp_path, sections, word, winner
):
    first = tmp_path / 'first.yaml'
    first.write_text(
        yaml.safe_dump(
            {key: {'ros__parameters': {'threads': count}} for key, count in sections.items()},
            sort_keys=False,
        )
    )
    last = str(write(OWN, threads=7)) if word == 'FILE' else word
    option = '--params-file' if word == 'FILE' else '-p'
    node = make_node('--params-file', first, option, last, namespace='robot')
    held = node.get_parameter('threads').value
    assert held == (sections[winner] if winner else 7)
    assert given_values(OWN, sys.argv) == {'threads': held}
    told = [
        f"parameter 'threads' of '{last}' does not hold: section '{winner}' of '{first}' wins, as "
        "ROS applies sections in the order in which their names first come; leave 'threads' out "
        'there'
    ]
    assert list(unused_overrides(node)) == (told if winner else [])


@pytest.mark.parametrize('text', [None, '{', 'just text'])
def test_a_file_that_cannot_be_read_gives_no_values(tmp_path, text):
    file = tmp_path / 'given.yaml'
    if text is not None:
        file.write_text(text)
    assert given_values('/depth_node', ['--ros-args', '--params-file', str(file)]) == {}
