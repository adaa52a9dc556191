"""The parameter files say what the config classes say, and the policy what the topics are."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from depth_anything_ros.config import NODE_CONFIGS, DepthNodeConfig, node_topics, topic_table
from depth_anything_ros.errors import UnknownNameError
from depth_anything_ros.parameters import (
    from_mapping,
    markdown_table,
    parameter_infos,
    yaml_section,
)

ROOT = Path(__file__).resolve().parents[1]
FILES = {
    'depth.yaml': 'depth_node',
    'evaluator.yaml': 'evaluator_node',
    'bag_player.yaml': 'bag_player',
}


@pytest.mark.parametrize('file', FILES)
def test_parameter_file_holds_every_parameter_with_its_default(file):
    sections = yaml.safe_load((ROOT / 'config' / file).read_text())
    assert list(sections) == ['/**']
    config = NODE_CONFIGS[FILES[file]]
    values = sections['/**']['ros__parameters']
    assert list(values) == list(parameter_infos(config))
    assert from_mapping(config, values) == config()


@pytest.mark.parametrize('file', FILES)
def test_parameter_file_explains_as_the_config_class_does(file):
    text = (ROOT / 'config' / file).read_text()
    assert yaml_section(NODE_CONFIGS[FILES[file]]) in text


def test_the_preset_of_the_r550_says_only_what_differs_and_is_accepted():
    sections = yaml.safe_load((ROOT / 'config' / 'r550.yaml').read_text())
    assert list(sections) == ['/**']
    values = sections['/**']['ros__parameters']
    config = from_mapping(DepthNodeConfig, values)
    assert config.scale.names == ('depth_image', 'laser_scan', 'camera_height')
    defaults = parameter_infos(DepthNodeConfig)
    assert all(value != defaults[name][0] for name, value in values.items())


@pytest.mark.parametrize('node', ['depth_node', 'evaluator_node'])
def test_the_documented_topics_are_those_of_the_sros2_policy(node):
    policy = ElementTree.parse(ROOT / 'config' / 'sros2_policy.xml')
    profile = policy.find(f".//profile[@node='{node}']")

    def allowed(kind, right):
        groups = (group for group in profile.findall(f'{kind}s') if group.get(right) == 'ALLOW')
        return {item.text for group in groups for item in group.findall(kind)}

    def documented(way):
        return {topic.name for topic in node_topics(node) if topic.way == way}

    of_ros = {'/tf', '/tf_static', '/clock', '/parameter_events', '/rosout', '~/transition_event'}
    assert documented('in') - of_ros == allowed('topic', 'subscribe') - of_ros
    assert documented('out') == allowed('topic', 'publish') - of_ros
    assert documented('service') <= allowed('service', 'reply')


def test_topics_of_an_unknown_node_are_refused():
    with pytest.raises(UnknownNameError, match="'depth'; known: depth_node, evaluator_node"):
        topic_table('depth')


def test_table_has_a_row_for_each_parameter_with_default_unit_and_range():
    rows = markdown_table(DepthNodeConfig).splitlines()
    assert len(rows) == 2 + len(parameter_infos(DepthNodeConfig))
    stride = next(row for row in rows if row.startswith('| `cloud_stride`'))
    assert stride.startswith('| `cloud_stride` | `1` | px | 1 … 64 |')
    assert len({row.count('|') for row in rows}) == 1
