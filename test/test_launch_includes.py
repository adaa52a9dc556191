"""What the launch files make of their arguments: nodes, names in namespaces, RViz, errors."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip('launch_ros', reason='launch is not installed; source a ROS 2')

import launch.logging
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    ExecuteLocal,
    GroupAction,
    IncludeLaunchDescription,
    SetLaunchConfiguration,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import Node, PushRosNamespace

from depth_anything_ros.bag import BagWriter
from depth_anything_ros.config import CAMERA_PRESETS
from depth_anything_ros.errors import ConfigError, DatasetError, UnknownNameError

LAUNCH = Path(__file__).resolve().parent.parent / 'launch'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'


def include(file: str, **arguments: str) -> IncludeLaunchDescription:
    source = PythonLaunchDescriptionSource(str(LAUNCH / f'{file}.launch.py'))
    return IncludeLaunchDescription(source, launch_arguments=arguments.items())


def nodes_of(entity: Any, context: LaunchContext) -> Iterator[Node]:
    """Visit as launch does; nodes are prepared but not started."""
    if isinstance(entity, Node):
        entity.visit(context)
        yield entity
        return
    for each in entity.visit(context) or ():
        yield from nodes_of(each, context)


def words(node: Node) -> str:
    """Return the command line of a node with the contents of its parameter files."""
    text = ' '.join(node.process_details['cmd'])
    files = re.findall(r'--params-file (\S*launch_params\S*)', text)
    return '\n---\n'.join([text, *(Path(file).read_text() for file in files)])


def started(*entities: Any, argv: tuple[str, ...] = ()) -> dict[str, str]:
    """Return full name → command line and parameters of the nodes of a launch description."""
    context = LaunchContext(argv=argv)
    nodes = list(nodes_of(LaunchDescription(list(entities)), context))
    return {node.node_name: words(node) for node in nodes}


def remaps(text: str) -> dict[str, str]:
    return dict(re.findall(r'-r (\S+):=(\S+)', text))


def parameters(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for file in text.split('\n---\n')[1:]:
        (section,) = yaml.safe_load(file).values()
        found |= section['ros__parameters']
    return found


def robot(namespace: str, *entities: Any) -> GroupAction:
    return GroupAction([PushRosNamespace(namespace), *entities])


@pytest.fixture(autouse=True)
def _nothing_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ExecuteLocal, 'execute', ExecuteLocal.prepare)
    monkeypatch.setattr(launch.logging.launch_config, '_log_dir', str(tmp_path))


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    with BagWriter(tmp_path / 'bag') as writer:
        writer.write('/cam/rgb/image_raw/compressed', COMPRESSED, {}, 1)
        writer.write('/cam/depth/image_raw/compressedDepth', COMPRESSED, {}, 1)
        writer.write('/cam/rgb/camera_info', 'sensor_msgs/msg/CameraInfo', CALIBRATION, 1)
    return tmp_path / 'bag'


CALIBRATION = {name: [0.0] * size for name, size in (('k', 9), ('r', 9), ('p', 12), ('d', 5))}


def test_topics_are_relative_so_that_a_namespace_moves_them() -> None:
    found = started(robot('robot1', include('depth')), robot('robot2', include('depth')))
    assert list(found) == ['/robot1/depth_node', '/robot2/depth_node']
    for text in found.values():
        names = remaps(text)
        assert names['image'] == 'camera/color/image_raw'
        assert names['reference/depth'] == 'camera/depth/image_raw'
        assert (names['scan'], names['imu']) == ('scan', 'imu/data')


def test_calibration_is_left_to_the_image_unless_given() -> None:
    (text,) = started(include('depth', image='/front/image')).values()
    assert remaps(text).keys() & {'camera_info', 'reference/camera_info'} == set()
    (text,) = started(include('depth', image='/front/image', camera_info='/calib')).values()
    assert remaps(text)['camera_info'] == '/calib'


def test_a_second_include_takes_nothing_from_the_first() -> None:
    front = include(
        'depth', model='tiny', namespace='front', image='/front/image_raw',
        camera_info='/front/calib', scale_source='camera_height', camera_height_m='0.3',
        name='eye', respawn='true',
    )  # fmt: skip
    rear = include('depth', namespace='rear', image='/rear/image_raw')
    found = started(front, rear)
    assert list(found) == ['/front/eye', '/rear/depth_node']
    assert parameters(found['/front/eye'])['camera_height_m'] == 0.3
    assert parameters(found['/rear/depth_node']).keys() == {'use_sim_time'}
    assert remaps(found['/rear/depth_node'])['image'] == '/rear/image_raw'
    assert 'camera_info' not in remaps(found['/rear/depth_node'])


def test_a_second_include_takes_what_the_command_line_gives_to_all() -> None:
    given = SetLaunchConfiguration('model', 'tiny')
    found = started(
        given, include('depth', name='a'), include('depth', name='b'), argv=('model:=tiny',)
    )
    assert [parameters(text)['model'] for text in found.values()] == ['tiny', 'tiny']


@pytest.mark.parametrize('camera', CAMERA_PRESETS)
def test_a_kind_of_camera_gives_its_topics_and_parameters(camera: str) -> None:
    (text,) = started(include('depth', camera=camera)).values()
    preset = CAMERA_PRESETS[camera]
    topics = {'reference': 'camera/depth/image_raw', **preset.topics()}
    assert remaps(text)['image'] == topics['image']
    assert remaps(text)['reference/depth'] == topics['reference']
    # Left to the node, which looks beside either.
    assert remaps(text).keys() & {'camera_info', 'reference/camera_info'} == set()
    found = {name: str(value).lower() for name, value in parameters(text).items()}
    assert found == {'use_sim_time': 'false', **preset.parameters}


def test_what_is_given_overrides_the_kind_of_camera() -> None:
    given = {'image': '/other/image', 'scale_source': 'laser_scan', 'camera_prefix': 'left/cam'}
    (text,) = started(robot('robot1', include('depth', camera='realsense', **given))).values()
    assert remaps(text)['image'] == '/other/image'
    assert remaps(text)['reference/depth'] == 'left/cam/aligned_depth_to_color/image_raw'
    assert parameters(text)['scale_source'] == 'laser_scan'


def test_a_second_include_has_its_own_kind_of_camera() -> None:
    kinds = {'a': 'realsense', 'b': 'usb_cam', 'c': ''}
    includes = [include('depth', name=name, camera=kind) for name, kind in kinds.items()]
    texts = started(*includes).values()
    assert [remaps(text)['image'] for text in texts] == [
        'camera/camera/color/image_raw', 'image_raw', 'camera/color/image_raw',
    ]  # fmt: skip
    assert [parameters(text).get('scale_source') for text in texts] == ['depth_image', None, None]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'camera': 'kinect'}, r'kinect.*realsense.*orbbec.*oak.*zed.*usb_cam'),
        ({'camera_prefix': 'front'}, "'camera_prefix': 'front' needs a camera; known: realsense"),
    ],
)
@pytest.mark.parametrize('file', ['depth', 'r550'])
def test_an_unknown_kind_of_camera_and_a_prefix_of_none_are_refused(
    file: str, arguments: dict[str, str], message: str
) -> None:
    with pytest.raises((RuntimeError, ConfigError), match=message):
        started(include(file, **arguments))


def test_an_include_leaves_the_arguments_of_its_parent_as_they_are() -> None:
    context = LaunchContext()
    context.launch_configurations.update(use_sim_time='true', namespace='robot')
    description = LaunchDescription([include('r550'), include('r550', chassis='tank')])
    first, second = nodes_of(description, context)
    assert context.launch_configurations['use_sim_time'] == 'true'
    assert context.launch_configurations['namespace'] == 'robot'
    assert 'camera_height_m' not in parameters(words(first))
    assert parameters(words(second))['camera_height_m'] == 0.115


@pytest.mark.parametrize(
    ('name', 'text', 'message'),
    [
        ('camera_height_m', 'tall', "'camera_height_m': 'tall' is not a number"),
        ('input_size', '224.5', "'input_size': '224.5' is not a whole number"),
        ('scan_with_ground', 'maybe', "'scan_with_ground': 'maybe' is not one of true"),
        ('camera_height_m', '-1', "'camera_height_m': -1.0 is out of range; allowed: 0.01 … 10 m"),
    ],
)
def test_a_wrong_value_names_its_argument(name: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        started(include('depth', **{name: text}))


def test_values_reach_the_node_in_the_type_of_the_parameter() -> None:
    given = {
        'camera_height_m': '1', 'input_size': '224', 'scan_with_ground': 'True',
        'checkpoint': '1e5', 'laser_pose': '0 0 0 0 0 0',
    }  # fmt: skip
    (text,) = started(include('depth', **given)).values()
    found = parameters(text)
    assert {name: found[name] for name in given} == {
        'camera_height_m': 1.0, 'input_size': 224, 'scan_with_ground': True,
        'checkpoint': '1e5', 'laser_pose': '0 0 0 0 0 0',
    }  # fmt: skip
    assert type(found['camera_height_m']) is float


CAMERAS = {'cameras': 'front,rear'}


def of_cameras(text: str) -> dict[str, dict[str, Any]]:
    """Return full name → parameters that the arguments give to the nodes of a process."""
    file = re.findall(r'--params-file (\S+)', text)[-1]
    sections = yaml.safe_load(Path(file).read_text())
    return {name: section['ros__parameters'] for name, section in sections.items()}


def test_cameras_are_one_process_in_which_each_has_its_namespace() -> None:
    (text,) = started(robot('robot', include('cameras', model='tiny', **CAMERAS))).values()
    assert re.search(r'/cameras_node front rear --ros-args ', text)
    assert '-r __ns:=/robot ' in text
    assert of_cameras(text) == {
        f'/robot/{name}/depth_node': {'model': 'tiny', 'use_sim_time': False}
        for name in ('front', 'rear')
    }
    names = remaps(text)
    for name in ('front', 'rear'):
        assert names[f'/robot/{name}/image'] == f'/robot/{name}/color/image_raw'
        assert names[f'/robot/{name}/reference/depth'] == f'/robot/{name}/depth/image_raw'
        assert names[f'/robot/{name}/scan'] == '/robot/scan'
        assert (names[f'/robot/{name}/imu'], names[f'/robot/{name}/odom']) == (
            '/robot/imu/data', '/robot/odom'
        )  # fmt: skip
        assert not [key for key in names if 'camera_info' in key]


def test_an_argument_of_one_camera_wins_over_that_of_all() -> None:
    own = {
        'image': 'image_raw', 'scale_source': 'depth_image', 'rear.scale_source': 'camera_height',
        'rear.camera_height_m': '1', 'rear.image': '/back/image', 'rear.camera_info': '/calib',
        'front.checkpoint': '1e5',
    }  # fmt: skip
    (text,) = started(
        include('cameras', name='eye', use_sim_time='true', **CAMERAS, **own)
    ).values()
    assert of_cameras(text) == {
        '/front/eye': {'scale_source': 'depth_image', 'checkpoint': '1e5', 'use_sim_time': True},
        '/rear/eye': {
            'scale_source': 'camera_height', 'camera_height_m': 1.0, 'use_sim_time': True
        },
    }  # fmt: skip
    names = remaps(text)
    assert (names['/front/image'], names['/rear/image']) == ('/front/image_raw', '/back/image')
    assert names['/rear/camera_info'] == '/calib'
    assert '/front/camera_info' not in names


def test_the_kind_of_each_camera_gives_its_topics_below_its_name() -> None:
    kinds = {
        'cameras': 'front,rear,left,up', 'camera': 'realsense', 'rear.camera': 'zed',
        'left.camera': 'usb_cam', 'up.camera_prefix': '/robot/top', 'front.scale_source': 'fixed',
    }  # fmt: skip
    (text,) = started(include('cameras', **kinds)).values()
    names, found = remaps(text), of_cameras(text)
    assert {name: names[f'/{name}/image'] for name in ('front', 'rear', 'left', 'up')} == {
        'front': '/front/color/image_raw',
        'rear': '/rear/zed_node/rgb/color/rect/image',
        'left': '/left/image_raw',
        'up': '/robot/top/color/image_raw',
    }
    assert names['/front/reference/depth'] == '/front/aligned_depth_to_color/image_raw'
    assert found['/front/depth_node']['scale_source'] == 'fixed'
    assert found['/rear/depth_node']['scale_source'] == 'depth_image'
    assert found['/left/depth_node'] == {'image_is_rectified': False, 'use_sim_time': False}


def test_ros_reads_the_written_parameters_in_their_types(tmp_path: Path) -> None:
    rclpy = pytest.importorskip('rclpy')
    given = {'front.checkpoint': '1e5', 'front.fixed_scale': '1e-9', 'front.input_size': '224'}
    (text,) = started(include('cameras', **CAMERAS, **given)).values()
    context = rclpy.Context()
    context.init(args=['-', *text.split('\n')[0].split()[3:]], domain_id=85)
    node = rclpy.create_node(
        'depth_node', context=context, cli_args=['--ros-args', '-r', '__ns:=/front'],
        automatically_declare_parameters_from_overrides=True,
    )  # fmt: skip
    try:
        found = {name: node.get_parameter(name.removeprefix('front.')).value for name in given}
        assert node.resolve_topic_name('image') == '/front/color/image_raw'
    finally:
        node.destroy_node()
        context.try_shutdown()
    assert found == {
        'front.checkpoint': '1e5', 'front.fixed_scale': 1e-9, 'front.input_size': 224
    }  # fmt: skip


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'cameras': ''}, 'no camera is named'),
        ({'cameras': 'front, 2nd'}, "camera '2nd' is no name"),
        ({'front.imgae': '/x'}, "argument 'front.imgae': there is no argument 'imgae' of front"),
        ({'front.rviz': 'true'}, "'front.rviz': there is no argument 'rviz' of front"),
        ({'raer.image': '/x'}, "argument 'raer.image': there is no 'raer'; known: front, rear"),
        ({'rear.input_size': 'big'}, "'input_size': 'big' is not a whole number"),
        ({'rear.scale_source': 'guess'}, "'guess'"),
        ({'rear.camera': 'kinect'}, "unknown camera 'kinect'; known: realsense"),
        ({'rear.camera_prefix': '/top'}, "'camera_prefix': '/top' needs a camera"),
    ],
)
def test_a_wrong_argument_of_cameras_is_named(arguments: dict[str, str], message: str) -> None:
    with pytest.raises((ConfigError, UnknownNameError), match=re.escape(message)):
        started(include('cameras', **{**CAMERAS, **arguments}))


def test_cameras_of_a_second_include_take_nothing_from_the_first() -> None:
    one = include('cameras', **CAMERAS, **{'rear.image': '/back', 'model': 'tiny'})
    other = include('cameras', cameras='left,rear', namespace='arm', name='eye')
    first, second = started(one, other).values()
    assert remaps(first)['/rear/image'] == '/back'
    assert remaps(second)['/arm/rear/image'] == '/arm/rear/color/image_raw'
    assert of_cameras(second)['/arm/left/eye'] == {'use_sim_time': False}
    both = [include('cameras', name=name, model=name, **CAMERAS) for name in ('tiny', 'small')]
    for name, text in zip(('tiny', 'small'), list(started(*both).values()), strict=True):
        assert of_cameras(text)[f'/rear/{name}']['model'] == name
    given = SetLaunchConfiguration('rear.image', '/back')
    argv = ('rear.image:=/back',)
    both = (include('cameras', name=name, **CAMERAS) for name in ('a', 'b'))
    for text in started(given, *both, argv=argv).values():
        assert remaps(text)['/rear/image'] == '/back'


def test_evaluation_in_a_pushed_namespace_listens_to_its_own_depth_node(bag: Path) -> None:
    found = started(robot('robot1', include('evaluate', bag=str(bag), name='eye', rate='2')))
    assert list(found) == [f'/robot1/{name}' for name in ('eye', 'evaluator_node', 'bag_player')]
    assert parameters(found['/robot1/evaluator_node'])['depth_node'] == '/robot1/eye'
    assert remaps(found['/robot1/evaluator_node'])['relative'] == 'eye/relative/image_raw'
    assert remaps(found['/robot1/bag_player'])['prediction'] == 'eye/relative/image_raw'
    assert parameters(found['/robot1/bag_player'])['rate'] == 2.0


def test_evaluation_finds_the_topics_of_the_bag_and_how_images_come(bag: Path) -> None:
    found = started(include('evaluate', bag=str(bag)))
    depth, evaluator, player = found.values()
    assert parameters(depth)['image_transport'] == 'compressed'
    assert parameters(depth)['reference_transport'] == 'compressedDepth'
    assert remaps(depth)['image'] == remaps(evaluator)['image'] == '/cam/rgb/image_raw'
    assert remaps(depth)['camera_info'] == '/cam/rgb/camera_info'
    assert remaps(depth)['reference/depth'] == '/cam/depth/image_raw'
    assert remaps(evaluator)['ground_truth'] == '/cam/depth/image_raw'
    assert parameters(evaluator)['image_transport'] == 'compressed'
    assert parameters(evaluator)['ground_truth_transport'] == 'compressedDepth'
    assert parameters(evaluator)['drain_s'] == 15.0
    assert remaps(evaluator)['camera_info'] == '/cam/rgb/camera_info'
    assert parameters(player)['image_topic'] == '/cam/rgb/image_raw/compressed'


def test_evaluation_takes_the_topics_of_a_kind_of_camera_from_a_bag_of_several(
    tmp_path: Path,
) -> None:
    names = {kind: CAMERA_PRESETS[kind].topics() for kind in ('realsense', 'zed')}
    with BagWriter(tmp_path / 'two') as writer:
        for topics in names.values():
            writer.write(f'/{topics["image"]}/compressed', COMPRESSED, {}, 1)
            writer.write(f'/{topics["reference"]}', 'sensor_msgs/msg/Image', {}, 1)
    bag = str(tmp_path / 'two')
    for kind, topics in names.items():
        depth, evaluator, player = started(include('evaluate', bag=bag, camera=kind)).values()
        assert remaps(depth)['image'] == remaps(evaluator)['image'] == f'/{topics["image"]}'
        assert remaps(evaluator)['ground_truth'] == f'/{topics["reference"]}'
        assert parameters(depth)['scale_source'] == 'depth_image'
        assert parameters(depth)['image_transport'] == 'compressed'
        assert parameters(player)['image_topic'] == f'/{topics["image"]}/compressed'
    with pytest.raises(DatasetError, match='has 2 cameras'):
        started(include('evaluate', bag=bag))
    with pytest.raises(DatasetError, match="no topic '/camera/color/image_raw'"):
        started(include('evaluate', bag=bag, camera='orbbec'))


REFERENCE_RULES = {
    'reference_depth_unit': 'tum', 'reference_registration': 'unregistered',
    'reference_pose': '0 0.025 0 0 0 0', 'image_is_rectified': 'false',
}  # fmt: skip


def test_the_depth_of_a_bag_is_read_alike_by_both_nodes(bag: Path) -> None:
    depth, evaluator, _ = started(include('evaluate', bag=str(bag), **REFERENCE_RULES)).values()
    for text, name in ((depth, 'reference'), (evaluator, 'ground_truth')):
        found = parameters(text)
        assert found[f'{name}_depth_unit'] == 'tum'
        assert found[f'{name}_registration'] == 'unregistered'
        assert found[f'{name}_pose'] == '0 0.025 0 0 0 0'
        assert found['image_is_rectified'] is False


def test_truth_is_read_as_is_said_of_it(bag: Path) -> None:
    own = {'ground_truth_depth_unit': 'kitti', 'ground_truth_registration': 'registered'}
    started_with = include('evaluate', bag=str(bag), **REFERENCE_RULES, **own)
    _, evaluator, _ = started(started_with).values()
    assert {name: parameters(evaluator)[name] for name in own} == own
    assert parameters(evaluator)['ground_truth_pose'] == '0 0.025 0 0 0 0'


def test_truth_on_another_topic_takes_nothing_from_the_reference(bag: Path) -> None:
    with BagWriter(bag.parent / 'two') as writer:
        writer.write('/cam/rgb/image_raw/compressed', COMPRESSED, {}, 1)
        writer.write('/cam/depth/image_raw/compressedDepth', COMPRESSED, {}, 1)
        writer.write('/lidar/depth/compressedDepth', COMPRESSED, {}, 1)
    arguments = {'bag': str(bag.parent / 'two'), 'ground_truth': '/lidar/depth/compressedDepth'}
    reference = '/cam/depth/image_raw/compressedDepth'
    scored = include('evaluate', reference=reference, **arguments, **REFERENCE_RULES)
    depth, evaluator, _ = started(scored).values()
    assert parameters(depth)['reference_depth_unit'] == 'tum'
    assert remaps(evaluator)['ground_truth'] == '/lidar/depth'
    rules = {f'ground_truth_{name}' for name in ('depth_unit', 'registration', 'pose')}
    assert parameters(evaluator).keys() & rules == set()
    assert parameters(evaluator)['image_is_rectified'] is False


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'bag': '/nowhere/bag'}, "no bag at '/nowhere/bag'"),
        ({'image': '/other'}, "no topic '/other' in bag"),
        ({'rate': 'fast'}, "'rate': 'fast' is not a number"),
    ],
)
def test_evaluation_of_what_cannot_be_played_starts_no_node(
    bag: Path, arguments: dict[str, str], message: str
) -> None:
    context, nodes = LaunchContext(), []
    description = LaunchDescription([include('evaluate', **{'bag': str(bag), **arguments})])
    with pytest.raises((ConfigError, DatasetError), match=re.escape(message)):
        nodes.extend(nodes_of(description, context))
    assert nodes == []


@pytest.fixture
def rviz2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a program of that name."""
    program = tmp_path / 'ros' / 'lib' / 'rviz2' / 'rviz2'
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\n')
    program.chmod(0o755)
    index = tmp_path / 'ros' / 'share' / 'ament_index' / 'resource_index' / 'packages'
    index.mkdir(parents=True)
    (index / 'rviz2').touch()
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path / 'ros'), prepend=':')
    return program


def shown(text: str) -> set[str]:
    """Return the topics of the layout that RViz is started with."""
    layout = yaml.safe_load(Path(re.search(r'-d (\S+)', text)[1]).read_text())
    displays = layout['Visualization Manager']['Displays']
    return {display['Topic']['Value'] for display in displays if 'Topic' in display}


def test_rviz_shows_the_topics_of_the_node_that_was_started(rviz2: Path) -> None:
    viewer, _ = started(
        robot('robot1', include('depth', rviz='true', name='eye', image_transport='compressed'))
    ).values()
    assert f' {rviz2} -d ' in viewer
    assert shown(viewer) == {
        '/robot1/camera/color/image_raw/compressed', '/robot1/scan', '/robot1/eye/points',
        '/robot1/eye/preview/image_raw', '/robot1/eye/scan',
    }  # fmt: skip
    assert parameters(viewer)['image_transport'] == 'compressed'
    assert remaps(viewer)['image'] == 'camera/color/image_raw'


def test_rviz_takes_the_image_as_the_parameter_file_has_it(rviz2: Path, tmp_path: Path) -> None:
    config = tmp_path / 'robot.yaml'
    config.write_text(
        '/robot1/eye: {ros__parameters: {image_transport: compressed}}\n'
        'other_node: {ros__parameters: {image_transport: raw}}\n'
    )
    given = {'rviz': 'true', 'name': 'eye', 'config': str(config)}
    viewer, _ = started(robot('robot1', include('depth', **given))).values()
    assert parameters(viewer)['image_transport'] == 'compressed'
    assert '/robot1/camera/color/image_raw/compressed' in shown(viewer)
    viewer, _ = started(include('depth', image_transport='raw', **given)).values()
    assert parameters(viewer)['image_transport'] == 'raw'
    assert '/camera/color/image_raw' in shown(viewer)


def test_rviz_starts_at_once_in_a_frame_that_is_given(rviz2: Path) -> None:
    rviz, _ = started(include('depth', rviz='true', fixed_frame='base_link')).values()
    assert rviz.startswith(str(rviz2))
    assert '--fixed-frame base_link' in rviz
    assert '/camera/color/image_raw' in shown(rviz)


def test_missing_rviz_is_noticed_before_a_node_is_started() -> None:
    if importlib.util.find_spec('rviz2') is not None:
        pytest.skip('rviz2 is installed')
    nodes: list[Node] = []
    with pytest.raises(LookupError, match='rviz2'):
        nodes.extend(nodes_of(include('depth', rviz='true'), LaunchContext()))
    assert nodes == []
