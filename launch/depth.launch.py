"""
Start the depth node, and RViz when asked.

Every parameter of the node is an argument too; one that is given overrides the config file, and so
does what `camera` says of its kind of camera, unless the argument is given.
Topics are relative: a namespace, pushed or given, moves them unless they start with a slash.
`ros2 launch -s depth_anything_ros depth.launch.py` explains every argument.
"""

from pathlib import Path

import launch.logging
from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction, RegisterEventHandler
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.substitutions import ExecutableInPackage

from depth_anything_ros.config import DepthNodeConfig, camera_arguments
from depth_anything_ros.nodes.depth_arguments import (
    CAMERA_ARGUMENTS,
    PARAMETER_ARGUMENTS,
    PARAMETERS,
    REMAPPINGS,
    ROBOT_TOPICS,
    camera_topics,
)
from depth_anything_ros.nodes.launching import (
    OwnArguments,
    declarations,
    failure_when_idle,
    full_name,
    given,
    own_node,
    parameters,
)
from depth_anything_ros.nodes.overrides import given_values
from depth_anything_ros.nodes.rviz_layout import with_topics

SHARE = Path(__file__).absolute().parent.parent
CONFIG = str(SHARE / 'config' / 'depth.yaml')
LAYOUT = SHARE / 'rviz' / 'depth.rviz'

TOPICS = {'image': 'camera/color/image_raw', 'reference': 'camera/depth/image_raw'}

# Name, default, description, and the only values allowed where they are fixed.
ARGUMENTS = (
    *CAMERA_ARGUMENTS,
    *camera_topics(TOPICS),
    *ROBOT_TOPICS,
    ('config', CONFIG, 'Parameter file of the node.'),
    ('name', 'depth_node', 'Name of the node.'),
    ('namespace', '', 'Namespace of the node.'),
    ('respawn', 'false', 'Whether the node is started again when it dies.', 'true', 'false'),
    ('log_level', 'info', 'Least severity logged.', 'debug', 'info', 'warn', 'error'),
    ('use_sim_time', 'false', 'Whether the time comes from /clock.', 'true', 'false'),
    ('rviz', 'false', 'Whether rviz2 shows image, preview, cloud and scans.', 'true', 'false'),
    ('fixed_frame', '', 'Fixed frame of rviz2. Not given: that of the first image.'),
    *PARAMETER_ARGUMENTS,
)


def generate_launch_description() -> LaunchDescription:
    own = OwnArguments(ARGUMENTS)
    # RViz first: where it is not installed, launch stops before it has started a node.
    steps = [OpaqueFunction(function=step) for step in (take_camera, rviz, depth_node)]
    return LaunchDescription([own.begin, *declarations(ARGUMENTS), *steps, own.end])


def take_camera(context: LaunchContext) -> None:
    """Give what the kind of camera says to the arguments that are not given."""
    told = camera_arguments(given(context, 'camera'), given(context, 'camera_prefix'))
    for name, value in {**TOPICS, **told}.items():
        if not given(context, name):
            context.launch_configurations[name] = value


def rviz(context: LaunchContext) -> list[Node]:
    if given(context, 'rviz') == 'false':
        return []
    arguments = ['-d', write_layout(context)]
    common = {
        'namespace': LaunchConfiguration('namespace'),
        'parameters': [{'use_sim_time': LaunchConfiguration('use_sim_time')}],
    }
    frame = given(context, 'fixed_frame')
    if frame:
        arguments += ['--fixed-frame', frame]
        return [Node(package='rviz2', executable='rviz2', arguments=arguments, **common)]
    program = ExecutableInPackage(package='rviz2', executable='rviz2').perform(context)
    common['parameters'] += [{'image_transport': image_transport(context)}]
    viewer = Node(
        package='depth_anything_ros',
        executable='viewer',
        arguments=[program, *arguments],
        remappings=[('image', LaunchConfiguration('image'))],
        output='screen',
        **common,
    )
    return [viewer]


def image_transport(context: LaunchContext) -> str:
    """Return how the node takes its image: by the argument, else by its parameter file."""
    node = full_name(context, given(context, 'name'))
    values = given_values(node, ['--ros-args', '--params-file', given(context, 'config')])
    return given(context, 'image_transport') or str(values.get('image_transport', 'raw'))


def write_layout(context: LaunchContext) -> str:
    node = full_name(context, given(context, 'name'))
    transport = image_transport(context)
    suffix = '' if transport == 'raw' else f'/{transport}'
    topics = {
        '/camera/color/image_raw': full_name(context, given(context, 'image')) + suffix,
        '/scan': full_name(context, given(context, 'scan')),
        **{
            f'/depth_node/{topic}': f'{node}/{topic}'
            for topic in ('points', 'preview/image_raw', 'scan')
        },
    }
    name = node.strip('/').replace('/', '_')
    path = Path(launch.logging.launch_config.get_log_file_path(f'{name}.rviz'))
    path.write_text(with_topics(LAYOUT.read_text(encoding='utf-8'), topics), encoding='utf-8')
    return str(path)


def depth_node(context: LaunchContext) -> list[Node | RegisterEventHandler]:
    node = own_node(
        'depth_node',
        {
            'use_sim_time': LaunchConfiguration('use_sim_time'),
            **parameters(context, DepthNodeConfig, PARAMETERS),
        },
        name=LaunchConfiguration('name'),
        respawn=given(context, 'respawn') == 'true',
        ros_arguments=['--log-level', LaunchConfiguration('log_level')],
        remappings=[
            (topic, LaunchConfiguration(argument))
            for topic, argument in REMAPPINGS.items()
            if given(context, argument)
        ],
    )
    return [*failure_when_idle(node), node]
