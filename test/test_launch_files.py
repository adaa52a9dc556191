"""The launch files as they stand in the tree, and the layout of RViz."""

import ast
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from depth_anything_ros.config import BagPlayerConfig, DepthNodeConfig
from depth_anything_ros.parameters import parameter_infos

ROOT = Path(__file__).resolve().parent.parent
LAUNCH_FILES = sorted((ROOT / 'launch').glob('*.launch.py'))
WITHOUT_LAUNCH = 'launch is not installed; source a ROS 2'

DEPTH_ARGUMENTS = {
    'image', 'camera_info', 'reference', 'reference_info', 'scan', 'imu', 'odom', 'config', 'name',
    'namespace', 'respawn', 'log_level', 'use_sim_time', 'rviz', 'fixed_frame', 'camera',
    'camera_prefix',
    *parameter_infos(DepthNodeConfig),
}  # fmt: skip
CAMERAS_ARGUMENTS = DEPTH_ARGUMENTS - {'rviz', 'fixed_frame'} | {'cameras'}
EVALUATE_ARGUMENTS = {
    'bag', 'output', 'gate', 'mode', 'rate', 'ground_truth', 'prediction', 'evaluator_config',
    'player_config', 'ground_truth_depth_unit', 'ground_truth_registration', 'ground_truth_pose',
}  # fmt: skip
FIXED = {
    'camera', 'chassis', 'rviz', 'respawn', 'use_sim_time', 'log_level', 'mode',
    'ground_truth_registration',
} | {
    name for name, (_, info) in parameter_infos(DepthNodeConfig).items() if info.choices
}  # fmt: skip


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / 'launch' / f'{name}.launch.py')
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def arguments(name: str) -> dict[str, Any]:
    """Return name → DeclareLaunchArgument of a launch file and of those it includes."""
    pytest.importorskip('launch_ros', reason=WITHOUT_LAUNCH)
    declared = load(name).generate_launch_description().get_launch_arguments()
    return {argument.name: argument for argument in declared}


@pytest.fixture
def layout() -> dict[str, Any]:
    return yaml.safe_load((ROOT / 'rviz' / 'depth.rviz').read_text(encoding='utf-8'))


@pytest.mark.parametrize('path', LAUNCH_FILES, ids=lambda path: path.name)
def test_launch_file_defines_its_description(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding='utf-8'))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert 'generate_launch_description' in functions
    assert ast.get_docstring(tree)


def test_every_parameter_of_the_node_is_an_argument() -> None:
    assert set(arguments('depth')) == DEPTH_ARGUMENTS


def test_evaluation_takes_the_arguments_of_depth_too() -> None:
    assert set(arguments('evaluate')) == EVALUATE_ARGUMENTS | DEPTH_ARGUMENTS


def test_the_r550_takes_the_arguments_of_depth_and_its_chassis() -> None:
    assert set(arguments('r550')) == DEPTH_ARGUMENTS | {'chassis'}


def test_cameras_take_the_arguments_of_depth_but_for_rviz() -> None:
    assert set(arguments('cameras')) == CAMERAS_ARGUMENTS


@pytest.mark.parametrize(
    ('given', 'height_m'),
    [
        ({}, ''),
        ({'chassis': 'mec'}, '0.149'),
        ({'chassis': 'tank'}, '0.115'),
        ({'chassis': 'tank', 'camera_height_m': '0.2'}, '0.2'),
    ],
)
def test_the_height_of_the_r550_follows_the_chassis_unless_given(
    given: dict[str, str], height_m: str
) -> None:
    pytest.importorskip('launch_ros', reason=WITHOUT_LAUNCH)
    from launch import LaunchContext

    context, module = LaunchContext(), load('r550')
    context.launch_configurations.update(given)
    for entity in module.generate_launch_description().entities[:-2]:
        entity.execute(context)
    assert context.launch_configurations.get('camera_height_m', '') == height_m
    assert context.launch_configurations['config'].endswith('config/r550.yaml')


@pytest.mark.parametrize('name', ['depth', 'cameras', 'evaluate', 'r550'])
def test_arguments_explain_themselves_and_name_fixed_choices(name: str) -> None:
    for argument in arguments(name).values():
        assert argument.description.strip().endswith(('.', ']')), argument.name
        assert bool(argument.choices) == (argument.name in FIXED), argument.name


@pytest.mark.parametrize('file', ['depth', 'cameras'])
def test_node_parameters_default_to_the_config_file(file: str) -> None:
    declared = arguments(file)
    for name in parameter_infos(DepthNodeConfig):
        assert [part.text for part in declared[name].default_value] in ([], ['']), name


@pytest.mark.parametrize(
    ('file', 'names'), [('depth', set()), ('cameras', {'cameras'}), ('evaluate', {'bag'})]
)
def test_only_what_cannot_be_known_is_required(file: str, names: set[str]) -> None:
    required = {
        argument.name for argument in arguments(file).values() if argument.default_value is None
    }
    assert required == names


def test_unknown_choice_is_refused_with_the_choices_named() -> None:
    argument = arguments('depth')['backend']
    from launch import LaunchContext

    context = LaunchContext()
    context.launch_configurations['backend'] = 'tensorflow'
    with pytest.raises(RuntimeError, match=r'tensorflow.*openvino'):
        argument.execute(context)


def test_modes_are_those_of_the_player() -> None:
    _, info = parameter_infos(BagPlayerConfig)['mode']
    assert set(arguments('evaluate')['mode'].choices) == set(info.choices)


def test_rviz_shows_image_preview_and_coloured_cloud(layout: dict[str, Any]) -> None:
    displays = {
        display['Name']: display for display in layout['Visualization Manager']['Displays']
    }
    kinds = [display['Class'] for display in displays.values()]
    assert kinds.count('rviz_default_plugins/Image') == 2
    assert 'rviz_default_plugins/Grid' in kinds
    cloud = displays['Cloud']
    assert cloud['Class'] == 'rviz_default_plugins/PointCloud2'
    assert (cloud['Color Transformer'], cloud['Position Transformer']) == ('RGB8', 'XYZ')
    assert displays['Camera image']['Topic']['Reliability Policy'] == 'Best Effort'
    kinds = {name: display['Class'].rpartition('/')[2] for name, display in displays.items()}
    assert (kinds['Scan of the depth'], kinds['Reference scan']) == ('LaserScan', 'LaserScan')
    assert kinds['TF'] == 'TF'


def test_rviz_needs_no_transform(layout: dict[str, Any]) -> None:
    manager = layout['Visualization Manager']
    assert manager['Global Options']['Fixed Frame'] == 'camera_color_optical_frame'
    assert manager['Views']['Current']['Target Frame'] == '<Fixed Frame>'
    assert all(panel['Class'].startswith('rviz_common/') for panel in layout['Panels'])
