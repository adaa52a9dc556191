"""The parameter files and the README say what the config classes say."""

from pathlib import Path

import pytest
import yaml

from depth_anything_ros.config import NODE_CONFIGS, DepthNodeConfig
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


@pytest.mark.parametrize('node', NODE_CONFIGS)
def test_readme_table_is_that_of_the_config_class(node):
    readme = (ROOT / 'README.md').read_text()
    start, end = f'<!-- parameters:{node} -->', '<!-- /parameters -->'
    table = readme.split(start)[1].split(end)[0].strip()
    assert table == markdown_table(NODE_CONFIGS[node])


def test_table_has_a_row_for_each_parameter_with_default_unit_and_range():
    rows = markdown_table(DepthNodeConfig).splitlines()
    assert len(rows) == 2 + len(parameter_infos(DepthNodeConfig))
    stride = next(row for row in rows if row.startswith('| `cloud_stride`'))
    assert stride.startswith('| `cloud_stride` | `1` | px | 1 … 64 |')
    assert len({row.count('|') for row in rows}) == 1
